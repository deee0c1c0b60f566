"""KV caches of earlier conversations, by the ids that they hold: whoever goes on with one of them finds it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from inference.text.context import common_prefix

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import KeptCache

MOST_KEPT = 16
LEAST_TOKENS = 8  # not worth the trouble
_SHARE = 0.25  # of the memory that is free


@dataclass(frozen=True, slots=True)
class Shelved:
    """One conversation.

    Attributes:
        ids: What its cache holds.
        kept: The cache.
    """

    ids: list[int]
    kept: KeptCache


class Shelf:
    """The newest conversations that were left for others; the oldest go first, and all before memory runs short."""

    def __init__(self, free: Callable[[], int] = lambda: psutil.virtual_memory().available) -> None:
        """`free` says how many bytes of memory are free."""
        self._free = free
        self._shelved: list[Shelved] = []  # the newest last

    def put(self, ids: list[int], kept: KeptCache) -> None:
        """Lay one on it."""
        self._shelved.append(Shelved(ids, kept))
        room = self._free() * _SHARE
        while self._shelved and (
            len(self._shelved) > MOST_KEPT or sum(each.kept.nbytes for each in self._shelved) > room
        ):
            self._shelved.pop(0)

    def take(self, prompt: Sequence[int], shared: int) -> Shelved | None:
        """Take down the one that has most in common with a prompt, if that is more than `shared` tokens."""
        common = [common_prefix(each.ids, prompt) for each in self._shelved]
        best = max(range(len(common)), key=common.__getitem__, default=-1)
        return self._shelved.pop(best) if best >= 0 and common[best] > shared else None

    def clear(self) -> None:
        """Forget all."""
        self._shelved.clear()
