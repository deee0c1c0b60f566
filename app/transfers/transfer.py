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

from app.base.log import get_logger
from app.transfers import texts
from app.transfers.connection import Connection, Outcome
from app.transfers.disk import free_bytes
from app.transfers.errors import ChangedError, DiskFullError, HaltedError, TransferError, TryAgainError
from app.transfers.existing import EVENT_SECONDS, recover
from app.transfers.file_state import Job, JobState
from app.transfers.finish import Checked, Finisher, Settled
from app.transfers.hashing import slice_buffer
from app.transfers.pace import RateLimit, RateMeter, backoff
from app.transfers.scheduler import Piece, Work
from app.transfers.values import MIB, FileFinished, Progress, TransferEvent, TransferOptions, Verifying, Waiting

POLL_SECONDS = 0.05  # until a cancel is noticed
SLICES_AT_ONCE = 16
ROOM_TO_GO_ON = 32 * MIB  # on top of the reserve, so that a full disk does not stop it again at once

_log = get_logger("transfers")


class Transfer:
    """One run over some files; `run` may be called once.

    Args:
        jobs: The files; those that are done are passed over.
        base: The folder.
        open_client: Makes a client for each connection.
        options: How.
        token: For the files' own hosts, or None.
        limit: Shared by all connections.
        cancel: Ends the run.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        base: Path,
        open_client: Callable[[], httpx2.Client],
        options: TransferOptions,
        token: str | None,
        limit: RateLimit,
        cancel: threading.Event,
    ) -> None:
        self._jobs = jobs
        self._base = base
        self._options = options
        self._cancel = cancel
        self._messages: SimpleQueue[object] = SimpleQueue()
        self._work = Work(options)
        self._finisher = Finisher(self._messages)
        self._connections = [
            Connection(number, self._work, self._messages, open_client, options, token, limit)
            for number in range(options.connections)
        ]
        self._new = [job for job in jobs if job.state is JobState.NEW]
        self._open: list[Job] = []
        self._waiting_to_finish: list[Job] = []
        self._slice = slice_buffer()
        self._reader: tuple[Job, FileIO] | None = None
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
            while not self._cancel.is_set() and any(job.state is not JobState.DONE for job in self._jobs):
                yield from self._open_more()
                busy = self._hash_some()
                yield from self._receive(0.0 if busy else POLL_SECONDS)
                yield from self._look_at_disk()
                yield from self._report()
            yield self._progress()
        finally:
            self._work.end()
            self._finisher.end()
            for connection in self._connections:
                connection.cut()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            self._close_reader()
            for job in self._jobs:
                job.part.close()

    # -- files: opened, hashed, finished ----------------------------------------------------------------------------

    def _open_more(self) -> Iterator[TransferEvent]:
        while self._new and self._work.hungry() and not self._cancel.is_set():
            job = self._new.pop(0)
            yield from recover(job, self._cancel)
            job.state = JobState.OPEN
            self._open.append(job)
            self._share()

    def _share(self) -> None:
        self._work.update(self._open, self._left())

    def _left(self) -> int:
        return sum(job.file.size - job.done for job in self._jobs)

    def _hash_some(self) -> bool:
        """Hash a little of what has come; whether there is more to hash."""
        slices = SLICES_AT_ONCE
        for job in list(self._open):
            if job.state is not JobState.OPEN:
                continue
            end = job.part.prefix
            while slices and job.hasher.position < end:
                if not job.hasher.read_slice(self._source(job), end, self._slice):
                    raise OSError(errno.EIO, "a file became shorter while it was being written")
                slices -= 1
            if job.hasher.position == job.file.size and job.complete and not self._work.running(job):
                self._close_reader()
                self._open.remove(job)
                self._all_there(job)
            if not slices:
                return True
        return False

    def _source(self, job: Job) -> FileIO:
        if self._reader is None or self._reader[0] is not job:
            self._close_reader()
            self._reader = (job, FileIO(job.part.path, "rb"))
        return self._reader[1]

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader[1].close()
            self._reader = None

    def _all_there(self, job: Job) -> None:
        if job.hasher.agrees():
            job.state = JobState.FINISHING
            self._finisher.add(job)
        else:
            self._start_over(job, TransferError("damaged", *texts.damaged(job.file.path)))
            self._open.insert(0, job)
        self._share()

    def _start_over(self, job: Job, last_word: TransferError) -> None:
        _log.info("%s starts over: %s", job.file.path, last_word.kind)
        self._close_reader()
        if job.restarts.get(last_word.kind):
            self._work.end()  # before it is open once more: no connection may take a range of it
        if job.start_over(last_word.kind) > 1:
            raise last_word

    # -- messages ---------------------------------------------------------------------------------------------------

    def _receive(self, patience: float) -> Iterator[TransferEvent]:
        try:
            message = self._messages.get(timeout=patience) if patience else self._messages.get_nowait()
            while True:
                match message:
                    case Outcome(piece, problem):
                        yield from self._on_outcome(piece, problem)
                    case Checked(job, done):
                        yield Verifying(job.file.path, done, job.file.size)
                    case Settled():
                        yield from self._on_settled(message)
                message = self._messages.get_nowait()
        except Empty:
            return

    def _on_outcome(self, piece: Piece, problem: BaseException | None) -> Iterator[TransferEvent]:
        job = piece.job
        if isinstance(problem, TryAgainError):
            self._on_failure(piece, problem)
        elif isinstance(problem, ChangedError):
            job.state = JobState.HALTED
        elif isinstance(problem, DiskFullError):
            yield from self._pause()
        elif problem is not None and not isinstance(problem, HaltedError):
            raise problem
        self._work.give_back(piece)
        if job.state is JobState.HALTED and not self._work.running(job):
            self._start_over(job, TransferError("changed", *texts.changed(job.file.path)))
            self._share()

    def _on_failure(self, piece: Piece, problem: TryAgainError) -> None:
        job, now, options = piece.job, time.monotonic(), self._options
        if job.failures == 0 or piece.started >= job.last_failure:  # connections that fail together count once
            job.failures += 1
            job.last_failure = now
        _log.info("%s, failure %d: %s", job.file.path, job.failures, problem.last_word.user_text)
        if job.failures >= options.tries:
            raise problem.last_word
        wait = backoff(job.failures, options.backoff_base, options.backoff_cap)
        if problem.wait is not None:
            wait = min(problem.wait, options.longest_retry_after)
            self._work.hold(now + wait)
        job.not_before = now + wait
        self._last_problem = problem

    def _on_settled(self, message: Settled) -> Iterator[TransferEvent]:
        job = message.job
        if isinstance(message.problem, DiskFullError):
            self._waiting_to_finish.append(job)
            yield from self._pause()
        elif message.problem is not None:
            raise message.problem
        elif message.good:
            job.state = JobState.DONE
            yield FileFinished(job.file.path)
        else:
            self._start_over(job, TransferError("damaged", *texts.damaged(job.file.path)))
            self._open.insert(0, job)
            self._share()

    # -- waiting and telling ----------------------------------------------------------------------------------------

    def _pause(self) -> Iterator[TransferEvent]:
        self._work.halt.set()
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
            self._work.resume()
            while self._waiting_to_finish:
                self._finisher.add(self._waiting_to_finish.pop())

    def _report(self) -> Iterator[TransferEvent]:
        now = time.monotonic()
        if now >= self._next_event:
            self._next_event = now + EVENT_SECONDS
            yield self._progress()
        until = self._work.next_time()
        problem = self._last_problem
        if until is None or problem is None or self._full or self._work.running() or until == self._told_wait:
            return
        self._told_wait = until
        text = texts.NETWORK_WAIT if problem.reason == "network" else texts.SERVER_WAIT
        yield Waiting(problem.reason, text, max(0.0, until - now))

    def _progress(self) -> Progress:
        done, total = sum(job.done for job in self._jobs), sum(job.file.size for job in self._jobs)
        rate = self._meter.rate(done, time.monotonic())
        running = self._work.running()
        path = running[0].job.file.path if running else next((job.file.path for job in self._open), "")
        return Progress(done, total, rate, (total - done) / rate if rate > 0 else None, path)
