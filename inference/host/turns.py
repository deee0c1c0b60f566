"""Answers for guests in the model process: several are written in turn, block by block.

A guest is whoever asks beside the process's owner, such as a program that asks the local server. A generator stands
still between its events, so an answer waits for its next turn at no cost; the session finds its place in the KV cache
again by its ids.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inference.events import BlockCommitted, DraftUpdated, Event, Failed
from inference.failures import failed_from_error

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class GuestAnswer:
    """One answer that is being written.

    Attributes:
        number: Of its request.
        events: What is left of it.
        drafts: Whether drafts are wanted.
    """

    number: int
    events: Iterator[Event]
    drafts: bool


class GuestTurns:
    """All answers for guests, in the order of their turns."""

    def __init__(self, send: Callable[[int, Event], None]) -> None:
        """`send` passes on an event of a request."""
        self._send = send
        self._answers: deque[GuestAnswer] = deque()

    def __bool__(self) -> bool:
        return bool(self._answers)

    def add(self, answer: GuestAnswer) -> None:
        """One more, behind all others."""
        self._answers.append(answer)

    def turn(self) -> None:
        """Let the next one write a block, or come to its end."""
        answer = self._answers.popleft()
        try:
            for event in answer.events:
                if answer.drafts or not isinstance(event, DraftUpdated):
                    self._send(answer.number, event)
                if isinstance(event, BlockCommitted):
                    self._answers.append(answer)
                    return
        except Exception as error:  # the process's border: the other side learns of everything as an event
            failed = failed_from_error(error)
            if not failed.known:
                _log.exception("request %d failed", answer.number)
            self._send(answer.number, failed)

    def end_all(self, failed: Failed) -> None:
        """The model goes: none of them can go on."""
        while self._answers:
            answer = self._answers.popleft()
            self._send(answer.number, failed)
