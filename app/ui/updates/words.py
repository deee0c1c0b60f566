"""Labels and sentences of the dialog about updates (what the command says, too: `app.updates.texts`)."""

from __future__ import annotations

from app.base.texts import APP_NAME
from app.base.units import amount, time_left

TITLE = "Updates"
ASKING = "Asking whether there is a newer version \u2026"
NOT_ASKED = "Nobody has been asked yet."
NEWS = "What is new"
ON_THE_WEB = "Release page"
AGAIN = "Ask again"
STOP = "Stop"
STOPPING = "Stopping \u2026"
CLOSE_AND_INSTALL = f"Close {APP_NAME} and install"
CHECKING = "The package is checked \u2026"
SHOW = "Show in folder"
COPY = "Copy command"
COPY_WHAT = "command"
COMMAND = "Command that installs it"
WEEKLY = "Look once a week"
WEEKLY_TEXT = "Otherwise nobody is asked unless you open this window. Nothing is downloaded or installed by itself."
PROGRESS = "Progress of the download"
TELL = "What is new"


def told(version: str) -> str:
    """The notice of the weekly look."""
    return f"{APP_NAME} {version} is there."


def download(size: str) -> str:
    """The button."""
    return f"Download ({size})"


def progress(done: int, total: int, rate: float) -> str:
    """How far it is."""
    left = (total - done) / rate if rate > 0 else None
    return f"{amount(done, total)} {time_left(rate, left)}".strip()
