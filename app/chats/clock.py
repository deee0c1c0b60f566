"""Whether the clock can be trusted with what cannot be undone: by its word, chats deleted long ago are wiped."""

from __future__ import annotations

from sqlite_utils import Database

_KEY = "clock"
_DAY_MS = 24 * 3600 * 1000
LONGEST_PAUSE_MS = 7 * _DAY_MS  # between two looks; after a longer one the clock may have been set
PROBATION_MS = _DAY_MS


def clock_is_trusted(db: Database, now: int) -> bool:
    """Look at the clock, and remember it: it is trusted when it went on for a day without a jump.

    Args:
        db: The history, in a transaction.
        now: Milliseconds since 1970 UTC.
    """
    row = db.execute("SELECT value FROM app_meta WHERE key = ?", [_KEY]).fetchone()
    words = str(row[0]).split() if row else []
    since, last = (int(words[0]), int(words[1])) if len(words) == 2 and all(map(_is_number, words)) else (now, now)
    if not 0 <= now - last <= LONGEST_PAUSE_MS:
        since = now
    db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_KEY, f"{since} {now}"])
    return now - since >= PROBATION_MS


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 18
