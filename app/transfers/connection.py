"""One connection: takes ranges, asks for them, and writes what comes, until there is nothing more to do."""

from __future__ import annotations

import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from socket import socket

import httpx2

from app.transfers import texts
from app.transfers.disk import translated
from app.transfers.errors import ChangedError, HaltedError, TransferError, TryAgainError
from app.transfers.file_state import FileState
from app.transfers.pace import RateLimit
from app.transfers.part import Run
from app.transfers.request import Answer, Line, Requester, failure_of
from app.transfers.scheduler import Piece, Scheduler
from app.transfers.values import MIB, TransferOptions

READ_BYTES = MIB // 2
LONGEST_RUN = MIB // 2  # bytes; what a killed process may have to fetch again, for each connection
SHORTEST_RUN = 64 * 1024
RUN_SECONDS, LONGEST_RUN_SECONDS = 0.02, 1.0
DIRECT_FROM = MIB  # bytes of a body; below that it is not worth a new connection
SLOWEST_BYTES = 4096  # what counts as an answer that goes on, in `TransferOptions.slowest_seconds`


@dataclass(frozen=True, slots=True)
class Outcome:
    """A connection has let go of a range.

    Attributes:
        piece: The range.
        problem: What was in the way, or None if all of it came.
    """

    piece: Piece
    problem: BaseException | None


class Connection:
    """A thread with a client of its own.

    Args:
        scheduler: Where ranges come from.
        outcomes: Where it is told how they went.
        open_client: Makes the client.
        options: Timeouts.
        token: For the files' own hosts, or None.
        limit: Shared by all connections.
    """

    def __init__(
        self,
        number: int,
        scheduler: Scheduler,
        outcomes: SimpleQueue[object],
        open_client: Callable[[], httpx2.Client],
        options: TransferOptions,
        token: str | None,
        limit: RateLimit,
    ) -> None:
        self._scheduler = scheduler
        self._outcomes = outcomes
        self._open_client = open_client
        self._options = options
        self._token = token
        self._limit = limit
        self._line: Line | None = None
        self._cut = False
        self._late = False
        self._moved: float | None = None  # when something came last; None while nothing is asked for
        self._buffer = memoryview(bytearray(READ_BYTES))
        self.thread = threading.Thread(target=self._run, name=f"transfer-{number}", daemon=True)

    def cut(self) -> None:
        """End whatever waits for the network (any thread); the connection then takes the next range, if any."""
        self._cut = True
        if self._line is not None:
            self._line.cut()

    def look(self, now: float) -> None:
        """Cut a request to which next to nothing comes, though the server is not silent (any thread)."""
        moved = self._moved
        if moved is not None and now - moved > self._options.slowest_seconds and self._line is not None:
            self._late = True
            self._line.cut()

    def _run(self) -> None:
        try:
            while (piece := self._scheduler.take()) is not None:
                problem: BaseException | None = None
                try:
                    self._moved = time.monotonic()
                    self._fetch(piece)
                except BaseException as exc:  # thread boundary: the main loop raises it
                    problem = exc
                self._moved = None
                piece.state.release_whole(self)
                self._outcomes.put(Outcome(piece, problem))
                if problem is not None:
                    self._scheduler.await_decision(piece)
        finally:
            if self._line is not None:
                self._line.close()

    def _ready(self) -> Requester:
        if self._line is None:
            self._line = Line(self._open_client)
        self._cut = self._late = False
        self._line.mend()
        return Requester(self._line, self._options, self._token)

    def _let_go(self, state: FileState) -> bool:
        return self._cut or self._scheduler.halt.is_set() or state.halted

    def _fetch(self, piece: Piece) -> None:
        """Fetch a range.

        Raises:
            InterruptionError: Not all of it came.
            TransferError: It cannot come.
        """
        requester = self._ready()
        state = piece.state
        if self._let_go(state):
            raise HaltedError
        try:
            answer = requester.ask(state, piece.start, piece.end)
        except (TryAgainError, TransferError):
            if self._let_go(state):
                raise HaltedError from None  # the line was cut on purpose
            raise
        try:
            try:
                self._store(piece, answer)
            except OSError as exc:
                raise translated(exc) from exc
        finally:
            answer.response.close()

    def _store(self, piece: Piece, answer: Answer) -> None:
        state = piece.state
        whole = piece.start == 0 and piece.end == state.file.size
        if not answer.ranged and not whole and not state.claim_whole(self):
            raise HaltedError
        if not state.part.begin(answer.etag):
            raise ChangedError
        end = piece.end if answer.ranged else state.file.size
        problem = ""
        writer = _Writer(state)
        position = mark = answer.start
        pieces = self._pieces(answer, end - answer.start, lambda: self._let_go(state))
        try:
            for data in pieces:
                data = data[: end - position]
                writer.put(position, data)
                position += len(data)
                self._limit.take(len(data), self._scheduler.halt)
                if position - mark >= SLOWEST_BYTES:
                    mark, self._moved = position, time.monotonic()
                if position >= end or self._let_go(state):
                    break
        except _BrokenError as exc:
            problem = exc.what
        finally:
            writer.flush()
        if position >= end:
            return
        if self._let_go(state):
            raise HaltedError
        problem = "is silent for too long" if self._late else problem or "breaks off"
        words = texts.no_connection(str(answer.response.url), problem)
        raise TryAgainError("network", TransferError("network", *words))

    def _pieces(self, answer: Answer, wanted: int, let_go: Callable[[], bool]) -> Iterator[memoryview]:
        """The body, in pieces that hold until the next is asked for.

        Raises:
            _BrokenError: The network failed.
        """
        response = answer.response
        came = 0
        problem = ""
        try:
            if "Content-Encoding" in response.headers:
                yield from (memoryview(data) for data in response.iter_bytes())
                return
            direct = self._direct_socket(response, wanted)
            raw = response.iter_raw()  # stays referenced: a generator that is dropped closes its connection
            for data in raw:
                came += len(data)
                yield memoryview(data)
                if direct is not None:
                    break
            if direct is None:
                return
            # What had come with the head is read; the rest is taken from the socket, without the parser in between.
            # The client closes such a connection, as it sees only that the body was not read to its end.
            direct.settimeout(self._options.read_timeout)
            length = int(response.headers["Content-Length"])
            while came < length and not let_go():
                size = min(self._limit.piece(READ_BYTES), length - came)
                count = direct.recv_into(self._buffer[:size])
                if count == 0:
                    return
                came += count
                yield self._buffer[:count]
        except (httpx2.TransportError, httpx2.DecodingError, OSError) as exc:
            problem = failure_of(exc)
        if problem:
            raise _BrokenError(problem)

    def _direct_socket(self, response: httpx2.Response, wanted: int) -> socket | None:
        """The socket of a body that can be read without the HTTP parser: plain bytes of a known length."""
        length = response.headers.get("Content-Length", "")
        if wanted < DIRECT_FROM or not length.isdigit() or "Transfer-Encoding" in response.headers:
            return None
        stream = response.extensions.get("network_stream")
        if response.http_version != "HTTP/1.1" or stream is None:
            return None
        if isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject):
            return None  # encryption within encryption (a proxy): the socket has the outer one only
        found = stream.get_extra_info("socket")
        return found if isinstance(found, socket) else None


class _BrokenError(Exception):
    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class _Writer:
    """Writes a stream of bytes where they are missing, and notes them in runs."""

    def __init__(self, state: FileState) -> None:
        self._state = state
        self._start = self._end = 0
        self._crc = 0
        self._since = 0.0

    def put(self, position: int, data: memoryview) -> None:
        """The next bytes; those that are there already are skipped."""
        part = self._state.part
        for start, end in part.missing(position, position + len(data)):
            if start != self._end:
                self.flush()
            now = time.monotonic()
            if self._start == self._end:
                self._start = self._end = start
                self._crc = 0
                self._since = now
            fresh = data[start - position : end - position]
            part.write(start, fresh)
            self._crc = zlib.crc32(fresh, self._crc)
            self._end = end
            self._state.failures = 0
            length, age = self._end - self._start, now - self._since
            if length >= LONGEST_RUN or (length >= SHORTEST_RUN and age >= RUN_SECONDS) or age >= LONGEST_RUN_SECONDS:
                self.flush()

    def flush(self) -> None:
        """Note the bytes since the last time."""
        if self._end > self._start:
            run = Run(self._start, self._end - self._start, self._crc)
            self._start = self._end
            self._state.part.note(run)
