"""A second start raises the first window, whatever state that is in."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from app.base import texts
from app.base.paths import FolderError
from app.bridge import first_window as subject
from app.bridge.first_window import ADDRESS_NAME, FirstWindow, StartRequest, WindowOpenError, first_window
from tests.helpers.waiting import NEVER_SECONDS, WAIT_MS, WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[3]
SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.bridge.first_window import StartRequest, first_window
application = QCoreApplication([])
found = first_window(Path(sys.argv[1]), StartRequest.of_this_start(sys.argv[2] or None, sys.argv[3]), 3600.0)
print("handed over" if found is None else "first")
if found is not None and sys.argv[4:] == ["die"]:
    import os
    sys.stdout.flush()
    os._exit(1)
if found is not None:
    found.close()
"""
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a folder with open files cannot be deleted there")
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and a folder for sockets with a short name as the system gives it."""
    runtime = tmp_path / "r"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def first(qtbot: QtBot, base: Path) -> Iterator[FirstWindow]:
    """The first window."""
    opened = first_window(base, StartRequest())
    assert opened is not None
    yield opened
    opened.close()
    opened.deleteLater()


@pytest.fixture
def second(base: Path) -> Iterator[Begin]:
    """Begins a second start, in a process of its own."""
    running: list[subprocess.Popen[str]] = []

    def begin(model: str = "", backend: str = "auto", *more: str, **environment: str) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", SECOND, str(base), model, backend, *more]
        running.append(
            subprocess.Popen(
                arguments, cwd=ROOT, env=os.environ | environment,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate(timeout=WAIT_SECONDS)


def said_by(process: subprocess.Popen[str]) -> str:
    """What it printed in the end."""
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert not err
    return out.strip()


def test_what_the_second_start_was_asked_for_is_handed_over(qtbot: QtBot, first: FirstWindow, second: Begin) -> None:
    asked: list[StartRequest] = []
    first.asked.connect(asked.append)
    process = second("some/model \u00e9", "onnx", XDG_ACTIVATION_TOKEN="token")
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=WAIT_MS)
    assert said_by(process) == "handed over"
    assert asked == [StartRequest(str(ROOT / "some/model \u00e9"), "onnx", {"XDG_ACTIVATION_TOKEN": "token"})]


@POSIX
def test_a_second_start_finds_the_window_in_a_folder_that_was_made_anew(
    qtbot: QtBot, base: Path, first: FirstWindow, second: Begin
) -> None:
    shutil.rmtree(base)
    base.mkdir()
    first.on_folder_back()
    process = second()
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=WAIT_MS)
    assert said_by(process) == "handed over"


@POSIX
def test_another_window_that_has_the_new_folder_keeps_it(qtbot: QtBot, base: Path, first: FirstWindow) -> None:
    shutil.rmtree(base)
    base.mkdir()
    other = first_window(base, None)
    assert other is not None
    noted = (base / ADDRESS_NAME).read_bytes()
    first.on_folder_back()
    first.close()
    assert (base / ADDRESS_NAME).read_bytes() == noted
    with pytest.raises(WindowOpenError):
        first_window(base, None)
    other.close()


@POSIX
def test_a_folder_that_is_still_there_is_left_alone(qtbot: QtBot, base: Path, first: FirstWindow) -> None:
    noted = (base / ADDRESS_NAME).read_bytes()
    first.on_folder_back()
    assert (base / ADDRESS_NAME).read_bytes() == noted
    with pytest.raises(WindowOpenError):
        first_window(base, None)


def test_several_starts_at_once(qtbot: QtBot, first: FirstWindow, second: Begin) -> None:
    asked: list[StartRequest] = []
    first.asked.connect(asked.append)
    processes = [second(), second(), second()]
    qtbot.waitUntil(lambda: all(each.poll() is not None for each in processes), timeout=WAIT_MS)
    assert [said_by(each) for each in processes] == ["handed over"] * 3
    assert len(asked) == 3


def test_a_window_that_was_killed_is_no_window(base: Path, second: Begin, qtbot: QtBot) -> None:
    assert said_by(second("", "auto", "die")) == "first"
    old = json.loads((base / ADDRESS_NAME).read_text("utf-8"))["address"]
    opened = first_window(base, StartRequest(), NEVER_SECONDS)
    assert opened is not None
    assert sys.platform == "win32" or not Path(old).exists(), "its socket is gone, too"
    opened.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and devices")
@pytest.mark.parametrize("kind", ["pipe", "device", "large"])
def test_an_address_that_is_no_file_is_none(qtbot: QtBot, base: Path, kind: str) -> None:
    """To open a pipe waits for ever; to read a device or some gigabytes fills the memory."""
    file = base / ADDRESS_NAME
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        with file.open("wb") as stream:
            stream.truncate(3 << 30)
    opened = first_window(base, StartRequest())
    assert opened is not None
    assert json.loads(file.read_text("utf-8"))["pid"] == os.getpid()
    opened.close()


def test_a_window_that_closes_is_waited_for(qtbot: QtBot, first: FirstWindow, second: Begin) -> None:
    process = second()
    first.asked.connect(first.close)  # it closes before it answers
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=WAIT_MS)
    assert said_by(process) == "first"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that somebody is in")
def test_a_start_in_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FolderError) as raised:
        StartRequest.of_this_start("model", "auto")
    assert raised.value.user_text == texts.CURRENT_FOLDER_GONE
    assert StartRequest.of_this_start("/model", "auto").model == "/model"


def test_a_window_that_hangs_is_one_sentence(first: FirstWindow, base: Path) -> None:
    """No event of the first window is handled while the second start waits."""
    with pytest.raises(WindowOpenError) as raised:
        first_window(base, StartRequest(), patience=0.1)
    assert raised.value.user_text == texts.WINDOW_HANGS


def test_a_window_that_cannot_be_reached_is_one_sentence(first: FirstWindow, base: Path) -> None:
    for content in ("", "no json", "[]", '{"address": "/tmp/elsewhere"}', '{"address": 5}'):
        (base / ADDRESS_NAME).write_text(content, "utf-8")
        with pytest.raises(WindowOpenError):
            first_window(base, StartRequest(), patience=0.0)


def test_a_trial_run_does_not_disturb_it(first: FirstWindow, base: Path) -> None:
    with pytest.raises(WindowOpenError) as raised:
        first_window(base, None)
    assert raised.value.user_text == texts.WINDOW_OPEN


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: there the system's rights on the pipe say who may")
def test_the_socket_of_another_user_is_not_trusted(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "r" / "dewpoint-planted"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        assert subject._is_ours(str(place))
        assert not subject._is_ours(str(place.with_name("other")))
        mine = os.getuid()
        monkeypatch.setattr("os.getuid", lambda: mine + 1)
        assert not subject._is_ours(str(place))
        monkeypatch.undo()
        place.parent.chmod(0o777)
        assert not subject._is_ours(str(place)), "in a folder that anybody may write"


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows an address is a pipe without a folder")
def test_without_a_folder_of_its_own_it_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = subject._socket_folder()
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert subject._socket_folder() is None, "somebody else was there first"


@pytest.mark.parametrize(
    "line",
    [b"no json\n", b"{}\n", b'{"model": 5, "backend": "", "activation": {}}\n', b"x" * 100_000, b"[" * 60_000 + b"\n"],
)
def test_what_is_no_request_is_not_answered(qtbot: QtBot, first: FirstWindow, base: Path, line: bytes) -> None:
    asked: list[StartRequest] = []
    first.asked.connect(asked.append)
    guest = QLocalSocket()
    guest.connectToServer(json.loads((base / ADDRESS_NAME).read_text("utf-8"))["address"])
    guest.write(line)
    qtbot.waitUntil(lambda: guest.state() == QLocalSocket.LocalSocketState.UnconnectedState, timeout=WAIT_MS)
    assert not asked


def test_a_drive_without_locks_does_not_keep_the_window_closed(
    qtbot: QtBot, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr("app.bridge.first_window.FileLock.acquire", refuse)
    opened = first_window(base, StartRequest())
    assert opened is not None
    opened.close()
