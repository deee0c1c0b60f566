"""Pages of chats as a PDF, set by Qt in a process that has no window: what the name of the work in
`app.chats.exporting.as_pdf` stands for.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

from app.base.formula_svg import formula_svg
from app.chats.exporting.as_html import print_html_of
from app.chats.exporting.pages import ChatPage, PageMessage

_PIXELS = 13.0  # of letters of a formula, at 96 dots an inch
_SHARPER = 4  # times as many pixels as that


def print_pages(given: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
    """Write the PDF to `given["path"]`; yields once, when it is there.

    Raises:
        OSError: It cannot be written.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QUrl
    from PySide6.QtGui import QGuiApplication, QPageLayout, QPageSize, QPdfWriter, QTextDocument

    application = QGuiApplication.instance() or QGuiApplication(["dewpoint"])
    pages = [ChatPage(each["title"], each["begun"], _messages(each["messages"])) for each in given["pages"]]
    pictures = _Pictures()
    inner = '<p style="page-break-before:always"></p>'.join(print_html_of(page, pictures.name_of) for page in pages)
    document = QTextDocument()
    font = document.defaultFont()
    font.setPointSizeF(10.0)
    document.setDefaultFont(font)
    for name, image in pictures.images.items():
        document.addResource(QTextDocument.ResourceType.ImageResource.value, QUrl(name), image)
    document.setHtml(inner)
    store = QByteArray()
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(given["title"])
    writer.setCreator("Dewpoint")
    writer.setPageLayout(
        QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0))
    )
    document.print_(writer)
    del writer
    with open(given["path"], "wb") as stream:
        stream.write(store.data())
    del application
    yield {"pages": len(pages)}


def _messages(found: list[dict[str, str]]) -> tuple[PageMessage, ...]:
    return tuple(PageMessage(**each) for each in found)


class _Pictures:
    """Formulas as pictures.

    Attributes:
        images: By name.
    """

    def __init__(self) -> None:
        self.images: dict[str, Any] = {}

    def name_of(self, source: str, display: bool) -> str | None:
        """The element that shows a formula; None where it cannot be set."""
        from PySide6.QtCore import QByteArray
        from PySide6.QtGui import QImage, QPainter
        from PySide6.QtSvg import QSvgRenderer

        svg = formula_svg(source, display, _PIXELS, "#1b1e23")
        drawing = QSvgRenderer(QByteArray(svg.encode())) if svg is not None else None
        if drawing is None or not drawing.isValid():
            return None
        box = drawing.viewBoxF()
        width, height = max(1, round(box.width())), max(1, round(box.height()))
        image = QImage(width * _SHARPER, height * _SHARPER, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(0)
        painter = QPainter(image)
        drawing.render(painter)
        painter.end()
        name = f"formula:{len(self.images)}"
        self.images[name] = image
        return f'<img src="{name}" width="{width}" height="{height}" style="vertical-align:middle">'
