"""What is being done with engines, seen from the window: one build or self-test at a time, and looks beside it.

Two threads, because a build takes minutes and the card can be opened meanwhile. Whoever closes the card does not stop
the build; `stop` and `shut_down` do, and what is finished is kept.
"""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.base.log import get_logger
from app.bridge.background import BackgroundThread, News, Task, TaskEnded, TaskEvent
from app.engines.service import EngineService
from app.engines.values import EngineOffer, EngineStatus, EngineWork, EngineWorkEnd, Looked, Removed

POLITE_SECONDS = 4.0  # a build looks at its cancel event twice a second
FORCED_SECONDS = 4.0
LOOK_SECONDS = 5.0  # a look that hangs in a driver or at a drive is given up then
MODEL_PROCESS = "dewpoint-model"  # of a chat; it has an owner of its own

_log = get_logger("bridge")


class Engines(QObject):
    """Looks at engines, builds, tests and removes them, in the background.

    Signals:
        looked: A `Looked`, after each look and each change.
        work_changed: The `EngineWork`, or None when it has ended.
        work_ended: An `EngineWorkEnd`.
        removed: Bytes that came free.
        problem: An `ErrorReport` of a removal.
    """

    looked = Signal(object)
    work_changed = Signal(object)
    work_ended = Signal(object)
    removed = Signal(object)
    problem = Signal(object)

    def __init__(self, service: EngineService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._service = service
        self._numbers = itertools.count(1)
        self._quick = BackgroundThread("engine looks", self)
        self._long = BackgroundThread("engine builds", self)
        self._target: tuple[Path | None, str] = (None, "")
        self._look: Task | None = None
        self._task: Task | None = None
        self._closed = False
        self.work: EngineWork | None = None
        self.last_end: EngineWorkEnd | None = None
        self._quick.event_arrived.connect(self.on_quick_event)
        self._long.event_arrived.connect(self.on_long_event)

    # -- what the card asks for -------------------------------------------------------------------------------------

    def look(self, folder: Path | None, name: str) -> None:
        """Look at the engines of a model; the answer is `looked`."""
        self._target = (folder, name)
        if self._look is not None:
            self._look.cancel.set()
        self._look = self._new_task(lambda: self._looked(folder, name))
        self._quick.do(self._look)

    def build(self, status: EngineStatus, offer: EngineOffer, anew: bool = False) -> None:
        """Build and test; nothing happens while something else is built or tested."""
        if self.work is None and not self._closed:
            self._begin(EngineWork(status, offer, True), lambda: self._service.build(status, offer, anew))

    def verify(self, status: EngineStatus, offer: EngineOffer) -> None:
        """Test; nothing happens while something else is built or tested."""
        if self.work is None and not self._closed:
            self._begin(EngineWork(status, offer, False), lambda: self._service.verify(status, offer))

    def stop(self) -> None:
        """Stop the build or the self-test; what is finished is kept."""
        if self._task is not None and self.work is not None:
            self._task.cancel.set()
            self._set(dataclasses.replace(self.work, stopping=True))

    def remove(self, folders: Sequence[Path]) -> None:
        """Remove engine sets; the answer is `removed` or `problem`."""
        self._quick.do(self._new_task(lambda: self._removed(tuple(folders))))

    def log(self, offer: EngineOffer) -> tuple[str, str]:
        """Name of the part that was worked on last, and the end of its log."""
        return self._service.log(offer.request)

    def cancel_all(self) -> None:
        """The window closes: let everything end soon."""
        self._closed = True
        self._quick.close()
        self._long.close()

    def shut_down(self) -> bool:
        """End the threads, politely and then by force; False if even that did not help."""
        if not self._closed:
            self.cancel_all()
        if not (self._long.given_up or self._long.wait(POLITE_SECONDS)):
            _log.info("the build did not end in time and is killed")
            kill_children()
        ended = self._long.end(FORCED_SECONDS)
        return self._quick.end(LOOK_SECONDS) and ended

    # -- what comes back --------------------------------------------------------------------------------------------

    def on_quick_event(self, arrived: TaskEvent) -> None:
        """A look or a removal."""
        if self._closed:
            return
        match arrived.event:
            case Looked() as looked:
                if self._look is not None and arrived.number == self._look.number:
                    self.looked.emit(looked)
            case Removed(freed):
                self.removed.emit(freed)
            case TaskEnded(_, report):
                if report is not None:
                    self.problem.emit(report)
                if self._look is None or arrived.number != self._look.number:
                    self._look_again(arrived)

    def on_long_event(self, arrived: TaskEvent) -> None:
        """News of the build or the self-test."""
        if self._closed or self.work is None or self._task is None or arrived.number != self._task.number:
            return
        if isinstance(arrived.event, TaskEnded):
            self._end(arrived.event)
            return
        # Imported here: what comes now comes from a builder that is loaded; the window starts without it.
        from trt_engines.building.builder import BuildProgress
        from trt_engines.building.state import Check

        match arrived.event:
            case Check() as check:
                self._set(dataclasses.replace(self.work, checks=(*self.work.checks, check)))
            case BuildProgress() as progress:
                self._set(dataclasses.replace(self.work, progress=progress))

    def _new_task(self, start: News) -> Task:
        return Task(next(self._numbers), start, threading.Event())

    def _looked(self, folder: Path | None, name: str) -> Generator[object, None, None]:
        yield Looked(self._service.status(folder, name), self._service.sets())

    def _removed(self, folders: tuple[Path, ...]) -> Generator[object, None, None]:
        yield Removed(sum(self._service.delete(folder) for folder in folders))

    def _begin(self, work: EngineWork, start: News) -> None:
        self._task, self.last_end = self._new_task(start), None
        self._set(work)
        self._long.do(self._task)

    def _end(self, ended: TaskEnded) -> None:
        if self.work is None:
            return
        self.last_end = EngineWorkEnd(self.work, ended.stopped, ended.report)
        self._task = None
        self._set(None)
        self.work_ended.emit(self.last_end)
        self.look(*self._target)

    def _look_again(self, arrived: TaskEvent) -> None:
        """After a removal; a look that a newer one replaced needs no other."""
        if self._look is None or arrived.number > self._look.number:
            self.look(*self._target)

    def _set(self, work: EngineWork | None) -> None:
        if work != self.work:
            self.work = work
            self.work_changed.emit(work)


def kill_children() -> None:
    """End what builds and self-tests started, by force, from any thread; what they write is whole or not there."""
    for child in multiprocessing.active_children():
        if child.name != MODEL_PROCESS:
            child.kill()
