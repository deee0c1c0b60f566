"""Which connection fetches which bytes next.

Nothing is queued: what is to be fetched is what is missing of the open files and not being fetched. So a range that
was given up half-way is there again by itself.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from app.transfers.file_state import FileStage, FileState
from app.transfers.ranges import Span, Spans
from app.transfers.values import MIB, TransferOptions

SMALLEST_RANGE = 4 * MIB


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A range of a file that one connection fetches.

    Attributes:
        state: The file.
        start: First byte.
        end: The byte after the last.
        started: `time.monotonic()` when it was handed out.
    """

    state: FileState
    start: int
    end: int
    started: float


class Scheduler:
    """Hands out ranges, file by file and in order.

    Attributes:
        halt: Set while nothing must be fetched: connections let go.
    """

    def __init__(self, options: TransferOptions) -> None:
        self._options = options
        self._condition = threading.Condition()
        self._states: list[FileState] = []
        self._running: list[Piece] = []
        self._ended = False
        self._hold_until = 0.0
        self._left = 0
        self.halt = threading.Event()

    # -- for the main loop ------------------------------------------------------------------------------------------

    def update(self, states: list[FileState], left: int) -> None:
        """Say which files are open, and how many bytes all files together still lack."""
        with self._condition:
            self._states = [state for state in states if state.stage is FileStage.OPEN]
            self._left = left
            self._condition.notify_all()

    def hold(self, until: float) -> None:
        """Hand nothing out before that time (`time.monotonic()`)."""
        with self._condition:
            self._hold_until = max(self._hold_until, until)

    def resume(self) -> None:
        """Go on after `halt` was set."""
        with self._condition:
            self.halt.clear()
            self._condition.notify_all()

    def end(self) -> None:
        """Let all connections go, for good."""
        with self._condition:
            self._ended = True
            self.halt.set()
            self._condition.notify_all()

    def running(self, state: FileState | None = None) -> list[Piece]:
        """What is being fetched, of one file or of all."""
        with self._condition:
            return [piece for piece in self._running if state is None or piece.state is state]

    def next_time(self) -> float | None:
        """When something can be handed out next; None if nothing is missing or something can be at once."""
        with self._condition:
            now = time.monotonic()
            times = [max(state.not_before, self._hold_until) for state in self._states if self._gap(state) is not None]
            return min(times) if times and min(times) > now else None

    def hungry(self) -> bool:
        """Whether more files should be opened, so that no connection will find nothing to do."""
        with self._condition:
            return sum(self._gap(state) is not None for state in self._states) <= self._options.connections

    def give_back(self, piece: Piece) -> None:
        """A connection has let go of the range, and what that means has been decided."""
        with self._condition:
            self._running.remove(piece)
            self._condition.notify_all()

    # -- for the connections ----------------------------------------------------------------------------------------

    def take(self) -> Piece | None:
        """The next range; waits for one. None when all is over."""
        with self._condition:
            while not self._ended:
                piece = None if self.halt.is_set() else self._next()
                if piece is not None:
                    self._running.append(piece)
                    return piece
                self._condition.wait(0.05)
            return None

    def await_decision(self, piece: Piece) -> None:
        """Wait until the main loop has dealt with a range that did not come, and given it back."""
        with self._condition:
            while not self._ended and piece in self._running:
                self._condition.wait(0.05)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _next(self) -> Piece | None:
        now = time.monotonic()
        if now < self._hold_until:
            return None
        for state in self._states:
            if state.halted or now < state.not_before:
                continue
            gap = self._gap(state)
            if gap is not None:
                start, end = gap
                return Piece(state, start, end if state.single else min(end, start + self._range()), now)
        return None

    def _range(self) -> int:
        """Large ranges while much is left, smaller ones near the end, so that all connections end together."""
        fair = self._left // (2 * self._options.connections)
        return min(self._options.range_bytes, max(SMALLEST_RANGE, fair))

    def _gap(self, state: FileState) -> Span | None:
        """The first bytes of a file that are neither there nor being fetched."""
        running = [piece for piece in self._running if piece.state is state]
        if state.single:
            first = next(iter(state.part.missing(0, state.file.size)), None)
            return None if running or first is None else (first[0], state.file.size)
        taken = Spans((piece.start, piece.end) for piece in running)
        for start, end in state.part.missing(0, state.file.size):
            for gap in taken.missing(start, end):
                return gap
        return None
