"""The lock in the settings: setting, changing and removing the password, and asking for it at the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.base.errors import AppError, KnownAppError
from app.base.paths import AppPaths
from app.bridge.chat import ChatController
from app.chats.errors import translated
from app.chats.key_file import change_password, is_locked, unwrapped
from app.chats.lock.available import why_not
from app.chats.lock.keys import KEY_FILE, DataKey
from app.ui.settings import words
from app.ui.settings.coordinator import SettingsCoordinator
from app.ui.settings.dialog import SettingsDialog
from app.ui.widgets import words as common_words
from app.ui.widgets.labels import Sentence
from app.ui.widgets.notices import Notices
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme, ThemeManager


@dataclass(frozen=True, slots=True)
class LockChange:
    """What shall become of the chats when the window has closed.

    Attributes:
        password: What locks them, or opens them.
        locking: Whether they shall be locked, rather than be plain again.
    """

    password: str
    locking: bool


class PasswordDialog(Sheet):
    """Asks for one password or several, until they are accepted.

    Attributes:
        fields: One for each password.
        told: What is wrong with them.
    """

    def __init__(
        self, title: str, labels: Sequence[str], check: Callable[[list[str]], object], theme: Theme,
        parent: QWidget | None = None, agree: str = words.OPEN_AGREE, leave: str = common_words.CANCEL,
    ) -> None:  # fmt: skip
        """`check` is given what was typed, and raises an `AppError` that says what is wrong with it."""
        super().__init__(title, title, theme, parent)
        self._check = check
        self.fields: list[QLineEdit] = []
        for text in labels:
            self._add_field(text)
        self.told = self.add_text("")
        self.agree = self.add_accept(agree, primary=True)
        self.leave = self.add_reject(leave)
        self.on_typed()

    def _add_field(self, text: str) -> None:
        label, edit = PlainLabel(text), QLineEdit()
        edit.setEchoMode(QLineEdit.EchoMode.Password)
        edit.setAccessibleName(text)
        edit.textChanged.connect(self.on_typed)
        label.setBuddy(edit)
        self.column.addWidget(label)
        self.column.addWidget(edit)
        self.fields.append(edit)

    def explain(self, text: str) -> None:
        """A paragraph above the fields."""
        self.column.insertWidget(0, Sentence(text))

    def showEvent(self, event: QShowEvent) -> None:
        """The first field is filled in first."""
        super().showEvent(event)
        self.fields[0].setFocus()

    def on_typed(self) -> None:
        """All of them are needed."""
        self.agree.setEnabled(all(edit.text() for edit in self.fields))

    def accept(self) -> None:
        """Only what is accepted closes the dialog."""
        if not self.agree.isEnabled():
            return
        try:
            self._check([edit.text() for edit in self.fields])
        except AppError as exc:
            self._show(f"{exc.user_text} {exc.hint}".strip())
            return
        super().accept()

    def _show(self, text: str) -> None:
        self.told.setText(text)
        self.told.setAccessibleName(text)
        for edit in self.fields:
            edit.clear()
        self.fields[0].setFocus()
        self.fit_height()


class LockPanel(QWidget):
    """Whether the chats are locked, and the ways to change that.

    Signals:
        set_wanted, change_wanted, remove_wanted: A button was pressed.
    """

    set_wanted, change_wanted, remove_wanted = Signal(), Signal(), Signal()

    def __init__(self, locked: bool, reason: str) -> None:
        """`reason` says why nothing can be locked on this computer; "" if it can."""
        super().__init__()
        title = Sentence(words.LOCK)
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        state = words.LOCK_ON if locked else words.LOCK_OFF
        for widget in (title, Sentence(words.LOCK_TEXT, "muted"), Sentence(reason or state)):
            column.addWidget(widget)
        self.set = self._button(words.SET_LOCK, self.set_wanted)
        self.change = self._button(words.CHANGE_LOCK, self.change_wanted)
        self.remove = self._button(words.REMOVE_LOCK, self.remove_wanted)
        self.set.setVisible(not locked)
        self.set.setEnabled(not reason)
        self.change.setVisible(locked)
        self.remove.setVisible(locked)

    def _button(self, text: str, pressed: object) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(text)
        button.setAutoDefault(False)
        button.clicked.connect(pressed)
        self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return button


class Locking(QObject):
    """Opens the dialogs from the settings; what is agreed to is done when the window has closed.

    Attributes:
        change: What was agreed to.
    """

    def __init__(
        self,
        window: QWidget,
        settings: SettingsCoordinator,
        paths: AppPaths,
        controller: ChatController,
        themes: ThemeManager,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self._window, self._paths, self._controller = window, paths, controller
        self._themes, self._notices = themes, notices
        self._host: SettingsDialog | None = None
        self.change: LockChange | None = None
        about = (words.LOCK, words.LOCK_TEXT, words.SET_LOCK, words.CHANGE_LOCK, words.REMOVE_LOCK)
        settings.add_panel("data", " ".join(about), self._new_panel)

    def _new_panel(self, dialog: SettingsDialog) -> QWidget:
        self._host = dialog
        panel = LockPanel(is_locked(self._paths.base), why_not())
        panel.set_wanted.connect(self.on_set_wanted)
        panel.change_wanted.connect(self.on_change_wanted)
        panel.remove_wanted.connect(self.on_remove_wanted)
        return panel

    def on_set_wanted(self) -> None:
        """Ask for a password, twice."""
        labels = (words.NEW_PASSWORD, words.SAME_PASSWORD)
        dialog = self._dialog(words.SET_LOCK_TITLE, labels, self._agree_to_lock, words.LOCK_AGREE)
        dialog.explain(words.SET_LOCK_MORE)
        dialog.explain(words.SET_LOCK_TEXT)
        dialog.accepted.connect(self.on_agreed)
        dialog.open()

    def on_change_wanted(self) -> None:
        """Ask for the old password, and twice for a new one."""
        labels = (words.OLD_PASSWORD, words.NEW_PASSWORD, words.SAME_PASSWORD)
        dialog = self._dialog(words.CHANGE_LOCK_TITLE, labels, self._change_password, words.CHANGE_AGREE)
        dialog.explain(words.CHANGE_LOCK_TEXT)
        dialog.accepted.connect(self.on_changed)
        dialog.open()

    def on_remove_wanted(self) -> None:
        """Ask for the password."""
        dialog = self._dialog(words.REMOVE_LOCK_TITLE, (words.PASSWORD,), self._agree_to_remove, words.REMOVE_AGREE)
        dialog.explain(words.REMOVE_LOCK_TEXT)
        dialog.accepted.connect(self.on_agreed)
        dialog.open()

    def on_changed(self) -> None:
        """It was changed."""
        self._notices.show(words.PASSWORD_CHANGED)

    def on_agreed(self) -> None:
        """Close the window: what follows needs the chats for itself."""
        if self._host is not None:
            self._host.close()
        self._window.close()

    def _dialog(
        self, title: str, labels: Sequence[str], check: Callable[[list[str]], object], agree: str
    ) -> PasswordDialog:
        return PasswordDialog(title, labels, check, self._themes.theme, self._host, agree)

    def _agree_to_lock(self, typed: list[str]) -> None:
        _same(typed)
        self._refuse_if_busy()
        self.change = LockChange(typed[0], locking=True)

    def _agree_to_remove(self, typed: list[str]) -> None:
        self._refuse_if_busy()
        with translated(self._paths.base / KEY_FILE):
            unwrapped(self._paths.base / KEY_FILE, typed[0])
        self.change = LockChange(typed[0], locking=False)

    def _change_password(self, typed: list[str]) -> None:
        _same(typed)
        with translated(self._paths.base / KEY_FILE):
            change_password(self._paths.base, typed[0], typed[1])

    def _refuse_if_busy(self) -> None:
        if self._controller.busy:
            raise KnownAppError(words.LOCK_BUSY)


def _same(typed: list[str]) -> None:
    if typed[-1] != typed[-2]:
        raise KnownAppError(words.PASSWORDS_DIFFER)


def opened_with_password(
    key_file: Path, theme: Theme, text: str, leave: str, parent: QWidget | None = None
) -> DataKey | None:
    """Ask for the password of a key file until it is right; gives the data key, None if nobody would say it."""
    found: list[DataKey] = []

    def check(typed: list[str]) -> None:
        with translated(key_file):
            found.append(unwrapped(key_file, typed[0]))

    dialog = PasswordDialog(words.ASK_PASSWORD_TITLE, (words.PASSWORD,), check, theme, parent, leave=leave)
    dialog.explain(text)
    dialog.exec()
    return found[0] if found else None
