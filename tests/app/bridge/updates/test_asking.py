"""The updates in the background: what the user clicks."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.bridge.preferences import Preferences
from app.bridge.updates import Updates
from app.library.ledger import FolderOwner
from app.library.services import LibraryServices
from app.updates.service import UpdateService
from tests.app.bridge.updates.conftest import DEB, Listener, State, reach
from tests.helpers.release_server import ReleaseServer
from tests.helpers.waiting import WAIT_MS


def begin_slow_download(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    """A download begins, and nothing comes before the server's gate is opened."""
    server.publish("9.0.0", deb=DEB)
    updates.ask()
    reach(qtbot, updates, State.NEWER)
    server.gate.clear()
    updates.fetch()
    reach(qtbot, updates, State.FETCHING)


def test_ask_fetch_check(qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences) -> None:
    server.publish("9.0.0", deb=DEB)
    said = Listener(updates)
    updates.ask()
    status = reach(qtbot, updates, State.NEWER)
    assert status.found is not None
    assert status.found.release.version == "9.0.0"
    assert preferences.settings.updates_asked
    updates.fetch()
    status = reach(qtbot, updates, State.READY)
    assert status.found is not None
    assert status.found.fetched is not None
    assert status.found.fetched.read_bytes() == DEB
    assert status.done == len(DEB)
    updates.check()
    qtbot.waitUntil(lambda: bool(said.checked), timeout=WAIT_MS)
    assert said.checked == [status.found.fetched]
    reach(qtbot, updates, State.READY)
    assert said.states == [State.ASKING, State.NEWER, State.FETCHING, State.READY, State.CHECKING, State.READY]
    assert not said.told, "whoever asked sees the answer"
    assert not said.problems


def test_nothing_newer(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    server.publish("0.0.1", deb=DEB)
    updates.ask()
    assert reach(qtbot, updates, State.CURRENT).found is None
    updates.fetch()
    updates.check()
    updates.stop()
    assert updates.status.state is State.CURRENT


def test_a_failure_is_told_and_can_be_repeated(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    server.status = 500
    updates.ask()
    reach(qtbot, updates, State.ASKING)
    status = reach(qtbot, updates, State.IDLE)
    assert status.report is not None
    assert "status 500" in status.report.text
    server.status = 200
    server.publish("9.0.0", deb=DEB)
    updates.ask()
    assert reach(qtbot, updates, State.NEWER).report is None
    server.status = 500
    updates.ask()
    status = reach(qtbot, updates, State.NEWER)
    assert status.found is not None, "what was found is not forgotten because the next question failed"
    qtbot.waitUntil(lambda: updates.status.report is not None, timeout=WAIT_MS)


@pytest.mark.log_allowed("bridge: task")
def test_a_bug_is_a_problem_of_its_own(qtbot: QtBot, updates: Updates, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(service: UpdateService) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.updates.service.UpdateService.ask", fail)
    said = Listener(updates)
    updates.ask()
    qtbot.waitUntil(lambda: bool(said.problems), timeout=WAIT_MS)
    assert said.problems[0].kind == "bug"
    assert updates.status.state is State.IDLE
    assert updates.status.report is None


def test_stopped_and_gone_on(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    begin_slow_download(qtbot, updates, server)
    updates.stop()
    assert updates.status.stopping
    status = reach(qtbot, updates, State.NEWER)
    assert not status.stopping
    assert status.report is None
    server.gate.set()
    updates.fetch()
    reach(qtbot, updates, State.READY)


def test_the_offline_switch_stops_a_download(
    qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences
) -> None:
    begin_slow_download(qtbot, updates, server)
    preferences.set(offline=True)
    assert updates.status.stopping
    assert reach(qtbot, updates, State.NEWER).report is None


def test_closing_while_it_downloads(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    begin_slow_download(qtbot, updates, server)
    assert updates.shut_down()


def ask_a_silent_server(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    """It was asked, and does not answer before its gate is opened."""
    server.publish("9.0.0", deb=DEB)
    server.silent = True
    server.gate.clear()
    before = len(server.seen)
    updates.ask()
    qtbot.waitUntil(lambda: len(server.seen) > before, timeout=WAIT_MS)


def test_a_question_is_stopped_and_asked_again(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    ask_a_silent_server(qtbot, updates, server)
    said = Listener(updates)
    updates.stop()
    status = reach(qtbot, updates, State.IDLE)
    assert status.report is None
    assert not said.problems
    server.gate.set()
    updates.ask()
    assert reach(qtbot, updates, State.NEWER).found is not None
    ask_a_silent_server(qtbot, updates, server)
    updates.stop()
    assert reach(qtbot, updates, State.NEWER).found is not None, "what was known is known"


def test_the_offline_switch_stops_a_question(
    qtbot: QtBot, updates: Updates, server: ReleaseServer, preferences: Preferences
) -> None:
    ask_a_silent_server(qtbot, updates, server)
    preferences.set(offline=True)
    reach(qtbot, updates, State.IDLE)


def test_closing_while_a_server_is_silent(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    ask_a_silent_server(qtbot, updates, server)
    assert updates.shut_down()
    assert updates.status.state is State.ASKING, "nobody listens any more"


def test_a_package_that_was_changed_is_fetched_again(qtbot: QtBot, updates: Updates, server: ReleaseServer) -> None:
    server.publish("9.0.0", deb=DEB)
    said = Listener(updates)
    updates.ask()
    reach(qtbot, updates, State.NEWER)
    updates.fetch()
    found = reach(qtbot, updates, State.READY).found
    assert found is not None
    assert found.fetched is not None
    found.fetched.write_bytes(b"something else")
    updates.check()
    status = reach(qtbot, updates, State.NEWER)
    assert status.report is not None
    assert not said.checked
    updates.fetch()
    assert reach(qtbot, updates, State.READY).report is None


def test_old_packages_are_deleted_at_the_start(qtbot: QtBot, updates: Updates, paths: AppPaths) -> None:
    old = paths.updates / "0.0.1"
    package = old / "dewpoint_0.0.1_amd64.deb"
    paths.updates.mkdir(parents=True)
    ledger = LibraryServices.open(paths).ledger
    ledger.new_folder(old)
    package.touch()
    FolderOwner(ledger, old).made(package)
    package.write_bytes(DEB)
    updates.start()
    qtbot.waitUntil(lambda: not paths.updates.exists(), timeout=WAIT_MS)
    updates.ask()
    reach(qtbot, updates, State.IDLE)
