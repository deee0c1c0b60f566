"""How quick the window is to the touch: `python benchmarks/window.py [--rounds N]`.

One line for each thing that a user does or sees, in the real window with a history of 5,000 chats: median and greatest
milliseconds of the window's thread (what is done at once, or the longest turn of the event loop after it, whichever is
longer), the limit, and the memory that all rounds left behind. It is the thread's own time: other programs on the
machine do not count. The last but one is in percent of a core, while drafts of 256 places come every 20 ms; the last is
a start in another data folder, with 20,000 chats. The exit status is 1 if a median is past its limit.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.base.paths import AppPaths
from app.chats.history import HistoryStore
from app.chats.ids import now_ms
from app.chats.messages import Message, MessageState
from app.main import Parts, build
from app.ui.chat.turns import turns
from benchmarks.many_chats import write_chats
from inference import ChatTurn, GenerationRequest, open_model
from inference.events import DraftUpdated

SIZE = (1120, 760)
OTHERS = 5_000
VERY_MANY, START_MS = 20_000, 300
SENTENCE = "This is a sentence of an **ordinary** answer with a `word` of code in it. "
CODE = "```python\ndef total(items: list[int]) -> int:\n    return sum(item for item in items if item > 0)\n```\n"
BLOCK = SENTENCE * 12 + "\n\n" + CODE * 2
LENGTHS = {"a": [900] * 15, "b": [900] * 15, "of 20 kB": [20_000], "of 200 kB": [200_000], "of 10,000": [60] * 5_000}
DRAFT_SECONDS = 0.02


def text_of(length: int) -> str:
    """An ordinary answer of so many characters."""
    return (SENTENCE * 5 + "\n\n") * (length // (len(SENTENCE) * 5 + 2)) + SENTENCE * 5


def write_history(paths: AppPaths) -> None:
    """The chats of LENGTHS (answers of so many characters), and OTHERS older ones."""
    with HistoryStore.open(paths.data_file, paths.backups):
        pass
    now, chats, messages = now_ms(), [], []
    for number, (name, lengths) in enumerate([*LENGTHS.items(), *((f"o{at:05}", [60]) for at in range(OTHERS))]):
        parent = None
        for at in range(2 * len(lengths)):
            role, body = ("assistant", text_of(lengths[at // 2])[: lengths[at // 2]]) if at % 2 else ("user", "Go on.")
            own = f"m{number:05}-{at:05}"
            messages.append((own, name, parent, 0, role, "done", now, now, body, ""))
            parent = own
        chats.append((name, f"Chat {name}", "user", parent, now, now, OTHERS + 9 - number))
    with closing(sqlite3.connect(paths.data_file)) as db:
        columns = "id, title, title_source, head_message_id, created_at, updated_at, used_no"
        db.executemany(f"INSERT INTO conversation ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", chats)
        columns = "id, conversation_id, parent_id, sibling_no, role, state, created_at, updated_at, body, thinking"
        db.executemany(f"INSERT INTO message ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", messages)
        db.commit()


def longest_turn() -> float:
    """Let the event loop come to rest; the longest of its turns, in milliseconds of this thread."""
    longest, rested = 0.0, time.monotonic()
    while turns().waiting or time.monotonic() - rested < 0.3:
        began = time.thread_time()
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # a loop would
        longest = max(longest, (time.thread_time() - began) * 1000)
        if turns().waiting:
            rested = time.monotonic()
        time.sleep(0.001)
    return longest


def took(work: Callable[[], object]) -> float:
    """Milliseconds that something takes at once or in the longest turn after it."""
    began = time.thread_time()
    work()
    at_once = (time.thread_time() - began) * 1000
    return max(at_once, longest_turn())


def drafts() -> list[DraftUpdated]:
    """The drafts of a long answer of the backend without a model, with as many places as a real canvas has."""
    with open_model(None, backend="fake:long") as model:
        request = GenerationRequest(turns=(ChatTurn("user", "Hi"),), seed=1)
        found = [event for event in model.generate(request) if isinstance(event, DraftUpdated)]

    def full(draft: DraftUpdated) -> DraftUpdated:
        times = -(-256 // len(draft.pieces))
        return replace(
            draft, pieces=(draft.pieces * times)[:256], entropy=(draft.entropy * times)[:256],
            accepted=(draft.accepted * times)[:256], token_ids=(draft.token_ids * times)[:256],
        )  # fmt: skip

    return [full(draft) for draft in found]


class Acts:
    """What is done to one window; each act gives one time in milliseconds."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.chat, self.composer = parts, parts.window.pane.chat, parts.window.pane.composer
        self.drafts = drafts()

    def open(self, name: str) -> float:
        """Open a chat, from one that is short."""
        self.parts.controller.open_chat("o00001")
        longest_turn()
        return took(lambda: self.parts.controller.open_chat(name))

    def switch(self) -> float:
        """Between two chats of 30 messages."""
        self.parts.controller.open_chat("a")
        longest_turn()
        return took(lambda: self.parts.controller.open_chat("b"))

    def earlier(self) -> float:
        """30 earlier messages, as scrolling to the top brings them."""
        self.open("of 10,000")
        return took(self.chat.on_earlier_wanted)

    def begin(self, name: str) -> Message:
        """A chat whose last answer is being written."""
        self.open(name)
        last = self.parts.store.messages(name)[-1]
        writing = replace(last, state=MessageState.STREAMING)
        self.chat.resume_last(writing)
        self.chat.show_draft(self.drafts[2])
        longest_turn()
        self.chat.scroll_to_bottom()  # the block that is written is in view
        longest_turn()
        return writing

    def commit(self, name: str, block: str) -> float:
        """A block of an answer becomes final."""
        source = self.begin(name).body
        return took(lambda: self.chat.commit(source + block))

    def ask(self) -> float:
        """A question in one of very many chats; the backend answers nothing yet."""
        self.open("o00002")
        spent = took(lambda: self.parts.controller.send("Hello"))
        self.parts.controller.stop()
        longest_turn()
        return spent

    def key(self, length: int) -> float:
        """A key press in a long text while an answer is written; the longest of five."""
        self.begin("a")
        self.composer.set_text(text_of(length)[:length])
        longest_turn()
        found = []
        for at in range(5):
            self.chat.show_draft(self.drafts[at % len(self.drafts)])
            QApplication.processEvents()
            found.append(took(lambda: QTest.keyClick(self.composer.box, Qt.Key.Key_A)))
        self.composer.clear()
        longest_turn()
        return statistics.median(found)

    def share(self) -> float:
        """Percent of a core that the window's thread takes while drafts come."""
        self.begin("a")
        began, spent, at = time.monotonic(), time.thread_time(), 0
        while time.monotonic() - began < 4:
            if time.monotonic() - began >= at * DRAFT_SECONDS:
                self.chat.show_draft(self.drafts[at % len(self.drafts)])
                at += 1
            QApplication.processEvents()
            time.sleep(0.002)
        return 100 * (time.thread_time() - spent) / (time.monotonic() - began)

    def resize(self) -> float:
        """The window becomes narrower beside an answer of 200 kB."""
        self.open("of 200 kB")
        self.parts.window.resize(SIZE[0] - 160, SIZE[1])
        longest_turn()
        spent = took(lambda: self.parts.window.resize(*SIZE))
        return spent

    def look(self, change: Callable[[], None]) -> float:
        """Everything in other colours, or in another size."""
        self.open("b")
        return took(change)

    def dark(self) -> None:
        """Light becomes dark, dark light."""
        self.parts.themes.set_appearance("light" if self.parts.themes.theme.dark else "dark")

    def larger(self) -> None:
        """Text of 100 % becomes one of 150 %, and back."""
        self.parts.themes.set_text_scale(100 if self.parts.themes.theme.scale > 1 else 150)

    def table(self) -> Iterator[tuple[str, float, Callable[[], float]]]:
        """What is measured: its name, its limit, how."""
        yield "switch chats (30 messages)", 60, self.switch
        yield "open a chat with an answer of 20 kB", 100, lambda: self.open("of 20 kB")
        yield "open a chat with an answer of 200 kB", 200, lambda: self.open("of 200 kB")
        yield "open a chat of 10,000 messages", 150, lambda: self.open("of 10,000")
        yield "30 earlier messages", 16, self.earlier
        yield "a block of 1.2 kB with code", 16, lambda: self.commit("a", BLOCK)
        yield "a block of 10 kB into 200 kB", 30, lambda: self.commit("of 200 kB", text_of(10_000))
        yield f"a question in one of {OTHERS:,} chats", 16, self.ask
        yield "a key at 20,000 characters, writing", 8, lambda: self.key(20_000)
        yield "a key at 100,000 characters, writing", 16, lambda: self.key(100_000)
        yield "resize beside an answer of 200 kB", 33, self.resize
        yield "another look (light, dark)", 200, lambda: self.look(self.dark)
        yield "another text size", 200, lambda: self.look(self.larger)
        yield "percent of a core while denoising", 15, self.share


class Starts:
    """The window opens, with very many chats in its list."""

    def __init__(self, application: QApplication, home: Path) -> None:
        self._application, self._paths = application, AppPaths.resolve(str(home)).ensure()
        write_chats(self._paths, VERY_MANY)

    def start(self) -> float:
        """From the history that is open to a list that can be used, in milliseconds."""
        with ExitStack() as stack:
            parts = build(self._application, self._paths, stack, backend="fake", waits=False)

            def begin() -> None:
                parts.controller.start()
                parts.window.resize(*SIZE)
                parts.window.show()

            spent = took(begin)
            parts.window.close()
            longest_turn()
        return spent


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    application, process = QApplication([]), psutil.Process()
    past = 0
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        paths = AppPaths.resolve(home).ensure()
        write_history(paths)
        parts = build(application, paths, stack, backend="fake", waits=False)
        parts.controller.start()
        parts.window.resize(*SIZE)
        parts.window.show()
        longest_turn()
        acts = Acts(parts)
        print(f"{'':<40}{'median':>8}{'most':>8}{'limit':>8}{'kept, MB':>10}")
        starts = Starts(application, Path(home) / "very-many")
        rows = [*acts.table(), (f"start with {VERY_MANY:,} chats", START_MS, starts.start)]
        for name, limit, act in rows:
            act()  # warm
            before = process.memory_info().rss
            found = [act() for _ in range(options.rounds)]
            kept, median = (process.memory_info().rss - before) / 1e6, statistics.median(found)
            past += median > limit
            mark = "" if median <= limit else "  past its limit"
            print(f"{name:<40}{median:>8.1f}{max(found):>8.1f}{limit:>8.0f}{kept:>10.1f}{mark}", flush=True)
        parts.window.close()
    print(f"\n{past} past their limits" if past else "\nall within their limits")
    return 1 if past else 0


if __name__ == "__main__":
    sys.exit(main())
