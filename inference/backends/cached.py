"""What every real backend shares: the KV cache on the host, chunked prefill, masks and positions.

A subclass only says how its three parts are computed (embed, stack, head); so ONNX Runtime and torch, and later
TensorRT, run the very same logic around them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.backends.base import Beliefs, DenoiseStep, Floats, Ids
from inference.backends.host_head import HostHead, with_rows
from inference.backends.kv_cache import KvCache, KvPairs, Mask, encode_masks
from inference.model_config import ModelConfig

PREFILL_CHUNK = 512


@dataclass(frozen=True, slots=True)
class StackInput:
    """What the stack reads besides the residual stream.

    Attributes:
        positions: int64 [N].
        denoising: Phase.
        full_past: bool [N, P], what the tokens see of the cache in full layers.
        sliding_past: bool [N, S], the same in sliding layers.
        new_mask: bool [N, N], what they see of each other.
        past: (k, v) of each layer, float32 [P or S, kv_heads, head_dim].
    """

    positions: Ids
    denoising: bool
    full_past: Mask
    sliding_past: Mask
    new_mask: Mask
    past: KvPairs


class CachedBackend(ABC):
    """A backend whose KV cache lies on the host; see `inference.backends.base.Backend` for the contract.

    Attributes:
        config: The checkpoint's configuration.
        prefilled: Tokens that went through `encode` since the start.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.prefilled = 0
        self._cache = KvCache(config)

    @property
    def length(self) -> int:
        """Tokens in the KV cache."""
        return self._cache.length

    def reset(self) -> None:
        """Empty the KV cache."""
        self._cache.truncate(0)

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens; always possible here."""
        return self._cache.truncate(length)

    def lay_aside(self, length: int) -> KvCache:
        """Give away the cache; what stays is a copy of its first `length` tokens."""
        kept, self._cache = self._cache, self._cache.copy(length)
        return kept

    def take_back(self, kept: KvCache) -> None:
        """Hold again what was laid aside."""
        self._cache = kept

    def encode(self, token_ids: Ids) -> None:
        """Append int64 [n] known tokens to the KV cache, in chunks no longer than the sliding window."""
        chunk = min(PREFILL_CHUNK, self.config.sliding_window)
        for start in range(0, len(token_ids), chunk):
            ids = np.ascontiguousarray(token_ids[start : start + chunk], dtype=np.int64)
            _, new = self._pass(ids, None, denoising=False)
            self._cache.append(new)
            self.prefilled += len(ids)

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One denoising step over int64 [C]; see the contract."""
        hidden, _ = self._pass(canvas, state, denoising=True)
        return self._predict(hidden, temperature, uniforms)

    def logits(self, canvas: Ids, state: Any, ids: Ids | None = None) -> Floats:
        """Logits of a denoising pass; see the contract."""
        return self._host_head().logits(self.hidden_states(canvas, state, denoising=True), ids)

    def beliefs(self, canvas: Ids, state: Any, places: Ids, ids: Ids, count: int) -> Beliefs:
        """What a pass says of some places; see the contract."""
        hidden = self.hidden_states(canvas, state, denoising=True)
        return self._host_head().beliefs(hidden[places], ids, count)

    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The state with other rows; see the contract."""
        return with_rows(state, (count, self.config.hidden_size), places, self._host_head().mixed(ids, shares))

    def hidden_states(self, ids: Ids, state: Any, denoising: bool) -> Floats:
        """Residual stream after the last layer, float32 [N, hidden], nothing appended; for tests and self-checks."""
        return self._pass(ids, state, denoising)[0]

    def kv(self) -> KvPairs:
        """What each layer sees of the KV cache: views (k, v), [positions, kv_heads, head_dim]."""
        return self._cache.past()

    def close(self) -> None:
        """Free the cache; subclasses free the rest."""
        self._cache = KvCache(self.config, reserve=0)

    def _pass(self, ids: Ids, state: Any, denoising: bool) -> tuple[Floats, KvPairs]:
        count, cached, sliding = len(ids), self.length, self._cache.sliding_length()
        soft = np.zeros((count, self.config.hidden_size), np.float32) if state is None else state
        if denoising:
            masks = tuple(np.ones((count, seen), np.bool_) for seen in (cached, sliding, count))
        else:
            masks = encode_masks(count, cached, sliding, self.config.sliding_window)
        positions = np.arange(cached, cached + count, dtype=np.int64)
        inputs = StackInput(positions, denoising, masks[0], masks[1], masks[2], self._cache.past())
        return self._stack(self._embedded(ids, soft, denoising), inputs)

    @abstractmethod
    def _host_head(self) -> HostHead:
        """The head for what a plain run does not need."""

    @abstractmethod
    def _embedded(self, ids: Ids, soft: Floats, denoising: bool) -> Floats:
        """int64 [N] and float32 [N, hidden] -> float32 [N, hidden]."""

    @abstractmethod
    def _stack(self, hidden: Floats, inputs: StackInput) -> tuple[Floats, KvPairs]:
        """float32 [N, hidden] through all layers -> the same, and each layer's new (k, v)."""

    @abstractmethod
    def _predict(self, hidden: Floats, temperature: float, uniforms: Floats) -> DenoiseStep:
        """The head over float32 [C, hidden]."""
