"""Large texts: lines are broken in pieces, because Qt lays out a line in a time that grows with its square.

The break is a mark that nobody types, so that the text can be had back as it was: `softened` puts the marks in,
`hardened` takes them out. `LongText` shows such a text in a box of its own that scrolls; there the pieces end where
rows end, so that nobody sees them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, QTimer
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QResizeEvent,
    QTextCursor,
    QTextDocument,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy

from app.ui.chat import words
from app.ui.chat.turns import turns
from app.ui.chat.when_found import when_found
from app.ui.widgets.copied import copied_as
from app.ui.widgets.text_layout import insert_text, lacking_formats, laid_out_once
from app.ui.widgets.theme import Theme

PIECE = 2_000
REST_MS = 120  # that a width has to stay before rows are looked for
_SIGN = "\u2060\u200b\u2060"  # takes no room
MARK = _SIGN + "\n"
MOST_LINES = 24
MOST_MEASURED = 150 * MOST_LINES  # characters that fill the box at any width: odd letters take 15 us each to measure
MOST_IN_ROWS = 300_000  # characters of a text whose pieces end where rows end: finding those takes time
MOST_SHOWN, MOST_SHOWN_LINES = 1_000_000, 50_000  # characters and lines of a text: Qt takes up to 100 bytes for each
LOOKED_AT = 100_000  # characters of a text whose letters are looked for before it is shown
MOST_AT_ONCE, MOST_LINES_AT_ONCE = 20_000, 1_000  # that are put into a document in one go
MOST_ODD_AT_ONCE = 1_000  # of letters that perhaps no font has: Qt asks all fonts for each, 15 us with 290 of them
_PARAGRAPH = "\u2029"
_ODD = re.compile("[^\x00-\u0590]")  # Latin, Greek, Cyrillic and Armenian are in every font, or nearly
_JOINS = "\u200c\u200d"
_FREE = re.compile(f"(?<![{_JOINS}])[^{_JOINS}]")  # joined to nothing; it may be a mark
_LONGEST_LETTER = 64  # characters; one of more marks is none
_ODD_PIECE = 1_000  # of letters that perhaps no font has, see `MOST_ODD_AT_ONCE`: with each key and each focus
_LOOKED_AT_EACH = 50  # one letter in so many
_JOINED_PIECE = 200  # of a text of joiners: Qt takes twenty times as long for each of its characters


def softened(text: str) -> str:
    """The text with its long lines broken in pieces of at most `PIECE` characters."""
    lines = text.split("\n")
    if max(map(len, lines)) <= PIECE:
        return text
    return "\n".join(line if len(line) <= PIECE else MARK.join(_pieces(line)) for line in lines)


def softened_in_rows(text: str, font: QFont, width: float) -> Iterator[str]:
    """The same, with pieces that fill their rows at a width in pixels; one after the other, to be joined."""
    for number, line in enumerate(text.split("\n")):
        if number:
            yield "\n"
        if len(line) <= PIECE:
            yield line
            continue
        for at, piece in enumerate(_row_pieces(line, font, width)):
            yield MARK + piece if at else piece


def hardened(text: str) -> str:
    """The text as it was, also where the user has joined pieces."""
    return text.replace(MARK, "").replace(_SIGN, "") if _SIGN in text else text


def plain_text(document: QTextDocument) -> str:
    """What a document holds. Qt's own plain text has ordinary spaces in the place of those that break no line."""
    return document.toRawText().replace(_PARAGRAPH, "\n")


def selected_text(cursor: QTextCursor) -> str:
    """The same of a selection."""
    return cursor.selectedText().replace(_PARAGRAPH, "\n")


def is_piece(line: str) -> bool:
    """Whether a line of softened text goes on in the next one."""
    return line.endswith(_SIGN)


def _pieces(line: str) -> Iterator[str]:
    start = 0
    while len(line) - start > (most := _longest_piece(line, start)):
        last = line.rfind(" ", start + most // 2, start + most) + 1 or start + most
        end = _letter_before(line, last)
        yield line[start:end]
        start = end
    yield line[start:]


def _letter_before(line: str, last: int) -> int:
    """Where a letter starts, at or shortly before a place; the place itself if it has too many marks."""
    if not _belongs(line, last):
        return last
    for found in reversed(list(_FREE.finditer(line, last - _LONGEST_LETTER + 1, last + 1))):
        if not _belongs(line, found.start()):
            return found.start()
    return last


def _longest_piece(line: str, start: int) -> int:
    if sum(line.count(mark, start, start + PIECE) for mark in _JOINS) > PIECE // 8:
        return _JOINED_PIECE
    some = line[start : start + PIECE : _LOOKED_AT_EACH]
    return _ODD_PIECE if odd_letters(some) > _ODD_PIECE // _LOOKED_AT_EACH else PIECE


def odd_letters(text: str) -> int:
    """How many letters there are that perhaps no font has: those beyond Latin, Greek, Cyrillic and Armenian."""
    return 0 if text.isascii() else len(_ODD.findall(text))


def _most_at_once(text: str) -> int:
    if odd_letters(text) > MOST_ODD_AT_ONCE:
        return MOST_ODD_AT_ONCE
    return MOST_LINES_AT_ONCE if text.count("\r") > MOST_LINES_AT_ONCE else MOST_AT_ONCE  # each ends a line of Qt's


def parts_of(text: str) -> Iterator[str]:
    """A softened text in parts that end where lines end, to be put behind each other."""
    start = 0
    while start < len(text):
        most = _most_at_once(text[start : start + MOST_AT_ONCE])
        end = text.rfind("\n", start, start + most) + 1 or start + most
        end += text[end - 1 : end + 1] == "\r\n"
        lines = text[start:end].split("\n", MOST_LINES_AT_ONCE)
        if len(lines) > MOST_LINES_AT_ONCE:
            end -= len(lines[-1])
        yield text[start:end]
        start = end


def parts_from_end(text: str) -> Iterator[tuple[int, str]]:
    """A text in softened parts, the last one first, to be put before each other.

    Yields:
        How many characters of the text are not put in yet, and the part.
    """
    end = len(text)
    while end > 0:
        start = max(0, end - _most_at_once(text[max(0, end - MOST_AT_ONCE) : end]))
        if start > 0:
            start = text.find("\n", start, end - 1) + 1 or _letter_start(text, start)
        lines = text[start:end].rsplit("\n", MOST_LINES_AT_ONCE)
        if len(lines) > MOST_LINES_AT_ONCE:
            start += len(lines[0]) + 1
        goes_on = start > 0 and text[start - 1] != "\n"
        yield start, (MARK if goes_on else "") + softened(text[start:end])
        end = start


def _letter_start(text: str, at: int) -> int:
    """Where a letter starts, at or shortly before a place; the place itself if it has too many marks."""
    start = at
    while start > max(0, at - _LONGEST_LETTER) and (_belongs(text, start) or text[start - 1 : start + 1] == "\r\n"):
        start -= 1
    return start if start > max(0, at - _LONGEST_LETTER) else at


def _row_pieces(line: str, font: QFont, width: float) -> Iterator[str]:
    start = 0
    while len(line) - start > PIECE:
        piece = next(_pieces(line[start : start + PIECE + 1]))
        end = _rows_end(piece, font, width) or len(piece)
        yield piece[:end]
        start += end
    yield line[start:]


def _rows_end(piece: str, font: QFont, width: float) -> int:
    """Where the last full row ends that has room for the spaces behind it, too; 0 if there is none."""
    layout = QTextLayout(piece, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.setFormats(lacking_formats(piece))
    layout.beginLayout()
    starts: list[int] = []
    while (row := layout.createLine()).isValid():
        row.setLineWidth(width)
        starts.append(row.textStart())
    layout.endLayout()
    units = piece.encode("utf-16-le", "surrogatepass")
    metrics = QFontMetricsF(font)
    for begin, end in zip(reversed(starts[:-1]), reversed(starts[1:]), strict=True):
        row_text = units[2 * begin : 2 * end].decode("utf-16-le", "surrogatepass")
        if not row_text.endswith(" ") or metrics.horizontalAdvance(row_text) <= width:
            return len(units[: 2 * end].decode("utf-16-le", "surrogatepass"))
    return 0


def _belongs(line: str, at: int) -> bool:
    """Whether a character stands on, or is joined to, the one before it."""
    return line[at] in _JOINS or line[at - 1] in _JOINS or unicodedata.category(line[at])[0] == "M"


class LongText(QPlainTextEdit):
    """A large text to be read, in a box of some lines that scrolls."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setObjectName("long_text")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(0)
        self.setAccessibleName("Long text")
        self._text = ""
        self._waits = False  # for letters that are looked for
        self._in_rows = False
        self._broken_for = -1
        self._breaker = QTimer(self)
        self._breaker.setSingleShot(True)
        self._breaker.timeout.connect(self.on_width_settled)
        self._wanted = theme.body_font()
        self.set_theme(theme)

    def set_content(self, text: str) -> None:
        """Show a text as it is; of a huge one its beginning, and how much is left."""
        shown = "\n".join(text[:MOST_SHOWN].split("\n", MOST_SHOWN_LINES)[:MOST_SHOWN_LINES])
        if len(shown) < len(text):
            text = f"{shown}\n\n{words.rest_not_shown(len(text) - len(shown))}"
        self._text, self._broken_for = text, -1
        self._in_rows = len(text) <= MOST_IN_ROWS and any(len(line) > PIECE for line in text.split("\n"))
        turns().end(self, "rows")
        self._waits = True
        when_found(self, [(self._wanted, text[:LOOKED_AT])], self._show_text)

    def _take_font(self) -> None:
        with laid_out_once(self.document()):
            self.setFont(self._wanted)

    def _show_text(self) -> None:
        self._waits = False
        self.clear()  # which would be laid out in the font
        self._take_font()  # that another theme wants, which waited for letters that are not shown any more
        self._fill(softened(self._text))
        self._breaker.start(0)

    def _fill(self, text: str) -> None:
        """Its beginning at once, the rest of a very large one soon."""
        parts = parts_of(text)
        self.clear()
        end = QTextCursor(self.document())
        insert_text(end, next(parts, ""))
        self._fit()

        def go_on() -> float:
            part = next(parts, None)
            if part is None:
                return 0.0
            end.movePosition(QTextCursor.MoveOperation.End)
            insert_text(end, part)
            return 60.0

        turns().begin(self, go_on, "fill")

    def hold_layout(self) -> None:
        """What is shown stays as it is until `set_theme`: Qt would lay it out at every step to another look."""
        self.document().setLayoutEnabled(False)

    def set_theme(self, theme: Theme) -> None:
        """New sizes."""
        self._wanted = theme.body_font()

        def show() -> None:
            self._take_font()
            if self._waits:  # its letters were still being looked for in the other size
                self._show_text()
            self._fit()
            self._broken_for = -1
            self._breaker.start(0)

        when_found(self, [(self._wanted, self._text[:LOOKED_AT])], show)

    def on_width_settled(self) -> None:
        """Break long lines where rows end; the same text stays at the top."""
        width = self.viewport().width()
        if not self._in_rows or width == self._broken_for or not self.isVisible():
            return
        self._broken_for = width
        found: list[str] = []
        pieces = softened_in_rows(self._text, self.font(), width)

        def go_on() -> float:
            piece = next(pieces, None)
            if piece is None:
                self._show_rows("".join(found))
                return 0.0
            found.append(piece)
            return 2.0 if len(piece) > 1 else 0.1

        turns().begin(self, go_on, "rows")

    def _show_rows(self, text: str) -> None:
        bar = self.verticalScrollBar()
        part = bar.value() / max(1, bar.maximum())
        self._fill(text)
        bar.setValue(round(part * bar.maximum()))

    def _fit(self) -> None:
        lines, characters, block = 0, 0, self.document().begin()
        while block.isValid() and lines < MOST_LINES:
            self.document().documentLayout().blockBoundingRect(block)  # Qt lays out what is looked at alone
            lines += block.layout().lineCount()
            characters += block.length()
            if characters > MOST_MEASURED:  # one that has no width yet, too, whose lines do not end
                lines = MOST_LINES
            block = block.next()
        lines = min(MOST_LINES, max(1, lines))
        self.setFixedHeight(math.ceil(QFontMetricsF(self.font()).lineSpacing() * lines) + 4)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: the lines as they were."""
        return copied_as(super().createMimeDataFromSelection(), hardened(selected_text(self.textCursor())))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Rows end elsewhere now."""
        super().resizeEvent(event)
        if self._in_rows:
            self._breaker.start(REST_MS)

    def sizeHint(self) -> QSize:
        """Any width."""
        return QSize(120, self.height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as need be."""
        return QSize(40, self.height())

    def event(self, event: QEvent) -> bool:
        """A new width breaks lines anew."""
        done = super().event(event)
        if event.type() == QEvent.Type.Resize:
            self._fit()
        elif event.type() == QEvent.Type.Show:
            self._breaker.start(0)
        elif event.type() == QEvent.Type.StyleChange:  # must not bring Qt's margins back
            self.document().setDocumentMargin(0)
        return done
