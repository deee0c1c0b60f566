"""What comes back from looking at and removing engines."""

from __future__ import annotations

from dataclasses import dataclass

from app.engines.sets import ListedSet
from app.engines.values import EngineStatus


@dataclass(frozen=True, slots=True)
class Looked:
    """The end of a look."""

    status: EngineStatus
    sets: tuple[ListedSet, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """Bytes that came free."""

    freed: int
