"""The text of PDF and Word files, place by place; in a process of its own (`app.chats.apart`)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from app.base.files import open_regular
from app.chats.apart import ApartError
from app.chats.documents import texts
from app.chats.files import pieces_of
from app.chats.lock.sealed import is_sealed
from inference.text.surrogates import storable

MOST_BYTES = 200 << 20
MOST_UNPACKED = 500 << 20  # of the files in a Word file
SECTION = 3_000  # characters of a part of a document without pages
_SPACES = re.compile(r"[ \t\u00a0]+\n")


def read_apart(given: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
    """Yield a place and a text for each part of the file at `given["path"]`; at last how many parts have none.

    `given["name"]` is what the file is called where its path does not say so.

    Raises:
        ApartError: It is damaged, encrypted, scanned, empty or too large.
        OSError: It cannot be opened.
    """
    path = Path(given["path"])
    name = Path(given.get("name", path.name))
    if path.stat().st_size > MOST_BYTES:
        raise ApartError(texts.too_large(name.name, MOST_BYTES >> 20))
    pdf = name.suffix.lower() == ".pdf"
    source = io.BytesIO(b"".join(pieces_of(path))) if is_sealed(path) else path
    parts = _of_pdf(source, name.name) if pdf else _of_docx(source, name.name)
    count = without = 0
    for place, text in parts:
        text = _SPACES.sub("\n", storable(text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")).strip()
        count += 1
        without += not text
        if text:
            yield {"place": place, "text": text}
    if count == without:
        raise ApartError(texts.scanned(name.name, count) if pdf and count else texts.empty(name.name))
    yield {"without": without, "count": count}


def _of_pdf(source: Path | io.BytesIO, name: str) -> Iterator[tuple[str, str]]:
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as exc:
        code = getattr(exc, "err_code", None)
        if code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise ApartError(texts.encrypted(name)) from exc
        raise ApartError(texts.damaged(name)) from exc
    try:
        for number in range(len(document)):
            try:
                page = document[number]
                text = page.get_textpage().get_text_bounded()
                page.close()
            except pypdfium2.PdfiumError:
                text = ""
            yield texts.page(number + 1), text
    finally:
        document.close()


def _of_docx(source: Path | io.BytesIO, name: str) -> Iterator[tuple[str, str]]:
    import docx

    try:
        with zipfile.ZipFile(source) as found:
            if sum(each.file_size for each in found.infolist()) > MOST_UNPACKED:
                raise ApartError(texts.too_large(name, MOST_UNPACKED >> 20))
        texts_in_it = list(_lines_of_docx(docx.Document(str(source) if isinstance(source, Path) else source)))
    except zipfile.BadZipFile as exc:
        with open_regular(source) if isinstance(source, Path) else source as file:
            file.seek(0)
            locked = file.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # no zip, but a compound file
        raise ApartError(texts.encrypted(name) if locked else texts.damaged(name)) from exc
    except (ApartError, MemoryError):
        raise
    except Exception as exc:  # python-docx, lxml and zlib raise all kinds of errors for what is damaged
        raise ApartError(texts.damaged(name)) from exc
    number, length = 1, 0
    lines: list[str] = []
    for line in texts_in_it:
        lines.append(line)
        length += len(line)
        if length >= SECTION:
            yield texts.section(number), "\n\n".join(lines)
            number, lines, length = number + 1, [], 0
    if lines or number == 1:
        yield texts.section(number), "\n\n".join(lines)


def _lines_of_docx(document: Any) -> Iterator[str]:
    """Paragraphs, headings with their marks, and tables as Markdown has them."""
    from docx.table import Table

    for block in document.iter_inner_content():
        if isinstance(block, Table):
            rows = [" | ".join(" ".join(cell.text.split()) for cell in row.cells) for row in block.rows]
            yield "\n".join(f"| {row} |" for row in rows)
            continue
        style = (block.style.name or "") if block.style is not None else ""
        level = re.fullmatch(r"Heading (\d)", style)
        text = block.text.strip()
        if text:
            yield f"{'#' * int(level[1])} {text}" if level else text
