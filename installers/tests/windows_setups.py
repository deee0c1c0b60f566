"""The setups that tests run: the real one, made once, and a small one whose program is a few files that do nothing."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

from installers import payload
from installers.manifest import write_manifest
from installers.tests.windows_machine import scratch
from installers.windows import build

SMALL = {
    "dewpoint.pyw": b"",
    "python/pythonw.exe": b"nothing",
    "app/__init__.py": b"",
    "app/Zażółć 日本 $INSTDIR.txt": "Zażółć".encode(),
    "manual.txt": b"old" * 1000,
}
BLOB = 24 * 2**20


@functools.cache
def real_payload(target: str) -> Path:
    """Dewpoint for Windows or for Wine."""
    folder = scratch() / f"payload-{target}"
    payload.build(target, folder)
    return folder


@functools.cache
def real_setup(version: str | None = None) -> Path:
    """Dewpoint's setup for Wine, quickly compressed; it may call itself another version, and is the same otherwise."""
    setup = scratch() / f"dewpoint-{version or 'this'}-setup.exe"
    build.build(real_payload("wine"), setup, "zlib", version)
    return setup


def small_setup(
    folder: Path, version: str, changed: Mapping[str, bytes | None] | None = None, spare_mb: int = 1
) -> Path:
    """A setup of `SMALL` and 24 MB that do not compress; `changed` adds files, or leaves out what it calls None."""
    tree = folder / f"tree-{version}"
    files = SMALL | {"blob.bin": os.urandom(BLOB)} | dict(changed or {})
    for name, data in files.items():
        if data is not None:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(data)
    write_manifest(tree)
    setup = folder / f"small-{version}-setup.exe"
    build.build(tree, setup, "zlib", version, spare_mb=spare_mb)
    return setup
