"""Files are whole or not there, whatever happens while they are written; room on a disk that has no such folder yet."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trt_engines.files import free_bytes, named_target, sync_file, sync_folder, write_whole

ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    write_whole(file, "Tau \u2014 \u00fc\n")
    assert file.read_bytes() == "Tau \u2014 \u00fc\n".encode()
    write_whole(file, b"\x00\r\n")
    assert file.read_bytes() == b"\x00\r\n"
    assert names(tmp_path) == {"note.json"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_the_old_file_stays_when_the_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    file = tmp_path / "note.json"
    file.write_bytes(b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os if call == "fsync" else Path, call, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"new" * 100_000)
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == {"note.json"}


def test_a_real_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    file = tmp_path / "note.json"
    file.write_bytes(b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from trt_engines.files import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_whole(Path(sys.argv[1]), b'n' * 5000)\n"
    )
    assert resource is not None
    made = subprocess.run(
        [sys.executable, "-c", code, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 1
    assert "OSError" in made.stderr
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == {"note.json"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_kill_midway_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """Killed when all bytes are written but not yet under the name: what is left beside it is nobody's file."""
    file = tmp_path / "note.json"
    file.write_bytes(b"old")
    code = (
        "import os, signal, sys; from pathlib import Path; from trt_engines.files import write_whole\n"
        "os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_whole(Path(sys.argv[1]), b'new')\n"
    )
    made = subprocess.run([sys.executable, "-c", code, str(file)], cwd=ROOT, check=False)
    assert made.returncode == -signal.SIGKILL
    assert file.read_bytes() == b"old"
    assert all(name.startswith(".note.json.") and name.endswith(".tmp") for name in names(tmp_path) - {"note.json"})
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no" / "note.json", b"")
    assert names(tmp_path) == set()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
def test_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "open", b"")
        write_whole(tmp_path / "private", b"", private=True)
    finally:
        os.umask(before)
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


def test_a_drive_that_syncs_no_folders_is_good_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("trt_engines.files.sync_folder", refused)
    write_whole(tmp_path / "note.json", b"new")
    assert (tmp_path / "note.json").read_bytes() == b"new"


def test_synced_files_keep_their_bytes(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"bytes")
    sync_file(file)
    sync_folder(tmp_path)
    assert file.read_bytes() == b"bytes"
    with pytest.raises(FileNotFoundError):
        sync_file(tmp_path / "none")


def test_room_where_a_folder_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def usage(folder: Path) -> object:
        asked.append(folder)
        return shutil._ntuple_diskusage(100, 58, 42)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert free_bytes(tmp_path / "not" / "there" / "yet") == 42
    assert free_bytes(tmp_path) == 42
    assert asked == [tmp_path, tmp_path]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no names in folders there")
def test_a_pipe_is_no_file_to_write(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for each in (pipe, link):
        with pytest.raises(OSError, match="no regular file"):
            named_target(each)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert link.is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"pipe", "link"}


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right there that few have")
def test_a_link_that_is_named_stays_a_link(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "there" / "file"
    file.parent.mkdir()
    link.symlink_to(file)
    for text in ("new", "newer"):  # the first time, it leads to nothing yet
        write_whole(named_target(link), text)
        assert (link.is_symlink(), file.read_text("utf-8")) == (True, text)
    assert named_target(tmp_path / "new") == tmp_path / "new"
    with pytest.raises(IsADirectoryError):
        named_target(file.parent)
