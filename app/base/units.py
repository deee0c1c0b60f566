"""Numbers for people: sizes, rates, durations, moments; one way for every subject, thousands with a comma."""

from __future__ import annotations

import math
from datetime import datetime

GIB = 2**30


def size(count: float) -> str:
    """Bytes on a disk, as file managers count them."""
    if count < 1e9:
        return f"{max(0, count) / 1e6:.0f} MB"
    return f"{count / 1e9:,.1f} GB"


def memory(count: float) -> str:
    """Bytes on a card."""
    return gibibytes(count).replace(".0 ", " ")


def gibibytes(count: float, digits: int = 1) -> str:
    """Bytes in memory, with so many digits after the point."""
    return f"{count / GIB:,.{digits}f} GiB"


def duration(seconds: float) -> str:
    """How long something takes, no more exact than an estimate is."""
    if seconds < 50:
        return f"{max(1, math.ceil(seconds / 5)) * 5} s"
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:,.1f} h"


def moment(stamp: str) -> str:
    """An ISO 8601 time in this computer's time zone."""
    try:
        when = datetime.fromisoformat(stamp).astimezone()
    except (ValueError, OverflowError):
        return stamp
    return f"{when.day} {when:%b %Y, %H:%M}"


def amount(done: float, total: float) -> str:
    """ "1.2 of 18.9 GB"."""
    unit, name = (1e9, "GB") if total >= 1e9 else (1e6, "MB")
    return f"{done / unit:,.1f} of {total / unit:,.1f} {name}"


def time_left(bytes_per_second: float, seconds: float | None) -> str:
    """ "at 45.1 MB/s, 6 min left"."""
    if bytes_per_second <= 0:
        return ""
    left = f", {duration(seconds)} left" if seconds is not None else ""
    return f"at {rate(bytes_per_second)}{left}"


def token_rate(tokens_per_second: float) -> str:
    """ "82 tokens/s"; slow ones with a digit more."""
    return f"{tokens_per_second:,.{0 if tokens_per_second >= 9.95 else 1}f} tokens/s"


def percent(fraction: float) -> str:
    """How far something is."""
    return f"{int(fraction * 100)} %"


def rate(bytes_per_second: float) -> str:
    """How fast it comes."""
    return f"{bytes_per_second / 1e6:,.1f} MB/s"
