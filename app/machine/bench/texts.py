"""What a benchmark says: why something was not measured, and the words of its report."""

from __future__ import annotations

from collections.abc import Iterable

from app.base.graphemes import shortened
from app.machine.bench.values import PROCESSOR
from trt_engines.streams import escaped

_LONGEST_ADDRESS = 80

# -- why something was not measured ----------------------------------------------------------------------------------

NO_TRANSFORMERS = "PyTorch and transformers are not installed, so the comparison was left out."
NO_ADDRESS_HINT = "Name a server like http://127.0.0.1:1234 or http://127.0.0.1:8000/v1."
NO_KEY_HINT = "Set it to the key, or leave --against-key out for a server that wants none."
NOTHING_MEASURED = "Nothing was measured."
STOPPED = "Stopped before its end; what was measured until then counts."
ON_A_SERVER = "The model that answers runs on a server, and this measures models of this computer."
ON_A_SERVER_HINT = "Choose one of this computer; on the command line bench --against ADDRESS measures a server."
FEW_PROMPTS = "--prompts"
FEW_SEEDS = "--seeds"


def no_address(named: str) -> str:
    """What was typed is no address."""
    return f"{escaped(shortened(named, _LONGEST_ADDRESS), kept='')!r} is no address of a server."


def no_key(variable: str) -> str:
    """The variable for the key is empty."""
    return f"The environment variable {escaped(shortened(variable, _LONGEST_ADDRESS), kept='')} is not set."


def no_such_choice(option: str, named: str, known: tuple[str, ...]) -> str:
    """A preset, a length or a backend that there is not."""
    return f"{option} knows no {escaped(shortened(named, _LONGEST_ADDRESS), kept='')!r}; known are: {', '.join(known)}."


def not_written(path: object, reason: str) -> str:
    """A file of the report cannot be written."""
    return f"{escaped(str(path), kept='')} cannot be written ({reason})."


NOT_WRITTEN_HINT = "Name another file; the report stands above."

# -- the report ------------------------------------------------------------------------------------------------------

TITLE = "Dewpoint benchmark"
COMPUTER = "Computer"
HOW = (
    "Median (10th to 90th of a hundred answers). Tokens/s are an answer's tokens by all of its time, reading the "
    "question included; the first draft can be seen, the first block stays."
)
COLUMNS = ("who", "preset", "length", "tokens/s", "first draft", "first block", "tokens written", "steps a block")
SHORT_ANSWERS = (
    "Where fewer tokens were written than the length allows, the model ended its answers by itself: {names}."
)
NOT_TOLD = "-"
NO_CARD = "no NVIDIA card"


def progress(side: str, done: int, of: int) -> str:
    """How far it is."""
    if side == PROCESSOR:
        return "measuring what this processor reaches, once"
    return f"{side}: answer {done} of {of}" if done else f"{side}: loading and warming up"


def side_line(name: str, model: str, facts: Iterable[str]) -> str:
    """Who answered; where, and what it took beside time, as far as that is told."""
    return ", ".join(part for part in (f"{name}: {model}" if model else name, *facts) if part)


def disturbed(percent: float) -> str:
    """Other programs made it slower."""
    return f"**other programs took {percent:.0f} % of the processor meanwhile**, so it is faster when they do not"


def joules_a_block(joules: str) -> str:
    """Of all cards and the processor, whoever worked on them."""
    return f"{joules} J a block"


def cores(count: int) -> str:
    """That programs may use."""
    return "1 core" if count == 1 else f"{count} cores"


def loaded_in(seconds: float) -> str:
    """Of the model."""
    return f"loaded in {seconds:.1f} s"


def memory_peak(memory: str) -> str:
    """The most that its process held."""
    return f"{memory} of memory at the most"


def card_peak(memory: str) -> str:
    """The same on the card."""
    return f"{memory} on the card at the most"


def plan_line(prompts: int, seeds: int, version: str, when: str) -> str:
    """What was done, with what, and when."""
    asked = f"{prompts} prompts, {'1 seed' if seeds == 1 else f'{seeds} seeds'}"
    return f"{asked}, after a warm-up. Dewpoint {version}, {when}."


# -- the plot --------------------------------------------------------------------------------------------------------

PLOT_TITLE = "Tokens/s of whole answers"
PLOT_HINT = "bar: median; line: 10th to 90th of a hundred answers"
