"""The updates on a data folder of its own, and who listens to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.base.paths import AppPaths
from app.base.settings import Settings
from app.base.settings_file import SettingsFile
from app.bridge.preferences import Preferences
from app.bridge.updates import Updates
from app.library.services import LibraryServices
from app.updates.values import Found, UpdateState, UpdateStatus
from tests.app.conftest import SetKind
from tests.helpers.release_server import ReleaseServer
from tests.helpers.tiny_models import OPTIONS
from tests.helpers.waiting import WAIT_MS

DEB = b"a package" * 100_000
State = UpdateState


class Listener:
    """Everything that they say."""

    def __init__(self, updates: Updates) -> None:
        self.states: list[UpdateState] = []
        self.told: list[Found] = []
        self.checked: list[Path] = []
        self.problems: list[ErrorReport] = []
        updates.status_changed.connect(self.on_status_changed)
        updates.found_unasked.connect(self.told.append)
        updates.package_checked.connect(self.checked.append)
        updates.problem.connect(self.problems.append)

    def on_status_changed(self, status: UpdateStatus) -> None:
        """Note the states, each once."""
        if self.states[-1:] != [status.state]:
            self.states.append(status.state)


@pytest.fixture
def paths(dewpoint_home: Path) -> AppPaths:
    """The data folder."""
    return AppPaths(dewpoint_home).ensure()


@pytest.fixture
def preferences(qtbot: QtBot, paths: AppPaths) -> Iterator[Preferences]:
    """The settings of a new installation."""
    made = Preferences(SettingsFile(paths.settings_file), Settings())
    yield made
    made.flush()
    made.deleteLater()


@pytest.fixture
def updates(preferences: Preferences, paths: AppPaths, server: ReleaseServer, set_kind: SetKind) -> Iterator[Updates]:
    """Those of a program that was installed from a .deb; nobody was asked yet."""
    set_kind("deb")
    made = Updates(LibraryServices.open(paths, options=OPTIONS), preferences)
    yield made
    assert made.shut_down()
    made.deleteLater()


def reach(qtbot: QtBot, updates: Updates, state: UpdateState) -> UpdateStatus:
    """Wait for a state."""
    qtbot.waitUntil(lambda: updates.status.state is state, timeout=WAIT_MS)
    return updates.status
