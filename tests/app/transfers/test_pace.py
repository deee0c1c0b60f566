"""The shared limit, the waits after failures, the rate that is shown."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transfers import pace
from app.transfers.pace import RateLimit, RateMeter, backoff, retry_after
from tests.app.transfers.support import QUICK, assert_all_right, remote_files, run, with_
from tests.helpers.hub_behaviour import make_repo
from tests.helpers.hub_server import Hub
from tests.helpers.waiting import WAIT_SECONDS, wait_until


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 09:28:30 +0200", 30.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Mon, 1 Jan 99999999999999999999999 00:00:00 GMT", None),
        ("1:" * 50_000, None),
        (None, None),
        ("٣", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds


@given(st.text(max_size=60))
def test_retry_after_never_fails(value: str) -> None:
    found = retry_after(value)
    assert found is None or found >= 0


def test_the_wait_doubles_up_to_its_cap_and_is_random() -> None:
    for failures in range(1, 1000, 7):
        assert 0 <= backoff(failures, 0.5, 30.0) <= min(30.0, 0.5 * 2 ** (failures - 1))
    waits = [backoff(10, 0.5, 30.0) for _ in range(200)]
    assert min(waits) < 10 < 20 < max(waits)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    meter = RateMeter()
    assert meter.rate(1000, 0.0) == 0.0
    assert meter.rate(3000, 1.0) == 2000.0
    for second in range(2, 20):
        rate = meter.rate(3000 + 100 * second, float(second))
    assert rate == pytest.approx(100, rel=0.01)
    assert meter.rate(50, 20.0) == 0.0, "a file that starts over is no negative rate"


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 3])
def test_a_limit_holds_for_all_connections_together(hub: Hub, folder: Path, connections: int) -> None:
    repo = hub.add(make_repo(3, [("a.bin", 700_000), ("b.bin", 500_000)]))
    started = time.monotonic()
    events = run(remote_files(hub, repo), folder, with_(connections=connections, rate_limit=1_000_000))
    seconds = time.monotonic() - started
    assert_all_right(repo, folder, events)
    assert seconds > 1.0, "1.2 MB at 1 MB/s, but for what may come at once"


def test_a_limit_can_be_lifted_and_set_meanwhile() -> None:
    limit, halt = RateLimit(1), threading.Event()
    threads = [threading.Thread(target=limit.take, args=(1_000_000, halt)) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: limit._level < -1_999_000, "both have taken what takes days")
    assert all(thread.is_alive() for thread in threads)
    limit.change(0)
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    limit.change(500_000)
    assert limit.bytes_per_second == 500_000
    with pytest.raises(ValueError, match="bytes_per_second is -1"):
        limit.change(-1)


class HandClock(threading.Event):
    """A clock that goes on when somebody waits for this event, and only then."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += max(timeout, 0.001)
        return self.is_set()


def test_the_limit_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    monkeypatch.setattr(pace, "time", clock)
    limit = RateLimit(500_000)
    for _ in range(10):
        limit.take(15_000, clock)
    assert clock.now == pytest.approx(100.3, abs=0.02)
    clock.now += 60.0  # a rest is worth a tenth of a second
    for _ in range(10):
        limit.take(15_000, clock)
    assert clock.now == pytest.approx(160.5, abs=0.05)


def test_a_halt_ends_the_wait_for_the_limit() -> None:
    """Without it the wait is one of days."""
    limit, halt = RateLimit(1), threading.Event()
    halt.set()
    limit.take(1_000_000, halt)


@pytest.mark.parametrize(
    "change",
    [
        {"connections": 0},
        {"range_bytes": 0},
        {"rate_limit": -1},
        {"tries": 0},
        {"read_timeout": 0.0},
        {"disk_poll": -1.0},
        {"reserve_bytes": -1},
    ],
)
def test_options_out_of_range_are_named(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} is .*; it must be"):
        with_(**change)
    assert QUICK.connections == 3
