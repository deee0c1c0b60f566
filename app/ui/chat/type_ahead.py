"""Where the keys go in the main window: what is typed anywhere ends in the message box, and no focus is lost."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from app.ui.chat.chat_list import ConversationList
from app.ui.chat.composer import Composer
from app.ui.widgets.sheet import pressed_by_return

_CTRL_ALT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


class TypeAhead(QObject):
    """Brings letters that nobody wants to the message box, and the focus that a vanished control had.

    A letter is unwanted if the control that has the focus, and all around it, let it pass: buttons, messages, the
    chat. Space and Enter press buttons, Delete and the arrows belong to the list of chats; none of them is a letter.
    """

    def __init__(self, window: QMainWindow, composer: Composer, rows: ConversationList) -> None:
        super().__init__(window)
        self._window, self._composer = window, composer
        window.installEventFilter(self)
        rows.typed.connect(composer.type_text)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self.on_focus_changed)

    def on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        """Qt gives the focus of a control that was hidden or disabled to the next one, which is often "New chat"."""
        if old is None or new is None or old.window() is not self._window or new.window() is not self._window:
            return
        if not old.isVisibleTo(self._window) or not old.isEnabled():
            self._composer.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A key that came up to the window."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if pressed_by_return(event, self._window):
                return True
            if event.matches(QKeySequence.StandardKey.Paste):
                self._composer.paste()
                return True
            if _is_typed(event):
                self._composer.type_text(event.text())
                return True
        return super().eventFilter(watched, event)


def _is_typed(event: QKeyEvent) -> bool:
    """Whether a key makes text; Ctrl and Alt together are AltGr."""
    text, held = event.text(), event.modifiers() & _CTRL_ALT
    return bool(text.strip()) and text.isprintable() and held in (Qt.KeyboardModifier.NoModifier, _CTRL_ALT)
