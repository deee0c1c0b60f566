"""The lock in the window: set, asked for, changed and removed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.base.errors import StoppedError
from app.base.paths import AppPaths
from app.chats import conversion
from app.chats.conversion import lock_history
from app.chats.history import HistoryStore
from app.chats.key_file import WrongPasswordError, is_locked, unwrapped
from app.chats.lock import keys
from app.chats.lock.keys import KEY_FILE
from app.main import Parts
from app.ui.settings import words
from app.ui.settings.dialog import SettingsDialog
from app.ui.settings.lock_dialog import LockChange, LockPanel, PasswordDialog
from app.ui.settings.lock_start import carried_out
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from tests.app.ui.conftest import MakeWindow
from tests.helpers.locks import quick_keys, readable
from tests.helpers.waiting import WAIT_MS

PASSWORD = "open sesame"


@pytest.fixture(autouse=True)
def _quick_keys() -> Iterator[None]:
    with quick_keys():
        yield


@pytest.fixture
def locked(dewpoint_home: object) -> AppPaths:
    """A locked chat; nobody has typed the password."""
    paths = AppPaths.resolve().ensure()
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        store.add_user_message(None, "pomegranate")
    lock_history(paths.data_file, paths.backups, PASSWORD)
    keys.forget(paths.base)
    return paths


def asked(do: Callable[[PasswordDialog], bool]) -> None:
    """Do something with each password dialog that comes up, until it says that it is done."""
    look = QTimer(QApplication.instance())

    def on_look() -> None:
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, PasswordDialog) and dialog.isVisible() and do(dialog):
                look.stop()

    look.timeout.connect(on_look)
    look.start(10)


def fill_in(dialog: PasswordDialog, *typed: str) -> None:
    """Type, and press the button."""
    for edit, text in zip(dialog.fields, typed, strict=True):
        edit.setText(text)
    dialog.agree.click()


def panel_of(parts: Parts) -> LockPanel:
    """In the settings, as the user comes to it."""
    parts.window.actions_by_name["settings"].trigger()
    (settings,) = parts.window.findChildren(SettingsDialog)
    (panel,) = settings.findChildren(LockPanel)
    return panel


def dialog_of(parts: Parts) -> PasswordDialog:
    """The one that a button opened."""
    (dialog,) = parts.window.findChildren(PasswordDialog)
    return dialog


def test_the_window_asks_before_it_opens_and_a_wrong_password_asks_again(
    locked: AppPaths, make_window: MakeWindow
) -> None:
    told: list[str] = []

    def answer(dialog: PasswordDialog) -> bool:
        if not told:
            fill_in(dialog, "wrong")
            told.append(dialog.told.text())
            return False
        fill_in(dialog, PASSWORD)
        return True

    asked(answer)
    parts = make_window()
    assert "not the password" in told[0]
    assert [chat.title for chat in parts.store.list_conversations()] == ["pomegranate"]
    assert readable(locked.base, "pomegranate") == []


def test_who_cancels_has_changed_nothing(locked: AppPaths, make_window: MakeWindow) -> None:
    before = locked.data_file.read_bytes()

    def leave(dialog: PasswordDialog) -> bool:
        dialog.leave.click()
        return True

    asked(leave)
    with pytest.raises(StoppedError):
        make_window()
    assert locked.data_file.read_bytes() == before


def test_a_password_is_typed_twice_and_then_the_chats_are_locked(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    parts.store.add_user_message(None, "pomegranate")
    paths = AppPaths.resolve()
    panel = panel_of(parts)
    assert not panel.set.isHidden()
    assert panel.change.isHidden()
    assert panel.remove.isHidden()
    panel.set.click()
    dialog = dialog_of(parts)
    assert not dialog.agree.isEnabled()
    fill_in(dialog, PASSWORD, PASSWORD + "x")
    assert dialog.told.text() == words.PASSWORDS_DIFFER
    assert parts.window.locking.change is None
    fill_in(dialog, PASSWORD, PASSWORD)
    qtbot.waitUntil(lambda: not parts.window.isVisible(), timeout=WAIT_MS)
    assert parts.window.locking.change == LockChange(PASSWORD, locking=True)
    theme = parts.themes.theme
    parts.controller.shut_down()
    parts.store.close()
    assert carried_out(LockChange(PASSWORD, locking=True), paths, theme) == words.LOCKED_NOW
    assert is_locked(paths.base)
    assert readable(paths.base, "pomegranate") == []
    again = make_window()  # the password is known in this process
    assert [chat.title for chat in again.store.list_conversations()] == ["pomegranate"]


def test_it_is_changed_without_a_restart_and_removed_with_one(
    qtbot: QtBot, locked: AppPaths, make_window: MakeWindow
) -> None:
    keys.hold(locked.base, unwrapped(locked.base / KEY_FILE, PASSWORD))
    parts = make_window()
    panel = panel_of(parts)
    assert panel.set.isHidden()
    panel.change.click()
    dialog = dialog_of(parts)
    fill_in(dialog, "wrong", "new", "new")
    assert "not the password" in dialog.told.text()
    fill_in(dialog, PASSWORD, "new", "new")
    assert unwrapped(locked.base / KEY_FILE, "new")
    with pytest.raises(WrongPasswordError):
        unwrapped(locked.base / KEY_FILE, PASSWORD)
    qtbot.waitUntil(lambda: not parts.window.findChildren(PasswordDialog), timeout=WAIT_MS)
    panel.remove.click()
    fill_in(dialog_of(parts), "new")
    qtbot.waitUntil(lambda: not parts.window.isVisible(), timeout=WAIT_MS)
    parts.controller.shut_down()
    parts.store.close()
    assert carried_out(LockChange("new", locking=False), locked, parts.themes.theme) == words.UNLOCKED_NOW
    assert not is_locked(locked.base)
    assert [chat.title for chat in make_window().store.list_conversations()] == ["pomegranate"]


def test_where_nothing_can_be_locked_the_setting_says_why(
    make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ui.settings.lock_dialog.why_not", lambda: "The chats cannot be locked here: so it is.")
    panel = panel_of(make_window())
    assert not panel.set.isEnabled()


@pytest.mark.parametrize("decided", [True, False])
def test_a_failure_says_what_became_of_the_chats(
    qtbot: QtBot, dewpoint_home: object, monkeypatch: pytest.MonkeyPatch, decided: bool
) -> None:
    """Behind the step that decides something was changed, and the next start goes on."""
    paths = AppPaths.resolve().ensure()
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        store.add_user_message(None, "pomegranate")

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    step = "_take_places" if decided else "write_key_file"
    monkeypatch.setattr(conversion, step, fails)
    said = carried_out(LockChange(PASSWORD, locking=True), paths, Theme(LIGHT, 1.0, 10.0))
    assert said.startswith(words.LOCK_GOES_ON if decided else words.still_so(False))
    assert is_locked(paths.base) == decided
