"""The keeper of the updates: what the user clicks."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.bridge.preferences import Preferences
from app.bridge.updates import Updates
from app.updates.service import UpdateService
from tests.app.bridge.updates.conftest import DEB, Listener, State, reach
from tests.helpers.release_server import ReleaseServer
from tests.helpers.waiting import WAIT_MS


def begin_slow_download(qtbot: QtBot, keeper: Updates, server: ReleaseServer) -> None:
    """A download begins, and nothing comes before the server's gate is opened."""
    server.publish("9.0.0", deb=DEB)
    keeper.ask()
    reach(qtbot, keeper, State.NEWER)
    server.gate.clear()
    keeper.fetch()
    reach(qtbot, keeper, State.FETCHING)


def test_ask_fetch_check(qtbot: QtBot, keeper: Updates, server: ReleaseServer, preferences: Preferences) -> None:
    server.publish("9.0.0", deb=DEB)
    said = Listener(keeper)
    keeper.ask()
    status = reach(qtbot, keeper, State.NEWER)
    assert status.found is not None
    assert status.found.release.version == "9.0.0"
    assert preferences.settings.updates_asked
    keeper.fetch()
    status = reach(qtbot, keeper, State.READY)
    assert status.found is not None
    assert status.found.fetched is not None
    assert status.found.fetched.read_bytes() == DEB
    assert status.done == len(DEB)
    keeper.check()
    qtbot.waitUntil(lambda: bool(said.checked), timeout=WAIT_MS)
    assert said.checked == [status.found.fetched]
    reach(qtbot, keeper, State.READY)
    assert said.states == [State.ASKING, State.NEWER, State.FETCHING, State.READY, State.CHECKING, State.READY]
    assert not said.told, "whoever asked sees the answer"
    assert not said.problems


def test_nothing_newer(qtbot: QtBot, keeper: Updates, server: ReleaseServer) -> None:
    server.publish("0.0.1", deb=DEB)
    keeper.ask()
    assert reach(qtbot, keeper, State.CURRENT).found is None
    keeper.fetch()
    keeper.check()
    keeper.stop()
    assert keeper.status.state is State.CURRENT


def test_a_failure_is_told_and_can_be_repeated(qtbot: QtBot, keeper: Updates, server: ReleaseServer) -> None:
    server.status = 500
    keeper.ask()
    reach(qtbot, keeper, State.ASKING)
    status = reach(qtbot, keeper, State.IDLE)
    assert status.report is not None
    assert "status 500" in status.report.text
    server.status = 200
    server.publish("9.0.0", deb=DEB)
    keeper.ask()
    assert reach(qtbot, keeper, State.NEWER).report is None
    server.status = 500
    keeper.ask()
    status = reach(qtbot, keeper, State.NEWER)
    assert status.found is not None, "what was found is not forgotten because the next question failed"
    qtbot.waitUntil(lambda: keeper.status.report is not None, timeout=WAIT_MS)


@pytest.mark.log_allowed("bridge: task")
def test_a_bug_is_a_problem_of_its_own(qtbot: QtBot, keeper: Updates, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(service: UpdateService) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.updates.service.UpdateService.ask", fail)
    said = Listener(keeper)
    keeper.ask()
    qtbot.waitUntil(lambda: bool(said.problems), timeout=WAIT_MS)
    assert said.problems[0].kind == "bug"
    assert keeper.status.state is State.IDLE
    assert keeper.status.report is None


def test_stopped_and_gone_on(qtbot: QtBot, keeper: Updates, server: ReleaseServer) -> None:
    begin_slow_download(qtbot, keeper, server)
    keeper.stop()
    assert keeper.status.stopping
    status = reach(qtbot, keeper, State.NEWER)
    assert not status.stopping
    assert status.report is None
    server.gate.set()
    keeper.fetch()
    reach(qtbot, keeper, State.READY)


def test_the_offline_switch_stops_a_download(
    qtbot: QtBot, keeper: Updates, server: ReleaseServer, preferences: Preferences
) -> None:
    begin_slow_download(qtbot, keeper, server)
    preferences.set(offline=True)
    assert keeper.status.stopping
    assert reach(qtbot, keeper, State.NEWER).report is None


def test_closing_while_it_downloads(qtbot: QtBot, keeper: Updates, server: ReleaseServer) -> None:
    begin_slow_download(qtbot, keeper, server)
    assert keeper.shut_down()


def test_closing_while_a_server_is_silent(
    keeper: Updates, server: ReleaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.updates.service.ASK_SECONDS", 0.5)
    server.publish("9.0.0", deb=DEB)
    server.silent = True
    server.gate.clear()
    keeper.ask()
    assert keeper.shut_down()
    assert keeper.status.state is State.ASKING, "nobody listens any more"


def test_a_package_that_was_changed_is_fetched_again(qtbot: QtBot, keeper: Updates, server: ReleaseServer) -> None:
    server.publish("9.0.0", deb=DEB)
    said = Listener(keeper)
    keeper.ask()
    reach(qtbot, keeper, State.NEWER)
    keeper.fetch()
    found = reach(qtbot, keeper, State.READY).found
    assert found is not None
    assert found.fetched is not None
    found.fetched.write_bytes(b"something else")
    keeper.check()
    status = reach(qtbot, keeper, State.NEWER)
    assert status.report is not None
    assert not said.checked
    keeper.fetch()
    assert reach(qtbot, keeper, State.READY).report is None


def test_old_packages_are_deleted_at_the_start(qtbot: QtBot, keeper: Updates, paths: AppPaths) -> None:
    old = paths.updates / "0.0.1"
    old.mkdir(parents=True)
    (old / "dewpoint_0.0.1_amd64.deb").write_bytes(DEB)
    keeper.start()
    qtbot.waitUntil(lambda: not paths.updates.exists(), timeout=WAIT_MS)
    keeper.ask()
    reach(qtbot, keeper, State.IDLE)
