"""Which files in the folder of a download are this program's: the one question before anything is overwritten.

A transfer knows no database. Whoever wants the files says whose they are, by an `OwnFiles`; what is nobody's but the
user's is never written to, replaced or deleted, and the download says which file is in the way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from trt_engines.files import FileNotes
from trt_engines.held import mark_at


class OwnFiles(FileNotes, Protocol):
    """What a caller knows of the files in its folder; any thread may ask."""

    def is_ours(self, path: Path) -> bool:
        """Whether the file at `path` was written by this program, and is still the same; a link never is."""

    def gone(self, *paths: Path) -> None:
        """These files were deleted, or have other names now; one call for several is one write."""


class OwnFolder:
    """The folder was made for this download alone: every regular file in it is ours."""

    def is_ours(self, path: Path) -> bool:
        """Every regular file."""
        found = mark_at(path)
        return found is not None and found.is_file

    def made(self, path: Path) -> None:
        """Nothing to remember."""

    def finished(self, part: Path, final: Path) -> None:
        """Nothing to remember."""

    def gone(self, *paths: Path) -> None:
        """Nothing to remember."""


def may_be_written(path: Path, own: OwnFiles) -> bool:
    """Whether nothing is lost if `path` is deleted or replaced: nothing is there, it is ours, or it is empty."""
    found = mark_at(path)
    return found is None or own.is_ours(path) or (found.is_file and found.size == 0 and found.links == 1)
