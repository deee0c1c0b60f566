"""From chats to files: one file, or a folder with one for each chat; each is whole or not there."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app import __version__
from app.base.errors import KnownAppError, StoppedError
from app.base.files import named_target, writing_whole
from app.base.graphemes import one_line
from app.chats.backup import never
from app.chats.connections import SIDE_FILES
from app.chats.exporting import texts
from app.chats.exporting.as_html import html_of
from app.chats.exporting.as_markdown import markdown_of
from app.chats.exporting.as_pdf import write_pdf
from app.chats.exporting.pages import page_of
from app.chats.exporting.portable import FORMAT, VERSION
from app.chats.exporting.snapshot import Snapshot
from app.chats.messages import Conversation

_NAME_LENGTH = 80
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


class ExportFormat(StrEnum):
    """What chats can be exported to."""

    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    PDF = "pdf"

    @property
    def suffix(self) -> str:
        """Of its files."""
        return ".md" if self is ExportFormat.MARKDOWN else f".{self.value}"


class ChatExportError(KnownAppError):
    """An export cannot be written; what stood there before is as it was."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How far an export is; the last one says that it is done.

    Attributes:
        path: The file, or the folder with a file for each chat.
        format: What was written.
        chats: How many are written.
        total: How many there are to write.
    """

    path: Path
    format: ExportFormat
    chats: int
    total: int


def export_chats(
    found: Snapshot,
    chats: Sequence[Conversation],
    kind: ExportFormat,
    out: Path,
    stopped: Callable[[], bool] = never,
) -> Generator[Exported, None, None]:
    """Write `chats` to `out`.

    JSON, a single chat, and a name that ends as files of this kind do, is one file; several chats elsewhere are a file
    each in a folder, named by their titles.

    Raises:
        StoppedError: `stopped` said so; files that are whole stay.
        ChatExportError: A file cannot be written.
        StoreError: A chat cannot be read.
    """
    one_file = kind is ExportFormat.JSON or len(chats) == 1 or out.suffix.lower() == kind.suffix
    try:
        refuse_history(found.path, out)
        if one_file and out.is_dir():
            out = out / _free_name(chats[0].title if len(chats) == 1 else texts.ALL_CHATS, kind.suffix, set())
        if kind is ExportFormat.JSON:
            yield from _write_json(found, chats, out, stopped)
        elif one_file:
            _write_pages(found, chats, kind, out, stopped)
        else:
            yield from _write_folder(found, chats, kind, out, stopped)
    except OSError as exc:
        raise ChatExportError(
            texts.cannot_write(out, exc.strerror or type(exc).__name__), texts.CANNOT_WRITE_HINT
        ) from exc
    yield Exported(out, kind, len(chats), len(chats))


def refuse_history(history: Path, out: Path) -> None:
    """See that nothing replaces the file of the chats, or what SQLite keeps beside it.

    Raises:
        ChatExportError: `out` is one of them.
    """
    real = os.path.realpath(out)
    if real in {os.path.realpath(history) + side for side in ("", "-journal", *SIDE_FILES)}:
        raise ChatExportError(texts.is_the_history(out), texts.HISTORY_HINT)


def _write_json(
    found: Snapshot, chats: Sequence[Conversation], out: Path, stopped: Callable[[], bool]
) -> Generator[Exported, None, None]:
    head = {"format": FORMAT, "version": VERSION, "program": __version__}
    with writing_whole(named_target(out), private=True) as stream:
        stream.write((json.dumps(head)[:-1] + ', "chats": [').encode("ascii"))
        # The one that was used last stands last: an import that gives them numbers in order keeps their order.
        for number, chat in enumerate(reversed(chats)):
            if stopped():
                raise StoppedError
            text = json.dumps(found.portable(chat.id), ensure_ascii=False, indent=1)
            stream.write(((",\n" if number else "\n") + text).encode("utf-8"))
            yield Exported(out, ExportFormat.JSON, number + 1, len(chats))
        stream.write(b"\n]}\n")


def _write_folder(
    found: Snapshot, chats: Sequence[Conversation], kind: ExportFormat, out: Path, stopped: Callable[[], bool]
) -> Generator[Exported, None, None]:
    out.mkdir(parents=True, exist_ok=True)
    taken = {each.name.casefold() for each in out.iterdir()}
    for number, chat in enumerate(chats):
        if stopped():
            raise StoppedError
        _write_pages(found, [chat], kind, out / _free_name(chat.title, kind.suffix, taken), stopped)
        yield Exported(out, kind, number + 1, len(chats))


def _write_pages(
    found: Snapshot, chats: Sequence[Conversation], kind: ExportFormat, out: Path, stopped: Callable[[], bool]
) -> None:
    out = named_target(out)
    pages = [page_of(found, chat) for chat in chats]
    if kind is ExportFormat.PDF:
        title = pages[0].title if len(pages) == 1 else texts.chats_in_page(len(pages))
        with tempfile.TemporaryDirectory(prefix=".dewpoint-", dir=out.parent) as folder:
            part = Path(folder) / "pages.pdf"
            write_pdf(pages, title, part, stopped)
            os.replace(part, out)
        return
    text = html_of(pages) if kind is ExportFormat.HTML else "\n\n---\n\n".join(map(markdown_of, pages))
    with writing_whole(out, private=True) as stream:
        stream.write(text.encode("utf-8"))


def file_name(title: str, suffix: str) -> str:
    """A name for a file that every system takes."""
    name = one_line(_NOT_IN_NAMES.sub("_", title))[:_NAME_LENGTH].strip(" .") or texts.ALL_CHATS
    return f"_{name}{suffix}" if _RESERVED.match(name) else name + suffix


def _free_name(title: str, suffix: str, taken: set[str]) -> str:
    """A name for a chat's file that is not taken; it is from now on."""
    free, number = file_name(title, suffix), 2
    name = free.removesuffix(suffix)
    while free.casefold() in taken:
        free, number = f"{name} ({number}){suffix}", number + 1
    taken.add(free.casefold())
    return free
