"""Numbers for people: what is exact, what is rounded, and what a damaged stamp becomes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.base import units
from app.engines import texts as engines
from app.transfers import texts as transfers


@pytest.mark.parametrize(
    ("count", "text"),
    [(-1, "0 MB"), (0, "0 MB"), (499_999, "0 MB"), (1_500_000, "2 MB"), (999_400_000, "999 MB"), (1e9, "1.0 GB")],
)
def test_size(count: float, text: str) -> None:
    assert units.size(count) == text


def test_memory() -> None:
    assert units.memory(12 * units.GIB) == "12 GiB"
    assert units.memory(11.5 * units.GIB) == "11.5 GiB"
    assert units.gibibytes(12 * units.GIB) == "12.0 GiB"
    assert units.gibibytes(11.6 * units.GIB, 0) == "12 GiB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "5 s"), (11, "15 s"), (49, "50 s"), (50, "1 min"), (89, "1 min"), (5399, "90 min"), (5400, "1.5 h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


def test_moment() -> None:
    local = datetime(2026, 3, 5, 14, 7, tzinfo=UTC).astimezone()
    assert units.moment("2026-03-05T14:07:00+00:00") == f"{local.day} {local:%b %Y, %H:%M}"
    assert units.moment("yesterday") == "yesterday"
    assert units.moment("") == ""


def test_amount() -> None:
    assert units.amount(1.2e9, 18.9e9) == "1.2 of 18.9 GB"
    assert units.amount(0.5e6, 20e6) == "0.5 of 20.0 MB"


def test_rate_and_time_left() -> None:
    assert units.rate(45_100_000) == "45.1 MB/s"
    assert units.time_left(45_100_000, 360) == "at 45.1 MB/s, 6 min left"
    assert units.time_left(45_100_000, None) == "at 45.1 MB/s"
    assert units.time_left(0, 360) == ""


def test_percent_never_says_that_all_is_done_before_it_is() -> None:
    assert units.percent(0.999) == "99 %"
    assert units.percent(1) == "100 %"


def test_slow_rates_of_tokens_have_a_digit_more() -> None:
    said = [units.token_rate(rate) for rate in (0.0, 0.4, 1.0, 9.94, 9.96, 82.4)]
    assert said == [f"{number} tokens/s" for number in ("0.0", "0.4", "1.0", "9.9", "10", "82")]


def test_thousands_have_a_comma_everywhere() -> None:
    assert units.token_rate(8498.4) == "8,498 tokens/s"
    assert units.size(4_000_200_000_000) == "4,000.2 GB"
    assert units.memory(1536 * units.GIB) == "1,536 GiB"
    assert units.duration(4_000_000) == "1,111.1 h"
    assert units.amount(1.2e12, 2e12) == "1,200.0 of 2,000.0 GB"
    assert units.rate(1_234_000_000) == "1,234.0 MB/s"
    assert engines.speed(14.5, 17.65) == "about 14 tokens/s (17,650 ms a step)"
    assert engines.longest_context(131072) == "The longest context that would run: 131,072 tokens."
    assert engines.context_outside(262144, -1) == "The context must be within 1 and 262,144 tokens, not -1."
    assert transfers.file_size(4999, 5000) == "The file has 4,999 bytes, and it should have 5,000."
