"""What is said of chats and of the file that holds them."""

from __future__ import annotations

from pathlib import Path

from app.base.texts import name_of
from app.base.units import token_rate

# -- chats and answers -----------------------------------------------------------------------------------------------

NO_MODEL = "No model is loaded."
NO_MODEL_HINT = "Choose one in the menu Model."
NOT_LOADED = "The model that this message was sent to was not loaded."
OWN_MODEL_HINT = "Choose another one in the options of this chat, or ask again to have it loaded once more."
NEW_CHAT_TITLE = "New chat"
NO_ANSWER_YET = "This answer was stopped before any of it could be read."


def branch_title(title: str) -> str:
    """Of a chat that was branched off."""
    return f"Branch of {title}"


BLANKS_TOO_LARGE = "No model can be kept to blanks that ask for so much."
TEXT_TOO_LONG = "No model can be kept to so long a text behind its first blank."


def blanks_fit(words: int, characters: int) -> str:
    """What a message may ask for in blanks with a number."""
    return (
        f"Beside this text about {words:,} words or {characters:,} characters fit, in all blanks with a number "
        "together; [[lines]] takes a text of any length."
    )


def text_fits(fit: int, characters: int) -> str:
    """How much of a text may stand behind its first blank."""
    return f"About {fit:,} of these {characters:,} characters fit: have it filled in parts."


FOLDER_CIRCLE = "A folder cannot be put into itself."
FOLDER_CIRCLE_HINT = "Choose a folder that does not lie in it."


def asks_another_hint(name: str) -> str:
    """The model that a message was sent to could not be loaded, and the one before is there."""
    return f"Ask again, and {name} answers."


def own_model_not_loaded(name: str, why: str) -> str:
    """A message to a chat's own model."""
    return f"{name}, the model of this chat, could not be loaded. {why}"


BY_SERVER = "answered by a server"
BY_SERVER_HINT = "The server sends text that is final, and says nothing of the steps that it took"


def server_line(seconds: float, tokens_per_second: float) -> str:
    """The status line of an answer of a server, which says nothing of steps; the rate only where it counts tokens."""
    rate = f" · {token_rate(tokens_per_second)}" if tokens_per_second else ""
    return f"{BY_SERVER} · {seconds:.1f} s{rate}"


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
    """A device."""
    return f"\u201c{name}\u201d is no file that can be read."


def dropped_gone(name: str) -> str:
    """It is not there."""
    return f"\u201c{name}\u201d is not there any more: it was moved, renamed or deleted."


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
IMPORT_AT_WORK = "The chats were not brought back, because an import into them is open. Nothing was changed."
IMPORT_AT_WORK_HINT = "Finish the import, or cancel it, and try again."
STORE_IMPORTING = "The chat could not be saved yet, because the import is being taken in."
STORE_IMPORTING_HINT = (
    "What is on the screen stays. Try again when the import has ended; until then nothing can be saved."
)
READ_FULL = "The chats cannot be read now, because the disk of the data folder is full."
READ_FULL_HINT = "Free some space there, and try again. Nothing was changed."
READ_BUSY = "The chats cannot be read now, because another program is holding the chat file."
READ_REFUSED = "The chats cannot be read, because the data folder may not be written."
SEARCH_FULL = "The chats cannot be searched now, because the disk of the data folder is full."
RESTORE_BUSY = "The backup was not restored, because another program has the chat file open. Nothing was changed."
RESTORE_BUSY_HINT = "Close all windows of Dewpoint, and other programs that use the file, and try again."
STORE_GONE = "The chat file was deleted, moved or replaced while Dewpoint was open, so nothing more is saved in it."
STORE_GONE_HINT = "All chats are still here: Dewpoint can write the file anew."
CHAT_GONE = "This chat does not exist any more: another program has removed it."
CHAT_GONE_HINT = "What you wrote is still in the message box; open a new chat to send it."
STORE_READ_ONLY = "The chat could not be saved, because the data folder may not be written."
SAVED_AGAIN_ENDS = frozenset(
    {STORE_FULL, STORE_BUSY, STORE_IMPORTING, STORE_READ_ONLY}
)  # over as soon as something is stored
STORE_FAILED_HINT = "Check the disk that holds the data folder, and try again."
STORE_NO_FILE_HINT = "Move it away, and try again. Nothing was changed."
STORE_NEWER_HINT = "Install the newest version. The file was not changed."
STORE_TOO_NEW_HINT = "Install the newest version: this one cannot even read the chats. The file was not changed."


def store_not_writable_hint(path: Path) -> str:
    """Where the chat file is, for a folder that cannot be written."""
    return f"Make {path.parent} and {path.name} writable, and try again."


def store_not_opened(path: Path) -> str:
    """The chat file cannot be opened at all."""
    return f"The chat file {path} cannot be opened."


def store_no_file(path: Path) -> str:
    """A folder, a pipe or a device has its name."""
    return f"The chat file {path} is no regular file."


def store_failed(reason: str) -> str:
    """SQLite reports something that has no sentence of its own."""
    return f"The chat could not be saved or read ({reason})."


def not_read(reason: str) -> str:
    """The same, where nothing was to be saved."""
    return f"The chats cannot be read ({reason})."


def store_newer(path: Path, found: int, known: int) -> str:
    """The chat file was written by a newer version of the program."""
    return (
        f"The chat file {path} was written by a newer version of Dewpoint "
        f"(its format is {found}, this version knows {known})."
    )


# -- damage and recovery ---------------------------------------------------------------------------------------------

ERROR_UNREADABLE = "Why this answer failed can no longer be read."
STORE_DAMAGED = "The chat file is damaged."
STORE_DAMAGE_SEEN = "A look through the chat file found damage in it."
STORE_DAMAGE_SEEN_HINT = (
    "What is on the screen is still there. Close Dewpoint and start it again: it sets the file aside and recovers all "
    "that can be read, the rest from the newest backup."
)
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


NO_BACKUP_HINT = "Name a file of the folder backups, or one that `chats backup` made."
CHOOSE_BACKUP_HINT = "Nothing was changed. Choose another backup."


def no_backup(path: Path) -> str:
    """There is no file."""
    return f"There is no backup {name_of(path.name)}."


def backup_is_the_history(path: Path) -> str:
    """It would replace itself."""
    return f"{name_of(path.name)} is no backup, but the chat file itself."


def backup_is_no_file(path: Path) -> str:
    """A folder, a pipe, a device."""
    return f"{name_of(path.name)} is no regular file, so it is no backup."


def bad_backup(path: Path, reason: str) -> str:
    """It is damaged, or empty."""
    return f"{name_of(path.name)} holds no chats that could be restored ({reason or 'it is empty'})."


# -- work in a process of its own ------------------------------------------------------------------------------------

TRY_AGAIN = "Close other programs, then try again."
APART_HINT = "Nothing was changed. Try another copy of the file."


def apart_not_started(subject: str, reason: str) -> str:
    """The system does not start a process."""
    return f"The process that works on {subject} could not be started ({reason})."


def apart_too_slow(subject: str, seconds: float) -> str:
    """It was ended."""
    return f"Reading {subject} took more than {seconds:.0f} seconds, and was given up."


def apart_died(subject: str, code: int | None) -> str:
    """It is gone, and nobody ended it."""
    return f"The process that worked on {subject} ended unexpectedly (exit code {code})."


def apart_too_much(subject: str) -> str:
    """One value is larger than any may be."""
    return f"{subject} holds something that is too large to be taken over."


def apart_memory(subject: str, most: int) -> str:
    """It needs more than it may have."""
    return f"{subject} needs more than {most / 1e9:.1f} GB of memory to be read."


APART_FILE_HINT = "Check the file, its folder and its disk."


def apart_file(subject: str, reason: str) -> str:
    """The system refuses a file."""
    return f"{subject} cannot be read or written ({reason})."


def apart_bug(subject: str) -> str:
    """We have made a mistake."""
    return f"Something went wrong inside Dewpoint while it worked on {subject}."
