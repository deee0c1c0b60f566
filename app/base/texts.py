"""Every sentence that the user reads and that is not the label of a button: one file to check, one day to translate.

Constants where a sentence is always the same, small functions where it has a number or a name in it. Each error has a
sentence (what happened) and a `_HINT` (what to do). The shortcuts dialog and the README's table are made from
`SHORTCUTS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

APP_NAME = "Dewpoint"
TAGLINE = "Text condenses out of noise."
STARTER_MODEL_NAME = "Starter model (small, for trying things out)"
ABOUT = (
    "Dewpoint chats, offline, with DiffusionGemma, a language model that denoises a whole block of text, step by step, "
    "from noise to an answer. No cloud, no account, no token charges: nothing leaves this computer."
)
LICENSE_LINE = "Apache License 2.0"

# -- errors that can happen anywhere ---------------------------------------------------------------------------------

BUG = "Something went wrong inside Dewpoint."
BUG_HINT = "This is a bug of ours. Copy the report below and send it to us; your chats are saved."
OUT_OF_MEMORY = "This computer has run out of memory."
OUT_OF_MEMORY_HINT = "Close other programs, or open a smaller model, and try again."
DISK_FULL = "The disk is full."
DISK_FULL_HINT = "Free some space, then try again. What is on the screen is not lost."


def file_trouble(reason: str) -> str:
    """The system refused a file, where no better sentence is known."""
    return f"A file or folder cannot be read or written ({reason})."


FILE_TROUBLE_HINT = "Check the data folder, its rights and its disk."


def folder_not_usable(folder: Path, reason: str) -> str:
    """The data folder cannot be made or written."""
    return f"Dewpoint cannot write its data folder {folder} ({reason})."


FOLDER_NOT_USABLE_HINT = "Make the folder writable, or name another one with --base-dir or DEWPOINT_HOME."


def log_not_writable(folder: Path, reason: str) -> str:
    """The log file cannot be written; the program goes on without it."""
    return f"Dewpoint goes on without a log file, because {folder} cannot be written ({reason})."


NO_MODEL = "No model is loaded."
NO_MODEL_HINT = "Choose one in the menu Model."

# -- settings --------------------------------------------------------------------------------------------------------


def settings_damaged(kept_as: str) -> str:
    """The settings file was no JSON; it was set aside."""
    return f"The settings could not be read, so Dewpoint started with its defaults. The old file was kept as {kept_as}."


def settings_unreadable(reason: str) -> str:
    """The settings file could not be opened."""
    return f"The settings could not be opened ({reason}), so Dewpoint started with its defaults."


def settings_not_saved(reason: str) -> str:
    """Writing the settings failed."""
    return f"The settings could not be saved ({reason})."


SETTINGS_NOT_SAVED_HINT = "They hold until you quit. Check that the data folder is writable and the disk is not full."

# -- chats -----------------------------------------------------------------------------------------------------------

NEW_CHAT_TITLE = "New chat"
RECOVERED_CHAT_TITLE = "Recovered chat"
UNREADABLE_MESSAGE = "(This message could not be recovered.)"
NO_ANSWER_YET = "This answer was stopped before its first block was finished."

STORE_FULL = "The chat could not be saved, because the disk is full."
STORE_FULL_HINT = "Free some space and try again. What is on the screen is not lost while this window stays open."
STORE_BUSY = "The chat could not be saved, because another program is holding the chat file."
STORE_BUSY_HINT = "Close other windows of Dewpoint, or backup programs that read the file, and try again."
STORE_READ_ONLY = "The chat could not be saved, because the data folder may not be written."
STORE_DAMAGED = "The chat file is damaged."
STORE_DAMAGED_HINT = "Start Dewpoint again: it sets the file aside and recovers all that can be read."


def store_not_writable_hint(path: Path) -> str:
    """Where the chat file is, for a folder that cannot be written."""
    return f"Make {path.parent} and {path.name} writable, and try again."


def store_not_opened(path: Path) -> str:
    """The chat file cannot be opened at all."""
    return f"The chat file {path} cannot be opened."


def store_failed(reason: str) -> str:
    """SQLite reports something that has no sentence of its own."""
    return f"The chat could not be saved or read ({reason})."


STORE_FAILED_HINT = "Check the disk that holds the data folder, and try again."


def store_newer(path: Path, found: int, known: int) -> str:
    """The chat file was written by a newer version of the program."""
    return (
        f"The chat file {path} was written by a newer version of Dewpoint "
        f"(its format is {found}, this version knows {known})."
    )


STORE_NEWER_HINT = "Install the newest version. The file was not changed."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def store_recovered(chats: int, messages: int, from_backup: int, reason_missing: bool) -> str:
    """What was found after the chat file turned out damaged (or, with `reason_missing`, gone)."""
    what = "The chat file was missing" if reason_missing else "The chat file was damaged"
    found = f"{what}. Dewpoint recovered {_count(chats, 'chat')} with {_count(messages, 'message')}"
    if from_backup:
        found += f", {from_backup} of them from the last backup"
    return found + "."


def store_recovered_hint(kept_as: str, lost: int) -> str:
    """Where the damaged file is, and what is gone."""
    lines = []
    if lost:
        lines.append(f"At least {lost} {'entry' if lost == 1 else 'entries'} could not be recovered.")
    if kept_as:
        lines.append(f"The damaged file was kept as {kept_as}.")
    return " ".join(lines)


# -- the status line -------------------------------------------------------------------------------------------------


def status_line(steps: Sequence[int], max_steps: int, seconds: float, tokens_per_second: float) -> str:
    """Such as "settled in 14 of 48 steps · 3.1 s · 82 tokens/s"; with several blocks, the steps of each."""
    if not steps:
        return f"stopped before the first block · {seconds:.1f} s"
    total, limit = sum(steps), max_steps * len(steps)
    each = f" ({' + '.join(str(number) for number in steps)})" if len(steps) > 1 else ""
    speed = f"{tokens_per_second:.0f}" if tokens_per_second >= 10 else f"{tokens_per_second:.1f}"
    return f"settled in {total} of {limit} steps{each} · {seconds:.1f} s · {speed} tokens/s"


# -- help ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One key and what it does; `keys` is written for people ("Ctrl+Plus")."""

    keys: str
    action: str


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("Enter", "Send the message"),
    Shortcut("Shift+Enter", "Begin a new line in the message"),
    Shortcut("Esc", "Stop the answer; what is already written is kept"),
    Shortcut("Ctrl+R", "Try again: ask for a new answer to the last message"),
    Shortcut("Ctrl+Shift+C", "Copy the last answer"),
    Shortcut("Ctrl+L", "Go to the message box"),
    Shortcut("Ctrl+M", "Models"),
    Shortcut("Ctrl+N", "New chat"),
    Shortcut("Ctrl+PageDown", "Next chat"),
    Shortcut("Ctrl+PageUp", "Previous chat"),
    Shortcut("F2", "Rename the selected chat"),
    Shortcut("Delete", "Delete the selected chat in the list"),
    Shortcut("Ctrl+Z", "Bring the deleted chat back"),
    Shortcut("Ctrl+B", "Hide or show the chat list"),
    Shortcut("Ctrl+Plus", "Larger text"),
    Shortcut("Ctrl+Minus", "Smaller text"),
    Shortcut("Ctrl+0", "Text at its normal size"),
    Shortcut("Ctrl+,", "Settings"),
    Shortcut("F1", "Keyboard shortcuts"),
    Shortcut("Ctrl+Q", "Quit"),
)
