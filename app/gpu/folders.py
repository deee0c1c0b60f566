"""The folders of the add-on: one is filled, then takes the other's place by a rename; whatever is killed leaves one.

Beside `gpu` there are, for as long as something is done: `gpu.part-*` (being filled), `gpu.old-*` (the one before,
until the new one has its place) and `gpu.gone-*` (removed, not yet deleted). The next try deletes them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Generator
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from app.base.errors import KnownAppError
from app.gpu import texts
from trt_engines.held import remove_below
from trt_engines.tensorrt.addon import GOING, is_whole

PID = "pid"
_PARTS, _OLD, _GONE = "part", "old", "gone"


@contextlib.contextmanager
def alone(folder: Path) -> Generator[None, None, None]:
    """Nobody else installs or removes meanwhile.

    Raises:
        KnownAppError: Somebody does.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as exc:
        raise KnownAppError(texts.BUSY, texts.BUSY_HINT) from exc
    try:
        yield
    finally:
        lock.release()


def new_part(folder: Path) -> Path:
    """An empty folder to install into: `site` will be the add-on, the rest is for the fetcher."""
    part = _beside(folder, _PARTS)
    for name in ("site", "cache", "tmp"):
        (part / name).mkdir(parents=True)
    return part


def take_place(site: Path, folder: Path) -> None:
    """Let `site` be the add-on from now on.

    Raises:
        OSError: The old one is in use (Windows), or the folder cannot be written; the old one has its place.
    """
    old = _beside(folder, _OLD) if folder.exists() else None
    if old is not None:
        folder.rename(old)
    try:
        site.rename(folder)
    except OSError:
        if old is not None:
            old.rename(folder)
        raise
    if old is not None:
        remove_below(old)


def put_away(folder: Path) -> None:
    """Remove the add-on: gone at once, deleted right after.

    Raises:
        OSError: It is in use (Windows), or cannot be removed.
    """
    gone = _beside(folder, _GONE)
    folder.rename(gone)
    remove_below(gone)


def recover(folder: Path) -> None:
    """A program was killed between two renames: the old add-on has its place again."""
    for old in _left(folder, _OLD):
        if is_whole(old):
            with contextlib.suppress(OSError, KnownAppError), alone(folder):
                if not folder.exists():
                    old.rename(folder)
            return


def tidy(folder: Path) -> None:
    """Delete what killed installations and removals left; a fetcher that still runs is ended."""
    for kind in (_PARTS, _OLD, _GONE):
        for left in _left(folder, kind):
            _end_orphan(left)
            remove_below(left)


def finish_removal(folder: Path) -> None:
    """At the start of the program: an add-on that was in use when the user removed it goes now."""
    if (folder / GOING).exists():
        with contextlib.suppress(OSError):
            put_away(folder)


def bytes_below(folder: Path) -> int:
    """Size of all files; what vanishes meanwhile does not count."""
    total = 0
    for place, _, names in os.walk(folder):  # unlike `rglob` in Python 3.11, it survives a folder that vanishes
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _left(folder: Path, kind: str) -> list[Path]:
    """Folders of exactly the names that `_beside` makes, eight random digits at the end; a link is none of them."""
    name = re.compile(rf"{re.escape(folder.name)}\.{kind}-[0-9a-f]{{8}}")
    found = [place for place in folder.parent.iterdir() if name.fullmatch(place.name)] if folder.parent.is_dir() else []
    return sorted(place for place in found if place.is_dir() and not place.is_symlink())


def _beside(folder: Path, kind: str) -> Path:
    return folder.with_name(f"{folder.name}.{kind}-{secrets.token_hex(4)}")


def _end_orphan(part: Path) -> None:
    """A killed Dewpoint's fetcher goes on alone; it is known by the folder in its command line."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((part / PID).read_text("ascii")))
        if any(str(part) in word for word in process.cmdline()):
            process.kill()
            process.wait(5)
