"""Times and counts of one answer, and the `Finished` event made of them.

Wall time is what the user waits; decode time is denoising and committing alone. They are never mixed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from inference.events import Finished, FinishReason

_Item = TypeVar("_Item")


def cancelled_before() -> Finished:
    """The closing event of a request that was cancelled before it began, or while its model was loading."""
    return RunStats().finished("cancelled", "", "", seed=0, max_steps=0, tokens=0)


class RunStats:
    """Stop-watch of one request, from construction on.

    Attributes:
        steps_per_block: Denoising steps of each committed block.
        all_steps: Denoising steps done, those of a block that was cancelled included.
        decode_seconds: Seconds spent in denoising and committing.
        step_seconds: Of each step of the canvas that is being denoised, or was last.
        model_seconds: Of these, what the model's passes took.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Start the watch; `clock` returns seconds."""
        self._clock = clock
        self._start = clock()
        self._first_draft: float | None = None
        self._first_block: float | None = None
        self.steps_per_block: list[int] = []
        self.all_steps = 0
        self.decode_seconds = 0.0
        self.step_seconds: list[float] = []
        self.model_seconds = 0.0

    def seconds(self) -> float:
        """Seconds since the request."""
        return self._clock() - self._start

    @contextlib.contextmanager
    def decoding(self) -> Iterator[None]:
        """Count the time of the `with` block as decode time."""
        began = self._clock()
        yield
        self.decode_seconds += self._clock() - began

    def decoded(self, steps: Iterator[_Item]) -> Iterator[_Item]:
        """Pass a canvas's steps on and count the time that making them takes (not the time that the caller takes)."""
        self.step_seconds, self.model_seconds = [], 0.0
        while True:
            before = self.decode_seconds
            with self.decoding():
                item = next(steps, None)
            if item is None:
                return
            self.step_seconds.append(self.decode_seconds - before)
            yield item

    def note_step(self, model_seconds: float) -> None:
        """A denoising step is done, in which the model's pass took so long."""
        self.all_steps += 1
        self.model_seconds += model_seconds
        if self._first_draft is None:
            self._first_draft = self.seconds()

    def note_block(self, steps: int) -> None:
        """A block is committed after so many steps."""
        self.steps_per_block.append(steps)
        if self._first_block is None:
            self._first_block = self.seconds()

    def finished(
        self, reason: FinishReason, answer: str, thinking: str, seed: int, max_steps: int, tokens: int
    ) -> Finished:
        """The closing event; `tokens` counts the answer's tokens without end-of-text and padding."""
        wall = self.seconds()
        return Finished(
            reason=reason,
            answer=answer,
            thinking=thinking,
            seed=seed,
            steps_per_block=tuple(self.steps_per_block),
            max_steps=max_steps,
            answer_tokens=tokens,
            tokens_per_step=ratio(tokens, self.all_steps),
            time_to_first_draft=self._first_draft,
            time_to_first_block=self._first_block,
            wall_seconds=wall,
            decode_seconds=self.decode_seconds,
            wall_tokens_per_second=ratio(tokens, wall),
            decode_tokens_per_second=ratio(tokens, self.decode_seconds),
        )


def ratio(amount: float, by: float) -> float:
    """`amount` by `by`; 0 where nothing is divided by."""
    return amount / by if by > 0 else 0.0
