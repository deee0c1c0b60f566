"""What cannot be deleted or read right then changes nothing about which add-on has the place."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from app.gpu import folders
from trt_engines.tensorrt.addon import GOING


def unreadable(*_: object) -> None:
    """As a folder whose drive does not answer."""
    raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An add-on: a file of ours, and one of the user's."""
    place = tmp_path / "gpu"
    place.mkdir()
    (place / GOING).touch()
    (place / "mine.txt").write_text("mine", "utf-8")
    return place


def test_what_is_left_of_the_old_one_does_not_keep_the_new_one_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one had its place, and yet it was said that the installation had failed."""
    site = folder.with_name("site")
    site.mkdir()
    (site / "new").touch()
    with monkeypatch.context() as patch:
        patch.setattr(folders, "delete_ours", unreadable)
        folders.take_place(site, folder, ())
    assert (folder / "new").exists()
    (old,) = folder.parent.glob("gpu.old-*")
    folders.tidy(folder, ())
    assert not old.exists()
    assert (folder / "mine.txt").read_text("utf-8") == "mine"


def test_what_is_left_after_a_removal_is_no_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folders, "delete_ours", unreadable)
        found = folders.put_away(folder, ())
    assert (found.ours, found.others) == (((GOING,),), ("mine.txt",))
    assert not folder.exists()
    folders.tidy(folder, ())
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert [path.name for path in folder.parent.iterdir()] == ["gpu"]


def test_what_cannot_be_looked_at_keeps_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folders, "holding", unreadable)
        with pytest.raises(OSError, match="Input/output error"):
            folders.put_away(folder, ())
    assert (folder / GOING).exists()
    assert [path.name for path in folder.parent.iterdir()] == ["gpu"]
