"""What crosses the border to the threads that look at and build engines: frozen values, and a cancel event each."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine_sets import ListedSet
from app.engine_view import EngineView, Offer
from app.errors import ErrorReport

if TYPE_CHECKING:
    from app.engines import EngineEvent


@dataclass(frozen=True, slots=True)
class LookJob:
    """Look what there is for a model, and at all sets on the disk."""

    number: int
    folder: Path | None
    name: str
    cancel: threading.Event


@dataclass(frozen=True, slots=True)
class BuildJob:
    """Build what is missing of an offer, then test it; with `anew`, build all of it."""

    number: int
    view: EngineView
    offer: Offer
    anew: bool
    cancel: threading.Event


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """Test the engines of an offer."""

    number: int
    view: EngineView
    offer: Offer
    cancel: threading.Event


@dataclass(frozen=True, slots=True)
class RemoveJob:
    """Remove engine sets."""

    number: int
    folders: tuple[Path, ...]
    cancel: threading.Event


EngineJob = LookJob | BuildJob | VerifyJob | RemoveJob


@dataclass(frozen=True, slots=True)
class Looked:
    """The end of a look."""

    view: EngineView
    sets: tuple[ListedSet, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """Bytes that came free."""

    freed: int


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The last event of every job.

    Attributes:
        stopped: Whether the user stopped it before it was through.
        report: What went wrong, None if nothing did.
    """

    stopped: bool = False
    report: ErrorReport | None = None


@dataclass(frozen=True, slots=True)
class EngineJobEvent:
    """One event of one job."""

    number: int
    event: EngineEvent | Looked | Removed | JobEnded
