"""What went wrong inside the chat: a sentence is shown, and a report has what is longer."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.chats.messages import MessageError
from app.ui.chat.problem_box import ProblemBox
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.plain import LONGEST_PROBLEM
from app.ui.widgets.theme import Theme

ODD = "\u0f66\u2029\U0001f469\u200d\U0001f469\U000e0001?a\x1b[31m `"


@pytest.mark.parametrize("detail", ["", "Traceback"])
@pytest.mark.parametrize("long", [True, False])
def test_only_so_much_is_laid_out_and_the_report_has_it_all(qtbot: QtBot, detail: str, long: bool) -> None:
    """Each of many messages may have an error as long as a page, of letters that no font has."""
    box = ProblemBox()
    qtbot.addWidget(box)
    box.set_theme(Theme(LIGHT, 1.0, 10.0))
    text = ODD * (2_000 if long else 2)
    box.set_error(MessageError(text, "Do this. " * (2_000 if long else 1), True, detail))
    box.show()
    for label in box.findChildren(QLabel):
        assert len(label.text()) <= LONGEST_PROBLEM
    assert len(box.accessibleName()) <= 2 * LONGEST_PROBLEM + len("Problem:  ")
    copy = box.findChild(CopyButton)
    assert copy is not None
    assert copy.isVisibleTo(box) == (long or bool(detail))
    assert box.report() == f"{text}\n\n{detail}".strip()
