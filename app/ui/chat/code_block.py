"""A fenced code block: language, Copy button, highlighted text that scrolls sideways."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QMimeData, Qt
from PySide6.QtGui import QFontMetricsF, QWheelEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.ui.chat.highlight import CodeHighlighter
from app.ui.chat.long_text import hardened, selected_text, softened
from app.ui.chat.markdown import Code
from app.ui.widgets.copied import copied_as
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.labels import ElidedLabel
from app.ui.widgets.look_later import pass_over_bars
from app.ui.widgets.text_layout import laid_out_once, mark_lacking, width_of
from app.ui.widgets.theme import Theme

_NAMES = {
    "py": "Python",
    "js": "JavaScript",
    "javascript": "JavaScript",
    "ts": "TypeScript",
    "typescript": "TypeScript",
    "cpp": "C++",
    "sh": "Shell",
    "sql": "SQL",
    "html": "HTML",
    "css": "CSS",
    "json": "JSON",
    "yaml": "YAML",
}
_PADDING = 12
_BORDER = 2


class CodeText(QPlainTextEdit):
    """The code itself; wheel turns go to the chat unless they go sideways."""

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: long lines as they were."""
        return copied_as(super().createMimeDataFromSelection(), hardened(selected_text(self.textCursor())))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Sideways here, else the chat."""
        sideways = abs(event.angleDelta().x()) > abs(event.angleDelta().y())
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            super().wheelEvent(event)
        else:
            event.ignore()


class CodeBlock(QWidget):
    """One code block of an answer."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("code")
        # No frame: one that a style sheet draws goes and comes with the sheet, and all code is laid out twice.
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._code = Code("")
        self._widest: float | None = None
        self._theme = theme
        self._language = ElidedLabel()
        self._language.setProperty("role", "faint")
        self._language.setMinimumWidth(1)  # where there is little room it is for Copy
        self._language.setMaximumWidth(round(30 * theme.ui_points))  # a name that is no name makes nothing wider
        self._copy = CopyButton(self.source, "code", theme)
        self._text = CodeText()
        self._text.setObjectName("code_text")
        self._text.setFrameShape(QFrame.Shape.NoFrame)
        self._text.setReadOnly(True)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.document().setDocumentMargin(0)
        self._text.setViewportMargins(0, 0, 0, 0)
        self._text.setTabChangesFocus(True)
        self._highlighter = CodeHighlighter(self._text.document(), theme)
        self._lay_out()
        self._show_code()

    def source(self) -> str:
        """The code, as it was written."""
        return self._code.text

    def set_code(self, code: Code) -> None:
        """Show other code."""
        if code != self._code:
            self._code = code
            self._show_code()

    def _show_code(self) -> None:
        code = self._code
        said = code.language if code.language.isascii() else ""  # no language has another name
        name = _NAMES.get(said.lower(), said.capitalize() if said else "Text")
        self._language.set_full_text(name)
        self._text.setAccessibleName(f"{name} code")
        text = softened(code.text)
        self._highlighter.forget()
        with laid_out_once(self._text.document()):
            self._text.setPlainText(text)
            mark_lacking(self._text.document())
        self.set_theme(self._theme)
        self._highlighter.colour(text, code.language)

    def hold_layout(self) -> None:
        """What is shown stays as it is until `set_theme`: Qt would lay it out at every step to another look."""
        self._text.document().setLayoutEnabled(False)
        pass_over_bars(self._text)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        self._widest = None
        self._copy.set_theme(theme)
        with laid_out_once(self._text.document()):
            self._text.setFont(theme.mono_font())
            self._text.setTabStopDistance(QFontMetricsF(theme.mono_font()).horizontalAdvance(" ") * 4)
        self._highlighter.set_theme(theme)
        self._fit()

    def _lay_out(self) -> None:
        header = QWidget()
        header.setObjectName("code_header")
        row = QHBoxLayout(header)
        row.setContentsMargins(_PADDING, 2, 4, 2)
        row.addWidget(self._language)
        row.addStretch(1)
        row.addWidget(self._copy)
        body = QVBoxLayout()
        body.setContentsMargins(_PADDING, _PADDING - 2, _PADDING, _PADDING - 2)
        body.addWidget(self._text)
        column = QVBoxLayout(self)
        column.setContentsMargins(_BORDER, _BORDER, _BORDER, _BORDER)
        column.setSpacing(0)
        column.addWidget(header)
        column.addLayout(body)

    def _fit(self) -> None:
        metrics = QFontMetricsF(self._text.font())
        lines = max(1, self._text.document().blockCount())
        if self._widest is None:
            longest = sorted(softened(self._code.text).expandtabs(4).split("\n"), key=len)[-20:]
            self._widest = max(width_of(line, self._text.font()) for line in longest)
        scroll_bar = 18 if self._widest + 4 > self._text.viewport().width() else 0
        self._text.setFixedHeight(math.ceil(lines * metrics.lineSpacing()) + 4 + scroll_bar)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """A new width may need, or no longer need, a scroll bar."""
        done = super().event(event)
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return done
