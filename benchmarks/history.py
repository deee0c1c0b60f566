"""What the history takes with very many messages: `python benchmarks/history.py`.

A history of 100,000 messages (`--messages`) of 60 words is generated: 2,000 chats and one of 10,000 messages. The words
follow Zipf's law, as those of a language do; one message in fifty is Japanese. Then, each the median of seven:

* searching for what people type: rare and common words, beginnings, phrases, one and two Japanese signs, several words;
  beside it the same with LIKE over the history;
* taking one new message over into the index, and all of them (once);
* reading the chat of 10,000 messages, and the list of chats.

What is told is processor time, which others on the machine do not change much; the clock's beside it.
The exit status is 1 if a search or the reading takes more of it than is promised (50 ms, 300 ms).
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.chats.history import HistoryStore
from app.chats.search.index import SearchIndex, index_path

SEARCH_MS, OPEN_MS = 50.0, 300.0
LONG_CHAT = 10_000
CHATS = 2_000
ROUNDS = 7
JAPANESE = "拡散モデルは雑音から文章を作る。日本語の検索も速いはずです。東京と京都の天気について話しましょう。"
SYLLABLES = ("ba", "ne", "ti", "ro", "lu", "sa", "me", "ko", "di", "fa", "gu", "pe", "ri", "no", "ta", "el", "an", "or")


def vocabulary(size: int, rng: random.Random) -> list[str]:
    """So many different words."""
    words: dict[str, None] = {"the": None, "of": None, "and": None}
    while len(words) < size:
        words["".join(rng.choices(SYLLABLES, k=rng.randint(1, 5)))] = None
    return list(words)


def write_history(path: Path, count: int) -> list[str]:
    """Generate the history; gives the vocabulary, the commonest word first."""
    HistoryStore.open(path).close()
    rng = random.Random(1)
    words = vocabulary(20_000, rng)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for chat in range(CHATS + 1):
            here = min(LONG_CHAT, count) if chat == CHATS else max(0, count - LONG_CHAT) // CHATS
            columns = "id, title, title_source, head_message_id, created_at, updated_at, used_no"
            title = " ".join(rng.choices(words, cum_weights=weights, k=5))
            head = f"m{chat:06}-{here - 1:06}"
            row = [f"c{chat:06}", title, "user", head if here else None, chat, chat, chat]
            db.execute(f"INSERT INTO conversation ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            db.executemany(
                """INSERT INTO message (id, conversation_id, parent_id, sibling_no, role, state, created_at, updated_at,
                                        body, thinking) VALUES (?, ?, ?, 0, ?, 'done', ?, ?, ?, '')""",
                (
                    (
                        f"m{chat:06}-{number:06}",
                        f"c{chat:06}",
                        f"m{chat:06}-{number - 1:06}" if number else None,
                        "assistant" if number % 2 else "user",
                        number,
                        number,
                        JAPANESE if rng.random() < 0.02 else " ".join(rng.choices(words, cum_weights=weights, k=60)),
                    )
                    for number in range(here)
                ),
            )
            db.commit()
    return words


def median_ms(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the processor and of the clock that it takes, the medians of some rounds after a first one."""
    work()
    used, waited = [], []
    for _ in range(ROUNDS):
        began, clock = time.process_time(), time.perf_counter()
        work()
        used.append((time.process_time() - began) * 1000)
        waited.append((time.perf_counter() - clock) * 1000)
    return statistics.median(used), statistics.median(waited)


def both(took: tuple[float, float]) -> str:
    """As it is printed."""
    return f"{took[0]:7.1f} ms (clock {took[1]:.0f})"


def _search(path: Path, text: str) -> int:
    with SearchIndex(path) as index:
        return len(index.find(text))


def _like(db: sqlite3.Connection, text: str) -> int:
    return len(
        db.execute("SELECT id FROM message WHERE body LIKE '%' || ? || '%' ORDER BY seq DESC", [text]).fetchall()
    )


def searches(path: Path, words: list[str]) -> float:
    """Print what each search takes, and LIKE beside it; gives the longest."""
    asked = {
        "a rare word": words[15_000],
        "a common word": words[20],
        "the commonest word": words[0],
        "one letter": "t",
        "the beginning of a word": words[300][:3],
        "two words": f"{words[40]} {words[900]}",
        "a phrase": f'"{words[0]} {words[3]}"',
        "two Japanese signs": "京都",
        "one Japanese sign": "速",
        "nothing that is there": "xylophone",
    }
    longest = 0.0
    for name, text in asked.items():
        took = median_ms(partial(_search, path, text))
        with closing(sqlite3.connect(path)) as db:
            like = median_ms(partial(_like, db, text.strip('"')))
        print(f"{name:26} {text[:16]:16} {both(took):24} LIKE {both(like):24} {_search(path, text):4} hits")
        longest = max(longest, took[0])
    return longest


def main() -> int:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="generate it here, once, and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = (options.keep or Path(name)) / "chats.sqlite3"
        words = vocabulary(20_000, random.Random(1)) if path.exists() else write_history(path, options.messages)
        began = time.perf_counter()
        with SearchIndex(path) as index:
            index.refresh()
        print(f"taking everything over: {time.perf_counter() - began:.1f} s")
        print(f"history {path.stat().st_size / 1e6:.0f} MB, index {index_path(path).stat().st_size / 1e6:.0f} MB")
        longest = searches(path, words)
        with HistoryStore.open(path) as store:

            def add() -> None:
                store.add_user_message("c000001", "one more message")
                with SearchIndex(path) as index:
                    index.refresh()

            print(f"a new message: {both(median_ms(add))}")
            long_chat = f"c{CHATS:06}"
            opened = median_ms(lambda: store.messages(long_chat))
            print(f"reading {len(store.messages(long_chat)):,} messages of one chat: {both(opened)}")
            print(f"reading the list of {CHATS + 1:,} chats: {both(median_ms(store.list_conversations))}")
    return int(longest > SEARCH_MS or opened[0] > OPEN_MS)


if __name__ == "__main__":
    sys.exit(main())
