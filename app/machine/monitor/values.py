"""What the monitor shows: frozen values; None is what nobody tells, and no number is invented for it."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLES = 60  # kept of every series
SECONDS = 1.0  # from one look to the next


@dataclass(frozen=True, slots=True)
class CardReading:
    """One NVIDIA card, as its driver tells it.

    Attributes:
        name: Its name.
        driver: The driver's version.
        load: Percent of the last moment in which it worked.
        memory_used: Bytes, by all programs.
        memory_total: Bytes.
        memory_ours: Bytes of Dewpoint's processes; None also where Windows keeps that to itself.
        temperature: Degrees Celsius.
        power: Watts.
        power_limit: Watts that it may take.
        core_clock: MHz.
        memory_clock: MHz.
        throttled: Why it is slower than it could be, in words; None where it does not say, () where it is not.
        pcie: Generation and lanes of its connection at this moment.
        pcie_most: The same at its best.
        joules: Energy since the driver was loaded.
        trouble: Why there are no figures at all; "" if there are.
    """

    name: str
    driver: str = ""
    load: int | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    memory_ours: int | None = None
    temperature: int | None = None
    power: float | None = None
    power_limit: float | None = None
    core_clock: int | None = None
    memory_clock: int | None = None
    throttled: tuple[str, ...] | None = None
    pcie: tuple[int, int] | None = None
    pcie_most: tuple[int, int] | None = None
    joules: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SystemReading:
    """The rest of the computer.

    Attributes:
        load: Percent of all cores.
        load_ours: Percent of all cores, by Dewpoint's processes.
        memory_used: Bytes, by all programs.
        memory_total: Bytes.
        memory_ours: Bytes of Dewpoint's processes.
        disk_free: Bytes that are free where the data folder is.
        disk_total: Bytes of that drive.
        joules: Energy of the processor since some moment, where the system tells it.
    """

    load: float | None = None
    load_ours: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    memory_ours: int | None = None
    disk_free: int | None = None
    disk_total: int | None = None
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One look.

    Attributes:
        cards: All cards.
        no_card: Why there is none, or none answers; "" if there is one.
        system: The rest.
        at: Seconds of a clock that never goes back.
    """

    cards: tuple[CardReading, ...]
    no_card: str
    system: SystemReading
    at: float


@dataclass(frozen=True, slots=True)
class SpeedReading:
    """How the newest answer was or is made: what only diffusion has.

    Attributes:
        blocks: Committed so far.
        step_median: Seconds a denoising step.
        step_slow: Seconds that 95 of 100 steps stay within.
        steps_a_block: Mean.
        tokens_a_block: Mean of tokens that are text (thinking is, too), end and padding left out.
        useful_share: Of all places of its canvases, those that became text, 0 to 1.
        wall_rate: Tokens of the answer by all of its time; None until it ends.
        decode_rate: Tokens by denoising and committing alone; likewise.
        parts: Seconds by part: reading the question, the model's passes, choosing tokens (host).
        joules: Of each block, where a card or the processor tells.
        peak_share: Of the int8 products that this processor computes at the most, 0 to 1; None where others compute.
        memory_share: Of the bytes that the card's memory gives at the most, 0 to 1; None where none was measured.
        unmeasured: Whether the first of both is None because nobody measured the processor.
    """

    blocks: int = 0
    step_median: float | None = None
    step_slow: float | None = None
    steps_a_block: float | None = None
    tokens_a_block: float | None = None
    useful_share: float | None = None
    wall_rate: float | None = None
    decode_rate: float | None = None
    parts: tuple[tuple[str, float], ...] = ()
    joules: float | None = None
    peak_share: float | None = None
    memory_share: float | None = None
    unmeasured: bool = False
