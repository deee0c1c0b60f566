"""How much of what can be tried is tried: the suite takes a part, `python3 dev.py test --full` all of it."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")
FULL = os.environ.get("DEWPOINT_TEST_FULL") == "1"


def sized(usual: T, full: T) -> T:
    """What this run takes: so many cases, kills, layers."""
    return full if FULL else usual
