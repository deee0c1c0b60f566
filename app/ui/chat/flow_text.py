"""Text that takes the height it needs: one paragraph group of an answer, or one message of the user.

It never loads anything: pictures are formulas, painted from memory, `loadResource` answers every request with nothing,
and a link opens only after a click, in the system's browser.
"""

from __future__ import annotations

import math
import re
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QSize, QSizeF, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QFocusEvent,
    QImage,
    QPalette,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QToolTip

from app.chats.documents.quotes import FilePlace, FileQuote, quotes_in
from app.chats.messages import FileSource
from app.ui.chat import words
from app.ui.chat.formulas import (
    LEAST_PART,
    NAME,
    Formula,
    FormulaObject,
    Wanted,
    formula_setter,
    room_for_formula,
)
from app.ui.chat.markdown import FormulaBlock, Prose, Table
from app.ui.chat.markdown_html import MarkdownHtml, list_inset
from app.ui.chat.turns import turns
from app.ui.chat.when_found import when_found
from app.ui.widgets.copied import copied_as
from app.ui.widgets.look_later import pass_over_bars
from app.ui.widgets.plain import set_tip
from app.ui.widgets.text_layout import laid_out_once, mark_lacking
from app.ui.widgets.theme import Theme

QUOTE = "dewpoint-quote"  # scheme of what leads to a place in a file, and to nowhere else
SAFE_SCHEMES = ("http", "https", "mailto")
_PICTURE = re.compile(rf'<img[^>]*src="{NAME}[^>]*>')
_ALT = re.compile(r'alt="([^"]*)"')
_OBJECT = "\ufffc"
_LINES = str.maketrans(dict.fromkeys("\u2028\u2029\ufdd0\ufdd1", "\n"))  # ends of lines, of paragraphs, and of cells


class FlowText(QTextBrowser):
    """Read-only, selectable text without a scroll bar.

    Signals:
        place_wanted: A quote was clicked (a `FilePlace`).
        rendered: It shows its text in another way.
    """

    place_wanted = Signal(object)
    rendered = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._content: Prose | Table | FormulaBlock | str = ""
        self._widths: list[float] = []
        self._room = 0.0
        self._awaited: list[Wanted] = []
        self._links = self._old = False
        self._sources: tuple[FileSource, ...] = ()
        self._quotes: tuple[FileQuote, ...] = ()
        self._formulas = FormulaObject(self)
        self._formulas.attach(self.document())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self.on_document_size_changed)
        self.anchorClicked.connect(self.on_anchor_clicked)
        self.highlighted.connect(self.on_link_highlighted)
        self.setAccessibleName("Message text")

    def set_content(self, content: Prose | Table | FormulaBlock | str, sources: tuple[FileSource, ...] = ()) -> None:
        """Show blocks of Markdown, or a text as it is; what it quotes of `sources` can be clicked.

        Letters of blocks have been looked for by whoever shows them (`AnswerBody`).
        """
        self._content, self._sources = content, sources
        self._render_when_found()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        self._render_when_found()

    def hold_layout(self) -> None:
        """What is shown stays as it is until `set_theme`: Qt would lay it out at every step to another look."""
        self.document().setLayoutEnabled(False)
        pass_over_bars(self)

    def _render_when_found(self) -> None:
        text = self._content if isinstance(self._content, str) else ""
        when_found(self, [(self._theme.body_font(), text)], self._render)

    def ideal_width(self) -> int:
        """Width at which no line breaks that need not."""
        probe = self.document().clone()
        probe.setTextWidth(-1)
        width = math.ceil(probe.idealWidth())
        probe.deleteLater()
        return width + 1

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Who comes by Tab is at the first link, or backwards at the last one, and sees it."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.focusNextPrevChild(event.reason() == Qt.FocusReason.TabFocusReason)

    def _render(self) -> None:
        self._old = False
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Link, self._theme.color("accent"))
        self.setPalette(palette)
        with laid_out_once(self.document()):
            self.setFont(self._theme.body_font())
            self.document().setDefaultFont(self._theme.body_font())
            if isinstance(self._content, str):
                self.setPlainText(self._content)
                self._space_lines()
            else:
                self._show_blocks(self._content)
            mark_lacking(self.document())
            self._mark()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if self._links else Qt.FocusPolicy.ClickFocus)
        self._fit()
        self.rendered.emit()

    def _mark(self) -> None:
        """Give parts of the text a look of their own, before it is laid out."""

    def _show_blocks(self, content: Prose | Table | FormulaBlock) -> None:
        self._awaited = []
        self._widths = []
        self._room = room_for_formula(self.viewport().width())
        maker = MarkdownHtml(self._theme, self._formula)
        match content:
            case Prose():
                text = maker.prose(content)
            case Table():
                text = maker.table(content)
            case FormulaBlock():
                text = maker.formula_alone(content)
        self._links = "<a href" in text
        self._formulas.formulas = maker.formulas
        self.document().setIndentWidth(list_inset(self._theme))
        self.setHtml(text)
        self._mark_quotes()
        # Screen readers meet a picture as nothing.
        self.setAccessibleDescription(self._plain(self._whole()) if maker.formulas else "")

    def _mark_quotes(self) -> None:
        """Make links of what is quoted; what is a link already stays one."""
        self._quotes = quotes_in(self.toPlainText(), self._sources) if self._sources else ()
        look = QTextCharFormat()
        look.setAnchor(True)
        look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        look.setUnderlineColor(self._theme.color("accent"))
        for number, quote in enumerate(self._quotes):
            cursor = QTextCursor(self.document())
            cursor.setPosition(quote.start)
            cursor.setPosition(quote.end, QTextCursor.MoveMode.KeepAnchor)
            if not cursor.charFormat().isAnchor():
                look.setAnchorHref(f"{QUOTE}:{number}")
                cursor.mergeCharFormat(look)
                self._links = True

    def _quote(self, url: QUrl) -> FilePlace | None:
        """The place that a link leads to, if it is one of ours."""
        number = url.path()
        if url.scheme() != QUOTE or not (number.isascii() and number.isdecimal() and len(number) < 6):
            return None
        return self._quotes[int(number)].place if int(number) < len(self._quotes) else None

    def _formula(self, wanted: Wanted) -> Formula | None:
        setter = formula_setter()
        if not setter.is_done(wanted):
            if not self._awaited:
                setter.progressed.connect(self.on_formulas_set, Qt.ConnectionType.SingleShotConnection)
            self._awaited.append(wanted)
        formula = setter.formula(wanted)
        if formula is None or not self._formulas.shrinks:
            return formula
        self._widths.append(formula.width)
        return formula if self._fits(formula.width, self._room) else None

    def _fits(self, width: float, room: float) -> bool:
        """Whether a formula within a line can be read; if not, it is shown as it was written, and wraps."""
        return width * LEAST_PART <= room

    def on_formulas_set(self) -> None:
        """Formulas that were shown as they were written may be shown as formulas now."""
        setter = formula_setter()
        if any(setter.knows(wanted) for wanted in self._awaited):
            self._old = True
            turns().add(self, self._render_anew, "formulas")
        elif self._awaited:
            setter.progressed.connect(self.on_formulas_set, Qt.ConnectionType.SingleShotConnection)

    def _render_anew(self) -> float:
        """In a turn that has room for it, once."""
        if not self._old:
            return 0.0
        self._render()
        return 8.0 + self.document().characterCount() / 100

    def _space_lines(self) -> None:
        cursor = self.textCursor()
        cursor.select(cursor.SelectionType.Document)
        block_format = cursor.blockFormat()
        block_format.setLineHeight(self._theme.line_percent(), block_format.LineHeightTypes.ProportionalHeight.value)
        cursor.setBlockFormat(block_format)

    def _whole(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        return cursor

    def _plain(self, selection: QTextCursor) -> str:
        """The selected text; formulas as they were written."""
        text = selection.selection().toRawText().translate(_LINES)  # Qt's own plain text has no no-break spaces
        sources = iter(_sources(selection))
        return re.sub(_OBJECT, lambda _: next(sources, ""), text)

    def _fit(self) -> None:
        self.on_document_size_changed(self.document().documentLayout().documentSize())

    def on_document_size_changed(self, size: QSizeF) -> None:
        """Take the height of the text."""
        height = max(1, math.ceil(size.height()))
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def on_anchor_clicked(self, url: QUrl) -> None:
        """Open a link that was clicked, outside; a quote leads to its place."""
        place = self._quote(url)
        if place is not None:
            self.place_wanted.emit(place)
        elif url.scheme() in SAFE_SCHEMES:
            QDesktopServices.openUrl(url)

    def on_link_highlighted(self, url: QUrl) -> None:
        """Say where a link leads before it is clicked."""
        place = self._quote(url)
        told = url.toString() if url.isValid() and not url.isEmpty() else ""
        set_tip(self, words.open_place(place.label) if place is not None else told)
        if url.isEmpty():
            QToolTip.hideText()

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """At another width, formulas may have room that had none, or have it no longer."""
        super().resizeEvent(event)
        room = room_for_formula(self.viewport().width())
        if any(self._fits(width, room) != self._fits(width, self._room) for width in self._widths):
            self._render()

    def loadResource(self, type: int, name: QUrl | str) -> Any:
        """Nothing is ever loaded, from nowhere; Qt would open the file itself if it were given nothing at all."""
        return "" if type != QTextDocument.ResourceType.ImageResource.value else QImage()

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: formulas as they were written, and no-break spaces as they are."""
        copied = super().createMimeDataFromSelection()
        return copied_as(copied, self._plain(self.textCursor()), _PICTURE.sub(_written, copied.html()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The chat scrolls, not the message."""
        event.ignore()

    def sizeHint(self) -> QSize:
        """Any width, the height of the text."""
        return QSize(120, self.height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as need be."""
        return QSize(40, self.height())

    def changeEvent(self, event: QEvent) -> None:
        """A style change must not bring Qt's margins back, and a font is set with the text.

        Qt would lay all of it out for every font that it goes through on its way to another style sheet.
        """
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange):
            event.accept()
            return
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.document().setDocumentMargin(0)


def _written(picture: re.Match[str]) -> str:
    alt = _ALT.search(picture[0])
    return alt[1] if alt else ""


def _sources(selection: QTextCursor) -> list[str]:
    """What stands in a selection's places for objects, in order: formulas, as they were written, or the sign itself."""
    found: list[str] = []
    start, end = selection.selectionStart(), selection.selectionEnd()
    block = selection.document().findBlock(start)
    while block.isValid() and block.position() < end:
        pieces = block.begin()
        while not pieces.atEnd():
            piece = pieces.fragment()
            first = max(start, piece.position()) - piece.position()
            inside = max(0, min(end - piece.position(), piece.length()) - first)
            if piece.charFormat().isImageFormat():
                found += [piece.charFormat().stringProperty(QTextFormat.Property.ImageAltText)] * inside
            elif _OBJECT in (text := piece.text()):  # the character itself
                units = text.encode("utf-16-le", "surrogatepass")[2 * first : 2 * (first + inside)]
                found += [_OBJECT] * units.decode("utf-16-le", "replace").count(_OBJECT)
            pieces += 1
        block = block.next()
    return found
