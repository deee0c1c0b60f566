"""Signs of life of the model process, so that whoever waits for it learns that it hangs.

The thread that works says nothing while it works, and a step may take a while. So a thread of its own sends a `Beat`
each second of work: for how long the other one has come to no step, and the longest that this ever took. Seconds are
counted, not read off a clock: a computer that slept has not hung.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from inference.host.messages import Beat

BEAT_SECONDS = 1.0


class Heart:
    """What the working thread tells, and the thread that passes it on."""

    def __init__(self, send: Callable[[Beat], None]) -> None:
        """`send` is called in the heart's own thread, which `start` starts."""
        self._send = send
        self._working, self._ended = threading.Event(), threading.Event()
        self._signs = 0
        self._thread = threading.Thread(target=self._beat, name="model-heart", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """No more beats."""
        self._ended.set()
        self._working.set()
        self._thread.join()

    def sign(self) -> None:
        """The work has come to another step."""
        self._signs += 1

    def work(self) -> None:
        """Work begins, or goes on."""
        self._signs += 1
        self._working.set()

    def rest(self) -> None:
        """Nothing is asked, or what is done now may take as long as it will."""
        self._working.clear()

    def _beat(self) -> None:
        seen, still, longest = -1, 0.0, 0.0
        while self._working.wait() and not self._ended.wait(BEAT_SECONDS):
            if not self._working.is_set():
                continue
            moved, seen = self._signs != seen, self._signs
            if moved:
                longest, still = max(longest, still), 0.0
            else:
                still += BEAT_SECONDS
            self._send(Beat(still, longest))
