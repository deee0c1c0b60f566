"""Files that are dropped on the message box or pasted into it: their text, or a sentence why there is none."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.files import check_regular
from app.chats import texts
from app.chats.connections import first_bytes
from app.chats.files import pieces_of
from app.chats.lock.sealed import MARK
from inference.text.surrogates import storable

MOST_BYTES = 2_000_000
MOST_FILES = 20
_MARKS = (  # the longer one first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = frozenset(map(chr, range(32))) - set("\t\n\r\f\v\x1b")


class DroppedFileError(KnownAppError):
    """A file whose text cannot be put into a message."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What came of some files.

    Attributes:
        text: Their text; with several of them, or beside other text, each below its name.
        files: Name and text of each of them.
        paths: Where each of these lies.
        refused: A sentence for each of the others.
    """

    text: str
    files: tuple[tuple[str, str], ...]
    refused: tuple[str, ...]
    paths: tuple[Path, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The files whose text that is."""
        return tuple(name for name, _ in self.files)


def dropped_text(paths: Sequence[Path], beside_text: bool = False) -> Dropped:
    """The text of all files that have one; it may come to stand beside other text."""
    found: list[tuple[str, str]] = []
    taken: list[Path] = []
    refused = [texts.too_many_files(MOST_FILES)] if len(paths) > MOST_FILES else []
    for path in paths[:MOST_FILES]:
        try:
            found.append((storable(path.name), text_of_file(path)))
            taken.append(path)
        except DroppedFileError as error:
            refused.append(error.user_text)
    alone = len(found) == 1 and not beside_text
    text = found[0][1] if alone else "\n\n".join(f"{name}:\n\n{content.rstrip()}" for name, content in found)
    return Dropped(text, tuple(found), tuple(refused), tuple(taken))


def text_of_file(path: Path) -> str:
    """The text of a file, with line breaks of one kind.

    UTF-8, and what a byte order mark says (UTF-8, UTF-16, UTF-32). A file that is larger than `MOST_BYTES` is not read.

    Raises:
        DroppedFileError: It is a folder, no ordinary file, empty, too large, unreadable, or holds no text.
    """
    name = storable(path.name)
    try:
        if path.is_dir():
            raise DroppedFileError(texts.dropped_folder(name))
        if not path.exists():
            raise DroppedFileError(texts.dropped_gone(name))
        if not path.is_file():  # a pipe or a device would never come to an end
            raise DroppedFileError(texts.dropped_no_file(name))
        check_regular(path)  # what the kernel makes up looks like a file, and may never come to an end either
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DroppedFileError(texts.dropped_too_large(name, size, MOST_BYTES))
        data = first_bytes(path, MOST_BYTES)
    except OSError as exc:
        raise DroppedFileError(texts.dropped_unreadable(name, exc.strerror or str(exc))) from exc
    if data is None:  # the history itself, which this window has open
        raise DroppedFileError(texts.dropped_binary(name))
    if data.startswith(MARK):  # a copy of ours, in a locked data folder
        data = b"".join(pieces_of(path))
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        sentence = texts.dropped_binary if b"\0" in data else texts.dropped_encoding
        raise DroppedFileError(sentence(name)) from exc
    if any(char in _BINARY for char in text):
        raise DroppedFileError(texts.dropped_binary(name))
    if not text.strip():
        raise DroppedFileError(texts.dropped_empty(name))
    return text.replace("\r\n", "\n").replace("\r", "\n")
