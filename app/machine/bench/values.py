"""What a benchmark is to do, what one answer took, and what comes of all of them: frozen, plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

PRESETS = ("fast", "balanced", "careful")
BACKENDS = ("native", "onnx", "tensorrt", "torch")  # of this computer; what is not there is told, not measured
TRANSFORMERS = "transformers"  # the same weights in the library that they were published with
SERVER = "server"
PROCESSOR = "processor"  # what is measured of it before any model answers
FORMAT = 1  # of the JSON


@dataclass(frozen=True, slots=True)
class Length:
    """How long answers may get.

    Attributes:
        name: "short", "256" or "1024".
        tokens: The most that an answer may take.
    """

    name: str
    tokens: int


LENGTHS = (Length("short", 64), Length("256", 256), Length("1024", 1024))


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """What is measured; every combination of it.

    Attributes:
        prompts: How many of the five prompts, at least 2: the same one twice in a row would not be read again.
        seeds: How many seeds each is asked with.
        lengths: Of `LENGTHS`.
        presets: Of `PRESETS`.
    """

    prompts: int = 5
    seeds: int = 3
    lengths: tuple[Length, ...] = LENGTHS
    presets: tuple[str, ...] = PRESETS

    @property
    def runs(self) -> int:
        """Answers of one backend, the first ones that warm up left out."""
        return self.prompts * self.seeds * len(self.lengths) * len(self.presets)


@dataclass(frozen=True, slots=True)
class BenchRun:
    """One answer.

    Attributes:
        length: Name of the length.
        preset: Sampler values.
        prompt: Number of the prompt, from 0.
        seed: Seed of all draws.
        tokens: Of the answer; None where a server does not count them.
        first_draft: Seconds from asking to the first draft; None where there is none to see.
        first_block: Seconds to the first text that stays; None if there was none.
        wall_seconds: From asking to the end.
        decode_seconds: Denoising and committing alone; None where nobody tells.
        steps: Denoising steps of each block; () where nobody tells.
        joules: Of all cards and the processor meanwhile; None where neither tells, or the answer was too short to say.
        peak_share: Of the int8 products that this processor computes at the most, 0 to 1; None where others compute.
        memory_share: Of the bytes that the card's memory gives at the most, 0 to 1; None where none was measured.
    """

    length: str
    preset: str
    prompt: int
    seed: int
    tokens: int | None
    first_draft: float | None
    first_block: float | None
    wall_seconds: float
    decode_seconds: float | None = None
    steps: tuple[int, ...] = ()
    joules: float | None = None
    peak_share: float | None = None
    memory_share: float | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """Who answered.

    Attributes:
        name: A backend, `TRANSFORMERS` or `SERVER`.
        device: Where it ran, in words, or the server's address.
        model: What it calls the model.
        load_seconds: Of loading it; None where it was there already.
        memory: Most bytes of memory that its process held; None where the system does not tell.
        card_memory: Most bytes that its process was seen to hold on the card between two answers; None likewise.
        runs: All its answers.
        trouble: Why it was not measured, or not to its end; "" if it was.
        memory_rate: Bytes a second that the card's memory was measured to give; None where it was not.
        joules_a_block: Of all cards and the processor while everything was answered, by all blocks of it.
        others: Of all cores, what other programs took meanwhile, 0 to 1; None where the system does not tell.
    """

    name: str
    device: str = ""
    model: str = ""
    load_seconds: float | None = None
    memory: int | None = None
    card_memory: int | None = None
    runs: tuple[BenchRun, ...] = ()
    trouble: str = ""
    memory_rate: float | None = None
    joules_a_block: float | None = None
    others: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What one quantity was over several answers: the median, and the tenth and ninetieth of a hundred."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One line of the table; a figure is None where nobody tells.

    Attributes:
        side: Who answered.
        preset: Sampler values.
        length: Name of the length.
        answers: How many were measured.
        tokens: Of an answer.
        first_draft: Seconds.
        first_block: Seconds.
        wall_rate: Tokens of an answer by all of its time.
        decode_rate: Tokens by the time of denoising and committing alone.
        steps: Denoising steps a block.
        joules: Of a block.
        peak_share: See `BenchRun`.
        memory_share: See there.
    """

    side: str
    preset: str
    length: str
    answers: int
    tokens: Figure | None
    first_draft: Figure | None
    first_block: Figure | None
    wall_rate: Figure | None
    decode_rate: Figure | None
    steps: Figure | None
    joules: Figure | None = None
    peak_share: Figure | None = None
    memory_share: Figure | None = None


@dataclass(frozen=True, slots=True)
class BenchComputer:
    """What was measured on.

    Attributes:
        system: Name and release.
        processor: Its own name.
        cores: That programs may use.
        memory: Bytes of all of it.
        cards: NVIDIA cards, by name.
        driver: Their driver; "" without one.
        int8_peak: Operations a second of int8 products that were measured here; None where nobody measured.
    """

    system: str
    processor: str
    cores: int
    memory: int
    cards: tuple[str, ...] = ()
    driver: str = ""
    int8_peak: float | None = None


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All of it.

    Attributes:
        version: Of Dewpoint.
        when: When it began, in UTC.
        computer: What it ran on.
        model: The model's name.
        plan: What was asked.
        sides: Who answered.
        rows: The table.
        stopped: Whether it was stopped before its end.
    """

    version: str
    when: str
    computer: BenchComputer
    model: str
    plan: BenchPlan
    sides: tuple[Side, ...]
    rows: tuple[BenchRow, ...]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class BenchStep:
    """How far it is.

    Attributes:
        side: Who answers.
        done: Answers of it so far; 0 while it is loaded and warms up.
        of: Answers of it in all.
    """

    side: str
    done: int
    of: int


@dataclass(slots=True)
class SideSoFar:
    """A side while it is measured."""

    name: str
    device: str = ""
    model: str = ""
    load_seconds: float | None = None
    memory: int | None = None
    card_memory: int | None = None
    runs: list[BenchRun] = field(default_factory=list)
    trouble: str = ""
    memory_rate: float | None = None
    joules_a_block: float | None = None
    others: float | None = None

    def side(self) -> Side:
        """What was measured by now."""
        return Side(
            self.name, self.device, self.model, self.load_seconds, self.memory, self.card_memory, tuple(self.runs),
            self.trouble, self.memory_rate, self.joules_a_block, self.others,
        )  # fmt: skip
