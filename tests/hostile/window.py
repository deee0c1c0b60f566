"""The real main window in a process of its own, which does what lines on its standard input say.

    python -m tests.hostile.window DATA_FOLDER

Each line is a JSON object: {"id", "do", ...}; `acts` has what can be done. The answer is one JSON object a line on what
was its standard output: what was said, what went wrong, the longest stall and the most memory. The last line that it
reads is empty.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.hostile.stage import Stage

CASE_SECONDS = float(os.environ.get("HOSTILE_SECONDS", "60"))
POLL_MS = 5


def main(base: str) -> int:
    """Do what is asked for until the input ends."""
    faulthandler.enable()
    if hasattr(faulthandler, "register"):
        import signal

        faulthandler.register(signal.SIGUSR1, all_threads=True)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from PySide6.QtCore import QCoreApplication

    from app.main import new_application
    from tests.hostile.stage import Stage

    application = new_application()
    stage = Stage(application, base)
    runner = make_runner(stage, replies)
    reader = threading.Thread(target=_read, args=(runner.arrived.emit,), name="orders", daemon=True)
    reader.start()
    while not runner.over:  # a window that closes ends the event loop, and another one may follow
        QCoreApplication.exec()
    stage.close()
    return 0


def _read(emit: Any) -> None:
    for line in sys.stdin:
        emit(line)
        if not line.strip():
            return
    emit("")


def make_runner(stage: Stage, replies: Any) -> Any:
    """What takes the lines, one after another, in the window's thread."""
    from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

    from tests.hostile.acts import ACTS, Wait

    class Runner(QObject):
        arrived = Signal(str)

        def __init__(self) -> None:
            super().__init__()
            self.over = False
            self._waiting: list[dict[str, Any]] = []
            self._now: dict[str, Any] | None = None
            self._steps: Iterator[Wait] = iter(())
            self._wait: Wait | None = None
            self._deadline = 0.0
            self._poll = QTimer(self)
            self._poll.setInterval(POLL_MS)
            self._poll.timeout.connect(self.on_poll)
            self._poll.start()
            self.arrived.connect(self.on_arrived)

        def on_arrived(self, line: str) -> None:
            if not line.strip():
                self.over = True
                QCoreApplication.quit()
                return
            self._waiting.append(json.loads(line))

        def on_poll(self) -> None:
            if self._now is None:
                if not self._waiting:
                    return
                self._now = self._waiting.pop(0)
                self._deadline = time.monotonic() + CASE_SECONDS
                stage.begin()
                self._steps = ACTS[self._now["do"]](stage, self._now)
                self._wait = None
            try:
                if self._wait is None or self._wait.reached():
                    self._wait = next(self._steps)
                elif time.monotonic() > self._deadline:
                    self._end(f"never came to be: {self._wait.what}")
            except StopIteration:
                self._end("")
            except Exception as exc:
                logging.getLogger("dewpoint.driver").exception("the driver")
                self._end(f"the driver failed: {exc!r}")

        def _end(self, trouble: str) -> None:
            assert self._now is not None
            reply = stage.end() | {"id": self._now["id"], "trouble": trouble}
            self._now = None
            replies.write(json.dumps(reply) + "\n")
            replies.flush()

    return Runner()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1]))
