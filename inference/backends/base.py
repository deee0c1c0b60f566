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
        thought: int64 [C], what the model would have put where it was told what to put; None where it was told nothing.
    """

    argmax: Ids
    sampled: Ids
    entropy: Floats
    top_ids: Ids
    top_probs: Floats
    state: Any
    thought: Ids | None = None


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What a model thinks of m places at temperature 1, over its whole vocabulary.

    Attributes:
        logs: float64 [m], natural logarithm of the share of the token that was asked about.
        top_ids: int64 [m, k], the likeliest tokens, likeliest first.
        top_logs: float64 [m, k], theirs.
        entropy: float64 [m], nats.
    """

    logs: NDArray[np.float64]
    top_ids: Ids
    top_logs: NDArray[np.float64]
    entropy: NDArray[np.float64]


class CancelFlag(Protocol):
    """What can stop a run: `threading.Event` fits."""

    def is_set(self) -> bool:
        """True once the run shall stop."""


@runtime_checkable
class SteppingFlag(Protocol):
    """A cancel flag that takes a question for another step of the work; within a pass the other one is asked."""

    within_pass: CancelFlag


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

    def logits(self, canvas: Ids, state: Any, ids: Ids | None = None) -> Floats:
        """Softcapped logits before any temperature, of a pass that nothing is sampled from; nothing is appended.

        Args:
            canvas: int64 [C].
            state: The previous step's, or None.
            ids: int64 [n], the tokens that are asked for; None for the whole vocabulary.

        Returns:
            float32 [C, n].
        """

    def beliefs(self, canvas: Ids, state: Any, places: Ids, ids: Ids, count: int) -> Beliefs:
        """What a pass that nothing is sampled from says of some places; no tensor has the vocabulary's size.

        Args:
            canvas: int64 [C].
            state: The previous step's, or None.
            places: int64 [m], the places that are asked about.
            ids: int64 [m], a token for each.
            count: How many of the likeliest are wanted, at most 64.
        """

    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The self-conditioning state in which some places hold what they are told to.

        Args:
            state: What the other places keep: the newest step's; None for nothing.
            count: Places of the canvas.
            places: int64 [m], those that are told.
            ids: int64 [n], tokens.
            shares: float32 [m, n], the share of each token in each of these places.
        """

    def close(self) -> None:
        """Free everything; the backend cannot be used afterwards."""


@runtime_checkable
class Compiling(Protocol):
    """A backend that compiles while it runs, and keeps what it compiled when nobody waits for it."""

    def keep_compiled(self) -> None:
        """Nobody has asked anything for a while, or will: keep it now."""


class KeptCache(Protocol):
    """What a backend's KV cache held when it was laid aside."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""


@runtime_checkable
class Shelving(Protocol):
    """A backend whose KV cache can be laid aside for another conversation, and taken back, at no cost."""

    def lay_aside(self, length: int) -> KeptCache:
        """Give away the whole KV cache; what stays is a copy of its first `length` tokens."""

    def take_back(self, kept: KeptCache) -> None:
        """Hold again what was laid aside; what is held now is gone."""


@runtime_checkable
class Interruptible(Protocol):
    """A backend whose passes can be stopped in their midst: they raise `inference.errors.PassStoppedError`."""

    def stop_when(self, cancel: CancelFlag) -> None:
        """From now on, give up a pass soon after `cancel` is set; what `encode` has finished is kept."""
