"""What a crash leaves: the interpreter writes where every thread was into a file, and the next start offers to show it.

An exception in Python is none: it has a report at once (`app.base.log`). A crash is the end of the process in native
code (Qt, a driver), where nothing but `faulthandler` still runs. A program that was killed leaves nothing. Nothing is
sent anywhere.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from app import __version__
from app.base import texts
from app.base.errors import ErrorReport
from app.base.files import read_regular
from app.base.log import get_logger

CRASH_FILE, LAST_FILE = "crash.log", "crash-last.log"
_LARGEST = 1 << 20  # of the file; the traces of all threads take some ten thousand bytes
_SHOWN = 40_000  # characters of it

_log = get_logger("crash")


class CrashLog:
    """The file of one run of the program, in the folder of the logs.

    Args:
        folder: It exists.
    """

    def __init__(self, folder: Path) -> None:
        self._file, self._last = folder / CRASH_FILE, folder / LAST_FILE
        self._stream: TextIO | None = None

    def begin(self) -> ErrorReport | None:
        """Write crashes from now on; returns the report of the crash that ended the run before, None if none did.

        A file that cannot be written costs nothing but the trace of a crash.
        """
        report = self._found()
        try:
            if os.path.lexists(self._file):
                os.replace(self._file, self._last)
            number = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
            self._stream = os.fdopen(number, "w", encoding="utf-8")
            when = datetime.now(UTC).isoformat(timespec="seconds")
            program = f"{texts.APP_NAME} {__version__}, Python {platform.python_version()}"
            self._stream.write(f"{program}, {platform.platform()}, {when}\n")
            self._stream.flush()
            faulthandler.enable(file=self._stream, all_threads=True)
        except OSError as exc:
            _log.info("a crash would leave no trace: %s", exc.strerror or type(exc).__name__)
        return report

    def end(self) -> None:
        """The program ends as it should."""
        if self._stream is None:
            return
        faulthandler.disable()
        with contextlib.suppress(OSError):
            self._stream.close()
        with contextlib.suppress(OSError):
            self._file.unlink()
        self._stream = None

    def _found(self) -> ErrorReport | None:
        try:
            text = read_regular(self._file, _LARGEST).decode("utf-8", "replace")
        except OSError:
            return None  # none, or nothing that we wrote
        head, _, trace = text.partition("\n")
        if not trace.strip():
            return None  # it was killed, or the computer lost its power
        shown = "".join(each for each in trace if each == "\n" or each.isprintable())[:_SHOWN].rstrip()
        return ErrorReport("bug", texts.CRASHED, texts.CRASHED_HINT, f"{head[:500]}\n{shown}")
