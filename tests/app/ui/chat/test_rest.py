"""Whatever is painted of a chat has come to rest: no text over text, nothing cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState, Role
from app.ui.chat.chat_view import ChatView
from app.ui.chat.flow_text import FlowText
from app.ui.widgets.theme import ThemeManager
from tests.helpers.turns import all_shown
from tests.helpers.waiting import WAIT_MS

ANSWER = "\n\n".join(
    (
        "Word after word of the answer. " * 9,
        "- one\n- two",
        "```python\nprint(1)\nprint(2)\n```",
        "The end of it. " * 12,
    )
)


def messages(length: int, first: str) -> tuple[Message, ...]:
    """Questions and answers in turns."""
    bodies = [ANSWER if at % 2 else "A question?" if at else first for at in range(length)]
    roles: tuple[Role, Role] = ("user", "assistant")
    return tuple(
        Message(f"m{at}", "chat", None, 0, 1, roles[at % 2], MessageState.DONE, body, "", None, None, 0, 0)
        for at, body in enumerate(bodies)
    )


class Frames(QObject):
    """Looks at the heights whenever the page of a view is painted."""

    def __init__(self, view: ChatView) -> None:
        super().__init__(view)
        self._view = view
        self.number = 0
        self.faults: list[str] = []
        view.widget().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look."""
        if event.type() == QEvent.Type.Paint:
            self.number += 1
            self.faults += self._found()
        return False

    def _found(self) -> Iterator[str]:
        below = 0
        for item in self._view.items:
            if not item.isVisible():
                continue
            name = f"frame {self.number}, {item.message_id}"
            if item.height() < item.minimumSizeHint().height():
                yield f"{name} is cut"
            if item.y() < below:
                yield f"{name} lies over another"
            below = item.y() + item.height()
            for text in item.findChildren(FlowText):
                if text.isVisible() and text.geometry().bottom() > text.parentWidget().height():
                    yield f"a text of {name} is cut"
                fold = text.parentWidget().findChild(QPushButton, "fold")
                if text.isVisible() and fold is not None and fold.geometry().intersects(text.geometry()):
                    yield f"text over text in {name}"


@pytest.mark.parametrize("scale", [100, 150])
@pytest.mark.parametrize(("length", "first"), [(300, "A question?"), (4, "A long first message. " * 300)])
def test_no_frame_shows_what_has_not_come_to_rest(
    qapp: QApplication, qtbot: QtBot, scale: int, length: int, first: str
) -> None:
    view = ChatView(ThemeManager(qapp, text_scale=scale), drafts="full", reduce_motion=False)
    qtbot.addWidget(view)
    view.resize(900, 600)
    view.show()
    frames = Frames(view)
    for step in (lambda: view.show_messages(messages(length, first)), lambda: view.resize(640, 600)):
        before = frames.number
        step()
        qtbot.waitUntil(lambda before=before: frames.number > before, timeout=WAIT_MS)  # type: ignore[misc]
        all_shown()
        before = frames.number
        view.widget().update()
        qtbot.waitUntil(lambda before=before: frames.number > before, timeout=WAIT_MS)  # type: ignore[misc]
    assert not frames.faults
    view.show_messages(())
