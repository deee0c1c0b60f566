"""TensorRT engines on an NVIDIA card: opening them; numpy in and out, everything between on the device."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Beliefs, DenoiseStep, Floats, Ids, Progress
from inference.config import model_config_from_folder
from inference.engines.usable import UsableEngines
from inference.errors import KnownError, OutOfMemoryError
from inference.events import CardReads
from inference.model_config import ModelConfig
from trt_engines.building.store import EngineManifest
from trt_engines.errors import EngineError
from trt_engines.graphs.compose import EMBEDDING
from trt_engines.graphs.templates import Templates
from trt_engines.planning.margins import spare_bytes, spills
from trt_engines.planning.planner import always_bytes, resident_segments
from trt_engines.runtime.bandwidth import memory_rate
from trt_engines.runtime.device import DeviceMemoryError
from trt_engines.runtime.runner import ModelRunner
from trt_engines.runtime.safe_mode import FREE_SHARE, Attempt
from trt_engines.tensorrt.runtime_cache import RuntimeCache
from trt_engines.weights.source import WeightSource


class TensorRtBackend:
    """One model on one card; see `inference.backends.base.Backend` for the contract.

    Attributes:
        config: The checkpoint's configuration.
        prefilled: Tokens that went through `encode` since the start.
    """

    name = "tensorrt"

    def __init__(
        self,
        config: ModelConfig,
        runner: ModelRunner,
        device: str,
        chunk: int,
        kernels: RuntimeCache | None = None,
        attempt: Attempt | None = None,
        *,
        rate: float = 0.0,
    ) -> None:
        """Serve a model.

        Args:
            config: Its configuration.
            runner: Its passes.
            device: Where they run, in words.
            chunk: Longest piece of a prompt that the engines take.
            kernels: What they compile while they run.
            attempt: Held around what is done on the card until the first step is done.
            rate: Bytes a second that the card's memory was measured to give; 0 where it was not.
        """
        # No more can be asked of it than its cache has room for.
        self.config = dataclasses.replace(config, max_context=min(config.max_context, runner.context))
        self.prefilled = 0
        self._runner = runner
        self._device = device
        self._chunk = chunk
        self._kernels = kernels or RuntimeCache(None)
        self._attempt = attempt
        self._rate = rate

    @property
    def device(self) -> str:
        """Where it runs, in words, and how many segments are streamed."""
        streamed, text = self._runner.streamed, self._device
        if streamed:
            text += f", {streamed} of {self._runner.segments} segments streamed"
        return text + (", since other programs use the card's memory" if self._runner.given_back else "")

    @property
    def work(self) -> CardReads:
        """What a step reads of the card's memory."""
        return CardReads(self._runner.weights_read, self._rate)

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
        with self._under_way():
            for start in range(0, len(token_ids), self._chunk):
                ids = np.ascontiguousarray(token_ids[start : start + self._chunk], dtype=np.int64)
                self._runner.encode(ids)
                self.prefilled += len(ids)

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One denoising step over int64 [C]; see the contract."""
        with self._under_way():
            made = self._runner.denoise(canvas, state, temperature, uniforms)
        if self._attempt is not None:
            self._attempt.succeeded()
            self._attempt = None
        return DenoiseStep(made.argmax, made.sampled, made.entropy, made.top_ids, made.top_probs, made.state)

    def logits(self, canvas: Ids, state: Any, ids: Ids | None = None) -> Floats:
        """Logits of a denoising pass; see the contract. The whole vocabulary's come piece by piece."""
        asked = np.arange(self.config.vocab_size) if ids is None else ids
        with _known_errors():
            return self._runner.logits(canvas, state, asked)

    def beliefs(self, canvas: Ids, state: Any, places: Ids, ids: Ids, count: int) -> Beliefs:
        """What a pass says of some places; see the contract."""
        with _known_errors():
            made = self._runner.beliefs(canvas, state, places, ids, count)
        logs, top_logs, entropy = (each.astype(np.float64) for each in (made.logs, made.top_logs, made.entropy))
        return Beliefs(logs, made.top_ids, top_logs, entropy)

    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The state with other rows; see the contract. The one that was given cannot be used afterwards."""
        with _known_errors():
            return self._runner.conditioned(state, count, places, ids, shares)

    def hidden_states(self, ids: Ids, state: Any, denoising: bool) -> NDArray[np.float32]:
        """Residual stream after the last layer, float32 [N, hidden], nothing appended; for tests and self-checks."""
        return self._runner.hidden_states(ids, state, denoising)

    def keep_compiled(self) -> None:
        """Keep what was compiled since the last time, if anything was; see `Compiling`."""
        self._kernels.save()

    def close(self) -> None:
        """Free engines and device; what they compiled is kept."""
        self.keep_compiled()
        self._runner.close()
        self._kernels.close()

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        with _known_errors(), self._attempt or nullcontext():
            yield


@contextmanager
def _known_errors() -> Iterator[None]:
    """Errors of the engine layer leave as errors of this package."""
    try:
        yield
    except DeviceMemoryError as exc:
        raise OutOfMemoryError(exc.user_text, exc.hint, exc.detail) from exc
    except EngineError as exc:
        raise KnownError(exc.user_text, exc.hint, exc.detail) from exc


def open_tensorrt(
    folder: Path, progress: Progress, found: UsableEngines, config: ModelConfig | None = None
) -> TensorRtBackend:
    """Load a model's engines; where the card has less room than planned, fewer segments stay on it.

    Args:
        folder: The checkpoint.
        progress: Told what is being done.
        found: The engines.
        config: The checkpoint's configuration, where it was read already.

    Raises:
        OutOfMemoryError: The card has not enough free memory, whatever is streamed.
        KnownError: The engines are gone, or do not load.
    """
    manifest = found.store.find(found.choice.identity).manifest
    if manifest is None:
        raise KnownError("The engines are gone.", "Build them in Model > Engines.")
    machine = f"{found.card.driver} {found.flavour.name} {found.flavour.version}"
    attempt = Attempt(found.store.folder(found.choice.identity), machine)
    with _known_errors(), attempt:
        return _opened(folder, config or model_config_from_folder(folder), found, manifest, attempt, progress)


def _spare(found: UsableEngines, safe: bool) -> int:
    """Bytes of the card's free memory that are left alone."""
    total = found.card.gpu.memory
    return int(FREE_SHARE * total) if safe else spare_bytes(total)


def _resident_now(found: UsableEngines, manifest: EngineManifest, spare: int) -> int:
    """How many segments fit on the card as it is now."""
    plan = found.choice.plan
    stacks = tuple(part.weight_bytes for name, part in manifest.parts.items() if name.startswith("stack"))
    scratch = max((part.scratch_bytes for name, part in manifest.parts.items() if name.startswith("stack")), default=0)
    always = manifest.context_bytes + always_bytes(found.choice.request.shape, plan.context, plan.head_rows, scratch)
    return resident_segments(stacks, found.card.free - always - spare)


def _opened(
    folder: Path,
    config: ModelConfig,
    found: UsableEngines,
    manifest: EngineManifest,
    attempt: Attempt,
    progress: Progress,
) -> TensorRtBackend:
    """Nothing is read twice for want of memory: fewer segments then stay on the card."""
    from trt_engines.runtime.cuda_device import CudaDevice
    from trt_engines.runtime.load import EngineLoader
    from trt_engines.runtime.opening import open_runner

    request, identity, stage = found.choice.request, found.choice.identity, "Loading engines"
    source = WeightSource.open(folder)
    templates = Templates.load(request.templates, request.configuration)
    spare = _spare(found, attempt.safe)
    resident, device = _resident_now(found, manifest, spare), CudaDevice(found.card.uuid)
    try:
        rate = memory_rate(device)
        loader = EngineLoader(found.flavour, device, found.store.folder(identity), manifest, attempt.safe)
        progress(stage, 0.0)
        runner = open_runner(
            loader, request, templates.set.kept, source.array(EMBEDDING), resident, found.choice.plan.head_rows, spare,
            time.perf_counter if spills() else None, lambda done: progress(stage, done / 2),
        )  # fmt: skip
        loader.cache.save()
    except BaseException:  # a load that is cancelled, too
        device.close()
        raise
    precision = f"{found.card.gpu.name}, TensorRT {identity.precision}{', safe mode' if attempt.safe else ''}"
    limits = identity.limits
    return TensorRtBackend(config, runner, precision, limits.chunk, loader.cache, attempt, rate=rate)
