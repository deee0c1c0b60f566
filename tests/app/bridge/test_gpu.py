"""The GPU add-on in the background: a signal answers every question, one work at a time, closing loses nothing."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.bridge.gpu import GpuAddon
from app.gpu import tasks as gpu_jobs
from app.gpu.fetcher import Fetcher
from app.gpu.values import GpuEnd, GpuOffer, GpuState, GpuStatus, GpuWork
from app.library.services import LibraryServices
from app.machine.checks import Finding
from tests.app.conftest import MakeServices
from tests.helpers.card_reports import REPORT
from tests.helpers.fake_engines import detected
from tests.helpers.tiny_models import MemoryKeyring
from tests.helpers.tiny_wheels import LIBRARY, TinyWheels
from tests.helpers.waiting import WAIT_MS
from trt_engines.tensorrt.card_report import read_report

FOR_EVER = Fetcher("pip", (sys.executable, "-c", "import time; time.sleep(3600)"))


class Listener:
    """Everything that it says."""

    def __init__(self, gpu: GpuAddon) -> None:
        self.statuses: list[GpuStatus] = []
        self.offers: list[GpuOffer] = []
        self.ends: list[GpuEnd] = []
        self.works: list[object] = []
        self.checks: list[Finding] = []
        self.problems: list[ErrorReport] = []
        gpu.status_changed.connect(self.statuses.append)
        gpu.offered.connect(self.offers.append)
        gpu.work_ended.connect(self.ends.append)
        gpu.work_changed.connect(self.works.append)
        gpu.check_arrived.connect(self.checks.append)
        gpu.problem.connect(self.problems.append)


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
def gpu(qtbot: QtBot, services: LibraryServices, wheels: TinyWheels) -> Iterator[GpuAddon]:
    """One that is shut down at the end."""
    made = GpuAddon(services, wheels.tools())
    yield made
    assert made.shut_down()


@pytest.fixture
def heard(gpu: GpuAddon) -> Listener:
    """What it says."""
    return Listener(gpu)


def end(qtbot: QtBot, heard: Listener) -> GpuEnd:
    """How the work ends that was begun."""
    before = len(heard.ends)
    qtbot.waitUntil(lambda: len(heard.ends) > before, timeout=WAIT_MS)
    return heard.ends[-1]


def test_from_a_look_to_removed(qtbot: QtBot, gpu: GpuAddon, heard: Listener, services: LibraryServices) -> None:
    gpu.look()
    gpu.ask()
    qtbot.waitUntil(lambda: bool(heard.statuses) and bool(heard.offers), timeout=WAIT_MS)
    assert heard.statuses[-1].state is GpuState.ABSENT
    gpu.do("install")
    gpu.do("remove")  # nothing happens while something goes on
    through = end(qtbot, heard)
    assert (through.work.kind, through.stopped, through.report, through.work.restart) == ("install", False, None, False)
    assert gpu.status is not None
    assert gpu.status.state is GpuState.INSTALLED
    assert heard.works[-1] is None
    (services.paths.gpu / LIBRARY).write_bytes(b"wr library")
    gpu.do("verify")
    assert end(qtbot, heard).work.wrong == (LIBRARY,)
    gpu.do("remove")
    assert end(qtbot, heard).work.freed > 0
    assert gpu.status.state is GpuState.ABSENT


def test_stopped(qtbot: QtBot, gpu: GpuAddon, heard: Listener, services: LibraryServices, wheels: TinyWheels) -> None:
    wheels.program = FOR_EVER
    gpu.do("install")
    qtbot.waitUntil(lambda: any(getattr(work, "step", None) for work in heard.works), timeout=WAIT_MS)
    gpu.stop()
    assert gpu.work is not None
    assert gpu.work.stopping
    through = end(qtbot, heard)
    assert through.stopped
    assert through.report is None
    assert not list(services.paths.base.glob("gpu*-*"))


def test_a_failure_comes_with_its_sentence(qtbot: QtBot, gpu: GpuAddon, heard: Listener, wheels: TinyWheels) -> None:
    wheels.installed = 10**16
    gpu.do("install")
    report = end(qtbot, heard).report
    assert report is not None
    assert report.kind == "known"


def test_a_restart_is_asked_for_where_it_is_needed(
    qtbot: QtBot, gpu: GpuAddon, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_jobs, "usable_now", lambda: False)
    gpu.do("install")
    assert end(qtbot, heard).work.restart


def test_the_window_closes_in_the_middle(
    qtbot: QtBot, gpu: GpuAddon, heard: Listener, services: LibraryServices, wheels: TinyWheels
) -> None:
    wheels.program = FOR_EVER
    gpu.do("install")
    qtbot.waitUntil(lambda: any(getattr(work, "step", None) for work in heard.works), timeout=WAIT_MS)
    assert gpu.shut_down()
    assert not list(services.paths.base.glob("gpu*-*"))
    assert heard.ends == []


def test_installing_tries_the_card_too(qtbot: QtBot, gpu: GpuAddon, heard: Listener, wheels: TinyWheels) -> None:
    wheels.card = detected("RTX 4070")
    gpu.do("install")
    through = end(qtbot, heard)
    assert (through.stopped, through.report) == (False, None)
    assert through.work.tried == REPORT.steps
    assert through.work.status is not None
    assert through.work.status.trial == through.work.trial == REPORT
    assert read_report(gpu.trial_file.parent) == REPORT
    shares = [work.step.fraction for work in heard.works if isinstance(work, GpuWork) and work.tried and work.step]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_trial_that_fails_or_is_stopped_leaves_the_installation(
    qtbot: QtBot, gpu: GpuAddon, heard: Listener, wheels: TinyWheels
) -> None:
    wheels.card = detected("RTX 4070")
    wheels.gate.clear()
    gpu.do("install")
    qtbot.waitUntil(lambda: gpu.work is not None and bool(gpu.work.tried), timeout=WAIT_MS)
    gpu.stop()
    through = end(qtbot, heard)
    assert through.stopped
    assert through.work.placed
    assert gpu.status is not None
    assert gpu.status.state is GpuState.INSTALLED
    assert gpu.status.trial is None
    wheels.card = dataclasses.replace(wheels.card, cuda=12080)
    gpu.do("try")
    through = end(qtbot, heard)
    assert through.report is not None
    assert "knows CUDA 12.8" in through.report.text


def test_the_card_is_tried_alone(qtbot: QtBot, gpu: GpuAddon, heard: Listener, wheels: TinyWheels) -> None:
    wheels.card, wheels.elsewhere = detected("RTX 4070"), True
    gpu.do("try")
    through = end(qtbot, heard)
    assert (through.work.kind, through.work.trial) == ("try", REPORT)
    assert gpu.status is not None
    assert (gpu.status.state, gpu.status.can_try, gpu.status.trial) == (GpuState.ABSENT, True, REPORT)


def test_the_doctor_is_asked_and_left(qtbot: QtBot, gpu: GpuAddon, heard: Listener) -> None:
    with qtbot.waitSignal(gpu.checks_ended, timeout=WAIT_MS):
        gpu.diagnose()
    count = len(heard.checks)
    assert heard.checks[0].name == "System"
    gpu.diagnose()
    gpu.stop_diagnosis()
    with qtbot.waitSignal(gpu.status_changed, timeout=WAIT_MS):
        gpu.look()
    assert len(heard.checks) <= 2 * count
