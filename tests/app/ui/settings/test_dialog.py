"""The settings dialog: every change holds at once, and after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QSpinBox
from pytestqt.qtbot import QtBot

from app.base.settings import DECLARATIONS
from app.main import Parts
from app.ui.settings.dialog import SettingsDialog
from app.ui.widgets.question import Question
from tests.app.ui.conftest import MakeWindow
from tests.helpers.qt_guard import delete_what_waits
from tests.helpers.waiting import WAIT_MS


def test_the_settings_dialog_applies(parts: Parts) -> None:
    dialog = SettingsDialog(parts.preferences, parts.themes, parts.window)
    assert set(dialog.editors) == {each.name for each in DECLARATIONS if each.in_dialog}
    drafts, motion, seed = (dialog.editors[name] for name in ("drafts", "reduce_motion", "seed"))
    drafts.setCurrentIndex(drafts.findData("calm"))  # type: ignore[union-attr]
    motion.setChecked(True)  # type: ignore[union-attr]
    settings = parts.preferences.settings
    assert (settings.drafts, settings.reduce_motion) == ("calm", True)
    assert parts.window.actions_by_name["calm"].isChecked()
    assert not seed.isEnabled()
    mode = dialog.editors["seed_mode"]
    mode.setCurrentIndex(mode.findData("fixed"))  # type: ignore[union-attr]
    assert seed.isEnabled()
    parts.window.actions_by_name["calm"].trigger()
    assert drafts.currentData() == "full"  # type: ignore[union-attr]
    dialog.close()


def asked(dialog: SettingsDialog) -> Question:
    """The question that the dialog asks."""
    (question,) = dialog.findChildren(Question)
    return question


def test_restoring_the_defaults_asks_first(parts: Parts) -> None:
    dialog = SettingsDialog(parts.preferences, parts.themes, parts.window)
    parts.preferences.set(reduce_motion=True, answer_tokens=2048)
    dialog.defaults.click()
    question = asked(dialog)
    assert "at first: Reduce motion, Answer length." in said_by(question)
    question.cancel.click()
    assert parts.preferences.settings.reduce_motion
    delete_what_waits()
    dialog.defaults.click()
    asked(dialog).agree.click()
    settings = parts.preferences.settings
    assert (settings.reduce_motion, settings.answer_tokens) == (False, 0)
    dialog.close()


def test_one_token_is_no_tokens(parts: Parts) -> None:
    dialog = SettingsDialog(parts.preferences, parts.themes, parts.window)
    editor = dialog.editors["answer_tokens"]
    assert isinstance(editor, QSpinBox)
    said = []
    for value in (1, 2, 0, 1):
        editor.setValue(value)
        said.append(editor.text())
    assert said == ["1 token", "2 tokens", "Four blocks", "1 token"]
    dialog.close()


def said_by(question: Question) -> str:
    """All that it says."""
    return " ".join(label.text() for label in question.findChildren(QLabel))


def test_defaults_that_hold_already_are_not_asked_about(parts: Parts) -> None:
    """What the dialog does not show, such as the window's place, is none of its business."""
    dialog = SettingsDialog(parts.preferences, parts.themes, parts.window)
    parts.preferences.set(show_chat_list=False)
    dialog.defaults.click()
    assert not dialog.findChildren(Question)
    assert not parts.preferences.settings.show_chat_list
    dialog.close()


def test_settings_survive_a_restart(qtbot: QtBot, make_window: MakeWindow, dewpoint_home: Path) -> None:
    first = make_window()
    first.preferences.set(appearance="dark", text_scale=120)
    first.window.close()
    first.store.close()
    second = make_window()
    assert second.preferences.settings.text_scale == 120
    assert second.themes.theme.dark


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_return_takes_a_number_and_leaves_the_dialog_open(qtbot: QtBot, parts: Parts, key: Qt.Key) -> None:
    parts.window.settings.on_settings()
    (dialog,) = parts.window.findChildren(SettingsDialog)
    dialog.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog, timeout=WAIT_MS)
    parts.preferences.set(seed_mode="fixed")
    numbers = {name: each for name, each in dialog.editors.items() if isinstance(each, QSpinBox)}
    assert len(numbers) > 3
    for name, number in numbers.items():
        value = number.value() + number.singleStep() * (1 if number.value() < number.maximum() else -1)
        number.setFocus()
        number.lineEdit().setText(number.textFromValue(value))
        qtbot.keyClick(number, key)
        assert dialog.isVisible(), name
        assert getattr(parts.preferences.settings, name) == value


def test_return_presses_the_button_that_has_the_focus(qtbot: QtBot, parts: Parts) -> None:
    parts.window.settings.on_settings()
    (dialog,) = parts.window.findChildren(SettingsDialog)
    dialog.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog, timeout=WAIT_MS)
    parts.preferences.set(reduce_motion=True)
    dialog.defaults.setFocus()
    qtbot.keyClick(dialog.defaults, Qt.Key.Key_Return)
    assert asked(dialog).isVisible()
    asked(dialog).cancel.click()
    dialog.close_button.setFocus()
    qtbot.keyClick(dialog.close_button, Qt.Key.Key_Return)
    assert not dialog.isVisible()
