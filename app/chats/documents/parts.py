"""Which parts of a document fit a question best: SQLite's full text search over pieces of it, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from sqlite_utils import Database

from app.chats.documents import texts
from app.chats.documents.values import DocumentPart, ReadDocument
from app.chats.search.query import indexed, words_of

PIECE = 1_500  # characters
_HEAD = 40  # characters that a place takes besides its text


def whole_text(document: ReadDocument) -> str:
    """All of it, each part below its place."""
    return "\n\n".join(_shown(document.name, part) for part in document.parts)


def best_parts(document: ReadDocument, question: str, characters: int) -> tuple[DocumentPart, ...]:
    """The pieces that hold the most of a question's words, as many as have room, in the order of the document.

    Without a word that stands in it, its beginning.
    """
    pieces = [piece for part in document.parts for piece in _pieces(part)]
    chosen: list[int] = []
    room = characters
    for number in [*_ranked(pieces, question), *range(len(pieces))]:
        length = len(pieces[number].text) + len(pieces[number].file or document.name) + _HEAD
        if number in chosen:
            continue
        if length > room:
            break
        chosen.append(number)
        room -= length
    return tuple(pieces[number] for number in sorted(chosen))


def best_part(document: ReadDocument, question: str) -> DocumentPart | None:
    """The piece that holds the most of a question's words, else the first; None if there is no text."""
    pieces = [piece for part in document.parts for piece in _pieces(part)]
    return pieces[next(iter(_ranked(pieces, question)), 0)] if pieces else None


def parts_text(name: str, parts: tuple[DocumentPart, ...]) -> str:
    """The text of some parts, each below its place."""
    return "\n\n".join(_shown(name, part) for part in parts)


def _shown(name: str, part: DocumentPart) -> str:
    return f"{texts.head(part.file or name, part.place)}\n{part.text}"


def text_document(files: Sequence[tuple[str, str]]) -> ReadDocument:
    """Text files (name and text of each) as one document, whose places are lines."""
    several = len(files) > 1
    parts = [part for name, text in files for part in _lines(text, name if several else "")]
    return ReadDocument(", ".join(name for name, _ in files), tuple(parts))


def _lines(text: str, file: str) -> Iterator[DocumentPart]:
    """Runs of lines of about a piece, cut at an empty line where there is one."""
    lines: list[str] = []
    length, first = 0, 1
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        full = length + len(line) > PIECE or (not line.strip() and length > PIECE // 2)
        if lines and full:
            yield from _run(lines, first, file)
            lines, length, first = [], 0, number
        lines.append(line)
        length += len(line) + 1
    yield from _run(lines, first, file)


def _run(lines: list[str], first: int, file: str) -> Iterator[DocumentPart]:
    text = "\n".join(lines).strip("\n")
    if text.strip():
        yield DocumentPart(texts.line_numbers(first, first + len(lines) - 1), text, file)


def _pieces(part: DocumentPart) -> list[DocumentPart]:
    """A part in pieces of some paragraphs; one that is too long is cut between words."""
    found: list[str] = []
    for paragraph in part.text.split("\n\n"):
        begin = 0  # what is left is not copied for each piece: it may be one line of many megabytes
        while len(paragraph) - begin > PIECE:
            end = paragraph.rfind(" ", begin + PIECE // 2, begin + PIECE)
            end = end if end > 0 else begin + PIECE
            found.append(paragraph[begin:end])
            begin = end
            while begin < len(paragraph) and paragraph[begin].isspace():
                begin += 1
        paragraph = paragraph[begin:]
        if found and len(found[-1]) + len(paragraph) < PIECE:
            found[-1] = f"{found[-1]}\n\n{paragraph}"
        elif paragraph:
            found.append(paragraph)
    return [DocumentPart(part.place, text, part.file) for text in found]


def _ranked(pieces: list[DocumentPart], question: str) -> list[int]:
    """Numbers of the pieces that hold words of the question, the best first."""
    words = words_of(question)
    if not words:
        return []
    match = " OR ".join(f'"{word}"' for word in words)
    with closing(Database(memory=True, execute_plugins=False)) as memory:
        memory.execute("CREATE VIRTUAL TABLE piece USING fts5(text, tokenize = 'unicode61 remove_diacritics 2')")
        rows = [(number, indexed(piece.text)) for number, piece in enumerate(pieces)]
        memory.conn.executemany("INSERT INTO piece (rowid, text) VALUES (?, ?)", rows)
        found = memory.execute("SELECT rowid FROM piece WHERE piece MATCH ? ORDER BY bm25(piece), rowid", [match])
        return [int(row[0]) for row in found]
