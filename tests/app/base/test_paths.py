"""The data folder: chosen by option, variable or platform, and made with a clear error if it cannot be."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

import pytest

from app.base import paths
from app.base.paths import (
    AppPaths,
    FolderError,
    is_folder,
    resources_folder,
    same_folder,
    starter_model_folder,
)
from tests.helpers.waiting import NEVER_SECONDS, wait_until


def test_the_option_wins_over_the_variable(tmp_path: Path, dewpoint_home: Path) -> None:
    assert AppPaths.resolve().base == dewpoint_home
    assert AppPaths.resolve(tmp_path / "mine").base == tmp_path / "mine"
    assert AppPaths.resolve("relative").base == Path.cwd() / "relative"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the data folder's place is looked up as on Linux")
def test_the_platforms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEWPOINT_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    assert AppPaths.resolve().base == Path("/home/ada/.local/share/Dewpoint")


def test_files_and_folders(tmp_path: Path) -> None:
    paths = AppPaths.resolve(tmp_path / "a" / "b").ensure()
    assert paths.data_file == tmp_path / "a" / "b" / "chats.sqlite3"
    assert paths.settings_file.parent == paths.base
    assert paths.backups.is_dir()
    assert paths.logs.is_dir()
    assert paths.base.stat().st_mode & 0o077 == 0
    assert paths.ensure() == paths


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError) as caught:
        AppPaths.resolve(tmp_path / "file").ensure()
    assert str(tmp_path / "file") in caught.value.user_text
    assert "--base-dir" in caught.value.hint
    monkeypatch.setattr("app.base.paths.os.access", lambda *_: False)
    with pytest.raises(FolderError):
        AppPaths.resolve(tmp_path / "read-only").ensure()


def test_resources() -> None:
    assert (resources_folder().parent / "app").is_dir()
    assert starter_model_folder().parent == resources_folder()


def test_a_drive_that_hangs_does_not_hang_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, real = threading.Event(), os.path.realpath

    def hang(path: str | Path) -> str:
        if str(path).startswith(str(tmp_path / "drive")):
            answers.wait(NEVER_SECONDS)
        return str(real(path))

    monkeypatch.setattr(os.path, "realpath", hang)
    monkeypatch.setattr(os.path, "isdir", lambda path: answers.wait(NEVER_SECONDS))
    try:
        assert not same_folder(tmp_path / "drive", tmp_path / "other")
        assert same_folder(tmp_path / "drive", tmp_path / "x" / ".." / "drive")
        assert is_folder(tmp_path / "drive")
    finally:
        answers.set()


def test_a_drive_that_wakes_up_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "drive")
    answers, asked, real = threading.Event(), [], os.path.realpath

    def hang(path: str | Path) -> str:
        asked.append(str(path))
        answers.wait(NEVER_SECONDS)
        return str(real(path))

    monkeypatch.setattr(os.path, "realpath", hang)
    try:
        for _ in range(3):
            assert not same_folder(tmp_path / "link", tmp_path / "drive")
    finally:
        answers.set()
    wait_until(lambda: same_folder(tmp_path / "link", tmp_path / "drive"))
    assert sorted(asked) == [str(tmp_path / "drive"), str(tmp_path / "link")], (
        "each once: a drive that hangs is asked once"
    )


def test_a_drive_that_refused_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "drive")

    def refuse(path: str | Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os.path, "realpath", refuse)
        assert not same_folder(tmp_path / "link", tmp_path / "drive")
    assert same_folder(tmp_path / "link", tmp_path / "drive")


def test_few_real_paths_are_kept(tmp_path: Path) -> None:
    for number in range(300):
        same_folder(tmp_path / str(number), tmp_path)
    assert len(paths._real_paths) <= 256


def test_what_the_system_refuses_to_say(tmp_path: Path) -> None:
    assert not is_folder(tmp_path / ("x" * 5000))
    assert not is_folder(Path("a\0b"))
    assert not same_folder(Path("a\0b"), tmp_path)


def test_a_way_back_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert AppPaths.resolve("new/../data").ensure().base == Path(os.path.realpath(tmp_path)) / "data"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_way_back_from_a_link_leads_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "there" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "there" / "inner")
    assert (
        AppPaths.resolve(tmp_path / "link" / ".." / "data").base == Path(os.path.realpath(tmp_path / "there")) / "data"
    )


def test_an_empty_folder_is_refused() -> None:
    with pytest.raises(FolderError, match="needs a folder"):
        AppPaths.resolve("")
