"""What is being done with models, seen from the window: downloads in one thread, checks and moves in another.

Short questions (a look, a removal) have a third thread, so that the page answers while a download runs, and questions
to the Hub a fourth: a server that does not answer keeps nothing else waiting, and can be given up.
Whoever closes the page stops nothing; closing the window does, and what is on the disk is kept.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.bridge.background import BackgroundThread, News, Task, TaskEnded, TaskEvent
from app.library.queue import DownloadQueue, Ended
from app.library.services import LibraryServices
from app.library.values import (
    DownloadOffer,
    DownloadQueued,
    FoundAdapter,
    Leftover,
    LibraryStatus,
    ListRefreshed,
    ModelAdded,
    ModelState,
    ModelStatus,
    ModelWork,
    ModelWorkEnd,
    Removal,
    SpaceFreed,
    Transferring,
)

if TYPE_CHECKING:
    from app.library.tasks import LibraryTasks

POLITE_SECONDS = 6.0
LOOK_SECONDS = 5.0  # a look that hangs in the system, at a drive that does not answer, is given up then


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    """What waits for an answer: about a folder of the user's, or (None) of the Hub."""

    task: Task
    folder: Path | None


class Library(QObject):
    """Looks at models, downloads, verifies, moves, merges and removes them, in the background.

    Signals:
        status_changed: A `LibraryStatus`, after each look and each change.
        asking_changed: Whether the Hub is being asked, or a folder (`looked_into`) is looked at; at each end, too.
        offered: A `DownloadOffer`: show licence and fit, then call `accept`.
        adapter_found: A `FoundAdapter`: ask for its base, then call `merge`.
        removal_known: A `Removal`: ask the user, then call `remove`.
        transfer_changed: A `Transferring`, or None when no download runs.
        download_ended: An `Ended` of `app.library.queue`, when `status` knows of it.
        work_changed: A `ModelWork`, or None.
        work_ended: A `ModelWorkEnd`.
        added: Id of a model that is new in the list.
        freed: Bytes that came free.
        refreshed: The list has new sizes.
        problem: An `ErrorReport` of something short.
    """

    status_changed = Signal(object)
    asking_changed = Signal(bool)
    offered = Signal(object)
    adapter_found = Signal(object)
    removal_known = Signal(object)
    transfer_changed = Signal(object)
    download_ended = Signal(object)
    work_changed = Signal(object)
    work_ended = Signal(object)
    added = Signal(object)
    freed = Signal(object)
    refreshed = Signal()
    problem = Signal(object)

    def __init__(self, services: LibraryServices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.services = services
        self.status: LibraryStatus | None = None
        self.transfer: Transferring | None = None
        self.work: ModelWork | None = None
        self._queue = DownloadQueue(services)
        self._numbers = itertools.count(1)
        self._quick = BackgroundThread("model looks", self)
        self._hub = BackgroundThread("hub questions", self)
        self._downloads = BackgroundThread("model downloads", self)
        self._long = BackgroundThread("model work", self)
        self._processor = BackgroundThread("processor measurement", self)
        self._measured = False
        self._questions: dict[int, _Question] = {}  # in the order in which they are asked
        self._closing = threading.Event()
        self._task: Task | None = None
        self._ended: dict[int, Ended] = {}  # by the look that comes before they are told
        self._quick.event_arrived.connect(self.on_quick_event)
        self._hub.event_arrived.connect(self.on_quick_event)
        self._processor.event_arrived.connect(self.on_quick_event)
        self._downloads.event_arrived.connect(self.on_download_event)
        self._long.event_arrived.connect(self.on_work_event)

    # -- questions and short work -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at everything; the answer is `status_changed`."""
        self._do(lambda: self._tasks().look())

    def measure(self) -> None:
        """Find out how fast large models are on the processor, where that matters and is not known; at most once.

        Takes up to ten seconds in a process of its own; then `status_changed`.
        """
        status = self.status
        if self._measured or status is None or not status.measurable or self._closing.is_set():
            return
        self._measured = True
        self._processor.do(self._new_task(lambda: self._tasks().measure(self._closing)))

    def ask(self, text: str) -> None:
        """Ask the Hub about a model; the answer is `offered` or `problem`."""
        cancel = threading.Event()
        self._ask(lambda: self._tasks().ask(text, cancel), cancel)

    def refresh(self) -> None:
        """Ask the Hub for new sizes of the list; the answer is `refreshed` or `problem`."""
        cancel = threading.Event()
        self._ask(lambda: self._tasks().refresh(cancel), cancel)

    @property
    def looked_into(self) -> Path | None:
        """The folder that is looked at because the user wants to add it, while it is."""
        first = next(iter(self._questions.values()), None)
        return first.folder if first is not None else None

    def stop_asking(self) -> None:
        """Nobody wants to know any more; what is asked of the Hub ends within a moment, and nothing is answered."""
        for question in self._questions.values():
            question.task.cancel.set()

    def accept(self, offer: DownloadOffer) -> None:
        """The user accepted the licence: download."""
        self._do(lambda: self._tasks().accept(offer))

    def resume(self, model_id: str) -> None:
        """Go on with a download, or fetch damaged files again."""
        self._do(lambda: self._tasks().resume(model_id))

    def pause(self, model_id: str) -> None:
        """Stop a download, or take it out of the queue; what is fetched is kept."""
        self._do(lambda: self._tasks().pause(self._queue, model_id))

    def add_folder(self, folder: Path) -> None:
        """Take a checkpoint of the user's into the list: `added`, or `adapter_found`, or `problem`."""
        cancel = threading.Event()
        self._ask(lambda: self._tasks().add_folder(folder, cancel), cancel, folder)

    def ask_removal(self, model: ModelStatus) -> None:
        """What removing would delete; the answer is `removal_known`."""
        self._do(lambda: self._tasks().ask_removal(model))

    def remove(self, removal: Removal, with_engines: bool) -> None:
        """Remove a model; the answer is `freed` or `problem`."""
        self._do(lambda: self._tasks().remove(removal, with_engines))

    def adopt(self, leftover: Leftover) -> None:
        """Take a complete model that lies about into the list."""
        self._do(lambda: self._tasks().adopt(leftover))

    def clear(self, leftover: Leftover) -> None:
        """Delete what lies about; the answer is `freed` or `problem`."""
        self._do(lambda: self._tasks().clear(leftover))

    # -- long work, one at a time -----------------------------------------------------------------------------------

    def verify(self, model_id: str) -> None:
        """Hash every file of a model; nothing happens while other work is done."""
        work, cancel = ModelWork("verify", model_id), threading.Event()
        self._begin(work, lambda: self._tasks().verify(work, cancel), cancel)

    def move(self, model_id: str, parent: Path) -> None:
        """Bring a model's folder into `parent`; nothing happens while other work is done."""
        work, cancel = ModelWork("move", model_id), threading.Event()
        self._begin(work, lambda: self._tasks().move(work, parent, cancel), cancel)

    def merge(self, adapter: Path, base: ModelStatus, title: str) -> None:
        """Merge an adapter into a model; nothing happens while other work is done."""
        work, cancel, folder = ModelWork("merge", base.id), threading.Event(), base.folder
        if folder is not None:
            self._begin(work, lambda: self._tasks().merge(work, adapter, folder, title, cancel), cancel)

    def stop_work(self) -> None:
        """Stop the check, the move or the merge; nothing half done is left."""
        if self._task is not None and self.work is not None:
            self._task.cancel.set()
            self._set_work(dataclasses.replace(self.work, stopping=True))

    # -- settings ---------------------------------------------------------------------------------------------------

    def set_offline(self, offline: bool) -> None:
        """Refuse every request from now on, or no longer; a download that runs is paused."""
        if offline == self.services.network.offline:
            return
        self.services.network.offline = offline
        if offline:
            self._queue.stop()
        if self.status is not None:
            self.look()

    def set_speed_limit(self, bytes_per_second: int) -> None:
        """For all downloads together; 0 for no limit. It holds at once."""
        self.services.rate.change(bytes_per_second)

    # -- the end ----------------------------------------------------------------------------------------------------

    def cancel_all(self) -> None:
        """The window closes: let everything end soon."""
        self._closing.set()
        self._queue.stop()
        self.services.looks.close()  # one that hangs is given up
        for thread in (self._quick, self._hub, self._processor, self._downloads, self._long):
            thread.close()

    def shut_down(self) -> bool:
        """End the threads; False if one did not end in time."""
        if not self._closing.is_set():
            self.cancel_all()
        ended = self._downloads.end(POLITE_SECONDS)
        ended = self._long.end(POLITE_SECONDS) and ended
        ended = self._hub.end(LOOK_SECONDS) and ended
        ended = self._processor.end(LOOK_SECONDS) and ended
        return self._quick.end(LOOK_SECONDS) and ended

    # -- how a model is doing ---------------------------------------------------------------------------------------

    def state_of(self, model: ModelStatus) -> ModelState:
        """The state as last looked at, or what is being done with the model at this moment."""
        if self.transfer is not None and self.transfer.model_id == model.id:
            return ModelState.VERIFYING if self.transfer.checking else ModelState.DOWNLOADING
        if self.work is not None and self.work.model_id == model.id and self.work.kind == "verify":
            return ModelState.VERIFYING
        return model.state

    # -- what comes back --------------------------------------------------------------------------------------------

    def on_quick_event(self, arrived: TaskEvent) -> None:
        """An answer, or the end of something short."""
        if self._closing.is_set():
            return
        match arrived.event:
            case LibraryStatus() as status:
                self.status = status
                self.status_changed.emit(status)
                self._tell_end(arrived.number)
            case DownloadOffer() | FoundAdapter() if self._is_stopped(arrived.number):
                pass
            case DownloadOffer() as offer:
                self.offered.emit(offer)
            case FoundAdapter() as adapter:
                self.adapter_found.emit(adapter)
            case Removal() as removal:
                self.removal_known.emit(removal)
            case ModelAdded(model_id):
                self.added.emit(model_id)
            case SpaceFreed(count):
                self.freed.emit(count)
            case ListRefreshed():
                self.refreshed.emit()
            case DownloadQueued():
                self._downloads.do(self._new_task(lambda: self._tasks().downloads(self._queue, self._closing)))
            case TaskEnded(_, report):
                self._tell_end(arrived.number)  # where the look failed
                wanted = not self._is_stopped(arrived.number)
                if arrived.number in self._questions:
                    del self._questions[arrived.number]
                    self.asking_changed.emit(bool(self._questions))
                if report is not None and wanted:
                    self.problem.emit(report)

    def on_download_event(self, arrived: TaskEvent) -> None:
        """News of the download that runs."""
        if self._closing.is_set():
            return
        match arrived.event:
            case Transferring() as transfer:
                self._set_transfer(transfer)
            case Ended() as ended:
                self._set_transfer(None)
                # Whoever hears of the end asks what can be done with the model now: only a look knows.
                self._ended[self._do(lambda: self._tasks().look()).number] = ended
            case TaskEnded(_, report):
                self._set_transfer(None)
                if report is not None:
                    self.problem.emit(report)

    def on_work_event(self, arrived: TaskEvent) -> None:
        """News of a check, a move or a merge."""
        if self._closing.is_set() or self.work is None or self._task is None or arrived.number != self._task.number:
            return
        match arrived.event:
            case ModelWork() as work:
                self._set_work(dataclasses.replace(work, stopping=self.work.stopping))
            case TaskEnded(stopped, report):
                end = ModelWorkEnd(self.work, stopped, report)
                self._task = None
                self._set_work(None)
                self.work_ended.emit(end)
                self.look()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _is_stopped(self, number: int) -> bool:
        """Whether nobody wants the answer any more that comes all the same."""
        return number in self._questions and self._questions[number].task.cancel.is_set()

    def _tell_end(self, look: int) -> None:
        if look in self._ended:
            self.download_ended.emit(self._ended.pop(look))

    def _tasks(self) -> LibraryTasks:
        """Called in a thread alone: numpy and an HTTP client come with it."""
        from app.library.tasks import LibraryTasks

        return LibraryTasks(self.services)

    def _new_task(self, start: News, cancel: threading.Event | None = None) -> Task:
        return Task(next(self._numbers), start, cancel or threading.Event())

    def _do(self, start: News) -> Task:
        task = self._new_task(start)
        self._quick.do(task)
        return task

    def _ask(self, start: News, cancel: threading.Event, folder: Path | None = None) -> None:
        task = self._new_task(start, cancel)
        self._questions[task.number] = _Question(task, folder)
        self._hub.do(task)
        self.asking_changed.emit(True)

    def _begin(self, work: ModelWork, start: News, cancel: threading.Event) -> None:
        if self.work is None and not self._closing.is_set():
            self._task = Task(next(self._numbers), start, cancel)
            self._set_work(work)
            self._long.do(self._task)

    def _set_transfer(self, transfer: Transferring | None) -> None:
        if transfer != self.transfer:
            self.transfer = transfer
            self.transfer_changed.emit(transfer)

    def _set_work(self, work: ModelWork | None) -> None:
        if work != self.work:
            self.work = work
            self.work_changed.emit(work)
