"""Watches every Python of the program from its first line: what it opens, changes and connects to. Standard library.

The tests put this folder on PYTHONPATH, so that model and look processes are watched, too. A breach is a line of JSON
in the file that HOSTILE_LOG names; a connection to another machine is also refused. Audit events of C++ (Qt's own
files) do not come here: for those the tests watch the forbidden files themselves.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import threading
from typing import Any

_LOG = os.environ.get("HOSTILE_LOG", "")
_CASES = os.environ.get("HOSTILE_CASES", "")
_WRITE = tuple(filter(None, os.environ.get("HOSTILE_WRITE", "").split(os.pathsep)))
_READ = (
    *_WRITE, *filter(None, os.environ.get("HOSTILE_READ", "").split(os.pathsep)), _CASES, sys.prefix, sys.base_prefix,
    *sysconfig.get_paths().values(), "/usr", "/lib", "/etc", "/proc", "/sys", "/dev/urandom", "/dev/null",
    "/dev/shm/sem.", "/run",
)  # fmt: skip
_WRITABLE = (*_WRITE, "/dev/null", "/proc")
_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Which arguments of an event are paths that it changes, each with the argument that has its folder's descriptor.
_CHANGES = {
    "os.remove": ((0, 1),), "os.rename": ((0, 2), (1, 3)), "os.rmdir": ((0, 1),), "os.mkdir": ((0, 2),),
    "os.link": ((1, 3),), "os.symlink": ((1, 2),), "os.truncate": ((0, 9),), "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),), "os.utime": ((0, 3),), "shutil.move": ((0, 9), (1, 9)), "os.setxattr": ((0, 9),),
}  # fmt: skip
_CONNECTS = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}
_LOCAL = ("127.", "::1", "localhost", "/", "\0")
_own = threading.local()


def _below(path: str, roots: tuple[str, ...]) -> bool:
    return any(root and (path == root or path.startswith(root.rstrip("/") + "/")) for root in roots) or (
        path.startswith("/dev/shm/sem.")
    )


def _text(path: Any, folder: int = -1) -> str:
    if isinstance(path, int) or path is None:
        return ""
    start = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else os.getcwd()
    return os.path.normpath(os.path.join(start, os.fsdecode(os.fspath(path))))


def _note(kind: str, what: str) -> None:
    line = {"pid": os.getpid(), "kind": kind, "what": what, "thread": threading.current_thread().name}
    with open(_LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _changed(kind: str, path: str) -> None:
    """A change counts where it happens: links on the way are followed."""
    if kind == "os.rmdir" and _below(path, (_CASES,)):
        return  # a folder that is not empty stays; what stood in it is looked at afterwards
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if not _below(real, _WRITABLE):
        _note("changed", f"{kind} {path}")


def _opened(path: str, flags: int) -> None:
    if flags & _FLAGS:
        _changed("open", path)
    elif not _below(path, _READ):
        _note("read", path)
    if _below(path, (_CASES,)) and not os.path.isdir(path):  # a folder that is held open tells nothing of its files
        in_window = threading.current_thread() is threading.main_thread()
        _note("opened in the main thread" if in_window else "opened", path)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" and event not in _CHANGES and event not in _CONNECTS:
        return
    if getattr(_own, "busy", False):
        return
    _own.busy = True
    try:
        if event == "open":
            if path := _text(args[0]):
                _opened(path, args[2] if isinstance(args[2], int) else 0)
        elif event in _CHANGES:
            for place, folder in _CHANGES[event]:
                if path := _text(args[place], args[folder] if folder < len(args) else -1):
                    _changed(event, path)
        else:
            address = args[_CONNECTS[event]]
            host = address[0] if isinstance(address, tuple) else address
            if not (isinstance(host, bytes | type(None)) or str(host).startswith(_LOCAL)):
                _note("connection", f"{event} {address!r}")
                raise RuntimeError(f"no network in this test: {event} {address!r}")
    finally:
        _own.busy = False


if _LOG:
    sys.addaudithook(_hook)
    for _name in ("torch", "transformers", "onnxscript"):  # the user's program has none of them
        sys.modules[_name] = None  # type: ignore[assignment]
