"""What is known of a newer version, seen from the window: asked on a click, or once a week if the settings say so.

One thing at a time, in a thread of its own. Closing the dialog stops nothing; closing the program stops a download,
and what was fetched is kept.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.base.errors import ErrorReport
from app.base.log import get_logger
from app.base.settings import Settings
from app.bridge.background import BackgroundThread, News, Task, TaskEnded, TaskEvent
from app.transfers.values import Progress, TransferFinished, TransferStopped, Verifying, Waiting
from app.updates.values import Found, NoReleases, UpdateState, UpdateStatus

if TYPE_CHECKING:
    from app.bridge.preferences import Preferences
    from app.library.services import LibraryServices
    from app.updates.tasks import UpdateTasks

PERIOD, RETRY = timedelta(days=7), timedelta(days=1)
LOOK_MS = 8_000  # after the start: the window, the model and the first answer come first
AGAIN_MS = 3_600_000
POLITE_SECONDS = 6.0  # a question ends at once; a package may be being hashed
WORKING = (UpdateState.ASKING, UpdateState.FETCHING, UpdateState.CHECKING)

_log = get_logger("bridge")


class Updates(QObject):
    """Asks for newer versions, fetches and checks them, in the background.

    Signals:
        status_changed: The `UpdateStatus`.
        found_unasked: A `Found` of the weekly look, once for each version.
        package_checked: Path of a package that is right and may be installed now.
        problem: An `ErrorReport` of a bug of ours; what the machine is to blame for is in the status.
    """

    status_changed = Signal(object)
    found_unasked = Signal(object)
    package_checked = Signal(object)
    problem = Signal(object)

    def __init__(self, services: LibraryServices, preferences: Preferences, parent: QObject | None = None) -> None:
        """Nobody is asked yet.

        Args:
            services: The data folder and the network.
            preferences: Whether to look once a week, and when that was last.
            parent: Qt's.
        """
        super().__init__(parent)
        self.status = UpdateStatus()
        self._services = services
        self._preferences = preferences
        self._numbers = itertools.count(1)
        self._thread = BackgroundThread("updates", self)
        self._thread.event_arrived.connect(self.on_event)
        self._task: Task | None = None
        self._answer: Found | None = None
        self._nobody = False  # nobody could be asked
        self._unasked = False
        self._not_before: datetime | None = None  # the weekly look failed, or was stopped: not again before this
        self._weekly = preferences.settings.update_check == "weekly"
        self._closed = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.on_look_due)
        preferences.changed.connect(self.on_settings_changed)

    # -- what the window asks for -----------------------------------------------------------------------------------

    def start(self) -> None:
        """The window is there: tidy up soon, and from now on look once a week, if the settings say so."""
        if self._services.paths.updates.is_dir():
            self._thread.do(Task(next(self._numbers), lambda: self._tasks().tidy(), threading.Event()))
        self._timer.start(LOOK_MS)

    def ask(self) -> None:
        """Ask now, because the user wants to know; the answer is `status_changed`."""
        self._unasked = False
        self._ask()

    def fetch(self) -> None:
        """Download the package."""
        found = self.status.found
        if self.status.state is UpdateState.NEWER and found is not None:
            cancel = threading.Event()
            self._set(state=UpdateState.FETCHING, done=0, rate=0.0, waiting="", stopping=False, report=None)
            self._do(lambda: self._tasks().fetch(found, cancel), cancel)

    def stop(self) -> None:
        """Stop the download, and keep what is fetched; or stop asking."""
        if self.status.state in (UpdateState.ASKING, UpdateState.FETCHING) and self._task is not None:
            self._task.cancel.set()
            self._set(stopping=True)

    def check(self) -> None:
        """Hash the package once more, because it is to be installed now; the answer is `package_checked`."""
        found = self.status.found
        if self.status.state is UpdateState.READY and found is not None:
            self._set(state=UpdateState.CHECKING, report=None)
            self._do(lambda: self._tasks().check(found))

    def cancel_all(self) -> None:
        """The window closes: let everything end soon."""
        self._closed = True
        self._timer.stop()
        self._thread.close()

    def shut_down(self) -> bool:
        """End the thread; False if it did not end in time."""
        if not self._closed:
            self.cancel_all()
        return self._thread.end(POLITE_SECONDS)

    # -- what comes back --------------------------------------------------------------------------------------------

    def on_look_due(self) -> None:
        """Some seconds after the start, and then every hour: ask, if that is a week ago."""
        self._timer.setInterval(AGAIN_MS)
        settings, idle = self._preferences.settings, self.status.state in (UpdateState.IDLE, UpdateState.CURRENT)
        if self._weekly and idle and not settings.offline and self._is_due(settings.updates_asked):
            self._unasked = True
            self._ask()

    def on_settings_changed(self, settings: Settings) -> None:
        """The offline switch stops what goes on; whoever switches the weekly look on wants to know soon."""
        if settings.offline:
            self.stop()
        weekly, self._weekly = self._weekly, settings.update_check == "weekly"
        if self._weekly and not weekly and self._timer.isActive():
            self._timer.start(LOOK_MS)

    def on_event(self, arrived: TaskEvent) -> None:
        """News of what is done."""
        if self._closed or self._task is None or arrived.number != self._task.number:
            return
        match arrived.event:
            case Found() as found:
                self._answer = found
            case NoReleases():
                self._nobody = True
            case Progress(done=done, rate=rate):
                self._set(done=done, rate=rate, waiting="")
            case Waiting(text=text):
                self._set(waiting=text, rate=0.0)
            case Path() as path:
                self._on_path(path)
            case TransferFinished() | TransferStopped() | Verifying():
                pass
            case TaskEnded(stopped, report):
                self._task = None
                self._on_ended(stopped, report)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _is_due(self, asked: str) -> bool:
        """Whether nobody was asked for a week; a time in the future counts as no time (the clock was set back)."""
        now = datetime.now(UTC)
        if self._not_before is not None and now < self._not_before:
            return False
        try:
            return not timedelta(0) <= now - datetime.fromisoformat(asked) < PERIOD
        except (ValueError, TypeError):
            return True

    def _ask(self) -> None:
        if self.status.state not in WORKING and not self._closed:
            self._answer, self._nobody = None, False
            cancel = threading.Event()
            self._set(state=UpdateState.ASKING, stopping=False, report=None)
            self._do(lambda: self._tasks().ask(cancel), cancel)

    def _on_path(self, path: Path) -> None:
        found = self.status.found
        if self.status.state is UpdateState.CHECKING:
            self.package_checked.emit(path)
        elif found is not None:
            self.status = dataclasses.replace(self.status, found=dataclasses.replace(found, fetched=path))

    def _on_ended(self, stopped: bool, report: ErrorReport | None) -> None:
        """A task is through: what it brought decides how it goes on."""
        found = self.status.found
        if self.status.state is UpdateState.ASKING and stopped:
            self._unasked = False
            self._not_before = datetime.now(UTC) + RETRY
            self._rest(found, None)
        elif self.status.state is UpdateState.ASKING:
            self._on_answered(report)
        elif self.status.state is UpdateState.CHECKING and report is not None and found is not None:
            self._rest(dataclasses.replace(found, fetched=None), report)  # it is not what it was: fetch it again
        else:
            self._rest(found, report)

    def _on_answered(self, report: ErrorReport | None) -> None:
        found, unasked, self._unasked = self._answer, self._unasked, False
        if report is not None:
            if unasked and report.kind == "known":
                _log.info("the weekly look for a newer version failed: %s", report.text)
                self._not_before, report = datetime.now(UTC) + RETRY, None
                self._set(state=UpdateState.IDLE)
            else:
                self._rest(self.status.found, report)
            return
        if self._nobody:
            self._rest(None, None)
            self._set(state=UpdateState.NOBODY)
            return
        self._preferences.set(updates_asked=datetime.now(UTC).isoformat(timespec="seconds"))
        self._rest(found, None)
        if found is None:
            self._set(state=UpdateState.CURRENT)
        elif unasked and found.release.version != self._preferences.settings.update_told:
            self._preferences.set(update_told=found.release.version)
            self.found_unasked.emit(found)

    def _rest(self, found: Found | None, report: ErrorReport | None) -> None:
        """Nothing is being done now."""
        state = UpdateState.IDLE
        if found is not None:
            state = UpdateState.READY if found.fetched is not None else UpdateState.NEWER
        bug = report is not None and report.kind == "bug"
        self._set(state=state, found=found, report=None if bug else report, stopping=False, waiting="")
        if bug:
            self.problem.emit(report)

    def _tasks(self) -> UpdateTasks:
        """Called in the thread alone: the window starts without what comes with it."""
        from app.updates.tasks import UpdateTasks

        return UpdateTasks(self._services)

    def _do(self, start: News, cancel: threading.Event | None = None) -> None:
        self._task = Task(next(self._numbers), start, cancel or threading.Event())
        self._thread.do(self._task)

    def _set(self, **changes: object) -> None:
        status = dataclasses.replace(self.status, **changes)  # type: ignore[arg-type]
        if status != self.status:
            self.status = status
        self.status_changed.emit(self.status)
