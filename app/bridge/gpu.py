"""What is being done with the GPU add-on, seen from the window: one installation, check or removal at a time.

Looks and the doctor have a thread of their own. Closing a dialog stops nothing; closing the program stops an
installation, which leaves what was there before.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.bridge.background import BackgroundThread, News, Task, TaskEnded, TaskEvent
from app.gpu.values import (
    GpuEnd,
    GpuFreed,
    GpuOffer,
    GpuStatus,
    GpuStep,
    GpuUsable,
    GpuWork,
    GpuWorkKind,
    GpuWrongFiles,
)
from trt_engines.tensorrt.card_report import STEPS, TRIAL, CardReport, TrialStep

if TYPE_CHECKING:
    from app.gpu.service import GpuTools
    from app.gpu.tasks import GpuTasks
    from app.library.services import LibraryServices
    from app.machine.checks import Finding

POLITE_SECONDS = 8.0  # the program that fetches gets some of them
LOOK_SECONDS = 5.0  # a look that hangs in a driver is given up then


class GpuAddon(QObject):
    """Looks at the add-on, installs, verifies and removes it, and asks the doctor, in the background.

    Signals:
        status_changed: A `GpuStatus`, after each look and each change.
        offered: A `GpuOffer`: show licence and sizes, then call `install`.
        work_changed: A `GpuWork`, or None.
        work_ended: A `GpuEnd`.
        check_arrived: A `Check` of the doctor.
        checks_ended: The doctor has looked at everything.
        problem: An `ErrorReport` of something short.
    """

    status_changed = Signal(object)
    offered = Signal(object)
    work_changed = Signal(object)
    work_ended = Signal(object)
    check_arrived = Signal(object)
    checks_ended = Signal()
    problem = Signal(object)

    def __init__(self, services: LibraryServices, tools: GpuTools | None = None, parent: QObject | None = None) -> None:
        """Nothing is looked at yet.

        Args:
            services: The data folder and the network.
            tools: Stand-ins for tests.
            parent: Qt's.
        """
        super().__init__(parent)
        self._tools = tools
        self.status: GpuStatus | None = None
        self.work: GpuWork | None = None
        self._services = services
        self._numbers = itertools.count(1)
        self._quick = BackgroundThread("gpu looks", self)
        self._long = BackgroundThread("gpu work", self)
        self._task: Task | None = None
        self._doctor: Task | None = None
        self._closed = False
        self._quick.event_arrived.connect(self.on_quick_event)
        self._long.event_arrived.connect(self.on_long_event)

    @property
    def trial_file(self) -> Path:
        """The report of the last trial of the card, if there was one."""
        return self._services.paths.engines / TRIAL

    # -- what the window asks for -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Look; the answer is `status_changed`."""
        self._quick.do(self._new_task(lambda: self._tasks().look()))

    def ask(self) -> None:
        """What an installation means; the answer is `offered` or `problem`."""
        self._quick.do(self._new_task(lambda: self._tasks().ask()))

    def diagnose(self) -> None:
        """Ask the doctor; the answers are `check_arrived`, at last `checks_ended`."""
        self.stop_diagnosis()
        self._doctor = self._new_task(self._diagnosis)
        self._quick.do(self._doctor)

    def stop_diagnosis(self) -> None:
        """Nobody listens any more."""
        if self._doctor is not None:
            self._doctor.cancel.set()

    def do(self, kind: GpuWorkKind) -> None:
        """Install, verify, remove, or try the card; nothing happens while another of them goes on."""
        if self.work is None and not self._closed:
            cancel = threading.Event()
            self._task = Task(next(self._numbers), lambda: self._tasks().work(kind, cancel), cancel)
            self._set(GpuWork(kind))
            self._long.do(self._task)

    def stop(self) -> None:
        """Stop; an installation leaves what was there before, unless it has its place already."""
        trying = self.work is not None and self.work.step is not None and self.work.step.stage == "trying"
        if self._task is not None and self.work is not None and not trying:
            self._task.cancel.set()
            self._set(dataclasses.replace(self.work, stopping=True))

    def cancel_all(self) -> None:
        """The window closes: let everything end soon."""
        self._closed = True
        self._quick.close()
        self._long.close()

    def shut_down(self) -> bool:
        """End the threads; False if one did not end in time."""
        if not self._closed:
            self.cancel_all()
        ended = self._long.end(POLITE_SECONDS)
        return self._quick.end(LOOK_SECONDS) and ended

    # -- what comes back --------------------------------------------------------------------------------------------

    def on_quick_event(self, arrived: TaskEvent) -> None:
        """A look, an offer, or a check of the doctor."""
        if self._closed:
            return
        mine = self._doctor is not None and arrived.number == self._doctor.number
        match arrived.event:
            case GpuStatus() as status:
                self._show(status)
            case GpuOffer() as offer:
                self.offered.emit(offer)
            case TaskEnded(_, report):
                if report is not None:
                    self.problem.emit(report)
                if mine:
                    self._doctor = None
                    self.checks_ended.emit()
            case check:
                if mine:
                    self.check_arrived.emit(check)

    def on_long_event(self, arrived: TaskEvent) -> None:
        """News of the work that goes on."""
        if self._closed or self.work is None or self._task is None or arrived.number != self._task.number:
            return
        match arrived.event:
            case GpuStep() as step:
                self._set(dataclasses.replace(self.work, step=step))
            case GpuStatus() as status:
                self.work = dataclasses.replace(self.work, status=status)
            case GpuUsable(now):
                self.work = dataclasses.replace(self.work, restart=not now)
            case GpuFreed(count, stays):
                self.work = dataclasses.replace(self.work, freed=count, stays=stays)
            case GpuWrongFiles(paths):
                self.work = dataclasses.replace(self.work, wrong=paths)
            case TrialStep() as tried:
                steps = (*self.work.tried, tried)
                self._set(dataclasses.replace(self.work, tried=steps, step=GpuStep("card", len(steps) / len(STEPS))))
            case CardReport() as report:
                self.work = dataclasses.replace(self.work, trial=report)
            case TaskEnded(stopped, trouble):
                end = GpuEnd(self.work, stopped, trouble)
                self._task = None
                self._set(None)
                if end.work.status is not None:
                    self._show(end.work.status)
                else:
                    self.look()
                self.work_ended.emit(end)

    def _show(self, status: GpuStatus) -> None:
        self.status = status
        self.status_changed.emit(status)

    def _tasks(self) -> GpuTasks:
        """Called in a thread alone: the window starts without what comes with it."""
        from app.gpu.tasks import GpuTasks

        return GpuTasks(self._services, self._tools)

    def _diagnosis(self) -> Generator[Finding | None, None, None]:
        from app.machine.checks import checks

        return checks(self._services, self._tasks().service)

    def _new_task(self, start: News) -> Task:
        return Task(next(self._numbers), start, threading.Event())

    def _set(self, work: GpuWork | None) -> None:
        if work != self.work:
            self.work = work
            self.work_changed.emit(work)
