"""The words of an answer, each with the place of the canvas that it came from, as its recording has it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from unicodedata import category

from inference.events import Alternative
from inference.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class RecordedPlace:
    """A place of a recorded canvas.

    Attributes:
        first: Where its text begins in the answer, in characters.
        last: Where it ends.
        trace: Its block's recording.
        number: From 0.
        block_start: Where its block begins in the answer.
    """

    first: int
    last: int
    trace: Trace
    number: int
    block_start: int

    @property
    def entropy(self) -> float:
        """How unsure the model was of it in the last step, in nats."""
        return self.trace.steps[-1].entropy[self.number]

    @property
    def token(self) -> int:
        """What it holds."""
        return self.trace.committed[self.number]


class RecordedWords:
    """Finds the place of any character; of an answer that was recorded, and is as it was written.

    Args:
        traces: Of its blocks, in order.
        source: The answer's text.
    """

    def __init__(self, traces: Sequence[Trace], source: str) -> None:
        self.places: list[RecordedPlace] = []
        pieces = [(trace, trace.pieces(trace.committed)) for trace in traces]
        whole = "".join("".join(each) for _, each in pieces)
        bare = whole.strip()
        found = source.find(bare) if bare else -1
        if found < 0:
            return
        at = found - (len(whole) - len(whole.lstrip()))
        for trace, texts in pieces:
            start = at
            for number, text in enumerate(texts):
                if text:
                    self.places.append(RecordedPlace(max(0, at), max(0, at + len(text)), trace, number, max(0, start)))
                at += len(text)

    @cached_property
    def _firsts(self) -> list[int]:
        return [place.first for place in self.places]

    def of(self, first: int, last: int) -> tuple[RecordedPlace, ...]:
        """The places of a part of the answer."""
        begin = max(0, bisect_right(self._firsts, first) - 1)
        found = []
        for place in self.places[begin:]:
            if place.first >= last:
                break
            if place.last > first:
                found.append(place)
        return tuple(found)


def others(place: RecordedPlace, known: Sequence[Alternative], most: int = 5) -> tuple[Alternative, ...]:
    """Other words that a place could hold, likeliest first: what can be read, each once; for a mark other marks."""
    held = place.trace.pieces(place.trace.committed)[place.number].strip()
    seen = {held}
    found: list[Alternative] = []
    for each in known:
        text = each.piece.strip()
        if not text or not text.isprintable() or "\ufffd" in text or each.token == place.token:
            continue
        if text not in seen and _is_word(text) == _is_word(held):
            seen.add(text)
            found.append(each)
    return tuple(found[:most])


def _is_word(text: str) -> bool:
    """Whether there are letters, digits or signs on them in it, and not only marks."""
    return any(category(sign)[0] in "LMN" for sign in text)
