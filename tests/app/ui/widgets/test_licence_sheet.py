"""A licence of anybody's is laid out in lines that Qt can do at once."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from app.ui.widgets.colours import LIGHT
from app.ui.widgets.licence_sheet import LONGEST_LINE, LicenceSheet
from app.ui.widgets.theme import Theme


def test_a_licence_has_no_longer_line_than_can_be_laid_out_at_once(qapp: QApplication) -> None:
    text = "Terms\n\n" + "W" * 150_000 + "\nEnd"
    sheet = LicenceSheet("Licence", "Read it.", Theme(LIGHT, 1.0, 10.0))
    sheet.add_licence(text, ("Licence", "I accept", "Go", "Cancel"), None, (400, 300))
    shown = sheet.text.toPlainText()
    assert max(map(len, shown.split("\n"))) == LONGEST_LINE
    assert shown.replace("\n", "") == text.replace("\n", "")
    assert shown.startswith("Terms\n\nW")
    sheet.deleteLater()
