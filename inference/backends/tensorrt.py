"""TensorRT engines on an NVIDIA card: numpy in and out, everything between on the device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import DenoiseStep, Floats, Ids
from inference.config import ModelConfig
from inference.errors import KnownError, OutOfMemoryError
from trt_engines.errors import EngineError
from trt_engines.runtime.device import DeviceMemoryError
from trt_engines.runtime.runner import ModelRunner


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
