"""What the user is told of an exception, what goes into the log, and the sentences themselves."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.base import texts
from app.base.errors import (
    AppError,
    ErrorReport,
    KnownAppError,
    StoppedError,
    report_from_exception,
    report_from_failed,
)
from app.base.log import FILE_NAME, get_logger, install_exception_hooks, setup_logging, shutdown_logging
from app.chats import texts as chats_texts
from app.chats.errors import StoreFullError
from app.ui.help import words
from inference.errors import InferenceError, LookStoppedError, ModelFolderError
from inference.events import Failed
from trt_engines.errors import EngineError


@pytest.mark.parametrize(
    ("exc", "kind", "text"),
    [
        (KeyboardInterrupt(), "cancelled", ""),
        (StoppedError(), "cancelled", ""),
        (LookStoppedError("The look was stopped."), "cancelled", ""),
        (KnownAppError("What.", "Do."), "known", "What."),
        (StoreFullError("Full.", "Free."), "known", "Full."),
        (ModelFolderError("No folder.", "Choose."), "known", "No folder."),
        (EngineError("No card.", "Buy."), "known", "No card."),
        (MemoryError(), "known", texts.OUT_OF_MEMORY),
        (OSError(errno.ENOSPC, "x"), "known", texts.DISK_FULL),
        (OSError(errno.ENOENT, "x"), "bug", texts.BUG),
        (AppError("Odd."), "bug", "Odd."),
        (InferenceError("Odd."), "bug", "Odd."),
        (ZeroDivisionError("x"), "bug", texts.BUG),
    ],
)
def test_reports(exc: BaseException, kind: str, text: str) -> None:
    report = report_from_exception(exc)
    assert (report.kind, report.text) == (kind, text)
    assert bool(report.detail) == (kind == "bug")
    assert bool(report.hint) == (kind != "cancelled")


def test_reports_of_failed_answers() -> None:
    known = Failed("It ended.", "Again.", known=True)
    assert report_from_failed(known) == ErrorReport("known", "It ended.", "Again.")
    bug = report_from_failed(Failed("", "", known=False, detail="Traceback"))
    assert bug == ErrorReport("bug", texts.BUG, texts.BUG_HINT, "Traceback")


def test_errors_cross_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(StoreFullError("Full.", "Free.")))
    assert type(error) is StoreFullError
    assert (error.user_text, error.hint) == ("Full.", "Free.")


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    """A log that is written to this folder."""
    assert setup_logging(tmp_path / "logs", "debug") == ""
    yield tmp_path / "logs"
    shutdown_logging()
    logging.getLogger("dewpoint").setLevel(logging.NOTSET)


def test_the_log_is_a_file(logs: Path) -> None:
    get_logger("store").info("a line with \ud800 in it")
    assert setup_logging(logs, "info") == ""
    get_logger("store").debug("too detailed")
    get_logger("store").info("another")
    shutdown_logging()
    lines = (logs / FILE_NAME).read_text("utf-8").splitlines()
    assert len(lines) == 2
    assert "dewpoint.store" in lines[0]


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEWPOINT_LOG", "no such level")
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in setup_logging(tmp_path / "file")


@pytest.mark.skipif(os.name == "nt", reason="needs pipes and devices")
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_log_that_is_no_file_is_said(tmp_path: Path, kind: str) -> None:
    """To open a pipe waits for ever."""
    file = tmp_path / FILE_NAME
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    assert setup_logging(tmp_path) == texts.log_not_writable(file, "it is no regular file")


def leave_unraisable() -> None:
    """An exception where nobody can catch it: while something is deleted."""

    class Odd:
        def __del__(self) -> None:
            raise ZeroDivisionError

    Odd()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_uncaught_exceptions_are_logged_and_reported_once(logs: Path, log_expected: Callable[[str], None]) -> None:
    log_expected("dewpoint.uncaught")
    reports: list[ErrorReport] = []
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    restore = install_exception_hooks(reports.append)

    def fail(number: int) -> None:
        raise ValueError(f"number {number}")

    try:
        for number in range(3):
            thread = threading.Thread(target=fail, args=(number,))
            thread.start()
            thread.join()
        for exc in (KeyboardInterrupt(), KnownAppError("Known.", "Do.")):
            sys.excepthook(type(exc), exc, None)
        leave_unraisable()
    finally:
        restore()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before
    assert [(report.kind, report.text) for report in reports[:2]] == [("bug", texts.BUG), ("known", "Known.")]
    assert ["ZeroDivisionError" in report.detail for report in reports[2:]] == [True]
    assert (logs / FILE_NAME).read_text("utf-8").count("ValueError: number") == 3


def test_the_status_line_of_an_answer_that_broke_off() -> None:
    assert chats_texts.ended_early("stopped", 0, 0.3, 0) == "stopped in block 1 · 0.3 s"


def test_shortcuts_are_unique_and_sentences_end() -> None:
    keys = [shortcut.keys for shortcut in words.SHORTCUTS]
    assert len(keys) == len(set(keys)) >= 19
    for name, value in vars(texts).items():
        if name.endswith("_HINT"):
            assert value.endswith("."), name


def test_what_is_said_of_a_recovery() -> None:
    text = chats_texts.store_recovered(1, 2, 1, False)
    assert (
        text == "The chat file was damaged. Dewpoint recovered 1 chat with 2 messages, 1 of them from the last backup."
    )
    assert chats_texts.store_recovered(0, 0, 0, True).startswith(
        "The chat file was missing. Dewpoint recovered 0 chats"
    )
    assert chats_texts.store_recovered_hint("", 0) == ""
    assert chats_texts.store_recovered_hint("x.sqlite3", 1) == (
        "At least 1 entry could not be recovered. The damaged file was kept as x.sqlite3."
    )
