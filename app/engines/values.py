"""What there is to say of a model's engines on a card: values that window and command line show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.base.errors import ErrorReport
from app.engines.sets import ListedSet
from trt_engines.planning.probe import DetectedGpu

if TYPE_CHECKING:
    from trt_engines.building.builder import BuildProgress, BuildRequest
    from trt_engines.building.state import Check, SetState
    from trt_engines.planning.planner import Plan


@dataclass(frozen=True, slots=True)
class EngineOffer:
    """One precision in which the model runs on the card.

    Attributes:
        precision: Its name.
        plan: How the weights lie there and how fast it would be (estimates).
        request: What has to be built.
        state: Of its engines.
        recommended: Whether it is the one to build.
        folder: Where its engines lie, or those that are out of date; None if there are none.
        size: Bytes of that folder.
    """

    precision: str
    plan: Plan
    request: BuildRequest
    state: SetState
    recommended: bool
    folder: Path | None
    size: int


@dataclass(frozen=True, slots=True)
class Refused:
    """One precision in which it does not run, and why."""

    precision: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What there is to say of a model's engines on a card.

    Attributes:
        model: Name of the model.
        folder: Its checkpoint; None for a model without files.
        card: The card, None if there is none.
        here: Whether the card is in this computer, so that engines can be tested.
        flavour: The installed TensorRT and its version; "" if there is none.
        free_disk: Free bytes where engines are kept.
        offers: What runs, the most exact first.
        refused: What does not.
        problem: Why there is nothing to offer.
    """

    model: str
    folder: Path | None
    card: DetectedGpu | None = None
    here: bool = False
    flavour: str = ""
    free_disk: int = 0
    offers: tuple[EngineOffer, ...] = ()
    refused: tuple[Refused, ...] = ()
    problem: ErrorReport | None = None

    @property
    def recommended(self) -> EngineOffer | None:
        """The offer to build."""
        return next((offer for offer in self.offers if offer.recommended), None)

    def offer(self, precision: str) -> EngineOffer | None:
        """The offer of this precision."""
        return next((offer for offer in self.offers if offer.precision == precision), None)


@dataclass(frozen=True, slots=True)
class Looked:
    """The end of a look."""

    status: EngineStatus
    sets: tuple[ListedSet, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """Bytes that came free."""

    freed: int


@dataclass(frozen=True, slots=True)
class EngineWork:
    """A build or a self-test that runs.

    Attributes:
        status: What it is for.
        offer: What is built or tested.
        build: Whether it began as a build; its self-test belongs to it.
        progress: The newest news of the build.
        checks: Of the self-test, so far.
        stopping: Whether it was told to stop.
    """

    status: EngineStatus
    offer: EngineOffer
    build: bool
    progress: BuildProgress | None = None
    checks: tuple[Check, ...] = ()
    stopping: bool = False

    @property
    def testing(self) -> bool:
        """Whether all is built and the self-test runs."""
        return not self.build or (self.progress is not None and self.progress.fraction >= 1)


@dataclass(frozen=True, slots=True)
class EngineWorkEnd:
    """How a build or a self-test ended."""

    work: EngineWork
    stopped: bool
    report: ErrorReport | None

    @property
    def ready(self) -> bool:
        """Whether the engines can be used from now on."""
        return not self.stopped and self.report is None and bool(self.work.checks) and not self.failed

    @property
    def failed(self) -> bool:
        """Whether a part computed something else than it should."""
        return any(not check.passed for check in self.work.checks)
