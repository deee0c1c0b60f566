"""Locks for tests: quick keys, nothing held when a test ends, and other tests with every history locked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chats import connections, files, key_file
from app.chats.lock import keys
from app.chats.lock.keys import DataKey

QUICK_N = 1 << 4


@contextlib.contextmanager
def quick_keys() -> Iterator[None]:
    """In this block a password is worth nothing, and takes no time; what was held before is held after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_file, "N", QUICK_N)
        patch.setattr(keys, "_by_folder", {})
        patch.setattr(keys, "_by_id", {})
        patch.setattr(keys, "_key_files", {})
        yield


@contextlib.contextmanager
def everything_locked() -> Iterator[None]:
    """In this block each database and file that is made is encrypted; a plain one stays as it is."""
    key = DataKey.fresh()
    with quick_keys(), pytest.MonkeyPatch.context() as patch:
        keys.know(key)
        patch.setattr(connections, "_of_folder", lambda _: key)
        patch.setattr(files, "key_for", lambda _: key)
        yield


def readable(folder: Path, text: str) -> list[str]:
    """Files below a folder in whose bytes, or name, a text stands."""
    wanted = text.encode()
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in found if text in str(path) or wanted in path.read_bytes())
