"""A document as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.chats.messages import MessageFile

SUFFIXES = (".pdf", ".docx")
_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".html": "text/html",
}
CHARACTERS_A_TOKEN = 3.0  # rather too few: a text that is said to fit shall fit


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """What stands at one place of a document: a page, or some paragraphs.

    Attributes:
        file: Its name, where several files make the document.
    """

    place: str
    text: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was read.

    Attributes:
        name: Of its file.
        parts: In order, those with a text.
        note: What of it holds no text; "" if all does.
        counted: Tokens, as the model counts; 0 if it has not.
        file: Its copy beside the chats; None if there is none.
    """

    name: str
    parts: tuple[DocumentPart, ...]
    note: str = ""
    counted: int = 0
    file: MessageFile | None = None

    @property
    def tokens(self) -> int:
        """About how many tokens all of it has."""
        return self.counted or tokens_of(sum(len(part.text) for part in self.parts))


def is_document(name: str | Path) -> bool:
    """Whether a file is one whose text has to be taken out of it."""
    return Path(name).suffix.lower() in SUFFIXES


def can_be_read(file: MessageFile) -> bool:
    """Whether the reader can show a file: a document, or a text."""
    return is_document(file.name) or file.media_type.startswith("text/")


def media_type_of(name: str) -> str:
    """What a file is, by its name: a text where that says nothing, for nothing else is attached."""
    return _MEDIA_TYPES.get(Path(name).suffix.lower(), "text/plain")


def tokens_of(characters: int) -> int:
    """About how many tokens a text has."""
    return round(characters / CHARACTERS_A_TOKEN)
