"""Another look: what is out of view takes it later, and all of a chat looks as one that was opened in that look."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.ui.chat.chat_view import ChatView
from app.ui.chat.code_block import CodeBlock
from app.ui.widgets.look_later import in_view
from app.ui.widgets.theme import ThemeManager
from tests.helpers.turns import all_shown

BODY = """# Heading

Text with **bold**, `code`, $x^2$, a [link](http://x) and \u6f22\u5b57.

```py
def f(x):
    return {"a": [1, 2], **x}  # comment
```

> quote
>
> ```
> in a quote
> ```

|a|b|
|-|-|
|1|2|

$$\\frac{a}{b}$$

```
"""
LONG_LINE = "long line " * 40 + "\n```\n"
LONG = "word " * 4_000 + "\n"  # is shown as it is, in an area of its own


def message(number: int, role: str, body: str) -> Message:
    """A message of a chat."""
    return Message(f"m{number}", "c", None, 0, 1, role, MessageState.DONE, body, "", None, None, 0, 0)  # type: ignore[arg-type]


ANSWER = BODY + LONG_LINE
CHAT = tuple(
    message(at, "assistant", ANSWER + LONG * (at == 3)) if at % 2 else message(at, "user", "A question " * 9)
    for at in range(12)
)


class Polished(QObject):
    """Counts the widgets that Qt styles while it looks."""

    def __init__(self, application: QApplication) -> None:
        super().__init__()
        self.told: list[QWidget] = []
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note who is told of a style."""
        if event.type() == QEvent.Type.StyleChange and isinstance(watched, QWidget):
            self.told.append(watched)
        return False


def opened(themes: ThemeManager, qtbot: QtBot) -> ChatView:
    """A window with that chat."""
    view = ChatView(themes, drafts="full", reduce_motion=False)
    qtbot.addWidget(view)
    view.resize(700, 600)
    view.show()
    view.show_messages(CHAT)
    all_shown()
    return view


def picture(view: ChatView) -> QImage:
    """All that the chat shows, in view or not."""
    all_shown()
    QApplication.processEvents()
    page = view.widget()
    assert page is not None
    return page.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


@pytest.mark.parametrize("steps", [("dark",), (150,), ("dark", 150, "light", 100), (150, "dark", 200, 100)])
def test_it_looks_as_one_that_was_opened_in_that_look(
    steps: tuple[str | int, ...], qapp: QApplication, qtbot: QtBot
) -> None:
    themes = ThemeManager(qapp, "light")
    view = opened(themes, qtbot)
    for at, step in enumerate(steps):
        themes.set_appearance(step) if isinstance(step, str) else themes.set_text_scale(step)
        if at != 1:  # the second look comes while the first one is not everywhere yet
            all_shown()
    changed, new = picture(view), picture(opened(themes, qtbot))
    assert changed.size() == new.size()
    assert changed == new


def test_what_is_out_of_view_is_passed_over(qapp: QApplication, qtbot: QtBot) -> None:
    themes = ThemeManager(qapp, "light")
    view = opened(themes, qtbot)
    blocks = view.findChildren(CodeBlock)
    seen = [block for block in blocks if in_view(block)]
    assert 0 < len(seen) < len(blocks) / 2
    watching = Polished(qapp)
    told_before_widgets: list[QWidget] = []
    themes.theme_changed.connect(lambda: told_before_widgets.extend(watching.told))
    themes.theme_changed.disconnect(view.on_theme_changed)
    themes.set_appearance("dark")
    assert [block for block in blocks if block in watching.told] == seen
    view.on_theme_changed()
    all_shown()
    assert all(block in watching.told for block in blocks)
    assert not any(block.testAttribute(Qt.WidgetAttribute.WA_SetStyle) for block in blocks)
    qapp.removeEventFilter(watching)
