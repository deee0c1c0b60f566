"""How long the window takes to show answers and texts that are made to stop it: `python benchmarks/hostile_answers.py`.

One line each: what it is, its characters, and milliseconds of the window's thread: until its beginning is shown, the
longest turn of the event loop until all of it is shown, and all turns together; then the longest turn at another width,
in the other look, at another text size, and when it goes. No turn may take longer than LIMIT_MS, or the exit status is
1. It is the thread's own time (CPU): other programs on the machine do not count. Garbage is collected as in the
program. The second table is of large texts in the message box and in a message: pasted, sent, at another width, and all
of it shown. The third is of texts that an older version stored, and that are put back into the message box at a start.

`--made FROM TO` measures answers made from these numbers instead (`made_answers.py`), and prints those that are slow.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import shiboken6
from PySide6.QtCore import QEvent, QMimeData
from PySide6.QtWidgets import QApplication, QWidget

import app.main  # noqa: F401  (the whole program: what it has loaded is no garbage)
from app.bridge.garbage import GarbageCollector
from app.chats.messages import Message, MessageState
from app.ui.chat.chat_view import ChatView
from app.ui.chat.composer import MOST_CHARACTERS, Composer
from app.ui.chat.formulas import formula_setter
from app.ui.chat.turns import turns
from app.ui.chat.user_message import UserMessage, is_long
from app.ui.widgets.theme import ThemeManager
from benchmarks.made_answers import made_answer

LIMIT_MS = 100
SIZE = 10_000
MANY = 40_000
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
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
    "headings of blanks": ("# a" + " " * 2_000 + "x\n") * 16,
    "underlined": "a\n=\n" * SIZE,
    "HTML": "<div>" * MANY,
    "HTML comments": "<!--" * MANY,
    "addresses in angles": "<http://a>" * 5_000,
    "entities": "&amp;" * MANY,
    "right to left": ("\u202e\u05d0\u05d1 \u0627\u0644 " * 10 + "\n") * 500,
    "marks on one letter": "a" + "\u0301" * MANY,
    "zero-width": "\u200b" * MANY,
    "joiners": "\U0001f468\u200d" * MANY,
    "families": FAMILY * 2_000,
    "carriage returns": "\r" * MANY,
    "line separators": "\u2028" * MANY,
    "quotes in lines": "\n".join(">" * min(number, 200) + " a" for number in range(400)),
    "quotes of lists": "> - > - > - a\n" * 490,
    "numbered": "\n".join(f"{number}. a" for number in range(2_000)),
    "tasks": "- [ ] a\n" * 500,
    "footnotes": "".join(f"a[^{at}] " for at in range(300)) + "\n\n" + "\n".join(f"[^{at}]: x" for at in range(300)),
    "references": "".join(f"[a{at}]: http://x\n" for at in range(490)) + "".join(f"[a{at}] " for at in range(290)),
    "links in links": "[" * 299 + "a" + "](http://x)" * 299,
    "paragraphs of links": ("[a](http://x) " * 140 + "\n\n") * 15,
    "paragraphs of addresses": ("http://a.b/c " * 150 + "\n\n") * 15,
    "stars": "*" * MANY,
    "stars and lines": "*_" * 700 + "a" + "_*" * 50,
    "small tables": "|a|b|\n|-|-|\n|1|2|\n\n" * 120,
    "large cells": "|a|\n|-|\n" + ("|" + "word " * 190 + "|\n") * 40,
    "small codes": "```\na\n```\n" * 166,
    "open fences": "```\n" * MANY,
    "code to colour": "```py\n" + "def f(x): return {'a': [1, (3, 4)], **kw}  # c\n" * 600 + "```",
    "brackets to colour": "```py\n" + ("(" * 900 + "\n") * 30 + "```",
    "strings to colour": "```cpp\n" + '"a\\"b" /* x */ \'c\' R"(x)"\n' * 900 + "```",
    "different formulas": "".join(f"$x_{{{number}}}+{number}$ is\n\n" for number in range(300)),
    "hard formulas": "\n\n".join("$$" + "\\sqrt{" * 8 + f"x_{{{at}}}" + "}" * 8 + "$$" for at in range(100)),
    "matrices": "\n\n".join(
        "$$\\begin{matrix}" + "\\\\".join(["a&b&c&d"] * 12) + f"{at}\\end{{matrix}}$$" for at in range(60)
    ),
    "rules": "***\n" * 500,
    "one word of 400 kB": "a" * 400_000,
    "one word of 5 MB": "a" * 5_000_000,
    "ideographs of 5 MB": "\u6f22" * 1_600_000,
    "lines of 5 MB": ("word " * 20 + "\n") * 50_000,
    "ideographs": ("\u6f22\u5b57" * 1_900 + "\n\n") * 10,
    "Arabic": ("\u0627\u0644\u0639\u0631\u0628 " * 1_500 + "\n\n") * 5,
    "private characters": "\ue000" * MANY,
    "halves of pairs": "\ud800" * 1_000,
}
TEXTS = {
    "200 kB without a space": "a" * 200_000,
    "200 kB of words": "word " * 40_000,
    "1 MB without a space": "a" * 1_000_000,
    "1 MB in lines": ("word " * 20 + "\n") * 10_000,
    "2 MB without a space": "a" * (MOST_CHARACTERS - 1),
    "30,000 lines": "a\n" * 29_000,
    "60,000 ideographs": "\u6f22" * 60_000,
    "400,000 joiners": "\U0001f468\u200d" * 200_000,
}
STORED = {
    "1,000,000 lines": "a\n" * 1_000_000,
    "a line of 5 MB": "a" * 5_000_000,
    "words of 5 MB": "word " * 1_000_000,
}


def milliseconds(work: Callable[[], object]) -> tuple[float, float, float]:
    """What something takes at once, in the longest turn that follows, and altogether, until nothing waits."""
    began = time.thread_time()
    work()
    each = [(time.thread_time() - began) * 1000]
    quiet, ends = 0, time.monotonic() + 120
    while quiet < 5 and time.monotonic() < ends:
        began = time.thread_time()
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # a loop would
        each.append((time.thread_time() - began) * 1000)
        quiet = quiet + 1 if each[-1] < 1 and not turns().waiting and not formula_setter().waiting else 0
        time.sleep(0.001)
    return each[0], max(each), sum(each)


def message(body: str, role: str = "assistant", number: int = 0) -> Message:
    """A message of a chat."""
    state = MessageState.DONE
    return Message(f"m{number}", "c", None, 0, 1, role, state, body, "", None, None, 0, 0)  # type: ignore[arg-type]


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--made", type=int, nargs=2, metavar=("FROM", "TO"))
    options = parser.parse_args()
    gc.freeze()  # as app/__main__.py
    application = QApplication([])
    collector = GarbageCollector(application)
    themes = ThemeManager(application, "light")
    view = ChatView(themes, drafts="full", reduce_motion=False)
    view.resize(900, 700)
    view.show()
    milliseconds(lambda: view.show_messages((message("a $x$ `b`\n\n```py\nx\n```"),)))  # what is imported once
    if options.made is not None:
        return made(view, themes, range(*options.made))
    slow = 0
    print(f"{'answer':<32}{HEADS}  ms")
    chats: dict[str, tuple[Message, ...]] = {name: (message(source),) for name, source in ANSWERS.items()}
    ordinary = ANSWERS["an ordinary answer of 40 kB"]
    for name, body in {"30 answers": ordinary[:3_000], "30 long answers": ordinary}.items():
        chats[name] = tuple(message(f"{at}\n\n{body}", number=at) for at in range(30))
    for name, messages in chats.items():
        found = measured_chat(view, themes, messages)
        slow += found.slow
        print(f"{name:<32}{found}", flush=True)
    print(f"\n{'text':<32}{'paste':>8}{'key':>8}{'send':>8}{'width':>8}{'all':>8}  ms, the longest turn of each")
    for name, text in TEXTS.items():
        values = measured_text(text, themes)
        slow += max(values) > LIMIT_MS
        print(f"{name:<32}" + "".join(f"{value:>8.0f}" for value in values))
    print(f"\n{'stored text':<32}{'at once':>9}{'longest':>9}{'all':>8}  ms")
    for name, text in STORED.items():
        first, longest, everything = measured_start(text, themes)
        slow += longest > LIMIT_MS
        print(f"{name:<32}{first:>9.0f}{longest:>9.0f}{everything:>8.0f}")
    collector.stop()
    print(f"\n{slow} past their limits" if slow else "\nall within their limits")
    return 1 if slow else 0


@dataclass(frozen=True)
class Shown:
    """Characters of a chat, and milliseconds; see above."""

    characters: int
    first: float
    longest: float
    everything: float
    width: float
    look: float
    size: float
    away: float

    @property
    def slow(self) -> bool:
        """Whether something is past its limit."""
        return max(self.longest, self.width, self.look, self.size, self.away) > LIMIT_MS

    def __str__(self) -> str:
        return f"{self.characters:>12,}" + "".join(f"{value:>9.0f}" for value in list(vars(self).values())[1:])


HEADS = f"{'characters':>12}" + "".join(
    f"{name:>9}" for name in ("at once", "longest", "all", "width", "look", "size", "away")
)


def measured_chat(view: ChatView, themes: ThemeManager, messages: tuple[Message, ...]) -> Shown:
    """Show a chat, do what can be done to it, and take it away."""
    size, dark, large = view.size(), themes.theme.dark, themes.theme.scale > 1
    first, longest, everything = milliseconds(lambda: view.show_messages(messages))
    width = milliseconds(lambda: view.resize(size.width() - 200, size.height()))[1]
    width = max(width, milliseconds(lambda: view.resize(size))[1])
    look = milliseconds(lambda: themes.set_appearance("light" if dark else "dark"))[1]
    scale = milliseconds(lambda: themes.set_text_scale(100 if large else 150))[1]
    away = milliseconds(lambda: view.show_messages(()))[1]
    return Shown(sum(len(each.body) for each in messages), first, longest, everything, width, look, scale, away)


def made(view: ChatView, themes: ThemeManager, numbers: range) -> int:
    """Measure made answers; print those that are past a limit, and the worst of each."""
    rows: list[tuple[str, Shown]] = []
    print(f"{'answer':<32}{HEADS}  ms")
    for number in numbers:
        kind, body = made_answer(number)
        rows.append((f"{number} {kind}", measured_chat(view, themes, (message(body),))))
        if rows[-1][1].slow:
            print(f"{rows[-1][0]:<32}{rows[-1][1]}", flush=True)
    for name in ("longest", "width", "look", "size", "away"):
        of, worst = max(rows, key=lambda row: getattr(row[1], name))
        print(f"worst {name:<26}{getattr(worst, name):>9.0f}  {of}")
    slow = sum(found.slow for _, found in rows)
    print(f"\n{slow} of {len(rows)} past their limits")
    return 1 if slow else 0


def put_away(*widgets: QWidget) -> None:
    """Delete widgets."""
    for widget in widgets:
        widget.hide()
        shiboken6.delete(widget)


def measured_text(text: str, themes: ThemeManager) -> list[float]:
    """Milliseconds to paste it, type behind it, show it as a message, change the width, and show all of it."""
    composer, data = Composer(themes), QMimeData()
    composer.resize(760, 60)
    composer.show()
    data.setText(text)
    paste = milliseconds(lambda: composer.box.insertFromMimeData(data))
    key = milliseconds(lambda: composer.type_text("x"))
    shown: list[UserMessage] = []

    def send() -> None:
        composer.clear()
        shown.append(UserMessage(message(text, "user"), themes.theme))
        shown[0].resize(760, 600)
        shown[0].show()

    sent = milliseconds(send)
    composer.set_text(text)
    width = milliseconds(lambda: (composer.resize(600, 60), shown[0].resize(600, 600)))
    whole = milliseconds(shown[0].on_fold_clicked) if is_long(text) else (0.0, 0.0, 0.0)
    put_away(composer, shown[0])
    return [longest for _, longest, _ in (paste, key, sent, width, whole)]


def measured_start(text: str, themes: ThemeManager) -> tuple[float, float, float]:
    """Milliseconds to put it back into the message box."""
    composer = Composer(themes)
    composer.resize(760, 60)
    composer.show()
    found = milliseconds(lambda: composer.set_text(text))
    put_away(composer)
    return found


if __name__ == "__main__":
    sys.exit(main())
