"""What the monitor says of cards, and names of the parts of an answer's time."""

from __future__ import annotations

NO_CARD = "No NVIDIA card answers on this computer, so models run on the processor."
CARD_SILENT = "The NVIDIA card does not answer at the moment; it is asked again."
CARD_TELLS_NOTHING = "This card tells nothing at the moment."

POWER_LIMIT = "its limit of power"
HARDWARE_LIMIT = "a limit of the hardware"
HEAT = "its temperature"
HARDWARE_HEAT = "its temperature (hardware)"
POWER_SUPPLY = "the power supply"
BOARD_LIMIT = "a limit of the board"
VOLTAGE_LIMIT = "its voltage"

READING = "reading the question"
MODEL = "the model's passes"
HOST = "choosing tokens"


def card_number(number: int) -> str:
    """A card that does not say its name."""
    return f"Card {number}"


# -- names of what is shown, and its words ---------------------------------------------------------------------------

STATE = "State"
LOAD = "Load"
MEMORY = "Memory"
TEMPERATURE = "Temperature"
POWER = "Power"
CLOCK = "Clocks"
SPEED = "Speed"
BUS = "Connection"
DRIVER = "Driver"
PROCESSOR = "Processor"
DISK = "Drive of the data folder"
FULL_SPEED = "not slowed down"
ANSWER = "Answer"
NO_ANSWER = "There was none since the program started."
STEP = "A denoising step"
BLOCK = "A block"
USEFUL = "Useful"
RATE = "Speed"
PARTS = "Time by part"
ENERGY = "Energy"
USE = "Use"
PEAK_UNKNOWN = "not known: Help > How fast it is measures what this processor reaches"


def by_us(amount: str) -> str:
    """Of which so much by this program's processes."""
    return f", {amount} by Dewpoint"


def and_memory(clock: int) -> str:
    """Behind the core's clock."""
    return f", memory {clock:,} MHz"


def slowed_by(reasons: tuple[str, ...]) -> str:
    """The card is slower than it could be."""
    return f"slowed down by {', '.join(reasons)}"


def link(generation: int, lanes: int) -> str:
    """A PCIe connection."""
    return f"PCIe {generation}.0 x{lanes}"


def could_be(best: str) -> str:
    """The slot has fewer lanes than the card."""
    return f" (could be {best})"


def free_of(free: str, total: str) -> str:
    """Of a drive."""
    return f"{free} free of {total}"


def most_within(seconds: str) -> str:
    """Behind the median."""
    return f", 95 of 100 within {seconds}"


def steps_and_tokens(blocks: int, steps: float, tokens: float | None) -> str:
    """Of the blocks of an answer, in the mean."""
    written = f", {tokens:.0f} tokens" if tokens is not None else ""
    return f"{steps:.1f} steps{written}" + (f" (mean of {blocks})" if blocks > 1 else "")


def of_canvas(percent: float) -> str:
    """How much of what was computed is text."""
    return f"{percent:.0f} % of the canvas became text"


def rates(wall: str, decode: str) -> str:
    """By all of an answer's time, and by denoising alone."""
    return f"{wall} of the whole answer, {decode} while denoising"


def joules_a_block(joules: float) -> str:
    """Of card or processor, as they tell it themselves."""
    return f"{joules:,.0f} J a block, as card or processor tell it"
