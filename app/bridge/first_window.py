"""One window for one data folder: a second start raises the first window, hands over what it was asked for, and ends.

A lock in the data folder says whether there is a window; the system frees it when the process ends, however it ends.
Beside it the first window writes down at which address of this machine it can be reached. The address is new with every
start and lies in a folder of this user alone, so that nobody else can be talked to, or talk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from PySide6.QtCore import QObject, Signal

from app.base import texts
from app.base.errors import KnownAppError
from app.base.files import parse_json, read_json, write_whole
from app.base.log import get_logger
from app.base.paths import FolderError
from app.chats.counted import key_of

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer, QLocalSocket

LOCK_NAME = "window.lock"
ADDRESS_NAME = "window.json"
PREFIX = "dewpoint-"
PATIENCE_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 0.05
MOST_BYTES = 65_536
SHOWN = b"shown\n"
# By these a desktop lets a window come to the front that the user did not click on.
ACTIVATION = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")

_log = get_logger("bridge")


class WindowOpenError(KnownAppError):
    """The data folder has a window already, and it does not answer or shall not be disturbed."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What a start was asked for.

    Attributes:
        model: Absolute path of the model's folder; "" for none.
        backend: Name of the backend; "auto" for none.
        activation: What the desktop gave to the start, by the names of `ACTIVATION`.
    """

    model: str = ""
    backend: str = "auto"
    activation: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_this_start(cls, model: str | None, backend: str) -> StartRequest:
        """With what this process was started.

        Raises:
            FolderError: The model's path begins in a folder that is gone.
        """
        given = {name: os.environ[name] for name in ACTIVATION if os.environ.get(name)}
        try:
            return cls(os.path.abspath(model) if model else "", backend, given)
        except OSError as exc:  # a relative path, in a folder that is gone
            raise FolderError(texts.CURRENT_FOLDER_GONE, texts.CURRENT_FOLDER_GONE_HINT) from exc


class FirstWindow(QObject):
    """What the first window listens with.

    Signals:
        asked: The program was started again, with a `StartRequest`.
    """

    asked = Signal(object)

    def __init__(self, base: Path, lock: FileLock) -> None:
        super().__init__()
        self._base, self._lock = base, lock
        self._lock_file = key_of(base / LOCK_NAME)
        self._guests: list[QLocalSocket] = []
        self._server: QLocalServer | None = None
        with contextlib.suppress(ImportError):  # a library that QtNetwork needs is missing on this system
            self._listen()

    def _listen(self) -> None:
        from PySide6.QtNetwork import QLocalServer

        old = _noted(self._base).get("address", "")
        if _is_ours(old):
            QLocalServer.removeServer(old)  # a window that was killed left it
        folder = _socket_folder()
        if folder is None:
            return
        name = f"{PREFIX}{secrets.token_hex(8)}"
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self.on_guest_arrived)
        if not server.listen(str(folder / name) if folder.parts else name):
            _log.info("a second start cannot reach this window: %s", server.errorString())
            return
        self._server = server
        self._note_address()

    def _note_address(self) -> None:
        if self._server is None:
            return
        noted = json.dumps({"address": self._server.fullServerName(), "pid": os.getpid()})
        with contextlib.suppress(OSError):
            write_whole(self._base / ADDRESS_NAME, noted.encode("utf-8"))

    def on_folder_back(self) -> None:
        """The data folder was deleted and made anew: lock it, and write down the address in it, as at the start.

        Nothing changes where the lock is still there, or another window has the new folder by now.
        """
        if self._lock_file is None or key_of(self._base / LOCK_NAME) == self._lock_file:
            return
        lock = _lock_of(self._base)
        try:
            lock.acquire()
        except Timeout:
            _log.info("another window has the new data folder")
            return
        except (NotImplementedError, OSError) as exc:
            _log.info("the new data folder takes no lock: %s", exc)
        self._lock.release()
        self._lock, self._lock_file = lock, key_of(self._base / LOCK_NAME)
        self._note_address()

    def close(self) -> None:
        """Nobody is heard any more, and the next start opens a window."""
        if self._server is not None:
            ours = _noted(self._base).get("address") == self._server.fullServerName()
            self._server.close()
            if ours:  # in a folder that was made anew it may be another window's
                with contextlib.suppress(OSError):
                    (self._base / ADDRESS_NAME).unlink()
        for guest in self._guests:
            guest.abort()
        self._lock.release()

    def on_guest_arrived(self) -> None:
        """A second start connects."""
        while self._server is not None and (guest := self._server.nextPendingConnection()) is not None:
            self._guests.append(guest)
            guest.readyRead.connect(self.on_guest_speaks)
            guest.disconnected.connect(self.on_guest_left)
        self.on_guest_speaks()

    def on_guest_speaks(self) -> None:
        """One of them has said something; what is no request is not answered."""
        for guest in list(self._guests):
            if not guest.canReadLine():
                if guest.bytesAvailable() > MOST_BYTES:
                    guest.abort()
                continue
            request = _request_from(bytes(guest.readLine(MOST_BYTES).data()))
            if request is None:
                guest.abort()
                continue
            self.asked.emit(request)
            if guest.isOpen():  # the window may have begun to close
                guest.write(SHOWN)
                guest.flush()

    def on_guest_left(self) -> None:
        """A second start has ended."""
        self._guests = [guest for guest in self._guests if guest.state() == guest.LocalSocketState.ConnectedState]


def first_window(base: Path, request: StartRequest | None, patience: float = PATIENCE_SECONDS) -> FirstWindow | None:
    """Be the first window of a data folder, or hand over to it.

    Args:
        base: The data folder, which exists.
        request: What the first window shall do; None if it shall be left alone.
        patience: Seconds to wait for an answer, or for the end of a window that closes.

    Returns:
        What to listen with, to be closed in the end; None if the first window has taken over.

    Raises:
        WindowOpenError: There is a window, and it does not answer (or `request` is None).
    """
    lock = _lock_of(base)
    deadline = time.monotonic() + patience
    while True:
        try:
            lock.acquire()
        except Timeout as exc:
            if request is None:
                raise WindowOpenError(texts.WINDOW_OPEN, texts.WINDOW_OPEN_HINT) from exc
            if _handed_over(base, request, deadline):
                return None
            if time.monotonic() >= deadline:
                raise WindowOpenError(texts.WINDOW_HANGS, texts.WINDOW_HANGS_HINT) from exc
            time.sleep(LOOK_AGAIN_SECONDS)
            continue
        except (NotImplementedError, OSError) as exc:
            _log.info("the data folder takes no lock, so a second window is not noticed: %s", exc)
        return FirstWindow(base, lock)


def _lock_of(base: Path) -> FileLock:
    return FileLock(base / LOCK_NAME, timeout=0, thread_local=False)


def _handed_over(base: Path, request: StartRequest, deadline: float) -> bool:
    """Whether the first window has answered."""
    noted = _noted(base)
    address = noted.get("address", "")
    if not _is_ours(address):
        return False
    try:
        from PySide6.QtNetwork import QLocalSocket
    except ImportError:
        return False
    guest = QLocalSocket()
    guest.connectToServer(address)
    if not guest.waitForConnected(_left_ms(deadline)):
        return False
    _let_come_forward(noted.get("pid", ""))
    guest.write(json.dumps(dataclasses.asdict(request)).encode("ascii") + b"\n")
    guest.flush()
    said = b""
    while len(said) < len(SHOWN) and guest.waitForReadyRead(_left_ms(deadline)):
        said += bytes(guest.readAll().data())
    guest.abort()
    return said == SHOWN


def _request_from(line: bytes) -> StartRequest | None:
    """The request in a line; None if it is none."""
    try:
        found = parse_json(line)
        model, backend, activation = found["model"], found["backend"], found["activation"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(model, str) or not isinstance(backend, str) or not isinstance(activation, dict):
        return None
    kept = {name: str(activation[name]) for name in ACTIVATION if name in activation}
    return StartRequest(model, backend, kept)


def _noted(base: Path) -> dict[str, str]:
    """What the window that is, or was, open wrote down."""
    try:
        found = read_json(base / ADDRESS_NAME, MOST_BYTES)
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _socket_folder() -> Path | None:
    """A folder that only this user can use; on Windows names of pipes lie in none."""
    if sys.platform == "win32":
        return Path()
    given = os.environ.get("XDG_RUNTIME_DIR")
    own = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}"
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
    return next((each for each in ([Path(given)] if given else []) + [own] if _is_private(each)), None)


def _is_private(folder: Path) -> bool:
    """Whether it is a folder of this user's that nobody else may enter."""
    if sys.platform == "win32":
        return True
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _is_ours(address: str) -> bool:
    """Whether an address is one that a window of this user could have made."""
    if sys.platform == "win32":
        return address.rpartition("\\")[2].startswith(PREFIX)
    place = Path(address)
    if not place.is_absolute() or not place.name.startswith(PREFIX) or not _is_private(place.parent):
        return False
    try:
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()


def _let_come_forward(pid: str) -> None:
    """On Windows only the process that the user started may give its place in front to another one."""
    if sys.platform == "win32" and pid.isdecimal():
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(int(pid))


def _left_ms(deadline: float) -> int:
    return max(1, int((deadline - time.monotonic()) * 1000))
