"""What is found of all that can be gone to: plain values, no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from app.chats.messages import Conversation
from app.chats.search.query import folded

KINDS = ("command", "chat", "model", "setting")  # in the order in which what matches equally well is shown
MOST_OF_A_KIND = 20
_LONGEST = 300  # characters of a title that are looked in


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """One thing that can be gone to.

    Attributes:
        kind: Of `KINDS`.
        text: What it is called.
        do: Goes there.
        detail: What stands beside it.
        also: Other words under which it is found, after all that is called so.
    """

    kind: str
    text: str
    do: Callable[[], object] = field(compare=False)
    detail: str = ""
    also: str = ""


def found(
    entries: Sequence[PaletteEntry], chats: Sequence[Conversation], text: str
) -> list[PaletteEntry | Conversation]:
    """What has every word of `text`, the best first; some of each kind at the most.

    Whole beginnings come first, then beginnings of words, then any place, then other words of it (tags of a chat).
    Chats are asked as they are: there may be tens of thousands, and an entry is made of few of them.
    """
    wanted = folded(text).split()
    ranked: list[tuple[int, int, PaletteEntry | Conversation]] = []
    for kind in KINDS:
        best: tuple[list[PaletteEntry | Conversation], ...] = ([], [], [], [])
        if kind == "chat":
            for chat in chats:
                _put(best, chat, chat.title, " ".join(chat.tags) if chat.tags else "", wanted)
        for entry in entries:
            if entry.kind == kind:
                _put(best, entry, entry.text, entry.also, wanted)
        every = [(rank, KINDS.index(kind), each) for rank, some in enumerate(best) for each in some]
        ranked += every[:MOST_OF_A_KIND]
    ranked.sort(key=_order)
    return [each for _, _, each in ranked]


def _put(
    best: tuple[list[PaletteEntry | Conversation], ...],
    each: PaletteEntry | Conversation,
    text: str,
    also: str,
    wanted: Sequence[str],
) -> None:
    """Among those of its rank, if it has one."""
    looked_in = _looked_in(text)
    rank = 0
    for word in wanted:
        if word not in looked_in:
            rank = 3
            break
    if rank == 3 and (not also or not _has_all(_looked_in(f"{text} {also}"), wanted)):
        return
    if rank == 0 and not looked_in.startswith(" ".join(wanted)):
        rank = 1 if _has_all(f" {looked_in}", [f" {word}" for word in wanted]) else 2
    if len(best[rank]) < MOST_OF_A_KIND:
        best[rank].append(each)


def _has_all(text: str, wanted: Sequence[str]) -> bool:
    return all(word in text for word in wanted)


def _order(ranked: tuple[int, int, PaletteEntry | Conversation]) -> tuple[int, int]:
    return ranked[:2]


@lru_cache(maxsize=50_000)
def _looked_in(text: str) -> str:
    return folded(text[:_LONGEST])
