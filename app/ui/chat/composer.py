"""The message box: grows from one to eight lines; Enter sends, Shift+Enter breaks the line; Stop in place of Send."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFocusEvent,
    QFontMetricsF,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QTextCursor,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from app.ui.chat import words
from app.ui.chat.large_edit import LargeEdit, with_line_feeds
from app.ui.chat.long_text import PIECE, is_piece, softened
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import set_tip
from app.ui.widgets.theme import Theme, ThemeManager

MOST_LINES = 8
MOST_CHARACTERS, MOST_ROWS = 2_000_000, 30_000  # of a message: more than any model takes, as much as the box bears


def local_files(source: QMimeData) -> list[str]:
    """Paths of the files of this computer that are dropped or pasted."""
    return [url.toLocalFile() for url in source.urls() if url.isLocalFile()]


class MessageBox(LargeEdit):
    """The text field.

    Signals:
        send_requested: Enter was pressed.
        files_given: Files were dropped or pasted (list of paths).
        focus_changed: Whether it has the focus.
        files_above: Whether files are held above it, to be dropped.
        too_much: A text of so many characters and lines was not put in, for it would be too long.
    """

    send_requested = Signal()
    files_given = Signal(list)
    focus_changed = Signal(bool)
    files_above = Signal(bool)
    too_much = Signal(int, int)

    def has_room(self, text: str) -> bool:
        """Whether a text can be put in, in the place of what is selected; if not, that is told."""
        characters, rows = len(text), text.count("\n") + 1
        document, cursor, coming = self.document(), self.textCursor(), self.still_to_come
        first, last = cursor.selectionStart(), cursor.selectionEnd()
        stay = document.characterCount() - (last - first) + len(coming)
        lines = document.findBlock(last).blockNumber() - document.findBlock(first).blockNumber()
        stay_rows = document.blockCount() - lines + coming.count("\n")
        if characters + stay <= MOST_CHARACTERS and rows + stay_rows <= MOST_ROWS:
            return True
        self.too_much.emit(characters, rows)
        return False

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Plain text alone is pasted, its long lines in pieces; files are given on."""
        paths = local_files(source)
        if paths:
            self.files_given.emit(paths)
            return
        self.put_in(source.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends, Shift+Enter breaks the line."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.insertPlainText("\n")
                self.ensureCursorVisible()
            else:
                self.send_requested.emit()
            return
        if len(event.text()) > PIECE:
            self.put_in(event.text())
            return
        super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """What an input method, or a program that types, puts in: no more than there is room for."""
        if len(event.commitString()) > PIECE:
            self.put_in(event.commitString())
        else:
            super().inputMethodEvent(event)

    def put_in(self, text: str) -> None:
        """Put text where the cursor stands, its long lines in pieces, if there is room; Qt lays it out at once."""
        text = with_line_feeds(text)
        if self.has_room(text):
            super().put_in(text)

    def event(self, event: QEvent) -> bool:
        """Leave Ctrl+Z to the window where nothing stands here, or there is nothing to undo."""
        nothing = self.document().isEmpty() or not self.document().isUndoAvailable()
        asked = event.type() == QEvent.Type.ShortcutOverride and nothing
        if asked and isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Undo):
            event.ignore()
            return False
        return super().event(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped."""
        super().dragEnterEvent(event)
        self.files_above.emit(bool(local_files(event.mimeData())))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """They were taken away."""
        super().dragLeaveEvent(event)
        self.files_above.emit(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """They are dropped."""
        self.files_above.emit(False)
        super().dropEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring."""
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the ring."""
        super().focusOutEvent(event)
        self.focus_changed.emit(False)


def _at_line_start(cursor: QTextCursor) -> bool:
    return cursor.atBlockStart() and not is_piece(cursor.block().previous().text())


def _around(cursor: QTextCursor) -> tuple[str, str]:
    """The text before the cursor or its selection, and the text behind."""
    ends = []
    for at, end in (
        (cursor.selectionStart(), QTextCursor.MoveOperation.Start),
        (cursor.selectionEnd(), QTextCursor.MoveOperation.End),
    ):
        reach = QTextCursor(cursor)
        reach.setPosition(at)
        reach.movePosition(end, QTextCursor.MoveMode.KeepAnchor)
        ends.append(reach.selection().toPlainText())
    return ends[0], ends[1]


def _line_breaks(text: str) -> int:
    """How many of them it begins with; two are enough."""
    return min(2, len(text) - len(text.lstrip("\n")))


class Composer(QFrame):
    """Message box and its one button.

    Signals:
        sent: The user wants to send this text; `clear` takes it away if that worked.
        stop_requested: The user wants the answer to stop.
    """

    sent = Signal(str)
    stop_requested = Signal()

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self._themes = themes
        self._busy = self._files_above = False
        self.box = MessageBox()
        self.box.setObjectName("message_box")
        self.box.setAccessibleName("Message box")
        self.box.setTabChangesFocus(True)
        self.box.setFrameShape(QFrame.Shape.NoFrame)
        self.box.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.box.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.box.document().setDocumentMargin(0)
        self.button = QToolButton()
        self.button.setObjectName("round")
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.attach = QToolButton()
        self.attach.setAccessibleName(words.ATTACH)
        set_tip(self.attach, words.ATTACH_TIP)
        self.attach.setCursor(Qt.CursorShape.PointingHandCursor)
        self.attach.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self.attach, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.box, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        self.setFocusProxy(self.box)
        self.box.send_requested.connect(self.on_send_requested)
        self.box.focus_changed.connect(self.on_focus_changed)
        self.box.files_above.connect(self.show_files_above)
        self.box.textChanged.connect(self.on_text_changed)
        self.box.filled.connect(self.on_text_changed)
        self.button.clicked.connect(self.on_button_clicked)
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.box.whole_text()

    @property
    def busy(self) -> bool:
        """Whether the button says Stop."""
        return self._busy

    def set_text(self, text: str) -> None:
        """Put text in, the cursor behind it; see `LargeEdit`."""
        self.box.set_whole_text(text)

    def insert(self, text: str) -> bool:
        """Put text where the cursor stands, as a paragraph of its own; Undo takes it away again.

        It breaks no line: inside of one, it goes below it. False if it is too long, which is told.
        """
        if not text:
            return True
        if not self.box.has_room(text):
            return False
        cursor = self.box.textCursor()
        if not cursor.hasSelection() and not _at_line_start(cursor):
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock)
            while is_piece(cursor.block().text()) and cursor.movePosition(QTextCursor.MoveOperation.NextBlock):
                cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock)
        before, after = _around(cursor)
        if before.strip():
            text = "\n" * (2 - _line_breaks(before[::-1])) + text
        if after.strip():
            text = text.rstrip("\n") + "\n" * (2 - _line_breaks(after))
        self.box.setTextCursor(cursor)
        self.box.insertPlainText(softened(text))
        self.box.ensureCursorVisible()
        self.box.setFocus()
        return True

    def clear(self) -> None:
        """Take the text away."""
        self.box.stop_filling()
        self.box.clear()
        self.box.document().clearUndoRedoStacks()

    def type_text(self, text: str) -> None:
        """Go on with what was typed elsewhere, unless nothing can be typed now."""
        if not self.isEnabled():
            return
        self.box.setFocus()
        if len(text) > PIECE:
            self.box.put_in(text)
        else:  # as a key does, also where there is more than is put in at once
            self.box.insertPlainText(text)

    def paste(self) -> None:
        """The same with the clipboard."""
        self.box.setFocus()
        self.box.paste()

    def set_busy(self, busy: bool) -> None:
        """Swap Send and Stop."""
        self._busy = busy
        self._show_button()

    def show_files_above(self, above: bool) -> None:
        """Show where files would go that are held above the chat, or no longer."""
        self._files_above = above
        self._show_state("files", above)
        self._show_button()

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_send_requested(self) -> None:
        """Enter."""
        if self.text.strip():
            self.sent.emit(self.text.rstrip("\n"))

    def on_button_clicked(self) -> None:
        """Send or Stop."""
        if self._busy:
            self.stop_requested.emit()
        else:
            self.on_send_requested()
        self.box.setFocus()

    def on_focus_changed(self, focused: bool) -> None:
        """Show where the keys go."""
        self._show_state("focused", focused)

    def on_text_changed(self) -> None:
        """Grow, and wake the button."""
        self._fit()
        self._show_button()

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme: Theme = self._themes.theme
        edge = round(theme.ui_points * 1.7)
        self.attach.setIcon(themed_icon("attach", theme.color("muted"), edge))
        self.attach.setIconSize(QSize(edge, edge))
        self.box.setFont(theme.body_font())
        self._fit()
        self._show_button()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_state(self, name: str, holds: bool) -> None:
        self.setProperty(name, holds)
        self.style().unpolish(self)
        self.style().polish(self)

    def _show_button(self) -> None:
        theme: Theme = self._themes.theme
        name = "Stop" if self._busy else "Send"
        enabled = self._busy or bool(self.text.strip())
        edge = round(theme.ui_points * 1.7)
        color = theme.color("accent_text" if enabled else "faint")
        self.button.setIcon(themed_icon("stop" if self._busy else "send", color, edge))
        self.button.setIconSize(QSize(edge, edge))
        self.button.setAccessibleName(name)
        set_tip(self.button, "Stop (Esc)" if self._busy else "Send (Enter)")
        self.button.setEnabled(enabled)
        placeholder = words.PLACEHOLDER_BUSY if self._busy else words.PLACEHOLDER
        if self._files_above:
            placeholder = words.PLACEHOLDER_DROP
        if placeholder != self.box.placeholderText():
            self.box.setPlaceholderText(placeholder)
            self.box.viewport().update()  # Qt does so only where a placeholder appears or goes

    def _fit(self) -> None:
        metrics = QFontMetricsF(self.box.font())
        lines = max(1, round(self.box.document().size().height()))
        height = math.ceil(metrics.lineSpacing() * min(lines, MOST_LINES))
        pad = max(0, (self.button.sizeHint().height() - math.ceil(metrics.lineSpacing())) // 2)
        self.box.setFixedHeight(height + 2 * pad)
        self.box.setViewportMargins(0, pad, 0, pad)
        over = lines > MOST_LINES
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if over else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.box.setVerticalScrollBarPolicy(policy)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """A style change must not bring Qt's margins back."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "box"):
            self.box.document().setDocumentMargin(0)

    def event(self, event: QEvent) -> bool:
        """A new width breaks lines anew."""
        done = super().event(event)
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return done
