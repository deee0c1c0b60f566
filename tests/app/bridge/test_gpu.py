"""The keeper of the GPU add-on: every question is answered by a signal, one work at a time, closing loses nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.bridge.gpu import GpuAddon
from app.doctor.checks import Finding
from app.gpu import tasks as gpu_jobs
from app.gpu.fetcher import Fetcher
from app.gpu.values import GpuEnd, GpuOffer, GpuState, GpuStatus
from app.library.services import LibraryServices
from tests.app.conftest import MakeServices
from tests.helpers.tiny_models import MemoryKeyring
from tests.helpers.tiny_wheels import LIBRARY, TinyWheels
from tests.helpers.waiting import WAIT_MS

FOR_EVER = Fetcher("pip", (sys.executable, "-c", "import time; time.sleep(3600)"))


class Listener:
    """Everything that a keeper says."""

    def __init__(self, keeper: GpuAddon) -> None:
        self.statuses: list[GpuStatus] = []
        self.offers: list[GpuOffer] = []
        self.ends: list[GpuEnd] = []
        self.works: list[object] = []
        self.checks: list[Finding] = []
        self.problems: list[ErrorReport] = []
        keeper.status_changed.connect(self.statuses.append)
        keeper.offered.connect(self.offers.append)
        keeper.work_ended.connect(self.ends.append)
        keeper.work_changed.connect(self.works.append)
        keeper.check_arrived.connect(self.checks.append)
        keeper.problem.connect(self.problems.append)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyWheels:
    """What is installed."""
    monkeypatch.setattr(gpu_jobs, "usable_now", lambda: True)  # the real one imports what is installed here
    return TinyWheels(tmp_path / "wheels").write()


@pytest.fixture
def services(make_services: MakeServices, memory_keyring: MemoryKeyring) -> LibraryServices:
    """A services that asks nobody."""
    return make_services()


@pytest.fixture
def keeper(qtbot: QtBot, services: LibraryServices, wheels: TinyWheels) -> Iterator[GpuAddon]:
    """A keeper that is shut down at the end."""
    made = GpuAddon(services, wheels.tools())
    yield made
    assert made.shut_down()


@pytest.fixture
def heard(keeper: GpuAddon) -> Listener:
    """What it says."""
    return Listener(keeper)


def end(qtbot: QtBot, heard: Listener) -> GpuEnd:
    """How the work ends that was begun."""
    before = len(heard.ends)
    qtbot.waitUntil(lambda: len(heard.ends) > before, timeout=WAIT_MS)
    return heard.ends[-1]


def test_from_a_look_to_removed(qtbot: QtBot, keeper: GpuAddon, heard: Listener, services: LibraryServices) -> None:
    keeper.look()
    keeper.ask()
    qtbot.waitUntil(lambda: bool(heard.statuses) and bool(heard.offers), timeout=WAIT_MS)
    assert heard.statuses[-1].state is GpuState.ABSENT
    keeper.do("install")
    keeper.do("remove")  # nothing happens while something goes on
    through = end(qtbot, heard)
    assert (through.work.task, through.stopped, through.report, through.work.restart) == ("install", False, None, False)
    assert keeper.status is not None
    assert keeper.status.state is GpuState.INSTALLED
    assert heard.works[-1] is None
    (services.paths.gpu / LIBRARY).write_bytes(b"wr library")
    keeper.do("verify")
    assert end(qtbot, heard).work.wrong == (LIBRARY,)
    keeper.do("remove")
    assert end(qtbot, heard).work.freed > 0
    assert keeper.status.state is GpuState.ABSENT


def test_stopped(
    qtbot: QtBot, keeper: GpuAddon, heard: Listener, services: LibraryServices, wheels: TinyWheels
) -> None:
    wheels.program = FOR_EVER
    keeper.do("install")
    qtbot.waitUntil(lambda: any(getattr(work, "step", None) for work in heard.works), timeout=WAIT_MS)
    keeper.stop()
    assert keeper.work is not None
    assert keeper.work.stopping
    through = end(qtbot, heard)
    assert through.stopped
    assert through.report is None
    assert not list(services.paths.base.glob("gpu*-*"))


def test_a_failure_comes_with_its_sentence(qtbot: QtBot, keeper: GpuAddon, heard: Listener, wheels: TinyWheels) -> None:
    wheels.installed = 10**16
    keeper.do("install")
    report = end(qtbot, heard).report
    assert report is not None
    assert report.kind == "known"


def test_a_restart_is_asked_for_where_it_is_needed(
    qtbot: QtBot, keeper: GpuAddon, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_jobs, "usable_now", lambda: False)
    keeper.do("install")
    assert end(qtbot, heard).work.restart


def test_the_window_closes_in_the_middle(
    qtbot: QtBot, keeper: GpuAddon, heard: Listener, services: LibraryServices, wheels: TinyWheels
) -> None:
    wheels.program = FOR_EVER
    keeper.do("install")
    qtbot.waitUntil(lambda: any(getattr(work, "step", None) for work in heard.works), timeout=WAIT_MS)
    assert keeper.shut_down()
    assert not list(services.paths.base.glob("gpu*-*"))
    assert heard.ends == []


def test_the_doctor_is_asked_and_left(qtbot: QtBot, keeper: GpuAddon, heard: Listener) -> None:
    with qtbot.waitSignal(keeper.checks_ended, timeout=WAIT_MS):
        keeper.diagnose()
    count = len(heard.checks)
    assert heard.checks[0].name == "System"
    keeper.diagnose()
    keeper.stop_diagnosis()
    with qtbot.waitSignal(keeper.status_changed, timeout=WAIT_MS):
        keeper.look()
    assert len(heard.checks) <= 2 * count
