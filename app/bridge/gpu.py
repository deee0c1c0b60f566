"""What is being done with the GPU add-on, seen from the window: one installation, check or removal at a time.

Looks and the doctor have a thread of their own. Closing a dialog stops nothing; closing the program stops an
installation, which leaves what was there before.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.base.log import get_logger
from app.bridge.background import JobEnded, News, WorkEvent, WorkJob, WorkThread
from app.bridge.lazily import LazyModule
from app.gpu.values import GpuEnd, GpuOffer, GpuStatus, GpuStep, GpuTask, GpuWork

if TYPE_CHECKING:
    from app.gpu import tasks as jobs
    from app.gpu.service import GpuTools
    from app.library.services import LibraryServices
else:
    jobs = LazyModule("app.gpu.tasks")  # imported in a thread: the window starts without it

POLITE_SECONDS = 8.0  # the program that fetches gets some of them
LOOK_SECONDS = 30.0

_log = get_logger("bridge")


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
        self._quick = WorkThread("gpu looks", self)
        self._long = WorkThread("gpu work", self)
        self._job: WorkJob | None = None
        self._doctor: WorkJob | None = None
        self._closed = False
        self._quick.event_arrived.connect(self.on_quick_event)
        self._long.event_arrived.connect(self.on_long_event)

    # -- what the window asks for -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Look; the answer is `status_changed`."""
        self._quick.do(self._new_job(lambda: jobs.looked(self._services, self._tools)))

    def ask(self) -> None:
        """What an installation means; the answer is `offered` or `problem`."""
        self._quick.do(self._new_job(lambda: jobs.asked(self._services, self._tools)))

    def diagnose(self) -> None:
        """Ask the doctor; the answers are `check_arrived`, at last `checks_ended`."""
        self.stop_diagnosis()
        self._doctor = self._new_job(lambda: jobs.diagnosed(self._services, self._tools))
        self._quick.do(self._doctor)

    def stop_diagnosis(self) -> None:
        """Nobody listens any more."""
        if self._doctor is not None:
            self._doctor.cancel.set()

    def do(self, task: GpuTask) -> None:
        """Install, verify or remove; nothing happens while another of them goes on."""
        if self.work is None and not self._closed:
            cancel = threading.Event()
            self._job = WorkJob(
                next(self._numbers), lambda: jobs.worked(self._services, self._tools, task, cancel), cancel
            )
            self._set(GpuWork(task))
            self._long.do(self._job)

    def stop(self) -> None:
        """Stop; an installation leaves what was there before."""
        placed = self.work is not None and self.work.step is not None and self.work.step.stage == "trying"
        if self._job is not None and self.work is not None and not placed:
            self._job.cancel.set()
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
        ended = self._long.wait(POLITE_SECONDS)
        ended = self._quick.wait(LOOK_SECONDS) and ended
        if not ended:
            _log.error("a thread of the GPU add-on did not end")
        return ended

    # -- what comes back --------------------------------------------------------------------------------------------

    def on_quick_event(self, arrived: WorkEvent) -> None:
        """A look, an offer, or a check of the doctor."""
        if self._closed:
            return
        mine = self._doctor is not None and arrived.number == self._doctor.number
        match arrived.event:
            case GpuStatus() as status:
                self._show(status)
            case GpuOffer() as offer:
                self.offered.emit(offer)
            case JobEnded(_, report):
                if report is not None:
                    self.problem.emit(report)
                if mine:
                    self._doctor = None
                    self.checks_ended.emit()
            case check:
                if mine:
                    self.check_arrived.emit(check)

    def on_long_event(self, arrived: WorkEvent) -> None:
        """News of the work that goes on."""
        if self._closed or self.work is None or self._job is None or arrived.number != self._job.number:
            return
        match arrived.event:
            case GpuStep() as step:
                self._set(dataclasses.replace(self.work, step=step))
            case GpuStatus() as status:
                self.work = dataclasses.replace(self.work, status=status)
            case bool() as usable:
                self.work = dataclasses.replace(self.work, restart=not usable)
            case int() as freed:
                self.work = dataclasses.replace(self.work, freed=freed)
            case tuple() as wrong:
                self.work = dataclasses.replace(self.work, wrong=wrong)
            case JobEnded(stopped, report):
                end = GpuEnd(self.work, stopped, report)
                self._job = None
                self._set(None)
                if end.work.status is not None:
                    self._show(end.work.status)
                else:
                    self.look()
                self.work_ended.emit(end)

    def _show(self, status: GpuStatus) -> None:
        self.status = status
        self.status_changed.emit(status)

    def _new_job(self, start: News) -> WorkJob:
        return WorkJob(next(self._numbers), start, threading.Event())

    def _set(self, work: GpuWork | None) -> None:
        if work != self.work:
            self.work = work
            self.work_changed.emit(work)
