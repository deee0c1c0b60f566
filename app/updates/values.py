"""What is known of updates at one moment."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from app.base.errors import ErrorReport
from app.updates.release import Release, ReleaseFile
from app.updates.source import PackageKind


class UpdateState(enum.Enum):
    """How far it is."""

    IDLE = "idle"  # nobody was asked yet, or the question failed
    ASKING = "asking"
    CURRENT = "current"
    NOBODY = "nobody"  # this copy came from no release
    NEWER = "newer"
    FETCHING = "fetching"
    READY = "ready"  # fetched and checked
    CHECKING = "checking"  # once more, before it is installed


@dataclass(frozen=True, slots=True)
class Found:
    """A release that is newer than this program.

    Attributes:
        release: Which.
        kind: What this copy was installed from.
        file: The package for it; None if there is none.
        page: What a person reads about it.
        fetched: Where the package lies, if all of it is here.
    """

    release: Release
    kind: PackageKind | None
    file: ReleaseFile | None
    page: str
    fetched: Path | None = None


@dataclass(frozen=True, slots=True)
class NoReleases:
    """There is nobody to ask."""


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """What the window shows.

    Attributes:
        state: How far it is.
        found: The newer release, if there is one.
        done: Bytes of it that are here.
        rate: Bytes per second.
        waiting: Why nothing comes at the moment, "" if something does.
        stopping: Whether the download was told to stop.
        report: What went wrong last.
    """

    state: UpdateState = UpdateState.IDLE
    found: Found | None = None
    done: int = 0
    rate: float = 0.0
    waiting: str = ""
    stopping: bool = False
    report: ErrorReport | None = None
