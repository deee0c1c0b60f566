"""Which engines can run a model on this machine, and opening them; imported only where there may be a card."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.backends.tensorrt import TensorRtBackend
from inference.config import model_config_from_folder
from inference.engine_folder import ENGINES_VARIABLE, engine_folder
from inference.engines.choice import EngineChoice, engine_choices
from inference.engines.planning import DEFAULT_CONTEXT
from inference.errors import KnownError, OutOfMemoryError
from trt_engines.building.state import state_of
from trt_engines.building.store import EngineManifest, EngineStore
from trt_engines.errors import EngineError
from trt_engines.graphs.compose import EMBEDDING
from trt_engines.graphs.precision import COMPUTE_TYPES, NUMPY_TYPES
from trt_engines.graphs.templates import Templates
from trt_engines.planning.planner import Refusal, always_bytes, resident_segments
from trt_engines.planning.probe import DetectedGpu, detected_gpus
from trt_engines.runtime.device import DeviceMemoryError
from trt_engines.runtime.streaming import SLOTS, streamed_segments
from trt_engines.tensorrt.flavour import Flavour, installed_flavour
from trt_engines.weights.source import WeightSource

SPARE_BYTES = 300 << 20  # of the card's free memory, left to the desktop

Progress = Callable[[str, float], None]
Detect = Callable[[], tuple[DetectedGpu, ...]]


@dataclass(frozen=True, slots=True)
class UsableEngines:
    """Engines that are built, tested and right for this machine."""

    choice: EngineChoice
    card: DetectedGpu
    store: EngineStore
    flavour: Flavour


def usable_engines(
    folder: Path, detect: Detect = detected_gpus, flavour: Callable[[], Flavour] = installed_flavour
) -> UsableEngines:
    """The engines that run this model here, the best of those that are ready.

    Raises:
        KnownError: There are none; the sentence says why and what to do.
    """
    try:
        card = detect()[0]
        root = engine_folder()
        if root is None:
            raise EngineError("No folder of engines is named.", f"Set {ENGINES_VARIABLE} to it.")
        store, installed = EngineStore(root), flavour()
        disk = shutil.disk_usage(store.root if store.root.exists() else Path.home()).free
        # Engines that are built need no room any more.
        built = sum(each.manifest.size for each in store.sets() if each.manifest is not None)
        contexts = {DEFAULT_CONTEXT, *(each.manifest.identity.limits.context for each in store.sets() if each.manifest)}
        choices = [
            choice
            for context in sorted(contexts, reverse=True)
            for choice in engine_choices(folder, card, disk + built, installed, store.root.parent / "graphs", context)
        ]
        return UsableEngines(_ready(choices, store, card), card, store, installed)
    except EngineError as exc:
        raise KnownError(exc.user_text, exc.hint) from exc


def _ready(choices: Sequence[EngineChoice | Refusal], store: EngineStore, card: DetectedGpu) -> EngineChoice:
    """The choice whose engines are ready: with the longest context, of those the fastest."""
    possible = [choice for choice in choices if isinstance(choice, EngineChoice)]
    if not possible:
        reason = next((choice for choice in reversed(choices) if isinstance(choice, Refusal)), None)
        text = reason.reason if reason else f"{card.gpu.name} is too old for engines."
        raise EngineError(text, reason.hint if reason else "")
    states = [(choice, state_of(store, choice.identity, card.driver)) for choice in possible]
    ready = [choice for choice, state in states if state.name == "ready"]
    if ready:
        return max(ready, key=lambda choice: (choice.plan.context, choice.plan.tokens_per_second))
    built = [state for _, state in states if state.name not in ("absent", "stale")] or [state for _, state in states]
    why = "; ".join(built[0].reasons)
    todo = "Verify" if built[0].name == "untested" else "Build"
    raise EngineError(f"The engines for {card.gpu.name} are not ready: {why}.", f"{todo} them in Model > Engines.")


def open_tensorrt(folder: Path, progress: Progress, usable: UsableEngines | None = None) -> TensorRtBackend:
    """Load a model's engines; where the card has less room than planned, fewer segments stay on it.

    Raises:
        OutOfMemoryError: The card has not enough free memory, whatever is streamed.
        KnownError: There are no usable engines, or they do not load.
    """
    found = usable or usable_engines(folder)
    manifest = found.store.find(found.choice.identity).manifest
    if manifest is None:
        raise KnownError("The engines are gone.", "Build them in Model > Engines.")
    try:
        resident = _resident_now(found, manifest)
        while True:
            try:
                return _opened(folder, found, manifest, resident, progress)
            except DeviceMemoryError:
                if resident == 0 or not found.flavour.streams_weights:
                    raise
                resident = _fewer(len(found.choice.identity.cuts), resident)
    except DeviceMemoryError as exc:
        raise OutOfMemoryError(exc.user_text, exc.hint) from exc
    except EngineError as exc:
        raise KnownError(exc.user_text, exc.hint) from exc


def _fewer(count: int, resident: int) -> int:
    """The next smaller number of resident segments that makes a difference: two streamed ones never leave."""
    return max(0, min(resident - 1, count - SLOTS - 1))


def _resident_now(found: UsableEngines, manifest: EngineManifest) -> int:
    """How many segments fit on the card as it is now."""
    plan = found.choice.plan
    stacks = tuple(part.weight_bytes for name, part in manifest.parts.items() if name.startswith("stack"))
    always = always_bytes(found.choice.request.shape, plan.context, plan.head_rows)
    return resident_segments(stacks, found.card.free - always - SPARE_BYTES)


def _opened(
    folder: Path, found: UsableEngines, manifest: EngineManifest, resident: int, progress: Progress
) -> TensorRtBackend:
    """1. Open the ends. 2. Open the segments; those that will be streamed leave the card again. 3. Buffers, weights."""
    from trt_engines.runtime.cuda_device import CudaDevice
    from trt_engines.runtime.load import EngineLoader
    from trt_engines.runtime.runner import ModelParts, ModelRunner

    request, identity = found.choice.request, found.choice.identity
    config, source = model_config_from_folder(folder), WeightSource.open(folder)
    templates = Templates.load(request.templates, request.configuration)
    device = CudaDevice()
    try:
        loader = EngineLoader(found.flavour, device, found.store.folder(identity), manifest)
        # 1.
        progress("Loading engines", 0.0)
        embed, head = loader.open("embed"), loader.open("head")
        # 2.
        stacks = []
        streamed = streamed_segments(len(identity.cuts), resident)
        copies = device.new_stream()
        for number, (first, _) in enumerate(identity.cuts):
            progress("Loading engines", number / len(identity.cuts))
            engine = loader.open(f"stack{first:02}")
            stacks.append(engine)
            if number in streamed:
                engine.unload_weights(copies)
        # 3.
        dtype = NUMPY_TYPES[COMPUTE_TYPES[request.compute]]
        parts = ModelParts(
            request.shape, identity.limits, templates.set.kept, dtype, identity.cuts, embed, head, stacks
        )
        runner = ModelRunner(device, parts, source.array(EMBEDDING), resident, found.choice.plan.head_rows)
        for engine in (embed, head, *stacks):
            loader.keep_kernels(engine)
    except EngineError:
        device.close()
        raise
    precision = f"{found.card.gpu.name}, TensorRT {identity.precision}"
    return TensorRtBackend(config, runner, precision, identity.limits.chunk)
