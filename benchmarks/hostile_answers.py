"""How long the window needs for answers and texts that are made to stop it: `python benchmarks/hostile_answers.py`.

One line each: what it is, its characters, and milliseconds until it is shown (read, laid out and painted once). The
second table is of large texts in the message box and in a message: pasted, sent and at another width.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import shiboken6
from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QApplication, QWidget

from app.chats.messages import Message, MessageState
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.composer import Composer
from app.ui.chat.formulas import formula_setter
from app.ui.chat.user_message import UserMessage, is_long
from app.ui.widgets.theme import ThemeManager

SIZE = 10_000
ANSWERS = {
    "quotes": ">" * SIZE + " deep",
    "lists": "- " * SIZE,
    "lists in lines": "\n".join("  " * depth + "- x" for depth in range(SIZE // 50)),
    "brackets": "[" * SIZE,
    "links": "[a](" * SIZE,
    "images": "![" * SIZE,
    "backticks": "`" * SIZE,
    "runs of backticks": " ".join("`" * number for number in range(1, 140)),
    "emphasis": "*a " * SIZE + "_*" * SIZE,
    "dollars": "$a " * SIZE,
    "brackets of formulas": "\\( " * SIZE,
    "formulas": "\n\n".join(f"$$x_{{{number}}} = \\frac{{a}}{{b}}$$" for number in range(300)),
    "nested formula": "$" + "\\frac{1}{" * 12 + "x" + "}" * 12 + "$",
    "addresses": "http://a" * SIZE,
    "one line of 1 MB": "a" * 1_000_000,
    "words of 1 MB": "word " * 200_000,
    "a table of 1,000 rows": "\n".join(["|a" * 20 + "|", "|-" * 20 + "|", *["|a" * 20 + "|"] * 1_000]),
    "a table of 300 cells": "\n".join(["|a" * 12 + "|", "|-" * 12 + "|", *["|a" * 12 + "|"] * 22]),
    "2,000 lines": "- *a*\n" * 2_000,
    "2,000 lines of code": "```py\n" + "def f(x): return x\n" * 2_000 + "```",
    "an ordinary answer of 40 kB": ("This is **bold** and a `code` with a word. " * 6 + "\n\n") * 150,
}
TEXTS = {
    "200 kB without a space": "a" * 200_000,
    "200 kB of words": "word " * 40_000,
    "1 MB without a space": "a" * 1_000_000,
    "1 MB in lines": ("word " * 20 + "\n") * 10_000,
    "60,000 ideographs": "\u6f22" * 60_000,
}


def milliseconds(work: Callable[[], object]) -> float:
    """How long something takes, with the events that it causes."""
    began = time.perf_counter()
    work()
    for _ in range(3):
        QApplication.processEvents()
    return (time.perf_counter() - began) * 1000


def main() -> int:
    """Print both tables."""
    application = QApplication([])
    themes = ThemeManager(application, "light")
    AnswerBody(themes.theme).set_markdown("a $x$ `b`\n\n```py\nx\n```")  # what is imported once
    print(f"{'answer':<32}{'characters':>12}{'ms':>8}")
    for name, source in ANSWERS.items():
        body = AnswerBody(themes.theme)
        body.resize(760, 600)
        body.show()
        print(f"{name:<32}{len(source):>12,}{milliseconds(lambda: body.set_markdown(source)):>8.0f}")  # noqa: B023
        put_away(body)
    print(f"\n{'text':<32}{'paste':>8}{'send':>8}{'width':>8}{'all':>8}  ms")
    for name, text in TEXTS.items():
        print(f"{name:<32}" + "".join(f"{value:>8.0f}" for value in measured_text(text, themes)))
    return 0


def put_away(*widgets: QWidget) -> None:
    """Delete widgets, and wait for the formulas that are still to be set."""
    for widget in widgets:
        widget.hide()
        shiboken6.delete(widget)
    ends = time.monotonic() + 60
    while formula_setter().waiting and time.monotonic() < ends:
        QApplication.processEvents()


def measured_text(text: str, themes: ThemeManager) -> list[float]:
    """Milliseconds to paste it, to show it as a message, to change the width of both, and to show all of it."""
    composer, data = Composer(themes), QMimeData()
    composer.resize(760, 60)
    composer.show()
    data.setText(text)
    paste = milliseconds(lambda: composer.box.insertFromMimeData(data))
    message = Message("m", "c", None, 0, 1, "user", MessageState.DONE, text, "", None, None, 0, 0)
    shown: list[UserMessage] = []

    def send() -> None:
        composer.clear()
        shown.append(UserMessage(message, themes.theme))
        shown[0].resize(760, 600)
        shown[0].show()

    sent = milliseconds(send)
    composer.set_text(text)
    width = milliseconds(lambda: (composer.resize(600, 60), shown[0].resize(600, 600)))
    whole = milliseconds(shown[0].on_fold_clicked) if is_long(text) else 0.0
    put_away(composer, shown[0])
    return [paste, sent, width, whole]


if __name__ == "__main__":
    sys.exit(main())
