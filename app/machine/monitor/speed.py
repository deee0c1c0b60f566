"""What only diffusion has: follows the events of answers and says how the newest one is or was made."""

from __future__ import annotations

import statistics
from collections import deque

from app.machine.monitor import texts
from app.machine.monitor.energy import LEAST_SECONDS, Counters, counters, spent
from app.machine.monitor.values import Reading, SpeedReading
from app.machine.use import StepUse
from inference.events import BlockCommitted, CardReads, Finished, Int8Work, PromptEncoded

MOST_STEPS = 4096  # kept of one answer


class SpeedWatch:
    """One answer at a time, in the order of its events.

    Attributes:
        peak: Operations a second of int8 products that were measured on this processor; None where nobody measured.
        measurable: Whether our kernels are here, by which that is measured.
    """

    def __init__(self) -> None:
        self.peak: float | None = None
        self.measurable = False
        self.begin()

    def begin(self) -> None:
        """A new answer."""
        self._steps: deque[float] = deque(maxlen=MOST_STEPS)
        self._counts: list[int] = []
        self._places = self._tokens = 0
        self._read = self._model = self._decoded = self._blocks = 0.0
        self._finished: Finished | None = None
        self._writing = True
        self._energy: list[tuple[float, Counters]] = []  # seconds and joules, of the first look and of the newest
        self._use = StepUse()

    def take(self, event: PromptEncoded | BlockCommitted, work: Int8Work | CardReads | None = None) -> None:
        """One more event; and what a step of the model takes, where that is known."""
        self._use.work, self._use.peak = work, self.peak
        self._use.take(event)
        match event:
            case PromptEncoded():
                self._read += event.seconds
            case BlockCommitted():
                self._steps.extend(event.step_seconds)
                self._counts.append(event.steps)
                self._places += len(event.token_ids)
                self._tokens += event.tokens
                self._model += event.model_seconds
                self._decoded += sum(event.step_seconds)
                self._blocks += event.seconds

    def end(self, finished: object) -> None:
        """The answer is over; with a `Finished` if it came to its end or was stopped."""
        self._writing = False
        self._finished = finished if isinstance(finished, Finished) else None

    def note_energy(self, reading: Reading) -> None:
        """A look at the computer: while an answer is written, its power is the answer's."""
        if self._writing:
            self._energy[1:] = [(reading.at, counters(reading.cards, reading.system.joules))]

    def reading(self) -> SpeedReading:
        """How it is made, as far as that is known by now."""
        blocks, finished, steps = len(self._counts), self._finished, sorted(self._steps)
        slow = steps[min(len(steps) - 1, int(0.95 * len(steps)))] if steps else None
        told = finished if blocks else None
        return SpeedReading(
            blocks=blocks,
            step_median=statistics.median(steps) if steps else None,
            step_slow=slow,
            steps_a_block=statistics.fmean(self._counts) if self._counts else None,
            tokens_a_block=self._tokens / blocks if blocks else None,
            useful_share=min(1.0, self._tokens / self._places) if self._places else None,
            wall_rate=told.wall_tokens_per_second if told is not None else None,
            decode_rate=told.decode_tokens_per_second if told is not None else None,
            parts=self._parts(),
            joules=self._joules_a_block(),
            peak_share=self._use.peak_share,
            memory_share=self._use.memory_share,
            unmeasured=self.measurable and self._use.unmeasured,
        )

    def _parts(self) -> tuple[tuple[str, float], ...]:
        if not self._steps:
            return ()
        host = max(0.0, self._decoded - self._model)
        return ((texts.READING, self._read), (texts.MODEL, self._model), (texts.HOST, host))

    def _joules_a_block(self) -> float | None:
        """The power between two looks, for as long as a block took; None where the looks lie too close."""
        if len(self._energy) < 2 or not self._counts:
            return None
        (began, before), (ended, after) = self._energy
        joules = spent(before, after)
        if ended - began < LEAST_SECONDS or joules is None:
            return None
        return joules / (ended - began) * self._blocks / len(self._counts)
