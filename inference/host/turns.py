"""Answers for guests in the model process: several are written in turn, block by block.

A guest is whoever asks beside the process's owner, such as a program that asks the local server. A generator stands
still between its events, so an answer waits for its next turn at no cost; the session finds its place in the KV cache
again by its ids. A few take turns with one another; one of them that has written two blocks gives its place to whoever
waits, so nobody waits for a long answer to end.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inference.events import BlockCommitted, DraftUpdated, Event, Failed
from inference.failures import failed_from_error

MOST_IN_TURN = 4  # so many keys and values are sure to be kept from turn to turn
BLOCKS_IN_A_ROW = 2
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class GuestAnswer:
    """One answer that is being written.

    Attributes:
        number: Of its request.
        events: What is left of it.
        drafts: Whether drafts are wanted.
        blocks: Those that it wrote since it waited last.
    """

    number: int
    events: Iterator[Event]
    drafts: bool
    blocks: int = 0


class GuestTurns:
    """All answers for guests: those that take turns, and those that wait for a place among them, in their order."""

    def __init__(self, send: Callable[[int, Event], None]) -> None:
        """`send` passes on an event of a request."""
        self._send = send
        self._in_turn: deque[GuestAnswer] = deque()
        self._waiting: deque[GuestAnswer] = deque()

    def __bool__(self) -> bool:
        return bool(self._in_turn or self._waiting)

    def add(self, answer: GuestAnswer) -> None:
        """One more, behind all others."""
        self._waiting.append(answer)

    def turn(self) -> None:
        """Let the next one write a block, or come to its end."""
        while self._waiting and len(self._in_turn) < MOST_IN_TURN:
            self._in_turn.append(self._waiting.popleft())
        answer = self._in_turn.popleft()
        try:
            for event in answer.events:
                if answer.drafts or not isinstance(event, DraftUpdated):
                    self._send(answer.number, event)
                if isinstance(event, BlockCommitted):
                    self._go_on_later(answer)
                    return
        except Exception as error:  # the process's border: the other side learns of everything as an event
            failed = failed_from_error(error)
            if not failed.known:
                _log.exception("request %d failed", answer.number)
            self._send(answer.number, failed)

    def _go_on_later(self, answer: GuestAnswer) -> None:
        answer.blocks += 1
        if self._waiting and answer.blocks >= BLOCKS_IN_A_ROW:
            answer.blocks = 0
            self._waiting.append(answer)
        else:
            self._in_turn.append(answer)

    def end_all(self, failed: Failed) -> None:
        """The model goes: none of them can go on."""
        for answer in (*self._in_turn, *self._waiting):
            self._send(answer.number, failed)
        self._in_turn.clear()
        self._waiting.clear()
