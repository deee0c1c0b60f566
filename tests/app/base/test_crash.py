"""A crash in native code leaves a trace that the next start offers; a proper end and a kill leave nothing to show."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base import texts
from app.base.crash import CRASH_FILE, LAST_FILE, CrashLog

CRASH = """
import faulthandler, sys, threading
from pathlib import Path
from app.base.crash import CrashLog
CrashLog(Path(sys.argv[1])).begin()
def in_native_code():
    faulthandler._sigsegv()
thread = threading.Thread(target=in_native_code)
thread.start()
thread.join()
"""


@pytest.fixture(autouse=True)
def handler_of_the_tests() -> Iterator[None]:
    """pytest's own one is put back."""
    was = faulthandler.is_enabled()
    yield
    faulthandler.disable()
    if was:
        faulthandler.enable(file=sys.__stderr__)


def test_a_crash_of_any_thread_is_offered_by_the_next_start_and_only_once(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], capture_output=True, check=False)
    assert done.returncode != 0
    log = CrashLog(tmp_path)
    report = log.begin()
    assert report is not None
    assert (report.kind, report.text) == ("bug", texts.CRASHED)
    assert "in_native_code" in report.detail
    assert report.detail.startswith("Dewpoint ")
    assert (tmp_path / LAST_FILE).exists()
    log.end()
    again = CrashLog(tmp_path)
    assert again.begin() is None
    again.end()


def test_a_proper_end_leaves_nothing_and_a_kill_nothing_to_show(tmp_path: Path) -> None:
    log = CrashLog(tmp_path)
    assert log.begin() is None
    assert (tmp_path / CRASH_FILE).exists()
    log.end()
    assert not (tmp_path / CRASH_FILE).exists()
    killed = CrashLog(tmp_path)
    killed.begin()
    after = CrashLog(tmp_path)
    assert after.begin() is None
    after.end()
    killed.end()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "large", "bytes"])
def test_what_is_no_file_of_ours_holds_no_start_up(tmp_path: Path, kind: str) -> None:
    file, other = tmp_path / CRASH_FILE, tmp_path / "other"
    other.write_text("mine\n")
    match kind:
        case "folder":
            (file / "x").mkdir(parents=True)
        case "pipe" if hasattr(os, "mkfifo"):
            os.mkfifo(file)
        case "link":
            file.symlink_to(other)
        case "large":
            file.write_bytes(b"x\n" * (2 << 20))
        case _:
            file.write_bytes(b"\xff\x00\n\x1b[31mred\n")
    log = CrashLog(tmp_path)
    report = log.begin()
    if report is not None:
        assert "\x1b" not in report.detail
    log.end()
    assert other.read_text() == "mine\n"


def test_without_a_folder_it_goes_on(tmp_path: Path) -> None:
    log = CrashLog(tmp_path / "gone")
    assert log.begin() is None
    log.end()
