"""How long the window is busy with its list of chats where there are very many: `python benchmarks/many_chats.py`.

One line for each thing that a user does, in a window with 10,000 chats (`--chats`) and a model that does nothing:
milliseconds of the window's thread at once, and the longest turn of the event loop that follows. It is the thread's own
time: other programs on the machine do not count. The exit status is 1 if one takes longer than LIMIT_MS.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PySide6.QtWidgets import QApplication

from app.base.paths import AppPaths
from app.chats.history import HistoryStore
from app.chats.ids import now_ms
from app.main import Parts, build

LIMIT_MS = 100
DAY_MS = 24 * 3600 * 1000


def write_chats(paths: AppPaths, count: int) -> None:
    """A history of so many chats with one message each, the newest of today, three a day."""
    with HistoryStore.open(paths.data_file, paths.backups):
        pass
    now = now_ms()
    chats, messages = [], []
    for number in range(count):
        used = now - (count - 1 - number) * DAY_MS // 3
        name = f"{number:08}"
        chats.append((f"c{name}", f"Chat number {number} of very many", "user", f"m{name}", used, used, number))
        messages.append((f"m{name}", f"c{name}", None, 0, "user", "done", used, used, f"Text {number}", ""))
    with closing(sqlite3.connect(paths.data_file)) as db:
        columns = "id, title, title_source, head_message_id, created_at, updated_at, used_no"
        db.executemany(f"INSERT INTO conversation ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", chats)
        columns = "id, conversation_id, parent_id, sibling_no, role, state, created_at, updated_at, body, thinking"
        db.executemany(f"INSERT INTO message ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", messages)
        db.commit()


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """What something takes at once, and the longest turn of the event loop in the half second that follows."""
    began = time.thread_time()
    work()
    at_once, longest = (time.thread_time() - began) * 1000, 0.0
    ends = time.monotonic() + 0.5
    while time.monotonic() < ends:
        began = time.thread_time()
        QApplication.processEvents()
        longest = max(longest, (time.thread_time() - began) * 1000)
        time.sleep(0.001)
    return at_once, longest


def acts(parts: Parts) -> dict[str, Callable[[], object]]:
    """What is measured, in this order."""
    controller, bar = parts.controller, parts.window.sidebar.list.verticalScrollBar()
    ids = [chat.id for chat in parts.store.list_conversations()]
    middle, last = ids[len(ids) // 2], ids[-1]

    def send_in(chat: str | None) -> None:
        controller.open_chat(chat)
        controller.send("Hello")

    return {
        "start": parts.controller.start,
        "show": parts.window.show,
        "open the newest chat": lambda: controller.open_chat(ids[0]),
        "open the oldest chat": lambda: controller.open_chat(last),
        "scroll to the end": lambda: bar.setValue(bar.maximum()),
        "rename the newest chat": lambda: controller.rename(ids[1], "Renamed"),
        "rename one in the middle": lambda: controller.rename(middle, "Renamed, too"),
        "delete the newest chat": lambda: controller.delete(ids[0]),
        "delete one in the middle": lambda: controller.delete(middle),
        "bring that one back": lambda: controller.undelete(middle),
        "send in a new chat": lambda: send_in(None),
        "stop": controller.stop,
        "send in the oldest chat": lambda: send_in(last),
        "stop again": controller.stop,
        "another theme": lambda: parts.preferences.set(appearance="dark"),
    }


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=10_000)
    options = parser.parse_args()
    application = QApplication([])
    slow = 0
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        paths = AppPaths.resolve(home).ensure()
        write_chats(paths, options.chats)
        parts = build(application, paths, stack, backend="fake", waits=False)
        print(f"{options.chats:,} chats{'':<22}{'at once':>9}{'longest turn':>15}  ms")
        for name, act in acts(parts).items():
            at_once, longest = milliseconds(act)
            slow += max(at_once, longest) > LIMIT_MS
            print(f"{name:<32}{at_once:>11.1f}{longest:>15.1f}", flush=True)
        parts.window.close()
    print(f"\n{slow} took longer than {LIMIT_MS} ms" if slow else f"\nnothing took longer than {LIMIT_MS} ms")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
