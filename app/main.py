"""The composition root: reads the arguments, builds history, model process, controller and window, and wires them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app import __version__
from app.base import texts
from app.base.crash import CrashLog
from app.base.errors import AppError, ErrorReport, KnownAppError, StoppedError, report_from_exception
from app.base.log import install_exception_hooks, setup_logging, shutdown_logging
from app.base.paths import AppPaths
from app.base.settings_file import SettingsFile
from app.bridge.background import leave_if_given_up
from app.bridge.chat import ChatController
from app.bridge.engines import Engines
from app.bridge.first_window import FirstWindow, StartRequest, first_window
from app.bridge.garbage import GarbageCollector
from app.bridge.gpu import GpuAddon
from app.bridge.library import Library
from app.bridge.model_process import ModelProcess
from app.bridge.monitor import Monitor
from app.bridge.preferences import Preferences
from app.bridge.signals import SignalWatch
from app.bridge.updates import Updates
from app.chats.errors import NewerDatabaseError
from app.chats.history import HistoryStore
from app.chats.recordings import Recordings
from app.engines.tools import EngineTools
from app.gpu.start import start_addon
from app.library.answering import ModelChoice, Remembered, folder_choice, remembered_model, starter_choice
from app.library.services import LibraryServices
from app.smoke import SmokeRun
from app.ui.chat import words
from app.ui.chat.exchange.newer_file import NewerFile
from app.ui.chat.first_chat import FirstChat
from app.ui.chat.held_file import opened_when_free
from app.ui.settings.lock_start import carried_out, unlock_at_start
from app.ui.widgets.icons import app_icon
from app.ui.widgets.plain import message_box
from app.ui.widgets.theme import ThemeManager
from app.ui.window import MainWindow
from trt_engines.planning.probe import name_card

CANCEL_GRACE = 4.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What was built."""

    store: HistoryStore
    preferences: Preferences
    controller: ChatController
    engines: Engines
    library: Library
    gpu: GpuAddon
    monitor: Monitor
    updates: Updates
    themes: ThemeManager
    window: MainWindow
    first_chat: FirstChat


class _Reports(QObject):
    """Brings reports of exceptions that nobody caught into the window's thread.

    Signals:
        arrived: An `ErrorReport`.
    """

    arrived = Signal(object)


def arguments_parser() -> argparse.ArgumentParser:
    """The command line of the window."""
    parser = argparse.ArgumentParser(
        prog="dewpoint",
        usage="%(prog)s [options]\n       %(prog)s [--base-dir DIR] COMMAND ...",
        description=texts.TAGLINE,
        epilog=texts.commands_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{texts.APP_NAME} {__version__}")
    parser.add_argument("--base-dir", metavar="DIR", help="data folder; also DEWPOINT_HOME")
    parser.add_argument(
        "--model", metavar="DIR", help="model folder in Hugging Face layout; the starter model if left out"
    )
    parser.add_argument("--backend", metavar="NAME", default="auto", help="auto, onnx, native, tensorrt, torch or fake")
    parser.add_argument("--smoke", metavar="TEXT", help="send TEXT, wait for the answer, print one JSON object, exit")
    parser.add_argument("--screenshot", metavar="FILE", help="with --smoke: save a picture of the window")
    parser.add_argument("--screenshot-drafts", metavar="DIR", help="with --smoke: save half-denoised pictures, too")
    return parser


def model_choice(model: str | None, backend: str, remembered: Path | None) -> ModelChoice:
    """Which model to begin with: the one that was named, else the one of last time, else the starter model."""
    if backend.partition(":")[0] == "fake":
        return ModelChoice(None, backend, "Fake model")
    folder = Path(model) if model else remembered
    return folder_choice(folder, backend) if folder is not None else starter_choice(backend)


def model_process_factory(
    paths: AppPaths, offline: Callable[[], bool] = lambda: False
) -> Callable[[ModelChoice], ModelProcess]:
    """Makes model processes that log beside the program's log and find its TensorRT engines.

    `offline` says whether the program stays offline, for those that ask a server.
    """

    def make(choice: ModelChoice) -> ModelProcess:
        # Imported in the worker's thread: numpy is not needed for a window that takes input.
        from inference.host.client import ModelProcessClient

        log = paths.logs / "engine.log"
        if choice.server is not None:
            from app.server.remote.client import RemoteProcess

            return RemoteProcess(choice.server, offline, log, CANCEL_GRACE)
        return ModelProcessClient(
            choice.folder, choice.backend, log_file=log, cancel_grace=CANCEL_GRACE, engines=paths.engines
        )

    return make


def build(
    application: QApplication,
    paths: AppPaths,
    stack: ExitStack,
    model: str | None = None,
    backend: str = "auto",
    factory: Callable[[ModelChoice], ModelProcess] | None = None,
    engine_tools: EngineTools | None = None,
    services: LibraryServices | None = None,
    waits: bool = True,
    news: str = "",
) -> Parts:
    """Build and wire everything; nothing is shown and no model is loaded yet.

    With `waits`, a chat file that another program holds is waited for, the user is told, and is asked for the password
    of locked chats. `news` is what the window shall say first.

    Raises:
        StoppedError: The user would not wait.
        AppError: The data folder or the history cannot be used.
    """
    paths.ensure()
    start_addon(paths.gpu)
    stack.callback(shutdown_logging)
    file = SettingsFile(paths.settings_file)
    notices = [news, setup_logging(paths.logs), (loaded := file.load()).notice]
    name_card(loaded.settings.card)
    themes = ThemeManager(application, loaded.settings.appearance, loaded.settings.text_scale)
    store = stack.enter_context(_opened_store(paths, themes, waits))
    if store.recovery is not None:
        notices.append(f"{store.recovery.user_text} {store.recovery.hint}")
    remembered = Remembered() if model else remembered_model(loaded.settings.model_folder)
    if remembered.gone:
        notices.append(words.REMOVED_MODEL)
    if remembered.trouble:
        notices.append(words.unreadable_model(loaded.settings.model_folder, remembered.trouble))
    preferences = Preferences(file, loaded.settings)
    choice = model_choice(model, backend, remembered.folder)
    factory = factory or model_process_factory(paths, lambda: preferences.settings.offline)
    controller = ChatController(store, factory, choice, preferences, Recordings(paths.recordings))
    stack.callback(controller.shut_down)
    services = services or LibraryServices.open(paths, loaded.settings.offline, engine_tools)
    stack.callback(services.looks.close)
    engines = Engines(services.engines)
    stack.callback(engines.shut_down)
    library = Library(services)
    stack.callback(library.shut_down)
    gpu = GpuAddon(services)
    stack.callback(gpu.shut_down)
    updates = Updates(services, preferences)
    stack.callback(updates.shut_down)
    monitor = Monitor(controller, paths.base)
    stack.callback(monitor.shut_down)
    window = MainWindow(controller, engines, library, gpu, monitor, updates, preferences, themes, paths)
    if notice := " ".join(text for text in notices if text):
        window.notices.show(notice, stays=True)
    first_chat = FirstChat(paths.start_note, controller, window.notices)
    return Parts(store, preferences, controller, engines, library, gpu, monitor, updates, themes, window, first_chat)


def _opened_store(paths: AppPaths, themes: ThemeManager, waits: bool) -> HistoryStore:
    unlock_at_start(paths, themes.theme, asks=waits)
    if waits:
        return opened_when_free(paths.data_file, paths.backups, themes.theme)
    return HistoryStore.open(paths.data_file, paths.backups)


def keep_folder(controller: ChatController, paths: AppPaths, first: FirstWindow) -> None:
    """With a chat file that is written anew, what else a start makes in a data folder is made anew, if it is gone."""

    def make() -> None:
        first.on_folder_back()
        setup_logging(paths.ensure().logs)

    controller.file_written.connect(make)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit status."""
    started = time.monotonic()
    options = arguments_parser().parse_args(arguments)
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = new_application()
    application.setApplicationName(texts.APP_NAME)
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("dewpoint")
    application.setWindowIcon(app_icon())
    with ExitStack() as stack:
        stack.callback(GarbageCollector(application).stop)
        base = options.base_dir
        if options.smoke is not None and base is None:
            base = stack.enter_context(tempfile.TemporaryDirectory(prefix="dewpoint-", ignore_cleanup_errors=True))
        try:
            if "" in (options.model, options.screenshot, options.screenshot_drafts):
                raise KnownAppError(texts.NO_NAME)
            paths = AppPaths.resolve(base).ensure()
            asked = StartRequest.of_this_start(options.model, options.backend) if options.smoke is None else None
            first = first_window(paths.base, asked)
            if first is None:
                return 0  # the window that is open has taken over
            stack.callback(first.close)
            crash_log = CrashLog(paths.ensure().logs)
            crash = crash_log.begin()
            stack.callback(crash_log.end)
            status = _windows(application, paths, first, options, started, crash)
        except StoppedError:
            return 1
        except NewerDatabaseError as exc:
            return _refuse(report_from_exception(exc), options.smoke is not None, paths)
        except AppError as exc:
            return _refuse(report_from_exception(exc), options.smoke is not None)
    leave_if_given_up(status)
    return status


def _windows(
    application: QApplication,
    paths: AppPaths,
    first: FirstWindow,
    options: argparse.Namespace,
    started: float,
    crash: ErrorReport | None,
) -> int:
    """One window, and another one after each change of the lock, which needs the chats for itself.

    Raises:
        StoppedError: The user would not wait, or not say the password.
        AppError: The data folder or the history cannot be used.
    """
    news = ""
    while True:
        with ExitStack() as stack:
            waits = options.smoke is None
            parts = build(application, paths, stack, options.model, options.backend, waits=waits, news=news)
            keep_folder(parts.controller, paths, first)
            if crash is not None and waits:
                parts.window.notices.offer_crash(crash)
            status = _run(application, parts, first, options, started, stack)
            change, theme = parts.window.locking.change, parts.themes.theme
        if change is None:
            return status
        news, crash = carried_out(change, paths, theme), None


def new_application() -> QApplication:
    """Qt's application. Without a screen Qt aborts the process; here it ends with a sentence."""
    said: list[str] = []

    def listen(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        if kind == QtMsgType.QtFatalMsg:
            sys.stderr.write(f"{texts.NO_SCREEN} {texts.NO_SCREEN_HINT}\n{said[0] if said else ''}".rstrip() + "\n")
            sys.stderr.flush()
            os._exit(1)
        said.append(message)

    before = qInstallMessageHandler(listen)
    try:
        return QApplication([texts.APP_NAME])
    finally:
        qInstallMessageHandler(before)
        for message in said:
            sys.stderr.write(f"{message}\n")


def _run(
    application: QApplication,
    parts: Parts,
    first: FirstWindow,
    options: argparse.Namespace,
    started: float,
    stack: ExitStack,
) -> int:
    window = parts.window
    first.asked.connect(window.on_started_again)
    stack.callback(first.asked.disconnect, window.on_started_again)
    reports = _Reports()
    reports.arrived.connect(window.notices.report)
    stack.callback(install_exception_hooks(reports.arrived.emit))
    watch = SignalWatch(window)
    watch.arrived.connect(window.close)
    stack.callback(watch.stop)
    smoke = None
    if options.smoke is not None:
        smoke = SmokeRun(window, parts.controller, options.smoke, started)
        smoke.save_pictures(options.screenshot, options.screenshot_drafts)
    window.show()
    stack.callback(parts.first_chat.end)
    parts.first_chat.start("" if smoke else parts.preferences.settings.last_chat)
    status = application.exec()
    parts.controller.shut_down()
    parts.preferences.flush()
    return smoke.report() if smoke is not None else status


def _refuse(report: ErrorReport, quiet: bool, newer: AppPaths | None = None) -> int:
    """The program cannot start: say why; what a newer version wrote can be exported."""
    text = f"{report.text}\n\n{report.hint}".strip()
    sys.stderr.write(f"{text}\n{report.detail}\n".rstrip() + "\n")
    shown = not quiet and QGuiApplication.platformName() not in ("offscreen", "minimal")
    application = QApplication.instance()
    if shown and newer is not None and isinstance(application, QApplication):
        NewerFile(report, newer.data_file, ThemeManager(application).theme).exec()
    elif shown:
        message_box(texts.APP_NAME, text).exec()
    return 1
