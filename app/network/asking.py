"""A question to a server, in a thread that can be given up: nobody waits for an answer longer than they want to.

A name that is looked up, a server that sends a byte a minute, heads without an end: none of them can be interrupted
where it waits. So who asks waits beside it; whoever cancels, or whose time is over, goes on at once, the sockets are
cut, and the thread ends by itself. It holds nothing that anybody else needs.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from app.base.errors import StoppedError
from app.base.sockets import Sockets
from app.network import texts
from app.network.errors import AnswerError, host
from app.network.limits import Limit

LOOK_SECONDS = 0.02  # between two looks at the wish to stop

T = TypeVar("T")


class Inquiry:
    """What is asked at this moment by one thread.

    Attributes:
        limit: What the answer may cost.
        sockets: Of the connections that it opened.
    """

    def __init__(self, limit: Limit, address: str) -> None:
        self.limit = limit
        self.sockets = Sockets()
        self._address = address
        self._given_up = False

    def give_up(self) -> None:
        """Nobody waits for the answer any more (any thread)."""
        self._given_up = True
        self.sockets.cut()

    def check(self) -> None:
        """Raise if nobody waits any more.

        Raises:
            StoppedError: So it is.
        """
        if self._given_up:
            raise StoppedError

    def check_step(self, scheme: str) -> None:
        """Raise if nobody waits any more, or if a redirect leads out of encryption.

        Raises:
            StoppedError, AnswerError: So it is.
        """
        self.check()
        if self._address.startswith("https:") and scheme != "https":
            raise AnswerError(texts.insecure(host(self._address)), texts.LATER_HINT)


# Of the thread that asks: the hooks of a client learn of it in no other way.
current: ContextVar[Inquiry | None] = ContextVar("question", default=None)


def asked(limit: Limit, address: str, cancel: threading.Event | None, ask: Callable[[], T]) -> T:
    """Ask, and wait for the answer as long as the limit and the user allow.

    Args:
        limit: What the answer may cost.
        address: Who is asked.
        cancel: Set it (from any thread) to go on without an answer.
        ask: Asks; it runs in a thread of its own.

    Raises:
        StoppedError: It was cancelled.
        AnswerError: The time is over, or more came than the limit allows.
        Exception: What `ask` raises.
    """
    question = Inquiry(limit, address)
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        current.set(question)
        try:
            answers.put((ask(), None))
        except BaseException as exc:  # thread boundary: who asked raises it
            answers.put((None, exc))

    threading.Thread(target=run, name="question", daemon=True).start()
    end = time.monotonic() + limit.seconds
    try:
        while True:
            if cancel is not None and cancel.is_set():
                raise StoppedError
            try:
                answer, problem = answers.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if time.monotonic() > end:
                    raise AnswerError(texts.no_answer(host(address)), texts.LATER_HINT) from None
                continue
            if problem is not None:
                raise problem
            return answer  # type: ignore[return-value]
    finally:
        question.give_up()  # whatever is left of it
