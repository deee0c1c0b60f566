"""The contract that every backend keeps: one KV cache, two phases, numpy in and out.

A backend is used by one thread. Arrays are for batch 1: int64 ids, float32 values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inference.errors import LoadStoppedError
from inference.model_config import ModelConfig

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
# What is done, in a short phrase for the user, and how much of it, in 0..1.
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class DenoiseStep:
    """Result of one pass over the canvas (C positions, k kept candidates).

    Attributes:
        argmax: int64 [C], most likely token of each position.
        sampled: int64 [C], token drawn from the tempered distribution with the given uniforms.
        entropy: float32 [C], entropy of the tempered distribution in nats.
        top_ids: int64 [C, k], the k most likely tokens, most likely first.
        top_probs: float32 [C, k], their tempered probabilities.
        state: Opaque self-conditioning state for the next step.
    """

    argmax: Ids
    sampled: Ids
    entropy: Floats
    top_ids: Ids
    top_probs: Floats
    state: Any


class CancelFlag(Protocol):
    """What can stop a run: `threading.Event` fits."""

    def is_set(self) -> bool:
        """True once the run shall stop."""


def stop_loading(cancel: CancelFlag | None) -> None:
    """For loads that can be cancelled: called often, from any thread.

    Raises:
        LoadStoppedError: `cancel` is set.
    """
    if cancel is not None and cancel.is_set():
        raise LoadStoppedError


class Backend(Protocol):
    """One loaded model with one KV cache."""

    @property
    def name(self) -> str:
        """One of "onnx", "native", "torch", "tensorrt" and "fake"."""

    @property
    def device(self) -> str:
        """Where it runs, in words."""

    @property
    def config(self) -> ModelConfig:
        """The checkpoint's configuration."""

    @property
    def length(self) -> int:
        """Tokens in the KV cache."""

    def reset(self) -> None:
        """Empty the KV cache."""

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens of the KV cache, if that is still possible.

        Returns the number of tokens really kept: `length`, or 0 where sliding layers no longer hold what is needed.
        """

    def encode(self, token_ids: Ids) -> None:
        """Append int64 [n] known tokens to the KV cache (prefill, or the commit of a canvas)."""

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One denoising step over int64 [C]; `state` is the previous step's or None; uniforms are in [0, 1)."""

    def close(self) -> None:
        """Free everything; the backend cannot be used afterwards."""


@runtime_checkable
class Interruptible(Protocol):
    """A backend whose passes can be stopped in their midst: they raise `inference.errors.PassStoppedError`."""

    def stop_when(self, cancel: CancelFlag) -> None:
        """From now on, give up a pass soon after `cancel` is set; what `encode` has finished is kept."""
