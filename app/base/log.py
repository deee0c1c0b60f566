"""The log: named loggers below "dewpoint", one rotating file in the data folder, hooks for exceptions nobody caught.

Texts of chats are never logged. The level is INFO; the environment variable DEWPOINT_LOG ("debug", "warning", ...)
sets another.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from app.base import texts
from app.base.errors import ErrorReport, report_from_exception, trace_key
from app.base.files import check_regular

ROOT = "dewpoint"
LEVEL_VARIABLE = "DEWPOINT_LOG"
FILE_NAME = "dewpoint.log"
FILE_BYTES = 1_000_000
FILES_KEPT = 3
LINE_FORMAT = "%(asctime)s %(levelname)-7s %(name)s [%(threadName)s] %(message)s"


def get_logger(area: str) -> logging.Logger:
    """The logger of one part of the program, such as "store" or "bridge"."""
    return logging.getLogger(f"{ROOT}.{area}")


def setup_logging(folder: Path, level: str | None = None) -> str:
    """Write the log to `folder`.

    Args:
        folder: Where the file goes; made if it is missing.
        level: Name of the level; None takes DEWPOINT_LOG, else "info".

    Returns:
        "" or, if the file cannot be written, a sentence that says so; the program goes on without it.
    """
    shutdown_logging()
    wanted = (level or os.environ.get(LEVEL_VARIABLE) or "info").upper()
    root = logging.getLogger(ROOT)
    root.setLevel(logging.getLevelNamesMapping().get(wanted, logging.INFO))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            check_regular(folder / FILE_NAME)  # to open a pipe waits for ever
        handler = RotatingFileHandler(
            folder / FILE_NAME, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", errors="replace"
        )
    except OSError as exc:
        return texts.log_not_writable(Path(exc.filename or folder), exc.strerror or type(exc).__name__)
    handler.setFormatter(logging.Formatter(LINE_FORMAT))
    root.addHandler(handler)
    return ""


def shutdown_logging() -> None:
    """Close the log file (before the folder is removed, and before a new `setup_logging`)."""
    root = logging.getLogger(ROOT)
    for handler in root.handlers[:]:
        if isinstance(handler, RotatingFileHandler):
            root.removeHandler(handler)
            handler.close()


def install_exception_hooks(on_report: Callable[[ErrorReport], None]) -> Callable[[], None]:
    """Log every exception that nobody caught, and hand its report to `on_report`, once per distinct trace.

    `on_report` runs in the thread that failed: a window passes it on through a signal.

    Returns:
        A function that puts the hooks back as they were.
    """
    logger = get_logger("uncaught")
    seen: set[str] = set()
    lock = threading.Lock()
    before = sys.excepthook, threading.excepthook, sys.unraisablehook

    def handle(exc: BaseException) -> None:
        report = report_from_exception(exc)
        if report.kind == "cancelled":
            return
        logger.error("%s", report.text, exc_info=exc)
        key = trace_key(report)
        with lock:
            if key in seen:
                return
            seen.add(key)
        on_report(report)

    def hook(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
        handle(exc)

    def thread_hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            handle(args.exc_value)

    def unraisable_hook(args: sys.UnraisableHookArgs) -> None:
        if isinstance(args.exc_value, Exception):
            handle(args.exc_value)

    def restore() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before

    sys.excepthook, threading.excepthook, sys.unraisablehook = hook, thread_hook, unraisable_hook
    return restore
