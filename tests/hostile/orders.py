"""Takes the orders that a window of the hostile cases reads, plays one after another, and answers each."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from typing import IO, Any

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from tests.hostile.acts import ACTS, Wait
from tests.hostile.stage import Stage

CASE_SECONDS = float(os.environ.get("HOSTILE_SECONDS", "60"))
POLL_MS = 5


class Orders(QObject):
    """Lives in the window's thread.

    Signals:
        arrived: A line, from the thread that reads.

    Attributes:
        over: Whether the last line came.
    """

    arrived = Signal(str)

    def __init__(self, stage: Stage, replies: IO[str]) -> None:
        super().__init__()
        self.over = False
        self._stage, self._replies = stage, replies
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
        """An order, or the end."""
        if line.strip():
            self._waiting.append(json.loads(line))
        else:
            self.over = True
            QCoreApplication.quit()

    def on_poll(self) -> None:
        """Go on with the case if what it waits for has come to be."""
        if self._now is None:
            if not self._waiting:
                return
            self._now, self._wait = self._waiting.pop(0), None
            self._deadline = time.monotonic() + CASE_SECONDS
            self._stage.begin()
            self._steps = ACTS[self._now["do"]](self._stage, self._now)
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
        reply = self._stage.end() | {"id": self._now["id"], "trouble": trouble}
        self._now = None
        self._replies.write(json.dumps(reply) + "\n")
        self._replies.flush()
