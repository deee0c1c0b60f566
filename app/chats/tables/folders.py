"""Which files a table asks: those that are named, and those of folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.base.errors import StoppedError
from app.chats.documents.values import SUFFIXES
from app.chats.tables import texts
from app.chats.tables.values import MOST_ROWS

TEXT_SUFFIXES = (
    ".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".htm",
    ".log", ".yaml", ".yml", ".eml", ".srt", ".org", ".adoc",
)  # fmt: skip
MOST_LOOKED_AT = 50_000


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """What was given, or dropped.

    Attributes:
        files: Files that were named, and those of the folders that can be asked, in the order of their paths.
        others: How many of the folders' files cannot, by their names.
        more: There are more than a table takes, or than are looked at.
        refused: A sentence for each folder that cannot be read, or holds nothing.
    """

    files: tuple[Path, ...]
    others: int = 0
    more: bool = False
    refused: tuple[str, ...] = ()


def files_in(paths: Sequence[Path], stopped: Callable[[], bool]) -> FolderFiles:
    """Files as they are named; of folders, and those in them, the text, PDF and Word files.

    Hidden files and links to folders are left out.

    Raises:
        StoppedError: `stopped` said so.
    """
    files: list[Path] = []
    refused: list[str] = []
    others, more = 0, False
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        before = len(files)
        try:
            with os.scandir(path):  # says why, where os.walk would say nothing
                pass
        except OSError as exc:
            refused.append(texts.not_listed(path.name or str(path), exc.strerror or type(exc).__name__))
            continue
        for seen, name in enumerate(_names(path), 1):
            if stopped():
                raise StoppedError
            if seen > MOST_LOOKED_AT or len(files) >= MOST_ROWS:
                more = True
                break
            if name.suffix.lower() in (*SUFFIXES, *TEXT_SUFFIXES):
                files.append(name)
            else:
                others += 1
        if len(files) == before and not more:
            refused.append(texts.nothing_in(path.name or str(path)))
    return FolderFiles(tuple(files[:MOST_ROWS]), others, more or len(files) > MOST_ROWS, tuple(refused))


def _names(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith((".", "~$")))
