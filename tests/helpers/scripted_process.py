"""A model process without a process: a script of events, played in the worker's thread, with gates."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from inference.events import (
    BlockCommitted,
    Closing,
    DraftUpdated,
    Event,
    Failed,
    Finished,
    ModelLoading,
    ModelReady,
    PromptMeasured,
)
from inference.operations.requests import Operation
from inference.params import GenerationRequest

CANVAS = 32
READY = ModelReady("Scripted model", "fake", "CPU, 2 threads", CANVAS, 4096, 0.1)


def draft(
    pieces: list[str], entropy: list[float] | float = 0.01, block: int = 0, step: int = 1, max_steps: int = 48
) -> DraftUpdated:
    """A draft of these pieces, filled up with empty ones."""
    values = [entropy] * len(pieces) if isinstance(entropy, float) else entropy
    gap = CANVAS - len(pieces)
    all_pieces = (*pieces, *[""] * gap)
    all_values = (*values, *[0.0] * gap)
    accepted = tuple(value < 0.1 for value in all_values)
    return DraftUpdated(block, step, max_steps, tuple(range(len(all_pieces))), all_pieces, all_values, accepted)


def committed(text: str, block: int = 0, steps: int = 14, settled: bool = True) -> BlockCommitted:
    """A committed block."""
    return BlockCommitted(block, (1, 2), text, "", steps, 48, settled, (0.0, 0.0), (1, 2), 0.5)


def finished(text: str, steps: tuple[int, ...] = (14,), reason: str = "end_of_text", seed: int = 7) -> Finished:
    """The end of an answer."""
    return Finished(reason, text, "", seed, steps, 48, 254, 18.1, 0.1, 0.5, 3.1, 2.5, 82.0, 101.6)  # type: ignore[arg-type]


def simple_answer(text: str) -> list[Event]:
    """Some drafts, one block, the end."""
    words = [f" {word}" for word in text.split()][:CANVAS]
    drafts = [draft(words, [2.5 - 0.6 * step] * len(words), step=step) for step in range(1, 5)]
    return [*drafts, committed(text), finished(text)]


@dataclass
class ScriptedModelProcess:
    """Plays `answer` for every request.

    Attributes:
        answer: Events of each answer; an exception in it is raised.
        loading: Events of loading.
        gate: Waited for before each event after the first draft; set from the start unless a test clears it.
        load_gate: Waited for before loading ends.
        measured: Tokens of every message.
        dropped: Turns of every chat that do not fit.
        measured_chats: The chats that were measured.
        requests: All requests so far.
        closed: Whether it was closed.
        performed: Events of each operation.
        operations: All operations so far.
        said: What was said to the answer: "settle", or how many more steps.
    """

    answer: list[Event | Exception] = field(default_factory=lambda: [*simple_answer("Hello **there**.")])
    loading: list[Event] = field(default_factory=lambda: [ModelLoading("Loading", 0.4), READY])
    gate: threading.Event = field(default_factory=threading.Event)
    load_gate: threading.Event = field(default_factory=threading.Event)
    measured: int = 100
    dropped: int = 0
    measured_chats: list[GenerationRequest] = field(default_factory=list)
    requests: list[GenerationRequest] = field(default_factory=list)
    closed: bool = False
    performed: list[Event] = field(default_factory=lambda: [Failed("Nothing was done.", "", known=True)])
    operations: list[Operation] = field(default_factory=list)
    said: list[str | int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()
        self.load_gate.set()

    @property
    def pid(self) -> int | None:
        """There is no process."""
        return None

    def load(self, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Play the loading."""
        for event in self.loading:
            yield event
            _wait(self.load_gate, cancel)
            if cancel is not None and cancel.is_set():
                yield finished("", (), "cancelled")
                return

    def generate(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Play the answer."""
        self.requests.append(request)
        for event in list(self.answer):
            if isinstance(event, Exception):
                raise event
            yield event
            _wait(self.gate, cancel)
            if cancel is not None and cancel.is_set():
                done = event if isinstance(event, Finished | Failed) else finished("", (), "cancelled")
                yield done
                return

    def measure(self, request: GenerationRequest, cancel: object = None) -> Iterator[Event]:
        """Say the length that the script has."""
        _wait(self.gate, None)
        yield PromptMeasured(self.measured, READY.max_context - CANVAS)

    def measure_chat(self, request: GenerationRequest, cancel: object = None) -> Iterator[Event]:
        """Say the length and the turns left out that the script has."""
        self.measured_chats.append(request)
        _wait(self.gate, None)
        yield PromptMeasured(self.measured, READY.max_context - CANVAS, self.dropped)

    def perform(self, operation: Operation, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Play what is written anew, decided or found."""
        self.operations.append(operation)
        for event in list(self.performed):
            yield event
            _wait(self.gate, cancel)
            if cancel is not None and cancel.is_set():
                yield event if isinstance(event, Closing) else finished("", (), "cancelled")
                return

    def settle_now(self) -> None:
        """Note it."""
        self.said.append("settle")

    def more_steps(self, count: int) -> None:
        """Note it."""
        self.said.append(count)

    @property
    def loaded(self) -> bool:
        """Always."""
        return True

    def generate_for_guest(
        self, request: GenerationRequest, cancel: threading.Event | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        """Play the answer for another program."""
        yield from self.generate(request, cancel)

    def count_for_guest(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Say the length that the script has."""
        yield PromptMeasured(self.measured, READY.max_context)

    def perform_for_guest(self, operation: Operation, cancel: threading.Event | None = None) -> Iterator[Event]:
        """There is nothing that it could do."""
        yield Failed("Nothing was decided.", "", known=True)

    def kill(self) -> None:
        """Let every gate open."""
        self.gate.set()
        self.load_gate.set()

    def close(self, timeout: float = 3.0) -> None:
        """Nothing to end."""
        self.closed = True


def _wait(gate: threading.Event, cancel: threading.Event | None) -> None:
    while not gate.wait(0.005):
        if cancel is not None and cancel.is_set():
            return
