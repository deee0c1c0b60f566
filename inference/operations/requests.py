"""What can be asked of a model beside an answer: plain values that any process may hold; done where the model is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.events import Calibration
from inference.params import CanvasStart, ChatTurn, GenerationRequest, HeldPlace, SamplerParams

YES_NO = ("yes", "no")
MOST_READS = 32
MOST_SCORE = 10
MOST_VARIANTS = 8
MOST_ALTERNATIVES = 64
_NEAR = 0.3  # of noise in a block that is denoised around another word


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """A part of an answer that shall be written anew; see `inference.operations.rewrite`.

    Attributes:
        turns: The chat up to the question that the answer is to.
        answer: The answer, as it is shown.
        first: Where the part begins, in characters.
        last: Where it ends.
        selected: What stood there when it was selected; an answer that changed since is refused.
        wish: What shall be different, in words; "" for another way to say it.
        variants: How many are written.
        seed: Of the first one; the next ones have the next numbers.
        sampler: See `GenerationRequest`.
        unlike: Signs with which no variant begins, where the model would write what is known already.
    """

    turns: tuple[ChatTurn, ...]
    answer: str
    first: int
    last: int
    selected: str
    wish: str = ""
    variants: int = 3
    seed: int = 0
    sampler: SamplerParams = field(default_factory=SamplerParams)
    unlike: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last <= len(self.answer):
            size = len(self.answer)
            raise ValueError(f"the part {self.first}..{self.last} is none of an answer of {size} characters")
        if not 1 <= self.variants <= MOST_VARIANTS:
            raise ValueError(f"variants must be within 1..{MOST_VARIANTS}, not {self.variants!r}")


@dataclass(frozen=True, slots=True)
class DecideRequest:
    """A question about a text with a few possible answers; see `inference.operations.decide`.

    Attributes:
        text: What the question is about; may be "".
        question: The question.
        labels: 2 to 26 different answers.
        reads: How many reads are averaged.
        seed: Of their noise.
        score: The labels are whole numbers, of which a mean means something.
        calibration: How far the shares can be believed, of this model; None where nobody measured it.
    """

    text: str
    question: str
    labels: tuple[str, ...] = YES_NO
    reads: int = 4
    seed: int = 0
    score: bool = False
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.reads <= MOST_READS:
            raise ValueError(f"reads must be within 1..{MOST_READS}, not {self.reads!r}")
        if self.score and not all(label.isascii() and label.isdigit() for label in self.labels):
            raise ValueError(f"the labels of a score must be whole numbers, not {self.labels!r}")


def score_labels(most: int) -> tuple[str, ...]:
    """The labels of a score from 1 on.

    Raises:
        ValueError: `most` is not within 2..10.
    """
    if not 2 <= most <= MOST_SCORE:
        raise ValueError(f"a score goes up to 2..{MOST_SCORE}, not {most!r}")
    return tuple(map(str, range(1, most + 1)))


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A question of `DecideRequest` whose answer is known."""

    text: str
    question: str
    labels: tuple[str, ...]
    answer: str

    def __post_init__(self) -> None:
        if self.answer not in self.labels:
            raise ValueError(f"the answer {self.answer!r} is none of the labels {self.labels!r}")


@dataclass(frozen=True, slots=True)
class CalibrateRequest:
    """Questions with known answers, to find how far shares can be believed; see `inference.operations.calibrate`.

    Attributes:
        examples: The questions.
        reads: See `DecideRequest`; a calibration holds for the number of reads that it was made with.
        seed: Of the first one's noise; the next ones have the next numbers.
    """

    examples: tuple[KnownAnswer, ...]
    reads: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.reads <= MOST_READS:
            raise ValueError(f"reads must be within 1..{MOST_READS}, not {self.reads!r}")


@dataclass(frozen=True, slots=True)
class AlternativesRequest:
    """What else a place of a committed canvas could hold; see `inference.operations.alternatives`.

    Attributes:
        request: What the canvas answers; its `answer_start` holds the blocks before it.
        canvas: Its ids, whole.
        place: From 0.
        count: How many, 1 to 64.
    """

    request: GenerationRequest
    canvas: tuple[int, ...]
    place: int
    count: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.place < len(self.canvas) or not 1 <= self.count <= MOST_ALTERNATIVES:
            raise ValueError(f"place {self.place} of {len(self.canvas)}, {self.count} alternatives: out of range")


Operation = RewriteRequest | DecideRequest | CalibrateRequest | AlternativesRequest


def with_alternative(request: GenerationRequest, canvas: Sequence[int], place: int, token: int) -> GenerationRequest:
    """The request whose first block is the canvas again, with another token in one place and what fits around it."""
    start = CanvasStart(tuple(canvas), _NEAR)
    return dataclasses.replace(request, start=start, held=(HeldPlace(place, token),), canvas_length=len(canvas))
