"""What there is to say of the GPU add-on: values that window and command line show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from app.base.errors import ErrorReport
from trt_engines.tensorrt.card_report import CardReport, TrialStep

Stage = Literal["fetching", "checking", "trying", "card"]
GpuWorkKind = Literal["install", "verify", "remove", "try"]


class GpuState(StrEnum):
    """How the add-on is; that it is being installed is said by whoever installs it."""

    ABSENT = "not installed"
    INSTALLED = "installed"
    DAMAGED = "damaged"  # files are missing or wrong
    BROKEN = "does not work"  # whole, but it failed when it was tried


@dataclass(frozen=True, slots=True)
class GpuStatus:
    """One look.

    Attributes:
        state: How it is.
        folder: Where it lies, or will lie.
        card: Name of an RTX card of this computer; "" if there is none.
        elsewhere: Whether a TensorRT is installed that is not the add-on's.
        download: Bytes to fetch, about.
        needs: Bytes that it takes on the disk, about.
        version: Of the one that is installed, else of the one that would be.
        size: Bytes of what is installed.
        installed: When, ISO 8601.
        damaged: Files that are missing or wrong.
        report: Why it does not work.
        offline: Whether the program stays offline.
        others: What lies in the folder and is not ours, by its path below it: removing leaves it there.
        trial: What the last trial of the card found; None if there was none.
    """

    state: GpuState
    folder: Path
    card: str
    elsewhere: bool
    download: int
    needs: int
    version: str
    size: int = 0
    installed: str = ""
    damaged: tuple[str, ...] = ()
    report: ErrorReport | None = None
    offline: bool = False
    others: tuple[str, ...] = ()
    trial: CardReport | None = None

    @property
    def wanted(self) -> bool:
        """Whether the window has something to say: it is there, or it would help."""
        return self.state is not GpuState.ABSENT or (bool(self.card) and not self.elsewhere)

    @property
    def can_try(self) -> bool:
        """Whether the card can be tried: there is one, and a TensorRT."""
        there = self.state is GpuState.INSTALLED or (self.state is GpuState.ABSENT and self.elsewhere)
        return bool(self.card) and there


@dataclass(frozen=True, slots=True)
class GpuOffer:
    """An installation that the user may accept; nothing has been fetched.

    Attributes:
        version: Of TensorRT for RTX.
        card: Name of the card; "" if there is none that it is for.
        download: Bytes to fetch, about.
        installed: Bytes on the disk afterwards, about.
        free_disk: Free bytes there.
        folder: Where it will lie.
        licence_text: Of all packages, to be read.
        problem: Why it cannot be installed now; None if it can.
    """

    version: str
    card: str
    download: int
    installed: int
    free_disk: int
    folder: Path
    licence_text: str
    problem: ErrorReport | None


@dataclass(frozen=True, slots=True)
class GpuStep:
    """How far an installation or a check is."""

    stage: Stage
    fraction: float = 0.0


@dataclass(frozen=True, slots=True)
class GpuFreed:
    """Bytes that came free, and what stays in the folder because it is not ours."""

    count: int
    stays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuWrongFiles:
    """Files that were found wrong; none if all are right."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GpuUsable:
    """Whether what was installed can be used without a restart."""

    now: bool


@dataclass(frozen=True, slots=True)
class GpuWork:
    """What is being done.

    Attributes:
        kind: What.
        step: How far it is.
        stopping: Whether it was told to stop.
        freed: Bytes that came free, when it is through.
        stays: What stays in the folder because it is not ours.
        wrong: Files that were found wrong.
        tried: Steps of the card's trial that are done.
        trial: What it found, at its end.
        restart: Whether the program must be started again before it can be used.
        status: The look at its end.
    """

    kind: GpuWorkKind
    step: GpuStep | None = None
    stopping: bool = False
    freed: int = 0
    stays: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    tried: tuple[TrialStep, ...] = ()
    trial: CardReport | None = None
    restart: bool = False
    status: GpuStatus | None = None

    @property
    def placed(self) -> bool:
        """Whether an installation has its place, so that stopping takes nothing back."""
        return self.step is not None and self.step.stage in ("trying", "card")


@dataclass(frozen=True, slots=True)
class GpuEnd:
    """How it ended."""

    work: GpuWork
    stopped: bool
    report: ErrorReport | None
