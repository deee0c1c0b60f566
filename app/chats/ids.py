"""Ids that sort by time, the clock, and the form in which text is stored.

An id is a version 7 UUID: 48 bits of milliseconds, then a counter and random bits. Within one process ids never fall,
even when the clock is set back. Text is stored exactly as it is, NULs and line ends included, but for lone UTF-16
surrogates, which are no characters, which UTF-8 cannot hold and no tokenizer takes: each becomes U+FFFD.
"""

from __future__ import annotations

import secrets
import threading
import time

_lock = threading.Lock()
_last = 0


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A fresh id, greater as text than all ids made before by this process."""
    global _last
    with _lock:
        stamp = max((now_ms() << 12) | secrets.randbits(8), _last + 1)  # 48 bits of time, 12 bits of counter
        _last = stamp
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
