"""Looks, builds and self-tests in their threads, without a window."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from PySide6.QtCore import QCoreApplication, QThread
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.base.paths import AppPaths
from app.bridge import background
from app.bridge.engines import Engines
from app.engines import texts
from app.engines.service import EngineService
from app.engines.values import EngineOffer, EngineStatus, EngineWork, EngineWorkEnd, Looked
from tests.helpers.fake_engines import FakeEngines, build_error
from tests.helpers.waiting import WAIT_MS, WAIT_SECONDS, wait_until

MODEL = Path("/models/x")


class Listener:
    """Collects what they say, and checks in which thread."""

    def __init__(self, engines: Engines) -> None:
        self.looks: list[Looked] = []
        self.works: list[EngineWork | None] = []
        self.ends: list[EngineWorkEnd] = []
        self.problems: list[ErrorReport] = []
        self.freed: list[int] = []
        engines.looked.connect(self.on_looked)
        engines.work_changed.connect(self.on_work)
        engines.work_ended.connect(self.on_end)
        engines.problem.connect(self.on_problem)
        engines.removed.connect(self.on_removed)

    def on_looked(self, looked: Looked) -> None:
        """Keep it."""
        assert QThread.currentThread() is QCoreApplication.instance().thread()  # type: ignore[union-attr]
        self.looks.append(looked)

    def on_work(self, work: EngineWork | None) -> None:
        """Keep it."""
        assert QThread.currentThread() is QCoreApplication.instance().thread()  # type: ignore[union-attr]
        self.works.append(work)

    def on_end(self, end: EngineWorkEnd) -> None:
        """Keep it."""
        self.ends.append(end)

    def on_problem(self, report: ErrorReport) -> None:
        """Keep it."""
        self.problems.append(report)

    def on_removed(self, freed: int) -> None:
        """Keep it."""
        self.freed.append(freed)


@pytest.fixture
def fake() -> FakeEngines:
    """What lies below."""
    return FakeEngines()


@pytest.fixture
def service(fake: FakeEngines) -> EngineService:
    """On the test's own data folder."""
    return EngineService(AppPaths.resolve(), fake.tools())


@pytest.fixture
def engines(qapp: QApplication, service: EngineService, fake: FakeEngines) -> Iterator[Engines]:
    """With threads that start when they are needed."""
    made = Engines(service)
    yield made
    assert made.shut_down()
    made.deleteLater()


@pytest.fixture
def heard(engines: Engines) -> Listener:
    """What they say."""
    return Listener(engines)


def look(qtbot: QtBot, engines: Engines, heard: Listener) -> tuple[EngineStatus, EngineOffer]:
    """A look at the model; its recommended offer."""
    before = len(heard.looks)
    engines.look(MODEL, "Big model")
    qtbot.waitUntil(lambda: len(heard.looks) > before, timeout=WAIT_MS)
    status = heard.looks[-1].status
    assert status.recommended is not None
    return status, status.recommended


def wait_for_state(qtbot: QtBot, heard: Listener, name: str) -> EngineOffer:
    """The recommended offer, when the work has ended and a look has found it in this state."""

    def recommended() -> EngineOffer:
        offer = heard.looks[-1].status.recommended
        assert offer is not None
        return offer

    qtbot.waitUntil(lambda: bool(heard.ends) and recommended().state.name == name, timeout=WAIT_MS)
    return recommended()


def test_a_look(qtbot: QtBot, engines: Engines, heard: Listener) -> None:
    status, offer = look(qtbot, engines, heard)
    assert (status.model, offer.state.name) == ("Big model", "absent")
    assert heard.looks[-1].sets == ()


def test_a_build_tells_how_far_it_is_and_is_tested(qtbot: QtBot, engines: Engines, heard: Listener) -> None:
    engines.build(*look(qtbot, engines, heard))
    assert engines.work is not None
    wait_for_state(qtbot, heard, "ready")
    (end,) = heard.ends
    assert not end.stopped
    assert end.report is None
    assert not end.failed
    assert len(end.work.checks) == 32
    fractions = [work.progress.fraction for work in heard.works if work is not None and work.progress is not None]
    assert fractions == sorted(fractions)
    assert heard.works[-1] is None


def test_stop_in_the_middle_keeps_what_is_finished(
    qtbot: QtBot, engines: Engines, heard: Listener, fake: FakeEngines
) -> None:
    fake.gate.clear()
    status, offer = look(qtbot, engines, heard)
    engines.build(status, offer)
    qtbot.waitUntil(lambda: any(w and w.progress and w.progress.number == 2 for w in heard.works), timeout=WAIT_MS)
    engines.stop()
    assert engines.work is not None
    assert engines.work.stopping
    again = wait_for_state(qtbot, heard, "partial")
    assert heard.ends[0].stopped
    assert again.state.reasons == ("1 of 32 segments are built",)


def test_a_build_error_is_a_sentence(qtbot: QtBot, engines: Engines, heard: Listener, fake: FakeEngines) -> None:
    fake.error = build_error("stack04")
    engines.build(*look(qtbot, engines, heard))
    qtbot.waitUntil(lambda: bool(heard.ends), timeout=WAIT_MS)
    report = heard.ends[0].report
    assert report is not None
    assert (report.kind, report.hint) == ("known", "Close other programs.")
    assert "stack04" in report.text
    assert engines.last_end is heard.ends[0]


@pytest.mark.log_allowed("bridge: task")
def test_a_bug_does_not_vanish(qtbot: QtBot, engines: Engines, heard: Listener, fake: FakeEngines) -> None:
    fake.error = ("stack04", RuntimeError("odd"))
    engines.build(*look(qtbot, engines, heard))
    qtbot.waitUntil(lambda: bool(heard.ends), timeout=WAIT_MS)
    report = heard.ends[0].report
    assert report is not None
    assert report.kind == "bug"
    assert "odd" in report.detail


def test_only_one_thing_is_done_at_a_time(qtbot: QtBot, engines: Engines, heard: Listener, fake: FakeEngines) -> None:
    fake.gate.clear()
    status, offer = look(qtbot, engines, heard)
    engines.build(status, offer)
    engines.build(status, offer)
    engines.verify(status, offer)
    look(qtbot, engines, heard)  # a look is possible meanwhile
    fake.gate.set()
    wait_for_state(qtbot, heard, "ready")
    engines.verify(*look(qtbot, engines, heard))  # comes after whatever was begun before
    qtbot.waitUntil(lambda: not heard.ends[-1].work.build, timeout=WAIT_MS)
    assert [end.work.build for end in heard.ends] == [True, False]
    assert fake.tested == 2


def test_removing(qtbot: QtBot, engines: Engines, heard: Listener, service: EngineService) -> None:
    status, offer = look(qtbot, engines, heard)
    list(service.build(status, offer))
    status, offer = look(qtbot, engines, heard)
    assert offer.folder is not None
    with FileLock(offer.folder / "build.lock"):
        engines.remove([offer.folder])
        qtbot.waitUntil(lambda: bool(heard.problems), timeout=WAIT_MS)
    assert heard.problems[0].text == texts.BEING_BUILT
    engines.remove([offer.folder])
    qtbot.waitUntil(lambda: bool(heard.freed) and heard.looks[-1].sets == (), timeout=WAIT_MS)
    assert heard.freed[0] >= 32_000


def test_shutting_down_ends_a_build_and_keeps_what_is_finished(
    qtbot: QtBot, engines: Engines, heard: Listener, fake: FakeEngines, service: EngineService
) -> None:
    fake.gate.clear()
    status, offer = look(qtbot, engines, heard)
    engines.build(status, offer)
    qtbot.waitUntil(lambda: any(w and w.progress and w.progress.number == 2 for w in heard.works), timeout=WAIT_MS)
    assert engines.shut_down()
    assert service.finished_parts(offer.request) == (1, 32)
    assert not heard.ends


def test_a_child_that_hangs_is_killed(
    qtbot: QtBot, engines: Engines, heard: Listener, fake: FakeEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released = threading.Event(), threading.Event()

    def hang(timeout: float | None = None) -> bool:
        begun.set()
        return released.wait(WAIT_SECONDS)

    monkeypatch.setattr("app.bridge.engines.POLITE_SECONDS", 0.1)
    monkeypatch.setattr("app.bridge.engines.kill_children", released.set)
    monkeypatch.setattr(fake.gate, "wait", hang)
    engines.build(*look(qtbot, engines, heard))
    qtbot.waitUntil(begun.is_set, timeout=WAIT_MS)  # before that it would end politely
    assert engines.shut_down()
    assert released.is_set()


@pytest.mark.log_allowed("bridge: the thread engine builds did not end and is given up")
def test_a_build_that_was_given_up_is_not_waited_for_again(
    qtbot: QtBot, service: EngineService, fake: FakeEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window's end shuts down, and the program's end once more."""
    monkeypatch.setattr(background, "_given_up", [])
    begun, gate, kills = threading.Event(), threading.Event(), []

    def hang(timeout: float | None = None) -> bool:
        begun.set()
        return gate.wait(WAIT_SECONDS)

    monkeypatch.setattr(fake.gate, "wait", hang)
    monkeypatch.setattr("app.bridge.engines.kill_children", lambda: kills.append("killed"))
    engines = Engines(service)
    engines.build(*look(qtbot, engines, Listener(engines)))
    qtbot.waitUntil(begun.is_set, timeout=WAIT_MS)
    for name in ("POLITE_SECONDS", "FORCED_SECONDS"):
        monkeypatch.setattr(f"app.bridge.engines.{name}", 0.01)
    assert not engines.shut_down()
    for name in ("POLITE_SECONDS", "FORCED_SECONDS"):
        monkeypatch.setattr(f"app.bridge.engines.{name}", WAIT_SECONDS)
    monkeypatch.setattr(engines._long, "wait", lambda seconds: pytest.fail("nobody waits again"))
    assert not engines.shut_down()
    assert kills == ["killed"]
    monkeypatch.undo()
    gate.set()
    wait_until(lambda: engines._long.wait(0.1))
