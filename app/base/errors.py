"""Errors of the program, and the one place that turns any exception into what the user is told.

An error is *known* (the machine is to blame: full disk, wrong folder, no memory) and then has a sentence and a hint,
or it is a *bug* of ours and then has a trace for a report. Cancelling is neither: nothing is shown.
"""

from __future__ import annotations

import errno
import re
import traceback
from dataclasses import dataclass
from typing import Literal

from app.base import texts
from inference.errors import LookStoppedError
from inference.events import Failed
from trt_engines.errors import DewpointError

ReportKind = Literal["cancelled", "known", "bug"]


class AppError(DewpointError):
    """Root of all errors raised on purpose by this package; anything but a `KnownAppError` is a bug of ours."""


class KnownAppError(AppError):
    """The machine is to blame, and the user can do something about it."""

    known = True


class StoppedError(AppError):
    """The user stopped it; nobody is to blame, and nothing is shown."""

    def __init__(self, user_text: str = "", hint: str = "") -> None:
        super().__init__(user_text, hint)


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """What the window shows of an error.

    Attributes:
        kind: "cancelled" (show nothing), "known" (text and hint), "bug" (text, hint, and the detail to copy).
        text: One sentence that says what happened.
        hint: One sentence that says what to do, or an empty string.
        detail: The trace of a bug; what a library said of a known error, if it said something.
    """

    kind: ReportKind
    text: str
    hint: str
    detail: str = ""


def trace_key(report: ErrorReport) -> str:
    """The same for two bugs of one kind from one place, whatever their messages say and whatever was said of them."""
    places = re.findall(r'^ *File "(.{1,300}?)", line (\d+)', report.detail, re.MULTILINE)
    last = report.detail.rstrip().rpartition("\n")[2].partition(":")[0][:200]
    return " ".join([last, *(f"{file}:{line}" for file, line in places)])


def report_from_exception(exc: BaseException) -> ErrorReport:
    """What to tell the user about `exc`."""
    if isinstance(exc, KeyboardInterrupt | StoppedError | LookStoppedError):
        return ErrorReport("cancelled", "", "")
    if isinstance(exc, DewpointError) and exc.known:
        return ErrorReport("known", exc.user_text, exc.hint, exc.detail)
    if isinstance(exc, MemoryError):
        return ErrorReport("known", texts.OUT_OF_MEMORY, texts.OUT_OF_MEMORY_HINT)
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return ErrorReport("known", texts.DISK_FULL, texts.DISK_FULL_HINT)
    detail = "".join(traceback.format_exception(exc)).rstrip()
    if isinstance(exc, DewpointError):
        return ErrorReport("bug", exc.user_text, exc.hint or texts.BUG_HINT, detail)
    return ErrorReport("bug", texts.BUG, texts.BUG_HINT, detail)


def report_from_failed(event: Failed) -> ErrorReport:
    """What to tell the user about an answer that failed."""
    if event.known:
        return ErrorReport("known", event.user_text, event.hint, event.detail)
    return ErrorReport("bug", event.user_text or texts.BUG, event.hint or texts.BUG_HINT, event.detail)
