"""A recorded block, shown again without the model: what stood where at each step, how sure, and what else it could be.

    trace = read_trace(block.trace)
    for step in trace.steps:
        print(step.step, "".join(trace.pieces(step)))
    draft = trace.draft(5)               # what the window showed then
    trace.alternatives(12)               # what else place 12 could have held in the end
    request = resumed(request, trace, 5) # goes on from there, with the model

Needs neither numpy nor a tokenizer: a trace holds the text of each token that occurs in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from inference.events import Alternative, DraftUpdated
from inference.params import CanvasStart, GenerationRequest
from inference.text.draft_text import pieces_from_bytes
from inference.traces import layout
from inference.traces.codec import BodyReader, damaged, opened


@dataclass(frozen=True, slots=True)
class TracedStep:
    """What a canvas was after a step; all tuples have one entry a place.

    Attributes:
        step: Steps that were done, 0 for the noise or the text that the block started with.
        token_ids: The likeliest canvas; that of step 0 is what it started with.
        changed: Whether the place holds another token than in the recorded step before.
        thought: What the model would have put if nothing were asked of it: other tokens at held places and where a
            form left it no choice.
        entropy: In nats, right to 3 in a hundred or 0.0006; that of step 0 is not known, and 0.
        accepted: Whether the sampler kept it. A place that was kept and later is not has melted again.
    """

    step: int
    token_ids: tuple[int, ...]
    changed: tuple[bool, ...]
    thought: tuple[int, ...]
    entropy: tuple[float, ...]
    accepted: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded block.

    Attributes:
        block: Number of the block, from 0.
        max_steps: Upper limit of its steps.
        held: Whether each place was held.
        steps: Step 0 and all others, in order; of very long ones some are left out.
        committed: The committed canvas; mostly that of the last step.
        temperature: Of the last step; the candidates are as likely as they were at it.
        carry: Bytes of a character that the block before left unfinished.
        texts: UTF-8 bytes of each token that occurs; None for what has none, b"" for what ends an answer.
        candidates: Of each place in the last step: tokens and natural logarithms of their shares, likeliest first.
    """

    block: int
    max_steps: int
    held: tuple[bool, ...]
    steps: tuple[TracedStep, ...]
    committed: tuple[int, ...]
    temperature: float
    carry: bytes
    texts: dict[int, bytes | None]
    candidates: tuple[tuple[tuple[int, float], ...], ...]

    def pieces(self, token_ids: tuple[int, ...]) -> tuple[str, ...]:
        """Text of each place of a canvas of this trace, as `DraftUpdated.pieces`."""
        end = next((place for place, token in enumerate(token_ids) if self.texts[token] == b""), len(token_ids))
        shown = pieces_from_bytes([self.texts[token] for token in token_ids[:end]], self.carry)
        return (*shown, *("" for _ in range(len(token_ids) - end)))

    def draft(self, number: int) -> DraftUpdated:
        """The event of `steps[number]`."""
        step = self.steps[number]
        return DraftUpdated(
            self.block, step.step, self.max_steps, step.token_ids, self.pieces(step.token_ids), step.entropy,
            step.accepted,
        )  # fmt: skip

    def history(self, place: int) -> tuple[tuple[int, int], ...]:
        """What a place held, one after another: (since which step, token)."""
        steps = self.steps
        return tuple(
            (step.step, step.token_ids[place]) for number, step in enumerate(steps) if not number or step.changed[place]
        )

    def alternatives(self, place: int) -> tuple[Alternative, ...]:
        """What a place could have held in the last step; likelihoods at that step's temperature."""
        return tuple(
            Alternative(token, pieces_from_bytes([self.texts[token]])[0], share)
            for token, share in self.candidates[place]
        )


def read_trace(data: bytes) -> Trace:
    """A trace from its bytes.

    Raises:
        TraceError: They are damaged, or of another version.
    """
    body = BodyReader(opened(data))
    places = body.number(1, layout.MOST_PLACES)
    count = body.number(1, layout.MOST_STEPS)
    max_steps = body.number(1, layout.MOST_ID)
    temperature = body.number(0, layout.MOST_ID) / 1000
    block = body.number(0, layout.MOST_ID)
    carry = body.plane(body.number(0, layout.CARRY))
    tokens, texts = _tokens(body)
    held = _bits(body, places)
    canvas = _indexed(body, places, tokens)
    numbers = _ascending(body, count)
    changed = [_bits(body, places) for _ in range(count)]
    came = iter(_indexed(body, sum(map(sum, changed)), tokens))
    other = [_bits(body, places) for _ in range(count)]
    instead = iter(_indexed(body, sum(map(sum, other)), tokens))
    entropy, accepted = bytes(places), (False,) * places
    steps = [TracedStep(0, canvas, (False,) * places, canvas, (0.0,) * places, accepted)]
    deltas = body.plane(places * count)
    flips = [_bits(body, places) for _ in range(count)]
    for row in range(count):
        canvas = _merged(canvas, changed[row], came)
        entropy = bytes((was + delta) & 0xFF for was, delta in zip(entropy, deltas[row::count], strict=True))
        accepted = tuple(was != flips for was, flips in zip(accepted, flips[row], strict=True))
        nats = tuple(layout.NATS[code] for code in entropy)
        thought = _merged(canvas, other[row], instead)
        steps.append(TracedStep(numbers[row], canvas, changed[row], thought, nats, accepted))
    differs = _bits(body, places)
    committed = _merged(canvas, differs, iter(_indexed(body, sum(differs), tokens)))
    candidates = _candidates(body, places, tokens)
    body.end()
    return Trace(block, max_steps, held, tuple(steps), committed, temperature, carry, texts, candidates)


def resumed(request: GenerationRequest, trace: Trace, number: int) -> GenerationRequest:
    """The request that goes on from `steps[number]` as its first block: what was kept then stays as a start.

    Not the same run again, which the answer's seed gives: what the model thought of each other place is not recorded.

    Args:
        request: What the block answers; its `answer_start` holds the blocks before it.
        trace: The block.
        number: Of the step in `trace.steps`.
    """
    step = trace.steps[number]
    level = 1.0 - min(1.0, step.step / trace.max_steps)
    start = CanvasStart(step.token_ids, level, step.accepted)
    return dataclasses.replace(request, start=start, canvas_length=len(step.token_ids))


def _tokens(body: BodyReader) -> tuple[list[int], dict[int, bytes | None]]:
    count = body.number(1, layout.MOST_TOKENS)
    ids, token = [], 0
    for gap in body.numbers(count, 0, layout.MOST_ID):
        token += gap
        ids.append(token)
    kinds = body.numbers(count, 0, layout.MOST_TEXT + layout.TEXT)
    texts: dict[int, bytes | None] = {}
    for token, kind in zip(ids, kinds, strict=True):
        texts[token] = (
            None if kind == layout.NO_TEXT else b"" if kind == layout.ENDS else body.plane(kind - layout.TEXT)
        )
    if token > layout.MOST_ID or len(texts) != count:
        raise damaged()
    return ids, texts


def _bits(body: BodyReader, count: int) -> tuple[bool, ...]:
    plane = body.plane(-(-count // 8))
    return tuple(bool(plane[place >> 3] >> (7 - (place & 7)) & 1) for place in range(count))


def _indexed(body: BodyReader, count: int, tokens: list[int]) -> tuple[int, ...]:
    low, high = body.plane(count), body.plane(count)
    indexes = [low[at] | high[at] << 8 for at in range(count)]
    if max(indexes, default=0) >= len(tokens):
        raise damaged()
    return tuple(tokens[index] for index in indexes)


def _ascending(body: BodyReader, count: int) -> list[int]:
    numbers, step = [], 0
    for gap in body.numbers(count, 1, layout.MOST_STEPS):
        step += gap
        numbers.append(step)
    return numbers


def _merged(canvas: tuple[int, ...], changed: tuple[bool, ...], came: Iterator[int]) -> tuple[int, ...]:
    return tuple(next(came) if new else token for token, new in zip(canvas, changed, strict=True))


def _candidates(body: BodyReader, places: int, tokens: list[int]) -> tuple[tuple[tuple[int, float], ...], ...]:
    counts = body.plane(places)
    if max(counts) > layout.MOST_CANDIDATES:
        raise damaged()
    ids = iter(_indexed(body, sum(counts), tokens))
    below = iter(body.plane(sum(counts)))
    return tuple(
        tuple((next(ids), -next(below) / layout.LOG_PROBABILITY_SCALE) for _ in range(count)) for count in counts
    )
