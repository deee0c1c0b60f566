"""Removing and installing again leave alone what Dewpoint did not put into the add-on's folder, and follow no link."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.gpu import texts
from app.gpu.ownership import VERDICT
from app.gpu.service import GpuService
from app.gpu.start import start_addon
from app.gpu.values import GpuState
from tests.app.gpu.conftest import Install, names
from tests.helpers.tiny_wheels import LIBRARY
from trt_engines.tensorrt.addon import GOING, MANIFEST


@pytest.fixture
def theirs(addon: GpuService, install: Install, tmp_path: Path) -> dict[str, Path]:
    """The add-on, and what somebody put into its folder."""
    install()
    outside = tmp_path / "documents"
    outside.mkdir()
    (outside / "letter.txt").write_text("dear", "utf-8")
    folder = addon.folder
    (folder / "mine.txt").write_text("mine", "utf-8")
    (folder / "tensorrt_rtx_libs" / "notes.md").write_text("notes", "utf-8")
    (folder / "work" / "deep").mkdir(parents=True)
    (folder / "work" / "deep" / "thesis.txt").write_text("thesis", "utf-8")
    (folder / "linked").symlink_to(outside)
    return {
        "mine.txt": folder / "mine.txt",
        "tensorrt_rtx_libs/notes.md": folder / "tensorrt_rtx_libs" / "notes.md",
        "work": folder / "work" / "deep" / "thesis.txt",
        "linked": folder / "linked" / "letter.txt",
    }


def files(folder: Path) -> set[str]:
    """Everything below that is no folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}


LEFT = {"mine.txt", "tensorrt_rtx_libs/notes.md", "work/deep/thesis.txt", "linked"}


def test_what_is_not_ours_stays_and_is_named(addon: GpuService, theirs: dict[str, Path]) -> None:
    assert addon.status().others == tuple(sorted(theirs))
    freed = addon.remove()
    assert freed.stays == tuple(sorted(theirs))
    assert files(addon.folder) == LEFT
    assert all(path.read_text("utf-8") for path in theirs.values())
    assert names(addon) == {"gpu", "gpu.lock"}
    assert addon.status().state is GpuState.ABSENT
    assert "mine.txt" in texts.removed(freed.count, freed.stays, addon.folder)
    with pytest.raises(KnownAppError, match="nothing to remove"):
        addon.remove()


def test_installing_again_takes_it_along(addon: GpuService, theirs: dict[str, Path], install: Install) -> None:
    install()
    assert all(path.read_text("utf-8") for path in theirs.values())
    assert addon.status().state is GpuState.INSTALLED
    addon.remove()
    install()
    assert all(path.read_text("utf-8") for path in theirs.values())


@pytest.mark.parametrize("name", [f".{MANIFEST}", f"{VERDICT}.0123abcd.tmp", f".{GOING}.0123abcd.tmp"])
def test_names_like_ours_are_the_users(addon: GpuService, install: Install, name: str) -> None:
    install()
    (addon.folder / name).write_text("mine", "utf-8")
    (addon.folder / f".{VERDICT}.0123abcd.tmp").write_text("ours, of a kill", "utf-8")
    assert addon.remove().stays == (name,)
    assert files(addon.folder) == {name}


@pytest.mark.parametrize("name", ["gpu.gone-12345678", "gpu.old-12345678"])
def test_a_removal_that_was_killed_goes_on_and_leaves_it(
    name: str, addon: GpuService, theirs: dict[str, Path], install: Install
) -> None:
    addon.folder.rename(addon.folder.with_name(name))
    install()
    assert all(path.read_text("utf-8") for path in theirs.values())


def test_in_use_on_windows_the_next_start_leaves_it(addon: GpuService, theirs: dict[str, Path]) -> None:
    (addon.folder / GOING).touch()
    start_addon(addon.folder)
    assert files(addon.folder) == LEFT


def test_a_link_in_the_place_of_a_folder_of_ours(addon: GpuService, install: Install, tmp_path: Path) -> None:
    install()
    library = addon.folder / LIBRARY
    away = tmp_path / "away"
    library.parent.rename(away)
    library.parent.symlink_to(away)
    assert addon.remove().stays == ("tensorrt_rtx_libs",)
    assert (away / library.name).read_bytes() == b"no library"


def test_a_link_in_the_place_of_a_file_of_ours(addon: GpuService, install: Install, tmp_path: Path) -> None:
    install()
    letter = tmp_path / "letter.txt"
    letter.write_text("dear", "utf-8")
    for name in (LIBRARY, VERDICT):
        (addon.folder / name).unlink()
        (addon.folder / name).symlink_to(letter)
    list(addon.tried())
    assert letter.read_text("utf-8") == "dear", "what was tried last is not written through a link"
    assert addon.remove().stays == (LIBRARY,)
    assert letter.read_text("utf-8") == "dear"


def test_the_whole_folder_is_a_link(addon: GpuService, install: Install, tmp_path: Path) -> None:
    install()
    addon.folder.rename(tmp_path / "elsewhere")
    addon.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KnownAppError, match="links are not followed"):
        addon.remove()
    assert (tmp_path / "elsewhere" / LIBRARY).exists()


def test_a_manifest_that_names_files_outside(addon: GpuService, install: Install, tmp_path: Path) -> None:
    install()
    letter = addon.folder.parent / "letter.txt"
    letter.write_text("dear", "utf-8")
    file = addon.folder / MANIFEST
    facts = json.loads(file.read_text("utf-8"))
    facts["files"] += [{"path": path, "size": 4, "sha256": ""} for path in ("../letter.txt", str(letter))]
    file.write_text(json.dumps(facts), "utf-8")
    addon.remove()
    assert letter.read_text("utf-8") == "dear"


def test_a_line_break_in_a_name_breaks_no_line(addon: GpuService, install: Install) -> None:
    install()
    (addon.folder / "a\nDewpoint: all is well").touch()
    freed = addon.remove()
    assert "a\\nDewpoint" in texts.removed(freed.count, freed.stays, addon.folder)
    list(addon.install(threading.Event()))
