"""What is said of exports: labels in the files, and why one cannot be written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.base.texts import APP_NAME, name_of

YOU = "You"
SYSTEM = "System"
TOOL = "Tool"
SOMEBODY = "Answer"
THINKING = "Thinking"
STOPPED = "This answer was stopped before its end."
FAILED = "This answer failed."
_MOST_IDS = 4

NO_CHAT_HINT = "`chats list` shows the ids and titles of all chats."
CANNOT_WRITE_HINT = "Check the folder, its rights and its disk, or name another place."
HISTORY_HINT = "Name another file."
OF_NEWER = (
    "A newer version of Dewpoint wrote these chats. What this version knows of them was exported; nothing was changed."
)
ALL_CHATS = "Dewpoint chats"
NAME_CHATS = "No chat is named: name some, or say --all."


def no_chat(name: str) -> str:
    """Neither an id nor a title."""
    return f"There is no chat {name_of(name)!r}."


def several_chats(name: str, count: int) -> str:
    """A title that several have, or too short a beginning of an id."""
    return f"{count} chats are meant by {name_of(name)!r}."


def several_chats_hint(ids: Sequence[str]) -> str:
    """How to name one of them."""
    more = " \u2026" if len(ids) > _MOST_IDS else ""
    return f"Name one by its id: {', '.join(ids[:_MOST_IDS])}{more}."


def cannot_write(path: Path, reason: str) -> str:
    """A file of an export."""
    return f"{name_of(path)} cannot be written ({reason})."


def is_the_history(path: Path) -> str:
    """An export would replace the chats themselves."""
    return f"{name_of(path)} is the file that your chats are in."


def exported(chats: int, path: Path) -> str:
    """What was done."""
    return f"{chats:,} {'chat' if chats == 1 else 'chats'} exported to {name_of(path)}."


def version_of(number: int, count: int) -> str:
    """Of a message that has others beside it."""
    return f"version {number} of {count}"


def written_at(moment: int) -> str:
    """A time in milliseconds since 1970, as it was on this computer's clock."""
    try:
        when = datetime.fromtimestamp(moment / 1000).astimezone()
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{when.day} {when:%B %Y, %H:%M}"


def made_by(version: str) -> str:
    """At the end of a page."""
    return f"Exported from {APP_NAME} {version}"


def chats_in_page(count: int) -> str:
    """The title of a page that holds several."""
    return f"{count:,} chats"


NO_CHATS = "There are no chats yet."
CHATS_MISSING = "The chat file is missing or empty, and there are backups of it."
CHATS_MISSING_HINT = "Start Dewpoint: it brings the chats back from the newest one that is sound."


def chat_line(chat_id: str, title: str, messages: int, deleted: bool) -> str:
    """A chat in a list."""
    bin_ = " (in the bin)" if deleted else ""
    return f"{chat_id}  {messages:>5,}  {title}{bin_}"


def all_sound(chats: int, messages: int) -> str:
    """Nothing is wrong."""
    return f"{_count(chats, 'chat')} with {_count(messages, 'message')}; every page and every row is sound."


def hidden_messages(messages: int) -> str:
    """What an import has written so far; whether one is at work, or was killed, cannot be told."""
    are = "is" if messages == 1 else "are"
    return (
        f"Beside them {_count(messages, 'message')} of an import that is not through {are} hidden; if it was killed, "
        "the next start, search or import removes them."
    )


def backed_up(path: Path, size: str) -> str:
    """A copy was made."""
    return f"All chats are in {name_of(path)} ({size})."


RESTORE_QUESTION = "Put it in the place of the chats that are there now? [y/N] "
NOT_RESTORED = "Nothing was changed; add --yes to restore it."


def backup_holds(path: Path, chats: int, messages: int) -> str:
    """Before a backup is restored."""
    return f"{name_of(path)} holds {_count(chats, 'chat')} with {_count(messages, 'message')}."


def restored(kept: Path | None) -> str:
    """It is in place."""
    before = f" What was there is kept as {name_of(kept)}." if kept is not None else ""
    return f"Restored.{before}"


NOTHING_FOUND = "Nothing was found."


def more_hits(most: int) -> str:
    """Those that come behind are not shown."""
    return f"There is more: these are the best {most}. Look for more words, or a phrase in quotes."


def hit_line(chat_id: str, title: str, snippet: str) -> str:
    """Something that was found."""
    return f"{chat_id}  {title}\n    {snippet}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


BACKUP_FULL = "The backup could not be written, because the disk is full."
BACKUP_FULL_HINT = (
    "Nothing is left of it, and your chats are as they were. Free some space, or write it to another disk."
)
