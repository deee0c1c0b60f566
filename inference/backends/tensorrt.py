"""TensorRT engines on an NVIDIA card: opening them; numpy in and out, everything between on the device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import DenoiseStep, Floats, Ids, Progress
from inference.config import ModelConfig, model_config_from_folder
from inference.engines.usable import UsableEngines
from inference.errors import KnownError, OutOfMemoryError
from trt_engines.building.store import EngineManifest
from trt_engines.errors import EngineError
from trt_engines.graphs.compose import EMBEDDING
from trt_engines.graphs.precision import COMPUTE_TYPES, NUMPY_TYPES
from trt_engines.graphs.templates import Templates
from trt_engines.planning.planner import always_bytes, resident_segments
from trt_engines.runtime.device import DeviceMemoryError
from trt_engines.runtime.parts import ModelParts
from trt_engines.runtime.runner import ModelRunner
from trt_engines.runtime.streaming import SLOTS, streamed_segments
from trt_engines.weights.source import WeightSource

SPARE_BYTES = 300 << 20  # of the card's free memory, left to the desktop


class TensorRtBackend:
    """One model on one card; see `inference.backends.base.Backend` for the contract.

    Attributes:
        config: The checkpoint's configuration.
        prefilled: Tokens that went through `encode` since the start.
    """

    name = "tensorrt"

    def __init__(self, config: ModelConfig, runner: ModelRunner, device: str, chunk: int) -> None:
        """`chunk`: longest piece of a prompt that the engines take."""
        # No more can be asked of it than its cache has room for.
        self.config = dataclasses.replace(config, max_context=min(config.max_context, runner.context))
        self.prefilled = 0
        self._runner = runner
        self._device = device
        self._chunk = chunk

    @property
    def device(self) -> str:
        """Where it runs, in words, and how many segments are streamed."""
        streamed = self._runner.streamed
        return f"{self._device}, {streamed} of {self._runner.segments} segments streamed" if streamed else self._device

    @property
    def length(self) -> int:
        """Tokens in the KV cache."""
        return self._runner.length

    @property
    def capacity_reruns(self) -> int:
        """How often a pass ran again because an expert got more tokens than the capacity."""
        return self._runner.capacity_reruns

    def reset(self) -> None:
        """Empty the KV cache."""
        self._runner.truncate(0)

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens, or none where sliding layers no longer hold their window."""
        return self._runner.truncate(length)

    def encode(self, token_ids: Ids) -> None:
        """Append int64 [n] known tokens to the KV cache, chunk by chunk."""
        with _known_errors():
            for start in range(0, len(token_ids), self._chunk):
                ids = np.ascontiguousarray(token_ids[start : start + self._chunk], dtype=np.int64)
                self._runner.encode(ids)
                self.prefilled += len(ids)

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One denoising step over int64 [C]; see the contract."""
        with _known_errors():
            made = self._runner.denoise(canvas, state, temperature, uniforms)
        return DenoiseStep(made.argmax, made.sampled, made.entropy, made.top_ids, made.top_probs, made.state)

    def hidden_states(self, ids: Ids, state: Any, denoising: bool) -> NDArray[np.float32]:
        """Residual stream after the last layer, float32 [N, hidden], nothing appended; for tests and self-checks."""
        return self._runner.hidden_states(ids, state, denoising)

    def close(self) -> None:
        """Free engines and device."""
        self._runner.close()


@contextmanager
def _known_errors() -> Iterator[None]:
    """Errors of the engine layer leave as errors of this package."""
    try:
        yield
    except DeviceMemoryError as exc:
        raise OutOfMemoryError(exc.user_text, exc.hint) from exc
    except EngineError as exc:
        raise KnownError(exc.user_text, exc.hint) from exc


def open_tensorrt(folder: Path, progress: Progress, found: UsableEngines) -> TensorRtBackend:
    """Load a model's engines; where the card has less room than planned, fewer segments stay on it.

    Raises:
        OutOfMemoryError: The card has not enough free memory, whatever is streamed.
        KnownError: The engines are gone, or do not load.
    """
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

    request, identity = found.choice.request, found.choice.identity
    config, source = model_config_from_folder(folder), WeightSource.open(folder)
    templates = Templates.load(request.templates, request.configuration)
    device = CudaDevice(found.card.uuid)
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
