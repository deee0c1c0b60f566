"""Tabs, the search, panels of others, and the settings as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.base.settings import DECLARATIONS, TABS
from app.base.settings_share import export_settings
from app.main import Parts
from app.ui.settings import words
from app.ui.settings.dialog import SettingsDialog
from app.ui.settings.share_panel import SharePanel
from app.ui.widgets.question import Question
from app.ui.widgets.save_dialog import SaveDialog


@pytest.fixture
def dialog(parts: Parts) -> SettingsDialog:
    """Opened by the menu."""
    parts.window.show()
    parts.window.actions_by_name["settings"].trigger()
    (found,) = parts.window.findChildren(SettingsDialog)
    return found


def names(dialog: SettingsDialog) -> set[str]:
    """Of the settings that can be seen."""
    return {name for name, row in dialog.rows.items() if row.isVisible()}


def question(dialog: SettingsDialog) -> Question:
    """What is asked."""
    return next(each for each in dialog.findChildren(Question) if each.isVisible())


def text_of(widget: QWidget) -> str:
    """All that it says."""
    return " ".join(label.text() for label in widget.findChildren(QLabel))


def test_each_tab_shows_its_own_and_all_are_somewhere(dialog: SettingsDialog) -> None:
    seen: set[str] = set()
    for number in range(dialog.tabs.count()):
        dialog.tabs.setCurrentIndex(number)
        tab = next(name for name, title in TABS.items() if title == dialog.tabs.tabText(number))
        assert names(dialog) == {each.name for each in DECLARATIONS if each.in_dialog and each.tab == tab}
        seen |= names(dialog)
    assert seen == set(dialog.rows)


def test_the_search_looks_in_all_tabs(qtbot: QtBot, dialog: SettingsDialog) -> None:
    qtbot.keyClicks(dialog.search, "MB/s download")
    assert names(dialog) == {"speed_limit"}
    assert not dialog.tabs.isVisible()
    dialog.search.setText("fast balanced")
    assert names(dialog) == {"preset"}
    dialog.search.setText("export")
    assert names(dialog) == set()
    assert dialog.findChildren(SharePanel)[0].isVisible()
    assert not dialog._nothing.isVisible()
    dialog.search.setText("nothing says this")
    assert dialog._nothing.isVisible()
    qtbot.keyClick(dialog.search, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert (dialog.search.text(), dialog.tabs.isVisible(), dialog._nothing.isVisible()) == ("", True, False)


def test_return_in_the_search_presses_nothing(qtbot: QtBot, dialog: SettingsDialog) -> None:
    qtbot.keyClicks(dialog.search, "seed")
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    assert dialog.isVisible()


def test_one_setting_goes_back_after_a_question(parts: Parts, dialog: SettingsDialog) -> None:
    row = dialog.rows["text_scale"]
    assert not row.reset.isVisible()
    parts.preferences.set(text_scale=150, pace="full")
    assert row.reset.isVisible()
    row.reset.click()
    assert "Text size goes back to: 100 %." in text_of(question(dialog))
    question(dialog).cancel.click()
    assert parts.preferences.settings.text_scale == 150
    row.reset.click()
    question(dialog).agree.click()
    assert (parts.preferences.settings.text_scale, parts.preferences.settings.pace) == (100, "full")
    assert not row.reset.isVisible()


def test_another_subject_adds_a_panel(parts: Parts) -> None:
    made: list[QWidget] = []

    def make(host: SettingsDialog) -> QWidget:
        made.append(QWidget())
        return made[-1]

    parts.window.show()
    parts.window.settings.add_panel("model", "A panel about cats", make)
    parts.window.actions_by_name["settings"].trigger()
    (dialog,) = parts.window.findChildren(SettingsDialog)
    assert not made[0].isVisible()
    dialog.tabs.setCurrentIndex([dialog.tabs.tabText(each) for each in range(dialog.tabs.count())].index("Model"))
    assert made[0].isVisible()
    dialog.search.setText("cats")
    assert (made[0].isVisible(), names(dialog)) == (True, set())


def test_settings_are_exported_and_imported(
    parts: Parts, dialog: SettingsDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.json"
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: file)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    (panel,) = dialog.findChildren(SharePanel)
    panel.import_button.click()
    assert "cannot be read" in panel.said.text()
    parts.preferences.set(text_scale=120, offline=True)
    panel.export_button.click()
    assert "mine.json" in panel.said.text()
    panel.import_button.click()
    assert panel.said.text() == words.NOTHING_CHANGES
    parts.preferences.set(text_scale=100, offline=False)
    panel.import_button.click()
    asked = text_of(question(dialog))
    assert "Text size: 120 % instead of 100 %" in asked
    assert "Stay offline: on instead of off" in asked
    assert not parts.preferences.settings.offline
    question(dialog).agree.click()
    assert (parts.preferences.settings.text_scale, parts.preferences.settings.offline) == (120, True)
    assert "2 settings" in panel.said.text()


def test_a_file_that_would_be_written_nowhere_is_a_sentence(
    parts: Parts, dialog: SettingsDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (panel,) = dialog.findChildren(SharePanel)
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: tmp_path / "no" / "where")
    panel.export_button.click()
    assert "cannot be written" in panel.said.text()
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: None)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    panel.export_button.click()
    panel.import_button.click()
    export_settings(tmp_path / "a.json", parts.preferences.settings)


def test_only_what_has_the_focus_has_its_frame(parts: Parts) -> None:
    """A rule that Qt could not make out drew it around the tabs for good."""
    parts.window.actions_by_name["settings"].trigger()
    dialog = parts.window.findChildren(SettingsDialog)[0]
    focus = parts.themes.theme.color("focus").rgb()

    def framed() -> bool:
        image = dialog.tabs.grab().toImage()
        width, height = image.width(), image.height()
        edge = [(x, y) for x in range(width) for y in (0, height - 1)] + [(0, y) for y in range(height)]
        return sum(image.pixel(x, y) == focus for x, y in edge) > width // 2

    dialog.search.setFocus()
    assert not framed()
    dialog.tabs.setFocus()
    assert not framed()  # the tab has it
