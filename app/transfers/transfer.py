"""The main loop of a download: all decisions are made here, in the thread of whoever iterates."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from queue import Empty, SimpleQueue

import httpx2

from app.base.files import free_bytes
from app.base.log import get_logger
from app.transfers import texts
from app.transfers.connection import Connection, Outcome
from app.transfers.errors import ChangedError, DiskFullError, HaltedError, TransferError, TryAgainError
from app.transfers.existing import recover
from app.transfers.file_state import FileStage, FileState
from app.transfers.finish import Checked, Finisher, Settled
from app.transfers.hashing import slice_buffer
from app.transfers.pace import EVENT_SECONDS, RateLimit, RateMeter, backoff
from app.transfers.scheduler import Piece, Scheduler
from app.transfers.values import MIB, FileFinished, Progress, TransferEvent, TransferOptions, Verifying, Waiting

POLL_SECONDS = 0.05  # until a cancel is noticed
SLICES_AT_ONCE = 16
ROOM_TO_GO_ON = 32 * MIB  # on top of the reserve, so that a full disk does not stop it again at once

_log = get_logger("transfers")


class Transfer:
    """One run over some files; `run` may be called once.

    Args:
        states: The files; those that are done are passed over.
        base: The folder.
        open_client: Makes a client for each connection.
        options: How.
        token: For the files' own hosts, or None.
        limit: Shared by all connections.
        cancel: Ends the run.
    """

    def __init__(
        self,
        states: Sequence[FileState],
        base: Path,
        open_client: Callable[[], httpx2.Client],
        options: TransferOptions,
        token: str | None,
        limit: RateLimit,
        cancel: threading.Event,
    ) -> None:
        self._states = states
        self._base = base
        self._options = options
        self._cancel = cancel
        self._messages: SimpleQueue[object] = SimpleQueue()
        self._scheduler = Scheduler(options)
        self._finisher = Finisher(self._messages)
        self._connections = [
            Connection(number, self._scheduler, self._messages, open_client, options, token, limit)
            for number in range(options.connections)
        ]
        self._new = [state for state in states if state.stage is FileStage.NEW]
        self._open: list[FileState] = []
        self._waiting_to_finish: list[FileState] = []
        self._slice = slice_buffer()
        self._reader: tuple[FileState, FileIO] | None = None
        self._meter = RateMeter()
        self._next_event = self._next_disk_look = 0.0
        self._full = False
        self._last_problem: TryAgainError | None = None
        self._told_wait = 0.0

    def run(self) -> Iterator[TransferEvent]:
        """Work until all files are done, or it is cancelled; no thread is left when the iterator has ended.

        Raises:
            TransferError: It cannot go on.
            OSError: The disk failed.
        """
        threads = [*self._finisher.threads, *(connection.thread for connection in self._connections)]
        try:
            for thread in threads:
                thread.start()
            while not self._cancel.is_set() and any(state.stage is not FileStage.DONE for state in self._states):
                yield from self._open_more()
                busy = self._hash_some()
                yield from self._receive(0.0 if busy else POLL_SECONDS)
                yield from self._look_at_disk()
                yield from self._report()
            yield self._progress()
        finally:
            self._scheduler.end()
            self._finisher.end()
            for connection in self._connections:
                connection.cut()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            self._close_reader()
            for state in self._states:
                state.part.close()

    # -- files: opened, hashed, finished ----------------------------------------------------------------------------

    def _open_more(self) -> Iterator[TransferEvent]:
        while self._new and self._scheduler.hungry() and not self._cancel.is_set():
            state = self._new.pop(0)
            yield from recover(state, self._cancel)
            state.stage = FileStage.OPEN
            self._open.append(state)
            self._share()

    def _share(self) -> None:
        self._scheduler.update(self._open, self._left())

    def _left(self) -> int:
        return sum(state.file.size - state.done for state in self._states)

    def _hash_some(self) -> bool:
        """Hash a little of what has come; whether there is more to hash."""
        slices = SLICES_AT_ONCE
        for state in list(self._open):
            if state.stage is not FileStage.OPEN:
                continue
            end = state.part.prefix
            while slices and state.hasher.position < end:
                if not state.hasher.read_slice(self._source(state), end, self._slice):
                    raise OSError(errno.EIO, "a file became shorter while it was being written")
                slices -= 1
            if state.hasher.position == state.file.size and state.complete and not self._scheduler.running(state):
                self._close_reader()
                self._open.remove(state)
                self._all_there(state)
            if not slices:
                return True
        return False

    def _source(self, state: FileState) -> FileIO:
        if self._reader is None or self._reader[0] is not state:
            self._close_reader()
            self._reader = (state, FileIO(state.part.path, "rb"))
        return self._reader[1]

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader[1].close()
            self._reader = None

    def _all_there(self, state: FileState) -> None:
        if state.hasher.agrees():
            state.stage = FileStage.FINISHING
            self._finisher.add(state)
        else:
            self._start_over(state, TransferError("damaged", *texts.damaged(state.file.path)))
            self._open.insert(0, state)
        self._share()

    def _start_over(self, state: FileState, last_word: TransferError) -> None:
        _log.info("%s starts over: %s", state.file.path, last_word.kind)
        self._close_reader()
        if state.restarts.get(last_word.kind):
            self._scheduler.end()  # before it is open once more: no connection may take a range of it
        if state.start_over(last_word.kind) > 1:
            raise last_word

    # -- messages ---------------------------------------------------------------------------------------------------

    def _receive(self, patience: float) -> Iterator[TransferEvent]:
        try:
            message = self._messages.get(timeout=patience) if patience else self._messages.get_nowait()
            while True:
                match message:
                    case Outcome(piece, problem):
                        yield from self._on_outcome(piece, problem)
                    case Checked(state, done):
                        yield Verifying(state.file.path, done, state.file.size)
                    case Settled():
                        yield from self._on_settled(message)
                message = self._messages.get_nowait()
        except Empty:
            return

    def _on_outcome(self, piece: Piece, problem: BaseException | None) -> Iterator[TransferEvent]:
        state = piece.state
        if isinstance(problem, TryAgainError):
            self._on_failure(piece, problem)
        elif isinstance(problem, ChangedError):
            state.stage = FileStage.HALTED
        elif isinstance(problem, DiskFullError):
            yield from self._pause()
        elif problem is not None and not isinstance(problem, HaltedError):
            raise problem
        self._scheduler.give_back(piece)
        if state.stage is FileStage.HALTED and not self._scheduler.running(state):
            self._start_over(state, TransferError("changed", *texts.changed(state.file.path)))
            self._share()

    def _on_failure(self, piece: Piece, problem: TryAgainError) -> None:
        state, now, options = piece.state, time.monotonic(), self._options
        if state.failures == 0 or piece.started >= state.last_failure:  # connections that fail together count once
            state.failures += 1
            state.last_failure = now
        _log.info("%s, failure %d: %s", state.file.path, state.failures, problem.last_word.user_text)
        if state.failures >= options.tries:
            raise problem.last_word
        wait = backoff(state.failures, options.backoff_base, options.backoff_cap)
        if problem.wait is not None:
            wait = min(problem.wait, options.longest_retry_after)
            self._scheduler.hold(now + wait)
        state.not_before = now + wait
        self._last_problem = problem

    def _on_settled(self, message: Settled) -> Iterator[TransferEvent]:
        state = message.state
        if isinstance(message.problem, DiskFullError):
            self._waiting_to_finish.append(state)
            yield from self._pause()
        elif message.problem is not None:
            raise message.problem
        elif message.good:
            state.stage = FileStage.DONE
            yield FileFinished(state.file.path)
        else:
            self._start_over(state, TransferError("damaged", *texts.damaged(state.file.path)))
            self._open.insert(0, state)
            self._share()

    # -- waiting and telling ----------------------------------------------------------------------------------------

    def _pause(self) -> Iterator[TransferEvent]:
        self._scheduler.halt.set()
        for connection in self._connections:
            connection.cut()
        self._next_disk_look = time.monotonic() + self._options.disk_poll
        if not self._full:
            _log.info("the disk is full")
            self._full = True
            yield self._disk_wait(free_bytes(self._base))

    def _disk_wait(self, free: int) -> Waiting:
        return Waiting("disk", texts.disk_full(self._left(), free), self._options.disk_poll)

    def _look_at_disk(self) -> Iterator[TransferEvent]:
        if time.monotonic() < self._next_disk_look:
            return
        self._next_disk_look = time.monotonic() + self._options.disk_poll
        free, left = free_bytes(self._base), self._left()
        reserve = self._options.reserve_bytes if left else 0
        if not self._full:
            if free < reserve:
                yield from self._pause()
        elif free < reserve + min(left, ROOM_TO_GO_ON):
            yield self._disk_wait(free)
        else:
            _log.info("the disk has room again")
            self._full = False
            self._scheduler.resume()
            while self._waiting_to_finish:
                self._finisher.add(self._waiting_to_finish.pop())

    def _report(self) -> Iterator[TransferEvent]:
        now = time.monotonic()
        if now >= self._next_event:
            self._next_event = now + EVENT_SECONDS
            for connection in self._connections:
                connection.look(now)
            yield self._progress()
        until = self._scheduler.next_time()
        problem = self._last_problem
        if until is None or problem is None or self._full or self._scheduler.running() or until == self._told_wait:
            return
        self._told_wait = until
        text = texts.NETWORK_WAIT if problem.reason == "network" else texts.SERVER_WAIT
        yield Waiting(problem.reason, text, max(0.0, until - now))

    def _progress(self) -> Progress:
        done, total = sum(state.done for state in self._states), sum(state.file.size for state in self._states)
        rate = self._meter.rate(done, time.monotonic())
        running = self._scheduler.running()
        path = running[0].state.file.path if running else next((state.file.path for state in self._open), "")
        return Progress(done, total, rate, (total - done) / rate if rate > 0 and done < total else None, path)
