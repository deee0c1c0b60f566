"""What the engine service calls below itself; each is imported when it is called first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trt_engines.planning.probe import DetectedGpu, detected_gpus
from trt_engines.tensorrt.flavour import Flavour, installed_flavour

if TYPE_CHECKING:
    from inference.engines.choice import EngineChoice
    from trt_engines.building.builder import BuildProgress, BuildRequest
    from trt_engines.building.state import Check
    from trt_engines.building.store import EngineStore
    from trt_engines.planning.planner import Refusal

Choices = Callable[[Path, DetectedGpu, int, Flavour, Path, "int | None"], "Sequence[EngineChoice | Refusal]"]


def _build(store: EngineStore, request: BuildRequest) -> Iterator[BuildProgress]:
    from trt_engines.building.builder import build_engines

    return build_engines(store, request)


def _self_test(store: EngineStore, request: BuildRequest, card: DetectedGpu, published: bool) -> Iterator[Check | None]:
    from trt_engines.selftest.run import self_test

    return self_test(store, request, card, published)


@dataclass(frozen=True, slots=True)
class EngineTools:
    """What the service calls below itself; tests put stand-ins here.

    Attributes:
        detect: The cards of this computer; raises NoGpuError.
        flavour: The installed TensorRT; raises NoTensorRTError.
        choices: What runs a model on a card; None asks a look process.
        build: Builds a set.
        self_test: Tests a set on the card (the last argument: of a checkpoint as it was published); what it yields
            besides checks is only a sign of life.
    """

    detect: Callable[[], tuple[DetectedGpu, ...]] = detected_gpus
    flavour: Callable[[], Flavour] = installed_flavour
    choices: Choices | None = None
    build: Callable[[EngineStore, BuildRequest], Iterator[BuildProgress]] = _build
    self_test: Callable[[EngineStore, BuildRequest, DetectedGpu, bool], Iterator[Check | None]] = _self_test
