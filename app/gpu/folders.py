"""The folders of the add-on: one is filled, then takes the other's place by a rename; whatever is killed leaves one.

Beside `gpu` there are, for as long as something is done: `gpu.part-*` (being filled), `gpu.old-*` (the one before,
until the new one has its place) and `gpu.gone-*` (removed, not yet deleted). The next try deletes them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Collection, Generator
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from app.base.errors import KnownAppError
from app.gpu import texts
from app.gpu.ownership import AddonHolding, delete_ours, holding
from app.gpu.recipe import shipped_recipe
from trt_engines.held import HeldFolder, mark_at, remove_below
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


def take_place(site: Path, folder: Path, packages: Collection[str]) -> None:
    """Let `site` be the add-on from now on; what the user put into the old one's folder comes along.

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
        with contextlib.suppress(OSError):  # the new one is there; the next try deletes what is left of the old one
            _emptied(old, folder, packages)


def put_away(folder: Path, packages: Collection[str]) -> AddonHolding:
    """Remove the add-on: gone at once, deleted right after. What is not ours has its old place afterwards.

    Args:
        folder: The add-on's.
        packages: Normalised names of those that it consists of.

    Raises:
        OSError: It is a link, is in use (Windows), or cannot be read or removed; then it has its place.
    """
    if folder.is_symlink():
        raise OSError(errno.ELOOP, texts.IS_A_LINK)
    found = holding(folder, packages)
    gone = _beside(folder, _GONE)
    folder.rename(gone)
    with contextlib.suppress(OSError):  # it is gone from its place; the next try deletes what is left of it
        _emptied(gone, folder, packages)
    return found


def recover(folder: Path) -> None:
    """A program was killed between two renames: the old add-on has its place again."""
    for old in _left(folder, _OLD):
        if is_whole(old):
            with contextlib.suppress(OSError, KnownAppError), alone(folder):
                if not folder.exists():
                    old.rename(folder)
            return


def tidy(folder: Path, packages: Collection[str]) -> None:
    """Delete what killed installations and removals left; a fetcher that still runs is ended."""
    for left in _left(folder, _PARTS):
        _end_orphan(left)
        remove_below(left)
    for left in (*_left(folder, _OLD), *_left(folder, _GONE)):
        with contextlib.suppress(OSError):
            _emptied(left, folder, packages)


def finish_removal(folder: Path) -> None:
    """At the start of the program: an add-on that was in use when the user removed it goes now."""
    if (folder / GOING).exists():
        with contextlib.suppress(OSError, KnownAppError):
            put_away(folder, shipped_recipe().packages)


def bytes_below(folder: Path) -> int:
    """Size of all files; what vanishes meanwhile does not count."""
    total = 0
    for place, _, names in os.walk(folder):  # unlike `rglob` in Python 3.11, it survives a folder that vanishes
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _emptied(old: Path, folder: Path, packages: Collection[str]) -> None:
    """Delete what is ours in `old`, and bring the rest to the same place in `folder`, as far as that is free.

    Raises:
        OSError: `old` cannot be read.
    """
    for name in delete_ours(old, packages).others:
        with contextlib.suppress(OSError):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _bring(old / name, folder / name)
    with contextlib.suppress(OSError):
        _remove_empty(old)


def _bring(source: Path, target: Path) -> None:
    """Rename, and what lies in a folder one by one where a folder is there already; nothing is replaced."""
    there = mark_at(target)
    if there is None:
        os.rename(source, target)
    elif there.is_folder and not source.is_symlink() and source.is_dir():
        for name in os.listdir(source):
            with contextlib.suppress(OSError):
                _bring(source / name, target / name)


def _remove_empty(folder: Path) -> None:
    """Delete the folders in which nothing is left."""
    with HeldFolder(folder) as held:
        for parts, mark in held.walk():
            if mark.is_folder:
                with contextlib.suppress(OSError):
                    held.rmdir(parts)
    os.rmdir(folder)


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
