"""How much of what the processor or a card can do at the most a model's steps make use of."""

from __future__ import annotations

from inference.events import BlockCommitted, CardReads, Int8Work, PromptEncoded

MOST = 1.1  # of what was measured as the most: more than that means that the measurement was disturbed


class StepUse:
    """Adds up the denoising steps of an answer, in the order of its events.

    Attributes:
        work: What a step takes, as the model process says; None where nobody says.
        peak: Operations a second of int8 products that were measured on this processor; None where nobody measured.
    """

    def __init__(self, work: Int8Work | CardReads | None = None, peak: float | None = None) -> None:
        self.work, self.peak = work, peak
        self._before = 0
        self._seconds = self._operations = 0.0
        self._steps = 0

    def take(self, event: PromptEncoded | BlockCommitted) -> None:
        """One more event; what is known of the model is set before the first."""
        match event:
            case PromptEncoded():
                self._before = event.prompt_tokens
            case BlockCommitted():
                places, steps = len(event.token_ids), len(event.step_seconds)
                if isinstance(self.work, Int8Work):
                    self._operations += steps * self.work.operations(places, self._before)
                self._steps += steps
                self._seconds += sum(event.step_seconds)
                self._before += places

    @property
    def peak_share(self) -> float | None:
        """Int8 operations of the steps, by the most that this processor computes in their time; 0 to 1."""
        return _share(self._operations, self._seconds, self.peak)

    @property
    def memory_share(self) -> float | None:
        """Bytes that the steps read of the card's memory, by the most that it gives in their time; 0 to 1."""
        if not isinstance(self.work, CardReads):
            return None
        return _share(float(self._steps * self.work.weights), self._seconds, self.work.rate)

    @property
    def unmeasured(self) -> bool:
        """Whether the share of the processor would be known if its peak had been measured."""
        return isinstance(self.work, Int8Work) and not self.peak and self._seconds > 0


def _share(amount: float, seconds: float, most: float | None) -> float | None:
    """None where nothing was measured, or what was cannot be."""
    if amount <= 0 or seconds <= 0 or not most:
        return None
    share = amount / seconds / most
    return min(1.0, share) if share <= MOST else None
