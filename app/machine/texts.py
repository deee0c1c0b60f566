"""What the doctor says: names of what it looks at, what it found, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from app.base.units import memory, size
from app.gpu.texts import NAME as ADDON

# -- what is looked at -----------------------------------------------------------------------------------------------

SYSTEM = "System"
PYTHON = "Python"
MEMORY = "Memory"
DISK = "Free disk"
FOLDER = "Data folder"
CHATS = "Chats"
KEYRING = "Keyring"
MODELS = "Models"
CARD = "Graphics card"
SMALL_ENGINE = "Small engine"
ENGINES = "Engines"

# -- what was found --------------------------------------------------------------------------------------------------

OTHER_SYSTEM_HINT = "Dewpoint is made for Windows and Linux."
OTHER_PYTHON_HINT = "Use Python 3.11, 3.12 or 3.13."
LITTLE_MEMORY_HINT = "Only the starter model fits."
LITTLE_DISK_HINT = "Chats need little, models many gigabytes: make room on this drive."
NO_CHATS = "There are none yet."
CHATS_IN_USE = "Another program holds the chat file at this moment, so it was not looked at."
CHATS_IN_USE_HINT = "Look again in a minute; close other windows of Dewpoint if it stays so."
NO_LOG_HINT = (
    "The drive of the data folder cannot share memory between programs, so Dewpoint saves with a rollback journal "
    "there: as safe, and slower."
)
NEWER_CHATS = "A newer Dewpoint wrote the chat file."
NO_KEYRING = "This system has none."
NO_KEYRING_HINT = "An access token for gated models then holds only until Dewpoint ends; all else works without it."
CARD_NOT_MEANT_HINT = f"{ADDON} is not made for this card."
ADDON_ELSEWHERE = "In Python's own folders."
NO_ADDON = "Not installed."
NOT_TRIED = "Not tried, because TensorRT is not installed."
NO_ENGINES = "None are built."


def not_looked_at(kind: str, reason: str) -> str:
    """A look failed in a way that nobody thought of."""
    return f"It cannot be looked at ({kind}{': ' if reason else ''}{reason})."


def memory_found(total: float, free: float) -> str:
    """Of this computer."""
    return f"{memory(total)}, {memory(free)} free"


def disk_found(free: float) -> str:
    """Where the data folder is."""
    return f"{size(free)} for the data folder"


def folder_found(folder: object) -> str:
    """It is as it should be."""
    return f"{folder} can be written"


def chats_found(count: float) -> str:
    """The file is as it should be."""
    return f"The chat file opens ({size(count)})."


def models_found(more: int) -> str:
    """How many there are."""
    return f"The starter model and {more} more"


def models_gone_hint(titles: Sequence[str]) -> str:
    """A drive is not there, perhaps."""
    return f"The folder of {', '.join(titles[:3])} is not there. Connect its drive, or remove it in Model > Models."


def card_found(name: str, sm: int, total: float, free: float, driver: str) -> str:
    """What it is."""
    return f"{name}, SM {sm // 10}.{sm % 10}, {memory(total)} ({memory(free)} free), driver {driver}"


def engine_built(flavour: str, version: str, sm: int, card: bool) -> str:
    """TensorRT works as far as that can be seen."""
    text = f"{flavour} {version} built one for SM {sm // 10}.{sm % 10}."
    return text if card else f"{text} It cannot run without a card."


def engines_found(count: int, ready: int) -> str:
    """How many sets there are."""
    return f"{count} on this disk, {ready} ready"


def engines_useless_hint(count: int) -> str:
    """They take room for nothing."""
    return f"{count} can never be used here: Model > Engines, Free."


def of_peak(percent: float) -> str:
    """How much of what the processor can do a step makes use of."""
    return f"{percent:.0f} % of the int8 products that this processor reaches"


def of_memory(percent: float) -> str:
    """The same of a card, whose steps wait for its memory."""
    return f"{percent:.0f} % of what this card's memory allows"
