"""The torch module on an NVIDIA card: bfloat16 matrices, KV cache on the card, denoising steps as CUDA graphs.

Everything but the capture itself is the same on a processor, where it is tested against the reference backend; on a GPU
it has not run yet. Prompts and commits are encoded eagerly, chunk by chunk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.backends.base import Beliefs, DenoiseStep, Floats, Ids, Progress
from inference.backends.cached import PREFILL_CHUNK
from inference.backends.host_head import HostHead, with_rows
from inference.backends.memory import check_card_memory
from inference.backends.torch_reference import head_of
from inference.config import model_config_from_folder
from inference.errors import OutOfMemoryError
from inference.events import CardReads
from inference.graphs.manifest import KEPT_CANDIDATES, exact_self_conditioning
from inference.model.captured import captured
from inference.model.device_kv import DeviceKv, Pairs
from inference.model.device_pass import DevicePasses, Ways, usual_ways
from inference.model.stack import DiffusionGemma, Prediction
from inference.model.weights import model_from_folder
from inference.model_config import ModelConfig
from trt_engines.runtime.bandwidth import COPY_BYTES, quickest_copy
from trt_engines.runtime.capacity import Capacity

_LOG = logging.getLogger(__name__)

# (slots an expert, or None where any load is exact; padded past) -> the step's outputs
_Key = tuple[int | None, int]
_Outputs = tuple[Prediction, Tensor | None]
# Passed to every function that becomes a step; `torch.compile` is one.
Wrap = Callable[[Callable[[], _Outputs]], Callable[[], _Outputs]]


def card_there() -> bool:
    """Whether torch finds an NVIDIA card."""
    return torch.cuda.is_available()


def memory_rate(place: torch.device, size: int = COPY_BYTES) -> float:
    """Bytes a second that a device's memory gives, by a copy within it; 0 where there is no room for that."""
    on_card = place.type == "cuda"

    def rate() -> float:
        source, target = (torch.zeros(size, dtype=torch.uint8, device=place) for _ in range(2))

        def copied() -> None:
            target.copy_(source)
            if on_card:
                torch.cuda.synchronize(place)

        return quickest_copy(copied, 2 * size)

    try:
        found = rate()
        if on_card:
            torch.cuda.empty_cache()
    except RuntimeError:
        return 0.0
    return found


class TorchCudaBackend:
    """One model on one device; see `inference.backends.base.Backend` for the contract.

    Attributes:
        config: The checkpoint's configuration.
        prefilled: Tokens that went through `encode` since the start.
        capture_error: Why steps could not be captured and run eagerly, "" if they could.
        memory_rate: Bytes a second that the card's memory was measured to give; 0 where it was not.
    """

    name = "torch"

    def __init__(self, model: DiffusionGemma, ways: Ways | None = None, wrap: Wrap | None = None) -> None:
        """Serve a model that lies on its device already, in the types that it computes with.

        Raises:
            OutOfMemoryError: There is no room for the KV cache.
        """
        self.config = config = model.config
        self.prefilled, self.capture_error, self.memory_rate = 0, "", 0.0
        weight = model.embed_tokens.weight
        self._device, self._wrap = weight.device, wrap
        self._model = model
        self._host: HostHead | None = None
        self._ways = usual_ways(config, weight.device) if ways is None else ways
        self._head = (min(KEPT_CANDIDATES, config.vocab_size), exact_self_conditioning(config))
        self._capacity = Capacity(config.experts, config.top_k) if self._ways.experts == "capacity" else None
        self._steps: dict[_Key, Callable[[], _Outputs]] = {}
        self._pool = torch.cuda.graph_pool_handle() if self._ways.capture else None
        with _known_errors(), torch.inference_mode():
            self._kv = DeviceKv(config, weight.dtype, weight.device, self._ways.room, self._ways.slack)
            self._passes = DevicePasses(model, self._kv, self._ways)

    @classmethod
    def open(
        cls,
        folder: Path,
        progress: Progress,
        device: str = "cuda",
        ways: Ways | None = None,
        config: ModelConfig | None = None,
    ) -> TorchCudaBackend:
        """Load the checkpoint in `folder`, whose configuration may have been read already: in bfloat16 on a card, in
        float32 on a processor.

        Raises:
            ModelFolderError: The checkpoint is missing, damaged or of another architecture.
            OutOfMemoryError: The model does not fit.
        """
        config, stage = config or model_config_from_folder(folder), "Loading the model"
        progress(stage, 0.0)
        place = torch.device(device)
        on_card = place.type == "cuda"
        if on_card:
            check_card_memory(config, torch.cuda.mem_get_info(place)[0], torch.cuda.get_device_name(place))
        rate = memory_rate(place) if on_card else 0.0
        with _known_errors():
            model = model_from_folder(
                folder, config, device=place, lowered=torch.bfloat16 if on_card else None,
                progress=lambda done: progress(stage, done),
            )  # fmt: skip
        backend = cls(model, ways)
        backend.memory_rate = rate
        return backend

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        if self._device.type != "cuda":
            return f"CPU, {torch.get_num_threads()} threads, PyTorch"
        return (
            f"{torch.cuda.get_device_name(self._device)}, PyTorch{' without CUDA graphs' if self.capture_error else ''}"
        )

    @property
    def work(self) -> CardReads | None:
        """What a step reads of the card's memory: each weight once, the table for logits and soft embedding."""
        if self._device.type != "cuda":
            return None
        table = self._model.embed_tokens.weight
        again = table.nbytes if self._head[1] else 0
        return CardReads(sum(each.nbytes for each in self._model.parameters()) + again, self.memory_rate)

    @property
    def length(self) -> int:
        """Tokens in the KV cache."""
        return self._kv.length

    def reset(self) -> None:
        """Empty the KV cache."""
        self._kv.truncate(0)

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens, or none where sliding layers no longer hold their window."""
        return self._kv.truncate(length)

    @torch.inference_mode()
    def encode(self, token_ids: Ids) -> None:
        """Append int64 [n] known tokens to the KV cache, in chunks no longer than the sliding window.

        Raises:
            OutOfMemoryError: The device has no room for a context of this length.
        """
        chunk = min(PREFILL_CHUNK, self.config.sliding_window)
        for start in range(0, len(token_ids), chunk):
            ids = torch.from_numpy(np.ascontiguousarray(token_ids[start : start + chunk], dtype=np.int64))
            with _known_errors(self.length + len(ids)):
                _, new = self._encoded(ids.to(self._device))
                self._reserve(self.length + len(ids))
                self._kv.append(new)
            self.prefilled += len(ids)

    @torch.inference_mode()
    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One denoising step over int64 [C]; see the contract. `state` stays on the device.

        Raises:
            OutOfMemoryError: The device has no room for a step over a context of this length.
        """
        with _known_errors(self.length):
            rows = self._padded_past()
            self._passes.inputs.fill(canvas, state, temperature, uniforms, self.length)
            made = self._until_it_fits(len(canvas), True, lambda slots: self._step((slots, rows))())
            fields = (made.argmax, made.sampled, made.entropy, made.top_ids, made.top_probs)
            argmax, sampled, entropy, top_ids, top_probs = (field.cpu().numpy() for field in fields)
            # A replay writes into the same memory again.
            return DenoiseStep(argmax, sampled, entropy, top_ids, top_probs, made.soft.clone())

    @torch.inference_mode()
    def hidden_states(self, ids: Ids, state: Any, denoising: bool) -> Floats:
        """Residual stream after the last layer, float32 [N, hidden], nothing appended; for tests and self-checks."""
        tokens = torch.from_numpy(np.ascontiguousarray(ids, np.int64)).to(self._device)
        if not denoising:
            return _array(self._encoded(tokens)[0])
        self._passes.inputs.fill(ids, state, 1.0, np.zeros(len(ids), np.float32), self.length)
        rows = self._padded_past()
        return _array(self._until_it_fits(len(ids), True, lambda slots: self._passes.canvas(slots, rows)))

    def logits(self, canvas: Ids, state: Any, ids: Ids | None = None) -> Floats:
        """Logits of a denoising pass, made on the processor; see the contract."""
        return self._host_head().logits(self.hidden_states(canvas, state, denoising=True), ids)

    def beliefs(self, canvas: Ids, state: Any, places: Ids, ids: Ids, count: int) -> Beliefs:
        """What a pass says of some places; see the contract."""
        hidden = self.hidden_states(canvas, state, denoising=True)
        return self._host_head().beliefs(hidden[places], ids, count)

    @torch.inference_mode()
    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The state with other rows; see the contract."""
        before = None if state is None else _array(state)
        made = with_rows(before, (count, self.config.hidden_size), places, self._host_head().mixed(ids, shares))
        return torch.from_numpy(made).to(self._device)

    def _host_head(self) -> HostHead:
        if self._host is None:
            self._host = head_of(self._model)
        return self._host

    def close(self) -> None:
        """Free everything on the device."""
        self._steps.clear()
        del self._model
        del self._passes, self._kv, self._pool
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _padded_past(self) -> int:
        """Rows of the past that a pass is shown: the least power of two times `least_past` that is enough."""
        rows = self._ways.least_past
        while rows < self.length:
            rows *= 2
        self._reserve(rows)
        return rows

    def _reserve(self, rows: int) -> None:
        if self._kv.reserve(rows):
            self._steps.clear()

    def _until_it_fits(
        self, count: int, denoising: bool, run: Callable[[int | None], tuple[Any, Tensor | None]]
    ) -> Any:
        """Run with a capacity; again with a larger one if an expert got more tokens than that."""
        while True:
            slots = None if self._capacity is None else self._capacity.for_tokens(count, denoising)
            made, load = run(slots)
            if self._capacity is None or slots is None or load is None:
                return made
            if self._capacity.sufficed(int(load), slots, count, denoising):
                return made

    def _step(self, key: _Key) -> Callable[[], _Outputs]:
        """The denoising step for a padded past, captured when it is first asked for."""
        if key not in self._steps:

            def run() -> _Outputs:
                return self._passes.step(*key, *self._head)

            self._steps[key] = self._captured(run if self._wrap is None else self._wrap(run))
        return self._steps[key]

    def _captured(self, run: Callable[[], _Outputs]) -> Callable[[], _Outputs]:
        if not self._ways.capture or self.capture_error:
            return run
        try:
            return captured(run, self._pool)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as exc:  # slower is better than not at all
            self.capture_error = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
            _LOG.warning("denoising steps run without CUDA graphs: %s", self.capture_error)
            return run

    def _encoded(self, ids: Tensor) -> tuple[Tensor, Pairs]:
        """Known tokens int64 [N] through the stack: hidden [N, hidden], and each layer's new keys and values."""
        rows = self._padded_past()

        def run(slots: int | None) -> tuple[tuple[Tensor, Pairs], Tensor | None]:
            hidden, new, load = self._passes.known(ids, slots, rows)
            return (hidden, new), load

        made: tuple[Tensor, Pairs] = self._until_it_fits(len(ids), False, run)
        return made


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.float().cpu().numpy()
    return array


@contextmanager
def _known_errors(context: int = 0) -> Iterator[None]:
    """Torch's out-of-memory error leaves as the one of this package; `context`: tokens, 0 while loading."""
    try:
        yield
    except torch.OutOfMemoryError as exc:
        if context:
            text = f"The graphics card has not enough free memory for a context of {context:,} tokens."
            raise OutOfMemoryError(text, "Close other programs that use the card, or start a new chat.") from exc
        text = "The graphics card has not enough free memory for this model."
        raise OutOfMemoryError(text, "Close other programs that use the card, or choose a smaller model.") from exc
