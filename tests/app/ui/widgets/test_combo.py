"""A choice whose text has no room ends in dots, says all of it in its tool tip, and opens a list that has room."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFont
from pytestqt.qtbot import QtBot

from app.ui.widgets.combo import ElidedComboBox

LONG = "BF16 (16 bits, as the model was made) \u00b7 recommended"


@pytest.fixture
def combo(qtbot: QtBot) -> ElidedComboBox:
    made = ElidedComboBox(10)
    qtbot.addWidget(made)
    made.addItems([LONG, "INT4"])
    made.resize(160, 30)
    made.show()
    return made


def test_what_has_no_room_ends_in_dots(combo: ElidedComboBox) -> None:
    assert combo.shown_text().endswith("\u2026")
    assert LONG.startswith(combo.shown_text()[:-1])
    assert combo.toolTip() == LONG
    assert combo.currentText() == LONG, "for screen readers"
    combo.setCurrentIndex(1)
    assert (combo.shown_text(), combo.toolTip()) == ("INT4", "")
    combo.setCurrentIndex(0)
    combo.resize(900, 30)
    assert (combo.shown_text(), combo.toolTip()) == (LONG, "")
    combo.setFont(QFont(combo.font().family(), 60))
    assert combo.shown_text().endswith("\u2026")
    assert combo.toolTip() == LONG


def test_what_is_painted_is_the_text_with_dots(combo: ElidedComboBox) -> None:
    long = combo.grab().toImage()
    combo.setItemText(0, combo.shown_text())
    assert combo.grab().toImage() == long
    combo.setItemText(0, LONG[:8])
    assert combo.grab().toImage() != long


def test_a_tool_tip_is_no_markup(combo: ElidedComboBox) -> None:
    combo.setItemText(0, f"<img src=x> {LONG}")
    assert "&lt;img" in combo.toolTip()


def test_the_list_has_room_for_its_texts(combo: ElidedComboBox) -> None:
    combo.showPopup()
    view = combo.view()
    assert view.width() >= min(view.sizeHintForColumn(0), combo.screen().availableGeometry().width())
    assert view.width() > combo.width()
    combo.hidePopup()
    combo.setItemText(0, LONG * 20)
    combo.showPopup()
    assert view.width() <= combo.screen().availableGeometry().width()
    combo.hidePopup()
