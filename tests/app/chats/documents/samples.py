"""Documents for tests: PDF files written by hand, Word files by python-docx."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def pdf_bytes(pages: Sequence[str], encrypted: bool = False) -> bytes:
    """A PDF with a line of text on each page; "" makes one without any."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    for text in pages:
        page = len(objects) + 1
        kids.append(f"{page} 0 R")
        stream = f"BT /F1 12 Tf 40 700 Td ({text}) Tj ET" if text else "0 0 m 9 9 l S"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources {font} /Contents {page + 1} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects[1] = f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(kids)}] >>"
    if encrypted:
        objects.append(f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >>")
    data = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    lock = f" /Encrypt {len(objects)} 0 R /ID [<00> <00>]" if encrypted else ""
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{lock} >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + head.encode() + tail.encode()


def write_pdf(path: Path, pages: Sequence[str], encrypted: bool = False) -> Path:
    """The same as a file."""
    path.write_bytes(pdf_bytes(pages, encrypted))
    return path


def write_docx(path: Path, paragraphs: Sequence[str]) -> Path:
    """A Word file with a heading, paragraphs, and a table."""
    import docx

    document = docx.Document()
    document.add_heading("The heading", 1)
    for text in paragraphs:
        document.add_paragraph(text)
    table = document.add_table(2, 2)
    for row, cells in zip(table.rows, (("a", "b"), ("1", "2")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.save(str(path))
    return path
