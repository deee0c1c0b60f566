"""Labels and sentences of the window about the GPU add-on (what commands say, too: `app.gpu.texts`)."""

from __future__ import annotations

from pathlib import Path

from app.base import texts as base_texts
from app.base.units import size
from app.engines.texts import FLAVOURS

TITLE = "TensorRT for RTX"
INSTALL = "Install \u2026"
AGAIN = "Install again \u2026"
CHECK = "Check"
REMOVE = "Remove \u2026"
STOP = "Stop"
TRY = "Try this card \u2026"
BUTTONS = {"install": INSTALL, "try": TRY, "verify": CHECK, "remove": REMOVE, "stop": STOP}
INSTALLING = "TensorRT for RTX is being installed"
WORKING = {
    "install": INSTALLING, "verify": "TensorRT for RTX is being checked", "remove": "Being removed",
    "try": "The graphics card is being tried",
}  # fmt: skip
STOPPING = "Stopping \u2026"
PROGRESS = "Progress of the installation"
OFFLINE_WHY = "Dewpoint stays offline. Switch that off in the settings to install it."
REMOVE_TITLE = "Remove TensorRT for RTX?"
REMOVE_AGREE = "Remove"
ALL_RIGHT = "Every file of TensorRT for RTX is right, and it works: a small engine was built with it."

# -- the trial of a card ---------------------------------------------------------------------------------------------

TRIAL_TITLE = "Try this card"
TRIAL_TEXT = (
    "Dewpoint builds a small engine for the graphics card and runs it in every way that models are run with: under a "
    "minute. What it finds decides how models are run; nothing leaves this computer."
)
TRY_NOW = "Try now"
TRY_AGAIN = "Try again"
TRIAL_STOPPED = "The trial was stopped; nothing was kept."
TRIAL_PROGRESS = "Progress of the trial"
OPEN_REPORT = "Open report"
COPY_REPORT = "Copy report"
COPY_WHAT = "report of the trial"
WORKS, FAILS = "works", "fails"
NOT_TRIED = "This card was not tried yet."


def tried_with(flavour: str, version: str, driver: str, system: str) -> str:
    """What a trial was made with."""
    return f"{FLAVOURS.get(flavour, flavour)} {version}, driver {driver}, {system}"


# -- before the installation -----------------------------------------------------------------------------------------

INSTALL_TITLE = "Install TensorRT for RTX"
INSTALL_TEXT = "NVIDIA's libraries, with which engines are built and run on your graphics card."
ACCEPT = "I accept NVIDIA's licence"
INSTALL_NOW = "Install"


def head(version: str, card: str) -> str:
    """What, and for which card."""
    return f"{TITLE} {version} for your {card}" if card else f"{TITLE} {version}"


def licence_line(name: str, place: str) -> str:
    """Which licence, and where it stands."""
    return f"{name}, also on {place}:"


def sizes(download: int, installed: int, free: int) -> str:
    """What it takes."""
    return f"{size(download)} to download, {size(installed)} on the disk. {size(free)} free on the drive."


def goes_to(folder: Path) -> str:
    """Where it will lie; nothing else on the computer changes."""
    return f"It goes to {folder}, and nowhere else; Remove takes all of it away."


def remove_detail(count: int, folder: Path, others: tuple[str, ...]) -> str:
    """What removing means."""
    text = f"{size(count)} come free in {folder}. Engines stay, and wait until it is installed again."
    return f"{text} {base_texts.left_in(folder, others, asked=True)}" if others else text
