"""Every Tab stop of every window shows that it has the focus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from app.main import Parts
from tests.app.ui.every_window import every_window
from tests.helpers.scripted_library import ScriptedLibrary
from tests.helpers.waiting import WAIT_MS, steady

AROUND = 4  # pixels beside a control, where its ring may be


def stops(window: QWidget) -> Iterator[QWidget]:
    """Every widget of a window that Tab goes to, in its order."""
    widget = window.nextInFocusChain()
    while widget is not window:
        tabbed = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None
        if tabbed and widget.isVisibleTo(window) and widget.isEnabled() and widget.window() is window:
            yield widget
        widget = widget.nextInFocusChain()


def look(window: QWidget, stop: QWidget) -> QImage:
    """What is seen of a control and a little around it."""
    place = QRect(stop.mapTo(window, QPoint(0, 0)), stop.size())
    return window.grab(place.adjusted(-AROUND, -AROUND, AROUND, AROUND)).toImage()


def bring_into_view(stop: QWidget) -> None:
    """As Tab does."""
    above = stop.parentWidget()
    while above is not None:
        if isinstance(above, QScrollArea):
            above.ensureWidgetVisible(stop)
        above = above.parentWidget()


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_every_tab_stop_shows_that_it_has_the_focus(qtbot: QtBot, everything: Parts, appearance: str) -> None:
    everything.preferences.set(appearance=appearance)
    assert isinstance(everything.library, ScriptedLibrary)
    windows = every_window(qtbot, everything, "A name", everything.library)
    count, silent = 0, []
    for name, window in windows.items():
        window.raise_()
        window.activateWindow()
        qtbot.waitUntil(lambda window=window: QApplication.activeWindow() is window, timeout=WAIT_MS)
        qtbot.waitUntil(steady(lambda window=window: window.size()), timeout=WAIT_MS)
        for stop in list(stops(window)):
            bring_into_view(stop)
            focused = QApplication.focusWidget()
            if focused is not None:
                focused.clearFocus()
            without = look(window, stop)
            stop.setFocus(Qt.FocusReason.TabFocusReason)
            count += 1
            if without == look(window, stop):
                silent.append(f"{name}: {type(stop).__name__} {stop.objectName()} {stop.accessibleName()[:50]!r}")
    assert count > 80
    assert not silent, "\n".join(silent)
