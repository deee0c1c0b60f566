"""What there is to say of a model's engines on a card: values that window and command line show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.base.errors import ErrorReport
from app.engines.sets import ListedSet
from trt_engines.planning.probe import DetectedGpu

if TYPE_CHECKING:
    from trt_engines.building.builder import BuildRequest
    from trt_engines.building.state import SetState
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
