"""What the pages of a file look like: encrypted with whatever key, or with this one.

An encrypted database begins with the id of its key. Where those bytes are of no key that is known, only its pages can
say whether it is damaged, or somebody else's: what is encrypted looks like chance.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from app.chats.cipher import PAGE_SIZE, decrypted_page
from app.chats.connections import some_pages
from app.chats.lock.keys import DataKey

_MOST = 16  # pages that are looked at, all over the file
_LEAST = 2
_CHANCE = 7.6  # bits of each byte; 4,096 bytes of chance have 7.95, text has 4 to 5
_KINDS = frozenset((0, 2, 5, 10, 13))  # what a page of SQLite begins with: trees, and the rest of a long value
_ENOUGH = 0.6  # of the pages; by chance one in fifty begins like that


def seem_encrypted(path: Path) -> bool:
    """Whether the pages of a file look encrypted; the first one, which may be damaged, does not count."""
    pages = _pages(path)
    return len(pages) >= _LEAST and all(_bits(page) > _CHANCE for page in pages)


def seem_of(path: Path, key: DataKey) -> bool:
    """Whether the pages of a file look as if they were encrypted with a key."""
    pages = _pages(path)
    known = sum(decrypted_page(page, key)[0] in _KINDS for page in pages)
    return len(pages) >= _LEAST and known >= _ENOUGH * len(pages)


def _pages(path: Path) -> list[bytes]:
    try:
        return [page for page in some_pages(path, PAGE_SIZE, _MOST) if len(page) == PAGE_SIZE]
    except OSError:
        return []


def _bits(page: bytes) -> float:
    counts = Counter(page)
    return -sum(count / len(page) * math.log2(count / len(page)) for count in counts.values())
