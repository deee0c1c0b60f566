"""Stand-ins below `EngineService`: real plans of the published model, a real store, and a builder that a test steps."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.engines.tools import EngineTools
from inference.engines.choice import EngineChoice, cuts
from trt_engines.building.builder import BuildError, BuildProgress, BuildRequest
from trt_engines.building.identity import ENGINE_VERSION, Identity, this_system
from trt_engines.building.profiles import Limits
from trt_engines.building.state import Certificate, Check, Oracle, write_certificate
from trt_engines.building.store import MANIFEST, EngineManifest, EngineStore, Part, same_size, write_json
from trt_engines.planning.hardware import GIB, Machine, find_card
from trt_engines.planning.planner import Plan, Refusal, plans
from trt_engines.planning.probe import DetectedGpu, NoGpuError
from trt_engines.planning.shape import PUBLISHED
from trt_engines.tensorrt.flavour import Flavour, NoTensorRTError

NO_GPU = NoGpuError("No NVIDIA driver answers on this computer.", "Models run on the processor.")
NO_TENSORRT = NoTensorRTError("TensorRT cannot be used: it is not installed.", "Install it with: pip install x.")

ORACLE = Oracle(0.31, 1.2, 2.0, True)


def detected(name: str = "RTX 4070", driver: str = "581.15") -> DetectedGpu:
    """A card of the table as if it were here."""
    gpu = find_card(name)
    assert gpu is not None
    return DetectedGpu(gpu, gpu.memory, driver)


@dataclass
class FakeEngines:
    """What a test sets, and what was called.

    Attributes:
        card: The card that is found; None for none.
        version: Of TensorRT; "" if none is installed.
        weights: Identity of the checkpoint's weights.
        gate: Waited for before each part but the first; set unless a test clears it.
        error: Raised before this part is finished: (name of the part, error).
        errors_of_test: Error of each part in the self-test; 0.001 if not named.
        part_bytes: Size of each plan (a sparse file).
        tested: How often the self-test ran.
        day: Of November, on which sets are built.
        model: Name in the manifests.
        ram: Of the machine.
    """

    card: DetectedGpu | None = field(default_factory=detected)
    version: str = "1.7.1"
    weights: str = "weights"
    gate: threading.Event = field(default_factory=threading.Event)
    error: tuple[str, Exception] | None = None
    errors_of_test: dict[str, float] = field(default_factory=dict)
    part_bytes: int = 1000
    tested: int = 0
    day: int = 24
    model: str = "DiffusionGemma 26B-A4B"
    ram: int = 28 * GIB

    def __post_init__(self) -> None:
        self.gate.set()

    def tools(self) -> EngineTools:
        """For `EngineService`."""
        return EngineTools(self.detect, self.flavour, self.choices, self.build, self.self_test)

    def detect(self) -> tuple[DetectedGpu, ...]:
        """The card, or an error."""
        if self.card is None:
            raise NO_GPU
        return (self.card,)

    def flavour(self) -> Flavour:
        """TensorRT, or an error."""
        if not self.version:
            raise NO_TENSORRT
        return Flavour("tensorrt_rtx", self.version, object())

    def choices(
        self, folder: Path, card: DetectedGpu, disk: int, flavour: Flavour, cache: Path, context: int | None
    ) -> tuple[EngineChoice | Refusal, ...]:
        """Plans of the published model."""
        found = plans(PUBLISHED, card.gpu, Machine(self.ram, disk), context or 8192)
        return tuple(plan if isinstance(plan, Refusal) else self._choice(folder, card, plan) for plan in found)

    def _choice(self, folder: Path, card: DetectedGpu, plan: Plan) -> EngineChoice:
        limits = Limits(256, 512, plan.context, 1087, 24)
        identity = Identity(
            ENGINE_VERSION, self.weights, "templates", plan.precision.name, cuts(30, plan.segment_length), limits,
            "tensorrt_rtx", self.version, card.gpu.name, card.gpu.sm, round(card.gpu.memory / GIB), this_system(),
        )  # fmt: skip
        form: Any = plan.precision.form
        return EngineChoice(
            plan, BuildRequest(identity, self.model, folder.resolve(), folder, "", "bf16", form, PUBLISHED)
        )

    def build(self, store: EngineStore, request: BuildRequest) -> Iterator[BuildProgress]:
        """Write parts as the real builder does, one for each time the gate is open."""
        folder = store.folder(request.identity)
        folder.mkdir(parents=True, exist_ok=True)
        found = store.find(request.identity).manifest
        parts = dict(found.parts) if found else {}
        names = tuple(job.name for job in request.jobs(folder))
        manifest = EngineManifest(request.identity, request.model, str(request.model_folder), names, parts)
        write_json(folder / MANIFEST, manifest)
        for number, name in enumerate(names, start=1):
            if name in parts and same_size(folder, parts[name]):
                continue
            (folder / f"{name}.log").write_text(f"building {name}\n", encoding="utf-8")
            fraction = (number - 1) / len(names)
            yield BuildProgress(name, number, len(names), "Building engine", fraction, 30.0 * (len(names) - number))
            while number > 1 and not self.gate.wait(0.01):
                yield BuildProgress(name, number, len(names), "Building engine", fraction, None)
            if self.error is not None and self.error[0] == name:
                raise self.error[1]
            parts[name] = fake_part(folder, name, self.part_bytes)
            built = f"2026-11-{self.day}T12:{number:02}:00+00:00"
            manifest = dataclasses.replace(manifest, parts=dict(parts), built=built)
            write_json(folder / MANIFEST, manifest)
        yield BuildProgress(names[-1], len(names), len(names), "done", 1.0, 0.0)

    def self_test(
        self, store: EngineStore, request: BuildRequest, card: DetectedGpu, published: bool
    ) -> Iterator[Check | None]:
        """Checks with the errors that the test wants, and the certificate."""
        self.tested += 1
        if self.card is None:
            raise NO_GPU
        found, checks = store.find(request.identity), []
        assert found.manifest is not None
        for name in found.manifest.names:
            yield None
            checks.append(Check(name, self.errors_of_test.get(name, 0.001), 0.02))
            yield checks[-1]
            if not checks[-1].passed:
                break
        key, built = request.identity.key, found.manifest.built
        write_certificate(found, Certificate(key, built, card.driver, "2026-11-24T12:30:00+00:00", tuple(checks),
                                             ORACLE if published else None))  # fmt: skip


def fake_part(folder: Path, name: str, size: int) -> Part:
    """A plan of that size with nothing in it."""
    with (folder / f"{name}.plan").open("wb") as stream:
        stream.truncate(size)
    return Part(f"{name}.plan", size, "0" * 64, size, 0, 40.0)


def build_error(part: str) -> tuple[str, Exception]:
    """An error in the middle of a build."""
    return part, BuildError(f"The process that built {part} was ended from outside.", "Close other programs.")
