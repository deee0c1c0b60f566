"""What is known of a DiffusionGemma checkpoint: plain values, which any process may hold.

They are read from a folder by `inference.config`, in the model process or in a look process (`inference.look`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from inference.params import SamplerParams

_COLDEST = 1e-3  # times a schedule's temperatures; nothing is divided by 0
LayerKind = Literal["sliding_attention", "full_attention"]


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One layer of the stack.

    Attributes:
        kind: "sliding_attention" or "full_attention".
        kv_heads: Key/value heads of this layer.
        head_dim: Size of a head of this layer.
        rope_theta: Base wavelength of the rotary embedding.
        rope_proportion: Share of the head that rotates (1.0 for rope_type "default").
    """

    kind: LayerKind
    kv_heads: int
    head_dim: int
    rope_theta: float
    rope_proportion: float

    @property
    def sliding(self) -> bool:
        """True if the layer sees only the sliding window."""
        return self.kind == "sliding_attention"


@dataclass(frozen=True, slots=True)
class SamplerDefaults:
    """The checkpoint's own sampler values; those of `transformers` where it names none."""

    max_denoising_steps: int = 48
    t_max: float = 0.8
    t_min: float = 0.4
    entropy_bound: float = 0.1
    stability_threshold: int = 1
    confidence_threshold: float = 0.005
    max_new_tokens: int = 256

    def merged(self, params: SamplerParams) -> SamplerDefaults:
        """These values with every field that `params` names replaced by it, or divided."""
        named = {k: v for k, v in dataclasses.asdict(params).items() if v is not None}
        steps = max(1, self.max_denoising_steps // named.pop("steps_divisor", 1))
        confidence = self.confidence_threshold / named.pop("confidence_divisor", 1)
        heat = max(_COLDEST, named.pop("temperature", 1.0))
        divided = {
            "max_denoising_steps": steps,
            "confidence_threshold": confidence,
            "t_max": self.t_max * heat,
            "t_min": self.t_min * heat,
        }
        merged = dataclasses.replace(self, **(divided | named))
        if merged.t_max <= merged.t_min:
            raise ValueError(f"t_max must be more than t_min ({merged.t_min}), not {merged.t_max}")
        return merged


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Shape and constants of one DiffusionGemma checkpoint (text part)."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    heads: int
    experts: int
    top_k: int
    moe_intermediate_size: int
    sliding_window: int
    layers: tuple[LayerSpec, ...]
    canvas_length: int
    max_context: int
    softcap: float
    rms_eps: float
    pad_id: int
    bos_id: int
    eos_ids: tuple[int, ...]
    image_ids: tuple[int, ...]
    dtype: str
    sampler: SamplerDefaults
