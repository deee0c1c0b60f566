"""Text as it is: the one way by which names, titles, paths and error texts come into labels, buttons and tool tips.

Qt guesses whether a text is HTML (a label, a tool tip) and takes "&" for an access key (a button, a menu, a label that
belongs to an input), so a model that is called `<img src=...>` would be looked at, and "R&D" would lose its "&".
"""

from __future__ import annotations

import html
import re

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtWidgets import QLabel, QMessageBox, QToolTip, QWidget

from app.ui.widgets.font_search import showable

LONGEST = 1_000  # characters in a label
LONGEST_LINE = 300  # in one line: more than the widest screen shows
LONGEST_PROBLEM = 600  # of what went wrong: others may have written it
LONGEST_TIP = 700
TIP_LINE = 72  # characters of a tool tip that need no second line
_LONG_WORD = re.compile(r"\S{16,}")  # Qt cuts off a word (a path) that is longer than a line
# Behind which it may break; runs are looked at from their beginning alone, or a long one would take the square of it.
_PIECE = re.compile(r"[^\W_]{14}(?=\w)|(?<![^\w\s])[^\w\s]++(?=\w)|(?<!_)_++(?=[^\W_])")
_BREAK = "\u200b"
_A_SECOND = re.compile(r"(?<=[a-zA-Z])/s\b")  # "tokens/s" is one word; Qt would break it behind the slash
_JOINED = "/\u2060s"
# Overrides and embeddings turn what follows them around, also the rest of our sentence.
_TURNING = re.compile("[\u202a-\u202e]")
_ISOLATES = re.compile("[\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_ONE_LINE = re.compile("[\\s\u0085\u2028\u2029]+")


def shown(text: str, longest: int = LONGEST) -> str:
    """`text` without what would change the text around it, cut off with an ellipsis after `longest` characters."""
    if len(text) <= longest and text.isascii() and text.isprintable():
        return text  # as most are
    text = text[: 2 * longest + 2]  # a book is not read to its end for this
    text = _CONTROL.sub(" ", _TURNING.sub("", text.replace("\r\n", "\n")))
    if not _balanced(text):
        text = _ISOLATES.sub("", text)
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The same where there is room for one line only."""
    return _ONE_LINE.sub(" ", shown(text, longest))


def without_keys(text: str) -> str:
    """For a button, a check box or a menu: an "&" in a name is no access key."""
    return one_line(text).replace("&", "&&")


def tip(text: str) -> str:
    """For a tool tip: never markup of others, and no wider than a hand."""
    text = shown(text[: 4 * LONGEST_TIP].strip(), LONGEST_TIP)
    if "<" not in text and "&" not in text and all(len(line) <= TIP_LINE for line in text.split("\n")):
        return text
    return f'<p style="white-space: pre-wrap">{html.escape(breakable(text))}</p>'


def breakable(text: str) -> str:
    """`text` with places in its very long words where a line may end; they cannot be seen."""
    return _LONG_WORD.sub(lambda word: _PIECE.sub(lambda piece: piece.group() + _BREAK, word.group()), text)


def show_tip(at: QPoint, text: str, widget: QWidget) -> None:
    """Show a tool tip now, at a point of the screen; "" hides it."""
    QToolTip.showText(at, tip(text), widget)


def set_tip(widget: QWidget, text: str) -> None:
    """Give a widget a tool tip; screen readers get the text itself."""
    widget.setToolTip(tip(text))
    widget.setAccessibleDescription(shown(text, LONGEST_TIP))


def message_box(title: str, text: str) -> QMessageBox:
    """A box that says what went wrong before there is a window."""
    box = QMessageBox(QMessageBox.Icon.Critical, title, shown(text))
    box.setTextFormat(Qt.TextFormat.PlainText)
    return box


def _balanced(text: str) -> bool:
    """Whether every isolate that is opened is closed, and none other."""
    depth = 0
    for mark in _ISOLATES.findall(text):
        depth += -1 if mark == "\u2069" else 1
        if depth < 0:
            return False
    return depth == 0


def shown_now(text: str, widget: QWidget, later: QTimer) -> str:
    """What a widget can show of a text in this turn of the event loop; if that is not all, `later` is started.

    Letters that were never shown before take time (see `app.ui.widgets.font_search`).
    """
    if text.isascii():
        return text
    widget.ensurePolished()
    now, more = showable(text, widget.font())
    if more:
        later.start(0)
    return now


class PlainLabel(QLabel):
    """A label that shows its text as it is; every label of the program is one."""

    def __init__(self, text: str = "", role: str = "", wrap: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self._heights: dict[int, int] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.on_letters_due)
        if role:
            self.setProperty("role", role)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Say it; a label of one line keeps to one."""
        self._said = _A_SECOND.sub(_JOINED, breakable(shown(text))) if self.wordWrap() else one_line(text)
        self._show()

    def _show(self) -> None:
        """As much as this turn of the event loop has time to look for in the fonts, and the rest in later ones."""
        self._heights.clear()
        super().setText(self.found(self._said))

    def found(self, text: str) -> str:
        """What can be shown of a text now; if that is not all, the label is told again in the next turn."""
        return shown_now(text, self, self._later)

    def on_letters_due(self) -> None:
        """More can be shown."""
        self._show()

    def heightForWidth(self, width: int) -> int:
        """Measured once: a layout asks for a few widths again and again, and odd letters take their time."""
        if width not in self._heights:
            self._heights[width] = super().heightForWidth(width)
        return self._heights[width]

    def changeEvent(self, event: QEvent) -> None:
        """Another font or style: other heights."""
        self._heights.clear()
        super().changeEvent(event)

    def text(self) -> str:
        """What it says."""
        return _as_said(self._said)

    def selectedText(self) -> str:
        """What is selected of it."""
        return _as_said(super().selectedText())


def _as_said(text: str) -> str:
    """Without what tells Qt where it may break."""
    return text.replace(_BREAK, "").replace(_JOINED, "/s")
