"""Dewpoint's setup under Wine: installed, started, typed into, upgraded and removed as a user would.

Wine has no complex numbers in its C library, so that numpy 2 does not load there: the setup under test holds numpy
1.26.4, and otherwise the same packages. The payload with numpy 2 is looked through in test_payload.py.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from installers.tests.windows_machine import Machine, differences, machine, until, why_not
from installers.tests.windows_setups import real_setup
from tests.helpers.release_server import ReleaseServer

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.timeout(1200)]
QUESTION = "What are you?"
# A folder name such as people have, and as long as the longest file in it allows.
LONG = "C:\\users\\Public\\Zażółć_gęślą_日本語_" + "lang" * 22


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Machine]:
    """A machine for one test."""
    with machine(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def setup() -> Path:
    """The setup."""
    return real_setup()


def smoke(windows: Machine, *arguments: str, program: Path | None = None) -> dict[str, Any]:
    """What the installed program says of itself, after it answered in its own window."""
    result = windows.python("--smoke", QUESTION, *arguments, program=program)
    assert result.returncode == 0, result.stderr
    facts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return facts


def messages(windows: Machine) -> list[str]:
    """All finished texts in the chats on the machine's disk, read from a copy: the program has the file open."""
    with tempfile.TemporaryDirectory() as folder:
        for file in windows.data.glob("chats.sqlite3*"):
            shutil.copyfile(file, Path(folder) / file.name)
        with closing(sqlite3.connect(Path(folder) / "chats.sqlite3")) as db:
            try:
                return [row[0] for row in db.execute("SELECT body FROM message WHERE state = 'done' ORDER BY seq")]
            except sqlite3.Error:  # the copy may be one of a file that was just being written
                return []


def window_of(windows: Machine) -> str:
    """The window's number; empty if there is none yet."""
    return windows.tool("xdotool", "search", "--onlyvisible", "--name", "Dewpoint").partition("\n")[0]


def start_by_shortcut(windows: Machine) -> None:
    """Do what a double click does, and wait for the window."""
    windows.start("wine", "start", "/unix", str(windows.shortcuts[0]))
    until(lambda: window_of(windows), 90, "the window")


def colours(windows: Machine, picture: Path) -> int:
    """How many colours a picture of the screen has; a blank one has one."""
    windows.tool("import", "-window", "root", str(picture))
    return int(windows.tool("identify", "-format", "%k", str(picture)) or 0)


def test_a_silent_install_is_the_payload_answers_and_leaves_no_trace(windows: Machine, setup: Path) -> None:
    before = windows.files()
    assert windows.install(setup) == 0
    assert differences(windows.program) == []
    assert len(windows.shortcuts) == 2
    for shortcut in windows.shortcuts:
        link = shortcut.read_bytes()
        assert "pythonw.exe".encode("utf-16-le") in link
        assert "-X utf8".encode("utf-16-le") in link
    facts = smoke(windows)
    assert facts["ok"]
    assert facts["model"].startswith("Starter model")
    assert len(facts["answer"].split()) > 3
    assert facts["modules"] == {"torch": False, "transformers": False}
    assert facts["versions"]["python"] == "3.11.9"
    listing = windows.python("models", "list", "--json")
    assert listing.returncode == 0, listing.stderr
    assert windows.wine(windows.program / "uv.exe", "--version").stdout.startswith("uv 0.")
    assert differences(windows.program) == [], "the program wrote into its own folder"
    assert windows.uninstall("/PURGE=1") == 0
    assert windows.files() <= before
    assert not windows.program.parent.exists()


def test_a_users_day(windows: Machine, setup: Path, tmp_path: Path) -> None:
    """Start by the shortcut, type, be answered, be asked to close, upgrade, find the chat again, uninstall, keep it."""
    assert windows.install(setup) == 0
    start_by_shortcut(windows)
    until(lambda: colours(windows, tmp_path / "window.png") > 50, 60, "a picture that is not blank")
    windows.tool("xdotool", "windowfocus", window_of(windows))
    windows.tool("xdotool", "type", "--delay", "60", "What are you")
    windows.tool("xdotool", "key", "Return")
    until(lambda: len(messages(windows)) == 2, 90, "a finished answer on the disk")
    question, answer = messages(windows)
    assert question == "What are you"
    assert len(answer.split()) > 3
    assert colours(windows, tmp_path / "answered.png") > 50
    assert windows.install(setup) == 6
    assert windows.uninstall() == 6
    assert differences(windows.program) == []

    windows.tool("xdotool", "key", "ctrl+q")
    until(lambda: not window_of(windows), 30, "the window to close")
    kept = messages(windows)
    assert windows.install(setup) == 0
    assert differences(windows.program) == []
    assert messages(windows) == kept
    start_by_shortcut(windows)
    until(lambda: colours(windows, tmp_path / "again.png") > 50, 60, "a picture that is not blank")
    windows.tool("xdotool", "key", "ctrl+q")
    until(lambda: not window_of(windows), 30, "the window to close")
    assert windows.uninstall() == 0
    assert not windows.program.exists()
    assert messages(windows) == kept


def test_an_installed_program_finds_checks_and_installs_its_update(windows: Machine, setup: Path) -> None:
    assert windows.install(setup) == 0
    with ReleaseServer() as server:
        server.publish("9.0.0", windows=setup.read_bytes(), deb=b"not for this computer")
        windows.environment["DEWPOINT_RELEASES"] = server.releases
        done = windows.python("update", "--download", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["newer"]
    package = windows.data / "updates/9.0.0/dewpoint-9.0.0-setup.exe"
    assert found["package"] == windows.name_of(package)
    assert windows.install(package) == 0
    assert differences(windows.program) == []
    assert windows.uninstall() == 0
    assert not windows.program.exists()


def version_in_registry(windows: Machine) -> str:
    """What the list of installed programs says."""
    key = "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Dewpoint"
    return windows.wine("reg", "query", key, "/v", "DisplayVersion").stdout.split()[-1]


def test_a_user_updates_in_the_window(windows: Machine, setup: Path) -> None:
    """Help > Check for updates, and then Enter alone: download, close and install, and all of the wizard."""
    newer = real_setup("9.0.0")
    assert windows.install(setup) == 0
    before = version_in_registry(windows)
    with ReleaseServer() as server:
        server.publish("9.0.0", windows=newer.read_bytes())
        windows.environment["DEWPOINT_RELEASES"] = server.releases
        start_by_shortcut(windows)

        def asked() -> bool:
            windows.tool("xdotool", "windowfocus", window_of(windows))
            for keys in ("Escape", "alt+h", "u"):
                windows.tool("xdotool", "key", keys)
                time.sleep(1.5)
            return bool(server.seen)

        def entered() -> bool:
            windows.tool("xdotool", "key", "Return")
            time.sleep(2)
            return version_in_registry(windows) == "9.0.0"

        until(asked, 60, "the question")
        until(entered, 120, "the new version")
        until(lambda: not (windows.program / "~old").exists(), 60, "the old version's end")
    assert before != "9.0.0"
    assert differences(windows.program) == []


def test_a_long_folder_with_letters_of_all_kinds(windows: Machine, setup: Path) -> None:
    assert windows.install(setup, f"/D={LONG}") == 0
    program = windows.user.parent / "Public" / LONG.rpartition("\\")[2]
    assert differences(program) == []
    longest = max(len(windows.name_of(path)) for path in program.rglob("*"))
    assert 240 <= longest <= 259
    data = windows.name_of(windows.user / "Zażółć 日本")
    assert smoke(windows, "--base-dir", data, program=program)["ok"]
    assert differences(program) == []
    assert windows.uninstall(program=program) == 0
    assert not program.exists()
