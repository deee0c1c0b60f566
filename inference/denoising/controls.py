"""What can be said to an answer while it is written, beside a cancel: settle this block now, go on for more steps."""

from __future__ import annotations

import threading
from typing import Protocol


class Controls(Protocol):
    """Looked at once in each step."""

    def take_settle(self) -> bool:
        """Whether the block that is being written shall be committed as it is; asked once, it is forgotten."""

    def added_steps(self) -> int:
        """Steps that the block may take beyond its limit."""

    def begin_block(self) -> None:
        """A block begins: nothing is added to it yet."""


class AnswerControls:
    """Controls that any thread may use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settle, self._added = False, 0

    def settle_now(self) -> None:
        """Commit the block that is being written after its next step, as it is."""
        with self._lock:
            self._settle = True

    def more_steps(self, count: int) -> None:
        """Let the block that is being written take `count` more steps than its limit.

        Raises:
            ValueError: `count` is not 1 or more.
        """
        if count < 1:
            raise ValueError(f"count must be 1 or more, not {count!r}")
        with self._lock:
            self._added += count

    def take_settle(self) -> bool:
        """See `Controls`."""
        with self._lock:
            settle, self._settle = self._settle, False
            return settle

    def added_steps(self) -> int:
        """See `Controls`."""
        with self._lock:
            return self._added

    def begin_block(self) -> None:
        """See `Controls`."""
        with self._lock:
            self._settle, self._added = False, 0


class _NoControls:
    """Nobody says anything."""

    def take_settle(self) -> bool:
        return False

    def added_steps(self) -> int:
        return 0

    def begin_block(self) -> None:
        """Nothing to forget."""


NO_CONTROLS: Controls = _NoControls()
