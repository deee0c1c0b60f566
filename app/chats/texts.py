"""What is said of chats and of the file that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.base.units import token_rate

# -- chats and answers -----------------------------------------------------------------------------------------------

NO_MODEL = "No model is loaded."
NO_MODEL_HINT = "Choose one in the menu Model."
NOT_LOADED = "The model that this message was sent to was not loaded."
NEW_CHAT_TITLE = "New chat"
NO_ANSWER_YET = "This answer was stopped before any of it could be read."


def asks_another_hint(name: str) -> str:
    """The model that a message was sent to could not be loaded, and the one before is there."""
    return f"Ask again, and {name} answers."


_MOST_BLOCKS = 4  # whose steps have room in the status line


def status_line(steps: Sequence[int], max_steps: int, seconds: float, tokens_per_second: float) -> str:
    """Such as "settled in 14 of 48 steps · 3.1 s · 82 tokens/s"; with several blocks, the steps of each.

    `seconds` is all of the time that the answer took, and `tokens_per_second` its tokens by that time.
    """
    total, limit = sum(steps), max_steps * len(steps)
    each = f" ({_each(steps)})" if len(steps) > 1 else ""
    return f"settled in {total:,} of {limit:,} steps{each} · {seconds:.1f} s · {token_rate(tokens_per_second)}"


def unsettled_line(steps: Sequence[int], max_steps: int, seconds: float, tokens_per_second: float) -> str:
    """The same of an answer of which a block hit the limit."""
    how = f"stopped at {_each(steps)} of {max_steps} steps"
    if len(steps) > _MOST_BLOCKS:
        hit = sum(number >= max_steps for number in steps)
        how = f"{hit} of {_each(steps)} stopped at {max_steps} steps"
    return f"{how} before settling · {seconds:.1f} s · {token_rate(tokens_per_second)}"


def _each(steps: Sequence[int]) -> str:
    return f"{len(steps)} blocks" if len(steps) > _MOST_BLOCKS else " + ".join(str(number) for number in steps)


def ended_early(how: str, blocks: int, seconds: float | None, tokens_per_second: float) -> str:
    """Such as "stopped in block 2 · 3.1 s · 82 tokens/s": of an answer with so many whole blocks."""
    parts = [f"{how} in block {blocks + 1}"]
    if seconds is not None:
        parts.append(f"{seconds:.1f} s")
    if blocks and tokens_per_second > 0:
        parts.append(token_rate(tokens_per_second))
    return " · ".join(parts)


# -- files that are dropped on the message box -----------------------------------------------------------------------


def dropped_folder(name: str) -> str:
    """It is no file."""
    return f"\u201c{name}\u201d is a folder: drop the files in it."


def dropped_no_file(name: str) -> str:
    """It is gone, or a device."""
    return f"\u201c{name}\u201d is no file that can be read."


def dropped_unreadable(name: str, reason: str) -> str:
    """The system refuses it."""
    return f"\u201c{name}\u201d cannot be read ({reason})."


def dropped_too_large(name: str, size: int, most: int) -> str:
    """It is not even read."""
    return (
        f"\u201c{name}\u201d is too large ({size / 1e6:,.1f} MB): a message takes text files up to {most / 1e6:.0f} MB."
    )


def dropped_binary(name: str) -> str:
    """A picture, a program, a document of an office program."""
    return f"\u201c{name}\u201d holds no plain text, and nothing else can be read yet."


def dropped_encoding(name: str) -> str:
    """Bytes that are no UTF-8."""
    return f"\u201c{name}\u201d is in an encoding that cannot be guessed: save it as UTF-8, and drop it again."


def dropped_empty(name: str) -> str:
    """Nothing in it."""
    return f"\u201c{name}\u201d is empty."


def too_many_files(most: int) -> str:
    """Those beyond are not read."""
    return f"Only the first {most} files were looked at."


# -- saving and opening ----------------------------------------------------------------------------------------------

STORE_FULL = "The chat could not be saved, because the disk is full."
STORE_FULL_HINT = "Free some space and try again. What is on the screen is not lost while this window stays open."
STORE_BUSY = "The chat could not be saved, because another program is holding the chat file."
STORE_BUSY_HINT = "Close other windows of Dewpoint, or backup programs that read the file, and try again."
STORE_GONE = "The chat file was deleted, moved or replaced while Dewpoint was open, so nothing more is saved in it."
STORE_GONE_HINT = "All chats are still here: Dewpoint can write the file anew."
CHAT_GONE = "This chat does not exist any more: another program has removed it."
CHAT_GONE_HINT = "What you wrote is still in the message box; open a new chat to send it."
STORE_READ_ONLY = "The chat could not be saved, because the data folder may not be written."
SAVED_AGAIN_ENDS = frozenset({STORE_FULL, STORE_BUSY, STORE_READ_ONLY})  # over as soon as something is stored
STORE_FAILED_HINT = "Check the disk that holds the data folder, and try again."
STORE_NEWER_HINT = "Install the newest version. The file was not changed."


def store_not_writable_hint(path: Path) -> str:
    """Where the chat file is, for a folder that cannot be written."""
    return f"Make {path.parent} and {path.name} writable, and try again."


def store_not_opened(path: Path) -> str:
    """The chat file cannot be opened at all."""
    return f"The chat file {path} cannot be opened."


def store_failed(reason: str) -> str:
    """SQLite reports something that has no sentence of its own."""
    return f"The chat could not be saved or read ({reason})."


def store_newer(path: Path, found: int, known: int) -> str:
    """The chat file was written by a newer version of the program."""
    return (
        f"The chat file {path} was written by a newer version of Dewpoint "
        f"(its format is {found}, this version knows {known})."
    )


# -- damage and recovery ---------------------------------------------------------------------------------------------

STORE_DAMAGED = "The chat file is damaged."
STORE_DAMAGED_HINT = "Start Dewpoint again: it sets the file aside and recovers all that can be read."
RECOVERED_CHAT_TITLE = "Recovered chat"
UNREADABLE_MESSAGE = "(This message could not be recovered.)"


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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
