"""The note that lies in a model's folder (`dewpoint-model.json`): what a Dewpoint wrote there, or anybody else."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from inference.graphs.names import MODEL_NOTE, MODEL_NOTE_VERSION
from inference.look.questions import FolderNote, NotedFile
from trt_engines.files import read_json

MOST_BYTES = 16_000_000
MOST_FILES = 20_000


def folder_note(folder: Path) -> FolderNote | None:
    """The note in `folder`; None if it has none, or one that cannot be read: a link, or larger than any of ours."""
    file = folder / MODEL_NOTE
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            return None
        raw: dict[str, Any] = read_json(file)
        if raw["version"] != MODEL_NOTE_VERSION or len(raw["files"]) > MOST_FILES:
            return None
        files = tuple(
            NotedFile(
                str(one["path"]), _size(one["size"]), str(one["kind"]), str(one["digest"]), one["verified"] is True
            )
            for one in raw["files"]
        )
        title, repo, revision, licence, accepted = (
            str(raw[name]) for name in ("display_name", "repo", "revision", "licence", "accepted")
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return FolderNote(title, repo, revision, licence, accepted, files)


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(value)
    return value
