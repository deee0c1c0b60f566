"""The updates in the background: once a week, if the user wants that, and never otherwise."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from pytestqt.qtbot import QtBot

from app.bridge import updates as updates_bridge
from app.bridge.preferences import Preferences
from app.bridge.updates import Updates
from app.updates.values import UpdateStatus
from tests.app.bridge.updates.conftest import DEB, Listener, State, reach
from tests.helpers.release_server import ReleaseServer
from tests.helpers.waiting import WAIT_MS


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weekly looks come soon after the start."""
    monkeypatch.setattr(updates_bridge, "LOOK_MS", 20)
    monkeypatch.setattr(updates_bridge, "AGAIN_MS", 20)


def test_by_itself_it_asks_nobody(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    server.publish("9.0.0", deb=DEB)
    updates.start()
    updates.on_look_due()
    assert updates.status.state is State.IDLE
    assert server.seen == []


@pytest.mark.usefixtures("quick")
def test_weekly_asks_once_and_tells_once(
    qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences
) -> None:
    server.publish("9.0.0", deb=DEB)
    said = Listener(updates)
    updates.start()
    preferences.set(update_check="weekly")
    qtbot.waitUntil(lambda: bool(said.told), timeout=WAIT_MS)
    assert preferences.settings.update_told == "9.0.0"
    updates.on_look_due()
    assert updates.status.state is State.NEWER
    assert len(server.seen) == 1, "once, and nothing is fetched"
    assert len(said.told) == 1


def test_whoever_switches_it_on_wants_to_know_soon(
    qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates_bridge, "LOOK_MS", 20)
    server.publish("9.0.0", deb=DEB)
    updates.start()
    qtbot.waitUntil(lambda: updates._timer.interval() == updates_bridge.AGAIN_MS, timeout=WAIT_MS)
    preferences.set(text_scale=110)
    assert updates._timer.interval() == updates_bridge.AGAIN_MS, "the next look is an hour away"
    assert server.seen == []
    preferences.set(update_check="weekly")
    reach(qtbot, updates, State.NEWER)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("ago", "asks"),
    [
        (timedelta(days=6, hours=23), False),
        (timedelta(days=7, minutes=1), True),
        (timedelta(days=-1), True),
        (None, True),
    ],
)
def test_when_a_week_is_over(
    qtbot: QtBot,
    updates: Updates,
    server: ReleaseServer,
    preferences: Preferences,
    ago: timedelta | None,
    asks: bool,
) -> None:
    server.publish("9.0.0", deb=DEB)
    asked = (datetime.now(UTC) - ago).isoformat() if ago is not None else "yesterday"
    preferences.set(update_check="weekly", updates_asked=asked, update_told="9.0.0")
    said = Listener(updates)
    updates.start()
    if asks:
        reach(qtbot, updates, State.NEWER)
    else:
        updates.on_look_due()
        assert updates.status.state is State.IDLE
    assert len(server.seen) == int(asks)
    assert not said.told, "of this version it was told before"


@pytest.mark.usefixtures("quick")
def test_a_weekly_look_that_fails_says_nothing_and_waits_a_day(
    qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences
) -> None:
    server.status = 500
    preferences.set(update_check="weekly")
    updates.start()
    qtbot.waitUntil(lambda: bool(server.seen) and updates.status.state is State.IDLE, timeout=WAIT_MS)
    assert updates.status.report is None
    assert preferences.settings.updates_asked == ""
    updates.on_look_due()
    assert updates.status.state is State.IDLE
    assert len(server.seen) == 1


@pytest.mark.usefixtures("quick")
def test_offline_weekly_asks_nobody(
    qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences
) -> None:
    preferences.set(update_check="weekly", offline=True)
    updates.start()
    updates.on_look_due()
    assert updates.status.state is State.IDLE
    assert server.seen == []


def test_a_click_while_it_looks_by_itself_is_answered(
    qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences
) -> None:
    server.status = 500
    preferences.set(update_check="weekly")
    updates.on_look_due()
    assert updates.status.state is State.ASKING
    updates.ask()
    status = reach(qtbot, updates, State.IDLE)
    assert status.report is not None, "the user waits for it now"
    assert dataclasses.replace(status, report=None) == UpdateStatus()
