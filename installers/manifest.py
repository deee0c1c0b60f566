"""The list of every file of an installed program, with its size and sha256, and the check of a folder against it.

`manifest.json` lies in the folder that it describes. A link is listed with its target instead of a size and a hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAME = "manifest.json"
FORMAT = 1


def write_manifest(folder: Path) -> dict[str, Any]:
    """List all files of a folder in its manifest.json, and return what was written.

    Returns:
        `{"format": 1, "files": {"path/with/slashes": {"size": 1, "sha256": "..."} or {"link": "target"}}}`
    """
    manifest = {"format": FORMAT, "files": {name: _entry(path) for name, path in _files(folder)}}
    text = json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    (folder / NAME).write_text(text, encoding="utf-8", newline="\n")
    return manifest


def verify_manifest(folder: Path) -> list[str]:
    """What differs between a folder and its manifest.json, one sentence a file; empty if nothing does."""
    try:
        files: dict[str, dict[str, Any]] = json.loads((folder / NAME).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        return [f"{NAME} cannot be read: {exc}"]
    found = dict(_files(folder))
    problems = [f"missing: {name}" for name in sorted(files.keys() - found.keys())]
    problems += [f"not in the manifest: {name}" for name in sorted(found.keys() - files.keys())]
    for name in sorted(files.keys() & found.keys()):
        entry = _entry(found[name])
        if entry != files[name]:
            differs = next(
                (key for key in ("link", "size", "sha256") if entry.get(key) != files[name].get(key)), "entry"
            )
            problems.append(f"{differs} differs: {name}")
    return problems


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of everything but folders and the manifest itself, in one order on every system."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = sorted((path.relative_to(folder).as_posix(), path) for path in paths)
    return ((name, path) for name, path in names if name != NAME)


def _entry(path: Path) -> dict[str, Any]:
    if path.is_symlink():
        return {"link": path.readlink().as_posix()}
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}
