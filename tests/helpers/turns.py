"""Long texts are shown over several turns of the event loop: tests wait until all of it is there."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.turns import turns
from tests.helpers.waiting import wait_until


def all_shown() -> None:
    """Come back when nothing waits for a turn."""

    def quiet() -> bool:
        if turns().waiting:
            QApplication.processEvents()
        return not turns().waiting

    wait_until(quiet, "that nothing waits for a turn of the event loop")


def show_markdown(body: AnswerBody, source: str) -> None:
    """Show an answer, all of it."""
    body.set_markdown(source)
    all_shown()
