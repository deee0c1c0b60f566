"""Which rows the list of chats has: pinned chats, folders, chats by day, the archive; plain values, no Qt."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from math import inf
from operator import neg
from typing import TypeAlias

from app.chats.ids import now_ms
from app.chats.messages import Conversation, times_of_use
from app.chats.order import Folder
from app.ui.chat import words

PINNED, ARCHIVED = "\npinned", "\narchived"  # what no id is
_FOLDER = "\nfolder "


@dataclass(frozen=True, slots=True)
class ListHeading:
    """A row above chats, or above other headings.

    Attributes:
        text: What it says.
        depth: How deep its folder lies.
        closes: Whether a click hides what is below it.
        closed: Whether that is hidden.
        folder: Id of its folder; "" for none.
    """

    text: str
    depth: int = 0
    closes: bool = False
    closed: bool = False
    folder: str = ""


Rows: TypeAlias = dict[str, Conversation | ListHeading]  # in the order shown, chats by their ids


@lru_cache(maxsize=2)
def _days(today: date) -> tuple[tuple[str, float], ...]:
    """Today, yesterday, the last seven days and all before: each with its beginning in milliseconds since 1970 UTC."""
    names = {"Today": 0, "Yesterday": 1, "This week": 6}
    days = ((name, datetime.combine(today - timedelta(ago), time())) for name, ago in names.items())
    return *((name, day.timestamp() * 1000) for name, day in days), ("Older", -inf)


def is_heading(key: str) -> bool:
    """Whether a row is no chat."""
    return key.startswith("\n")


def folder_key(folder: str) -> str:
    """The key of a folder's row."""
    return _FOLDER + folder


def rows_of(
    conversations: Sequence[Conversation], folders: Sequence[Folder], closed: Collection[str], today: date
) -> Rows:
    """The rows: pinned chats, folders with theirs, the others by day, the archive.

    Args:
        conversations: In the order of their use.
        folders: Each behind the one that it lies in.
        closed: Keys of headings whose chats are hidden; the archive is hidden unless its key is here.
        today: For the days.
    """
    known = {folder.id for folder in folders}
    pinned: dict[str, Conversation] = {}
    archived: dict[str, Conversation] = {}
    filed: list[Conversation] = []
    loose: list[Conversation] = []
    times: list[int] = []
    for chat, used in zip(conversations, times_of_use(conversations, now_ms()), strict=True):
        if chat.archived:
            archived[chat.id] = chat
        elif chat.pinned:
            pinned[chat.id] = chat
        elif chat.folder_id in known:
            filed.append(chat)
        else:
            loose.append(chat)
            times.append(used)
    rows: Rows = {}
    if pinned:
        rows[PINNED] = ListHeading(words.PINNED)
        rows |= pinned
    _add_folders(rows, filed, folders, closed)
    at = 0
    for name, first in _days(today):  # no time is later than one above it: the chats of a day are one piece of the list
        end = bisect_right(times, -first, lo=at, key=neg)
        if end > at:
            rows[f"\n{name}"] = ListHeading(name)
            rows |= {chat.id: chat for chat in loose[at:end]}
        at = end
    if archived:
        shown = ARCHIVED in closed
        rows[ARCHIVED] = ListHeading(words.archived(len(archived)), closes=True, closed=not shown)
        if shown:
            rows |= archived
    return rows


def _add_folders(rows: Rows, chats: Sequence[Conversation], folders: Sequence[Folder], closed: Collection[str]) -> None:
    depths: dict[str, int] = {}
    hidden: set[str] = set()
    inside: dict[str | None, list[Conversation]] = {}
    for chat in chats:
        inside.setdefault(chat.folder_id, []).append(chat)
    for folder in folders:
        depths[folder.id] = depths[folder.parent_id] + 1 if folder.parent_id in depths else 0
        is_closed = folder_key(folder.id) in closed
        if folder.parent_id in hidden:
            hidden.add(folder.id)
            continue
        if is_closed:
            hidden.add(folder.id)
        rows[folder_key(folder.id)] = ListHeading(folder.name, depths[folder.id], True, is_closed, folder.id)
        if not is_closed:
            rows |= {chat.id: chat for chat in inside.get(folder.id, [])}
