"""Dialogs: those that ask nothing keep nobody from closing the window; Return presses what has the focus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QPushButton
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.widgets import words
from app.ui.widgets.outside import open_file, open_folder, open_page
from app.ui.widgets.question import Question
from tests.app.ui.test_window_controls import texts_bug
from tests.helpers.waiting import WAIT_MS

OPENERS: dict[str, Callable[[Parts], object]] = {
    "doctor": lambda parts: parts.window.actions_by_name["doctor"].trigger(),
    "keys": lambda parts: parts.window.actions_by_name["shortcuts"].trigger(),
    "about": lambda parts: parts.window.actions_by_name["about"].trigger(),
    "network": lambda parts: parts.window.actions_by_name["network"].trigger(),
    "settings": lambda parts: parts.window.actions_by_name["settings"].trigger(),
    "updates": lambda parts: parts.window.actions_by_name["updates"].trigger(),
    "models": lambda parts: parts.window.actions_by_name["models"].trigger(),
    "engines": lambda parts: parts.window.actions_by_name["engines"].trigger(),
    "tables": lambda parts: parts.window.actions_by_name["tables"].trigger(),
    "token": lambda parts: parts.window.models.buttons.show_token(),
    "leftovers": lambda parts: parts.window.models.buttons.show_leftovers(),
    "trial": lambda parts: parts.window.gpu.show_trial(parts.window),
    "bug": lambda parts: parts.window.notices.report(texts_bug()),
}


def dialogs(parts: Parts) -> list[QDialog]:
    """Those that are open."""
    return [dialog for dialog in parts.window.findChildren(QDialog) if dialog.isVisible()]


@pytest.mark.parametrize("name", OPENERS)
def test_the_desktop_can_close_the_window_while_a_dialog_is_open(qtbot: QtBot, everything: Parts, name: str) -> None:
    OPENERS[name](everything)
    (dialog,) = dialogs(everything)
    assert not dialog.isModal()  # Qt drops the desktop's wish to close a window behind a modal one, without a word
    assert QApplication.activeModalWidget() is None
    OPENERS[name](everything)
    if name != "bug":
        assert dialogs(everything) == [dialog]  # once, however often it is asked for
    handle = everything.window.windowHandle()
    with qtbot.waitSignal(everything.window.closed, timeout=WAIT_MS):
        assert handle.close()  # as the button of a window's frame does
    assert not everything.window.isVisible()


@pytest.mark.parametrize(("focus", "agreed"), [("agree", True), ("cancel", False)])
def test_return_presses_the_button_that_has_the_focus(
    qtbot: QtBot, everything: Parts, focus: str, agreed: bool
) -> None:
    question = Question("Remove", "Remove it?", "It goes.", "Delete", everything.themes.theme, everything.window)
    ends: list[int] = []
    question.finished.connect(ends.append)
    question.open()
    button: QPushButton = getattr(question, focus)
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Return)
    assert ends == [int(agreed)]


@pytest.mark.parametrize("name", ["doctor", "keys", "about", "network", "leftovers", "trial", "bug"])
def test_what_asks_nothing_begins_at_its_button(qtbot: QtBot, everything: Parts, name: str) -> None:
    OPENERS[name](everything)
    (dialog,) = dialogs(everything)
    button = dialog.focusWidget()
    assert isinstance(button, QPushButton)
    assert button.text() == words.CLOSE


def test_return_presses_buttons_of_the_window_and_of_its_pages(qtbot: QtBot, everything: Parts) -> None:
    pressed: list[str] = []
    everything.window.notices.show("News.", action="Do it", do=lambda: pressed.append("news"))
    action = everything.window.pane.notice.action
    action.setFocus()
    qtbot.keyClick(action, Qt.Key.Key_Return)
    assert pressed == ["news"]
    everything.window.models.show_page()
    page = everything.window.models.page
    assert page is not None
    page.wanted.connect(lambda name, model: pressed.append(name))
    page.refresh_list.setFocus()
    qtbot.keyClick(page.refresh_list, Qt.Key.Key_Return)
    assert pressed == ["news", "refresh"]


def test_a_folder_that_nobody_can_show_is_named(everything: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PySide6.QtGui.QDesktopServices.openUrl", lambda url: False)
    everything.window.actions_by_name["data_folder"].trigger()
    base = Path(everything.store.path).parent
    assert everything.window.pane.notice.text == words.folder_not_opened(base)
    assert open_folder(base / "gone") == words.folder_gone(base / "gone")
    assert open_file(base / "gone") == words.file_not_opened(base / "gone")
    assert open_page("https://example.org") == words.page_not_opened("https://example.org")
    monkeypatch.setattr("PySide6.QtGui.QDesktopServices.openUrl", lambda url: True)
    assert open_folder(base) == open_page("https://example.org") == ""
