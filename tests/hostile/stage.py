"""The window that the cases are played in, and everything that it says meanwhile."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QDialog

from app.base.errors import ErrorReport
from app.base.log import install_exception_hooks
from app.base.paths import AppPaths
from app.bridge.model_process import ModelProcess
from app.chats.lock.keys import PASSWORD_VARIABLE
from app.library.answering import AnsweringStatus, ModelChoice, ModelPhase
from app.main import Parts, build, model_process_factory
from inference.events import BlockCommitted, Event
from inference.params import GenerationRequest
from tests.helpers.qt_guard import delete_what_waits
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.hostile.watch import Heartbeat, Peak

BLOCK_SECONDS = 0.04
# What Qt says on a screen that is not there, or of a machine without fonts.
QUIET = ("This plugin does not support", "Populating font family aliases")


class _Log(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({record.exc_info[1]!r})"[:500]
        self._lines.append(text[:1000])


class PacedProcess(ScriptedModelProcess):
    """No model makes two blocks at once: the event loop runs between them."""

    def generate(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        for event in super().generate(request, cancel):
            yield event
            if isinstance(event, BlockCommitted):
                time.sleep(BLOCK_SECONDS)


class Stage(QObject):
    """One window at a time; all of them share the measuring.

    Attributes:
        parts: The window and what is behind it.
        script: The model that answers while no folder was chosen.
        news: What came from the library and the models since the case began: (name, value).
    """

    def __init__(self, application: QApplication, base: str, backend: str = "") -> None:
        """Open the first window.

        Args:
            application: Qt's.
            base: The data folder.
            backend: Of a real model process, such as "fake:long"; "" for the script.
        """
        super().__init__()
        self._backend = backend
        self.application, self.base = application, Path(base)
        self.news: list[tuple[str, Any]] = []
        self.said: list[str] = []
        self.bugs: list[str] = []
        self.errors: list[str] = []
        self.qt: list[str] = []
        self.notes: dict[str, Any] = {}
        self.script = PacedProcess()
        self._stack = ExitStack()
        qInstallMessageHandler(self._on_qt)
        self.parts = self.open(self.base)
        self.heartbeat, self.peak = Heartbeat(), Peak()

    # -- the window -------------------------------------------------------------------------------------------------

    def open(self, base: Path) -> Parts:
        """Open a window on a data folder, as the program does."""
        paths = AppPaths(base).ensure()
        real = model_process_factory(paths)

        def make(choice: ModelChoice) -> ModelProcess:
            return self.script if choice.folder is None and not self._backend else real(choice)

        backend = self._backend or "fake"
        asks = PASSWORD_VARIABLE not in os.environ  # else the chats are locked, and nobody is there to be asked
        parts = build(self.application, paths, self._stack, backend=backend, factory=make, waits=asks)
        self._stack.callback(install_exception_hooks(self._on_report))
        logging.getLogger("dewpoint").addHandler(handler := _Log(self.errors))
        self._stack.callback(logging.getLogger("dewpoint").removeHandler, handler)
        self._listen(parts)
        parts.window.resize(1000, 700)
        parts.window.show()
        self.parts = parts
        parts.controller.start(parts.preferences.settings.last_chat)
        return parts

    def reopen(self, base: Path) -> None:
        """Close the window and open one on another data folder; the start's own seconds are noted, and no stall."""
        self._discard()
        begun = time.thread_time()
        self.open(base)
        self.notes["start"] = max(self.notes.get("start", 0.0), time.thread_time() - begun)
        self.heartbeat.skip()

    def close(self) -> None:
        """End everything."""
        self.heartbeat.stop()
        self._discard()

    def dialogs(self, kind: type[QDialog]) -> list[Any]:
        """The open dialogs of a kind."""
        return [dialog for dialog in self.parts.window.findChildren(kind) if dialog.isVisible()]

    def _discard(self) -> None:
        parts = self.parts
        for dialog in parts.window.findChildren(QDialog):
            dialog.close()
        parts.window.close()
        self._stack.close()
        for part in (parts.window, parts.controller, parts.engines, parts.library, parts.gpu, parts.updates):
            part.deleteLater()
        delete_what_waits()

    # -- listening --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A case begins."""
        for kept in (self.news, self.said, self.bugs, self.errors, self.qt, self.notes):
            kept.clear()
        self._begun = time.monotonic()
        self.peak.start()
        self.heartbeat.start()

    def end(self) -> dict[str, Any]:
        """What was seen of it."""
        readings = self.heartbeat.readings
        return {
            "seconds": round(time.monotonic() - self._begun, 2),
            "stall": round(readings.stall),
            "where": readings.where,
            "peak": round(self.peak.megabytes()),
            "said": [text[:3000] for text in self.said],
            "bugs": [text[:4000] for text in self.bugs],
            "errors": list(self.errors),
            "qt": list(self.qt),
            "notes": dict(self.notes),
            "news": [name for name, _ in self.news],
        }

    def last(self, *names: str) -> Any:
        """The value of the newest news of these names; None if there was none."""
        return next((value for name, value in reversed(self.news) if name in names), None)

    def heard(self, *names: str) -> bool:
        """Whether such news came."""
        return any(name in names for name, _ in self.news)

    def _listen(self, parts: Parts) -> None:
        library, model = parts.library, parts.controller.model
        for name in (
            "status_changed", "offered", "adapter_found", "removal_known", "download_ended", "work_ended", "added",
            "freed",
        ):  # fmt: skip
            getattr(library, name).connect(lambda value, name=name: self.news.append((name, value)))
        for signal in (library.problem, parts.controller.problem):
            signal.connect(self._on_problem)
        model.refused.connect(lambda report: (self.news.append(("refused", report)), self._on_report(report)))
        model.choice_changed.connect(lambda choice: self.news.append(("choice", choice)))
        model.status_changed.connect(self._on_status)
        library.work_ended.connect(lambda end: end.report is not None and self._on_report(end.report))
        library.download_ended.connect(lambda end: end.report is not None and self._on_report(end.report))

    def _on_status(self, status: AnsweringStatus) -> None:
        self.news.append(("phase", status.phase))
        if status.phase == ModelPhase.FAILED:
            self.said.append(status.error)

    def _on_problem(self, report: ErrorReport) -> None:
        self.news.append(("problem", report))
        self._on_report(report)

    def _on_report(self, report: ErrorReport) -> None:
        if report.kind == "bug":
            self.bugs.append(f"{report.text}\n{report.detail}")
        elif report.kind == "known":
            self.said.append(f"{report.text} {report.hint}".strip())

    def _on_qt(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        if kind in (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg) and not message.startswith(QUIET):
            self.qt.append(message[:500])
        with contextlib.suppress(Exception):
            sys.stderr.write(message[:2000] + "\n")
