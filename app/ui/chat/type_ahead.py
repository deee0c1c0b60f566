"""Where the keys go in the main window: what is typed anywhere ends in the message box, and no focus is lost."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow, QWidget

from app.ui.chat.chat_list import ConversationList
from app.ui.chat.composer import Composer
from app.ui.widgets.sheet import pressed_by_return

_CTRL_ALT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


class TypeAhead(QObject):
    """Brings letters that nobody wants to the message box, and the focus that a vanished control had.

    A letter is unwanted if the control that has the focus, and all around it, let it pass: buttons, messages, the
    chat. Space and Enter press buttons, Delete and the arrows belong to the list of chats; none of them is a letter.
    While a menu is open all keys are the menu's. While a title is edited in the list they are the title's, until a
    click anywhere else.
    """

    def __init__(self, window: QMainWindow, composer: Composer, rows: ConversationList) -> None:
        super().__init__(window)
        self._window, self._composer = window, composer
        window.installEventFilter(self)
        self._rows = rows
        rows.typed.connect(self.on_typed)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self.on_focus_changed)
            self._clicks = _Clicks(application, self)
            self._clicks.pressed.connect(self.on_clicked)

    def on_typed(self, text: str) -> None:
        """Letters of the list, unless a menu takes them."""
        if QApplication.activePopupWidget() is None:
            self._composer.type_text(text)

    def on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        """Qt gives the focus of a control that was hidden or disabled to the next one, which is often "New chat"."""
        self._clicks.watch(self._edited_title is not None)
        if old is None or new is None or old.window() is not self._window or new.window() is not self._window:
            return
        if not old.isVisibleTo(self._window) or not old.isEnabled():
            self._composer.setFocus()

    def on_clicked(self, clicked: QWidget) -> None:
        """Most of what can be clicked takes no focus; a title that is edited would keep it, and all that is typed."""
        title = self._edited_title
        if title is not None and clicked is not title and clicked.window() is self._window:
            self._composer.setFocus()

    @property
    def _edited_title(self) -> QLineEdit | None:
        focused = QApplication.focusWidget()
        return focused if isinstance(focused, QLineEdit) and self._rows.isAncestorOf(focused) else None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A key that came up to the window; also from an open menu that had no use for it, whose keys are no text."""
        typed = event.type() == QEvent.Type.KeyPress and QApplication.activePopupWidget() is None
        if typed and isinstance(event, QKeyEvent):
            if pressed_by_return(event, self._window):
                return True
            if event.matches(QKeySequence.StandardKey.Paste):
                self._composer.paste()
                return True
            if _is_typed(event):
                self._composer.type_text(event.text())
                return True
        return super().eventFilter(watched, event)


class _Clicks(QObject):
    """Tells of every mouse press of the program while somebody wants to know; else events cost nothing.

    Signals:
        pressed: The widget.
    """

    pressed = Signal(QWidget)

    def __init__(self, application: QApplication, parent: QObject) -> None:
        super().__init__(parent)
        self._application, self._watching = application, False

    def watch(self, wanted: bool) -> None:
        """Begin or end."""
        if wanted and not self._watching:
            self._application.installEventFilter(self)
        elif self._watching and not wanted:
            self._application.removeEventFilter(self)
        self._watching = wanted

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Any event."""
        if event.type() == QEvent.Type.MouseButtonPress and isinstance(watched, QWidget):
            self.pressed.emit(watched)
        return super().eventFilter(watched, event)


def _is_typed(event: QKeyEvent) -> bool:
    """Whether a key makes text; Ctrl and Alt together are AltGr."""
    text, held = event.text(), event.modifiers() & _CTRL_ALT
    return bool(text.strip()) and text.isprintable() and held in (Qt.KeyboardModifier.NoModifier, _CTRL_ALT)
