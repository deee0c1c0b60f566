"""Every window and dialog, at several text sizes and widths, with short and very long content: nothing is cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.settings.dialog import SettingsDialog
from app.ui.widgets.labels import Sentence
from app.ui.widgets.question import Question
from tests.app.ui.every_window import every_window
from tests.app.ui.sample import add_answer
from tests.helpers.scale import sized
from tests.helpers.scripted_library import ScriptedLibrary
from tests.helpers.waiting import WAIT_MS, steady

LONG = "A_name_without_a_place_to_break_" * 3 + " and then words of a very long sentence that goes on and on"
NARROW = 560


def cut(window: QWidget) -> Iterator[str]:
    """Labels, buttons and inputs that reach out of the window, or are too small for what they say."""
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or widget.window() is not window:
            continue
        if not isinstance(widget, (QLabel, QAbstractButton, QLineEdit, QComboBox)) or widget.height() == 0:
            continue
        left = widget.mapTo(window, QPoint(0, 0)).x()
        name = f"{type(widget).__name__} {widget.accessibleName()[:30]!r}"
        if left < 0 or left + widget.width() > window.width():
            yield f"{name} reaches from {left} to {left + widget.width()} of {window.width()}"
        need = widget.fontMetrics().height()
        if isinstance(widget, QLabel):
            if not widget.text():
                continue
            name = f"label {widget.text()[:30]!r}"
            if widget.wordWrap():
                pieces = re.split(r"[\s\u200b/-]", QLabel.text(widget))
                longest = max(widget.fontMetrics().horizontalAdvance(piece) for piece in pieces)
                if longest > widget.width():
                    yield f"{name} has a word of {longest} in {widget.width()}"
                need = widget.heightForWidth(widget.width())
            elif widget.fontMetrics().horizontalAdvance(widget.text()) > widget.width():
                yield f"{name} is {widget.width()} wide"
        if widget.height() < need and not (isinstance(widget, (QToolButton, QCheckBox)) or not said(widget)):
            yield f"{name} is {widget.height()} high, not {need}"
        if isinstance(widget, QAbstractButton) and widget.text():
            wanted = widget.fontMetrics().horizontalAdvance(widget.text().replace("&&", "&"))
            if wanted > widget.width():
                yield f"{name} is {widget.width()} wide, not {wanted}"


def said(widget: QWidget) -> bool:
    """Whether it shows text, not a picture."""
    return not isinstance(widget, (QLabel, QAbstractButton)) or bool(widget.text())


def sideways(window: QWidget) -> Iterator[str]:
    """Pages that are wider than their view."""
    for area in window.findChildren(QScrollArea):
        page = area.widget()
        if page is not None and area.isVisible() and area.window() is window and page.width() > area.viewport().width():
            yield f"{area.accessibleName()!r}: {page.width()} in {area.viewport().width()}"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["A", LONG], ids=["short", "long"])
@pytest.mark.parametrize("scale", sized([100, 200], [100, 125, 150, 200]))
def test_nothing_is_cut_off(qtbot: QtBot, everything: Parts, scale: int, text: str) -> None:
    everything.preferences.set(text_scale=scale)
    assert isinstance(everything.library, ScriptedLibrary)
    windows = every_window(qtbot, everything, text, everything.library)
    found = []
    for width in (0, NARROW):
        for name, window in windows.items():
            window.resize(width or window.width(), window.height())
            qtbot.waitUntil(steady(lambda window=window: window.size()), timeout=WAIT_MS)
            QApplication.processEvents()
            found += [f"{name} at {window.width()}: {fault}" for fault in (*cut(window), *sideways(window))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scale", [100, 125, 150, 200])
def test_popups_show_all_their_rows(qtbot: QtBot, everything: Parts, scale: int) -> None:
    everything.preferences.set(text_scale=scale)
    everything.window.settings.on_settings()
    (dialog,) = everything.window.findChildren(SettingsDialog)
    boxes = dialog.findChildren(QComboBox)
    assert len(boxes) > 4
    for box in boxes:
        box.showPopup()
        view = box.view()
        qtbot.waitUntil(view.isVisible, timeout=WAIT_MS)
        rows = [view.visualRect(view.model().index(row, 0)) for row in range(box.count())]
        assert all(view.viewport().rect().contains(row) for row in rows), box.accessibleName()
        widest = max(view.fontMetrics().horizontalAdvance(box.itemText(row)) for row in range(box.count()))
        assert widest < view.viewport().width()
        box.hidePopup()


def test_a_long_sentence_is_copied_as_it_was_said(qtbot: QtBot) -> None:
    """A path has places where its line may break; they are nowhere but on the screen."""
    path = "/home/somebody/" + "a_folder_without_a_place_to_break_" * 6
    label = Sentence(path)
    qtbot.addWidget(label)
    label.select_all()
    assert label.text() == label.selectedText() == path
    label.copy_selected()
    assert QGuiApplication.clipboard().text() == path


def test_what_is_higher_than_the_screen_scrolls_by_key(qtbot: QtBot, everything: Parts) -> None:
    question = Question("Remove", "Remove?", "A line.\n" * 150, "Remove", everything.themes.theme, everything.window)
    question.open()
    qtbot.waitUntil(lambda: question.height() > 300, timeout=WAIT_MS)
    assert question.height() <= question.screen().availableGeometry().height()
    (area,) = question.findChildren(QScrollArea)
    assert area.focusPolicy() == Qt.FocusPolicy.TabFocus
    assert area.verticalScrollBar().maximum() > 0
    assert question.rect().contains(question.agree.mapTo(question, question.agree.rect().bottomRight()))


CODE = (
    "# Title\n\nWords with `inline_code_that_is_rather_long_without_a_break`.\n\n```javascript\n"
    "print('a line of code that is much wider than the window', 12345678)\n```\n\n"
    "- In a list:\n\n  > In a quote:\n  >\n  > ```bash\n  > ls\n  > ```\n\n| a | b |\n|---|---|\n| x | y |\n"
)


@pytest.mark.parametrize("scale", [100, 150, 200])
@pytest.mark.parametrize("listed", [False, True], ids=["alone", "beside the list"])
def test_nothing_runs_off_a_narrow_window(qtbot: QtBot, parts: Parts, scale: int, listed: bool) -> None:
    parts.preferences.set(text_scale=scale)
    window, pane = parts.window, parts.window.pane
    window.models.advice.setParent(None)  # it comes when the models are known, at any time
    window.resize(NARROW, 700)
    qtbot.waitUntil(steady(lambda: pane.width()), timeout=WAIT_MS)
    if window.sidebar.isVisible() != listed:
        window.panels.toggle()
    found = []
    for name, view, show in (
        ("start page", pane.empty, lambda: parts.controller.open_chat(None)),
        ("chat", pane.chat, lambda: add_answer(parts, CODE)),
    ):
        show()
        if view is pane.chat:
            answer = pane.chat.last_answer
            assert answer is not None
            answer.can_continue = True
            answer.set_last(True)
        qtbot.waitUntil(steady(lambda: [each.geometry() for each in window.findChildren(QWidget)]), timeout=WAIT_MS)
        found += [f"{name}: {fault}" for fault in (*cut(window), *sideways(window))]
        assert not view.horizontalScrollBar().isVisible()
        edge = view.viewport().width()
        for each in view.widget().findChildren(QWidget):
            right = each.mapTo(view.widget(), QPoint(each.width(), 0)).x()
            inside = isinstance(each.parentWidget().parentWidget(), QAbstractScrollArea)  # what scrolls by itself
            if each.isVisible() and right > edge and not inside:
                found.append(f"{name}: {type(each).__name__} {each.accessibleName()!r} reaches to {right} of {edge}")
    assert not found, "\n".join(found)


def test_a_suggestion_that_is_cut_says_all_of_itself(qtbot: QtBot, parts: Parts) -> None:
    parts.preferences.set(text_scale=200)
    parts.window.resize(NARROW, 700)
    qtbot.waitUntil(lambda: not parts.window.sidebar.isVisible(), timeout=WAIT_MS)
    parts.window.panels.toggle()
    button = parts.window.pane.empty.examples[0]
    qtbot.waitUntil(lambda: button.text().endswith("\u2026"), timeout=WAIT_MS)
    assert button.toolTip() == button.property("example")
    assert button.accessibleName() == f"Ask: {button.property('example')}"
    button.click()
    assert parts.window.pane.chat.items[0].source() == button.property("example")
