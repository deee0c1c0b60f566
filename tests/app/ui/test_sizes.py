"""Text sizes and window sizes."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QListWidget,
    QMenuBar,
    QPlainTextEdit,
    QTextBrowser,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.engines.card import EngineCard
from app.ui.help.dialogs import ShortcutsDialog
from app.ui.help.monitor_dialog import MonitorDialog
from app.ui.help.network_dialog import NetworkDialog
from app.ui.models.licence_dialog import LicenceDialog
from app.ui.models.models_window import ModelsWindow
from app.ui.settings.dialog import SettingsDialog
from app.ui.updates.dialog import UpdateDialog
from app.ui.window import MainWindow
from app.updates.source import shown_address
from tests.app.ui.sample import ANSWER, add_answer
from tests.helpers.scripted_library import offer_of
from tests.helpers.waiting import WAIT_MS, steady


def test_text_size_by_key(parts: Parts) -> None:
    before = parts.window.pane.composer.box.font().pointSizeF()
    for _ in range(3):
        parts.window.actions_by_name["larger"].trigger()
    assert parts.preferences.settings.text_scale == 130
    assert parts.window.pane.composer.box.font().pointSizeF() == pytest.approx(before * 1.3, rel=0.02)
    parts.window.actions_by_name["smaller"].trigger()
    assert parts.preferences.settings.text_scale == 120
    parts.window.actions_by_name["normal"].trigger()
    parts.window.actions_by_name["smaller"].trigger()
    assert parts.preferences.settings.text_scale == 100


def text_sizes(parts: Parts) -> dict[str, float]:
    """Size in points of everything in the window that shows text, by the widget's place and name."""
    kinds = (QLabel, QAbstractButton, QPlainTextEdit, QTextBrowser, QListWidget, QMenuBar)
    found = [widget for widget in parts.window.findChildren(QWidget) if isinstance(widget, kinds)]
    found = [widget for widget in found if widget.objectName() != "qt_menubar_ext_button"]  # an arrow, and hidden
    return {
        f"{place} {widget.objectName() or widget.accessibleName()}": widget.fontInfo().pointSizeF()
        for place, widget in enumerate(found)
    }


def test_all_text_follows_the_text_size(qtbot: QtBot, parts: Parts) -> None:
    add_answer(parts, ANSWER)
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    qtbot.waitUntil(steady(lambda: text_sizes(parts)), timeout=WAIT_MS)  # the answer is made over several turns
    before = text_sizes(parts)
    parts.preferences.set(text_scale=150)
    ready = parts.controller.model.status
    for phase in (ModelPhase.WRITING, ModelPhase.READY):  # colours that change must not bring an old size back
        parts.window.pane.header.show_status(dataclasses.replace(ready, phase=phase))
    qtbot.waitUntil(steady(lambda: text_sizes(parts)), timeout=WAIT_MS)
    after = text_sizes(parts)
    assert after.keys() == before.keys()
    assert len(before) > 10
    assert {name: round(after[name] / size, 1) for name, size in before.items()} == dict.fromkeys(before, 1.5)


def test_windows_fit_on_a_small_screen(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    small = QRect(0, 0, 800, 560)
    monkeypatch.setattr("PySide6.QtGui.QScreen.availableGeometry", lambda screen: small)
    for window in (
        MainWindow(
            parts.controller,
            parts.engines,
            parts.library,
            parts.gpu,
            parts.monitor,
            parts.updates,
            parts.preferences,
            parts.themes,
            AppPaths.resolve(),
        ),
        SettingsDialog(parts.preferences, parts.themes, parts.window),
        ShortcutsDialog(parts.window),
        MonitorDialog(parts.monitor, parts.themes.theme, parts.window),
        EngineCard(parts.engines, parts.themes, parts.window),
        ModelsWindow(parts.library, parts.engines, parts.themes.theme, parts.window),
        NetworkDialog(
            parts.library.services.network.uses(shown_address()), parts.preferences, parts.themes.theme, parts.window
        ),
        LicenceDialog(offer_of(), 0.0, parts.themes.theme, parts.window),
        UpdateDialog(parts.updates, parts.preferences, parts.themes.theme, parts.window),
    ):
        assert small.contains(QRect(0, 0, window.width(), window.height()))
        window.deleteLater()


def test_the_window_is_usable_at_twice_the_text_size(qtbot: QtBot, parts: Parts) -> None:
    add_answer(parts, ANSWER)
    parts.preferences.set(text_scale=200)
    pane = parts.window.pane
    qtbot.waitUntil(steady(lambda: [item.geometry() for item in pane.chat.items]), timeout=WAIT_MS)
    assert pane.composer.button.geometry().right() < pane.composer.width()
    for item in pane.chat.items:
        assert item.geometry().right() <= pane.chat.viewport().width()
