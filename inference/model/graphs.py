"""The three graphs that are exported: embed, stack (or a segment of it), head; each with its declared inputs.

Masks come in two parts (cached positions, new tokens), so that every dynamic dimension is independent:
N tokens, P cached positions of full layers, S cached positions of sliding layers, C expert slots.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inference.model.experts import CapacityMix, mix_exact
from inference.model.stack import CachedAttend, DiffusionGemma
from inference.model.weights import checkpoint_name
from inference.model_config import ModelConfig
from trt_engines.export.graph import GraphInput, GraphSpec


class EmbedGraph(nn.Module):
    """ids int64 [N], soft [N, hidden], denoising bool [1] -> hidden [N, hidden]."""

    def __init__(self, model: DiffusionGemma) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, soft: Tensor, denoising: Tensor) -> Tensor:
        """Token embedding while encoding; mixed with the soft embedding while denoising."""
        embedded = self.model.embed(ids)
        return torch.where(denoising, self.model.self_conditioning.mix(embedded, soft), embedded)


class StackGraph(nn.Module):
    """Layers first..last-1: residual stream in and out, the new keys and values, and the largest expert load."""

    def __init__(
        self, model: DiffusionGemma, first: int, last: int, with_capacity: bool, for_tensorrt: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.with_capacity = with_capacity
        self.for_tensorrt = for_tensorrt
        self.first = first
        self.last = last

    def forward(
        self,
        hidden: Tensor,
        positions: Tensor,
        denoising: Tensor,
        full_past: Tensor,
        sliding_past: Tensor,
        new_mask: Tensor,
        slots: Tensor,
        past: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """See `stack_spec` for the shapes; returns hidden, max load, then k and v of each layer."""
        layers = self.model.config.layers[self.first : self.last]
        past_masks = {spec.sliding: sliding_past if spec.sliding else full_past for spec in layers}
        both = {sliding: torch.cat([past_mask, new_mask], dim=-1) for sliding, past_mask in past_masks.items()}
        masks = [both[spec.sliding] for spec in layers]
        pairs = [(past[2 * i], past[2 * i + 1]) for i in range(len(layers))]
        mix = CapacityMix(slots, weights_first=not self.for_tensorrt)
        used = mix if self.with_capacity else mix_exact
        attend = CachedAttend(pairs, masks, self.first, fused=self.for_tensorrt)
        hidden, new_kv = self.model.run_layers(hidden, positions, denoising, attend, used, self.first, self.last)
        # An exact graph needs no capacity: it reports no load, whatever the slots.
        load = mix.max_load() if self.with_capacity else slots[:1] * 0
        return (hidden, load, *(tensor for pair in new_kv for tensor in pair))


class HeadGraph(nn.Module):
    """hidden [C, hidden], temperature [1], uniforms [C] -> what `DenoiseStep` holds."""

    def __init__(self, model: DiffusionGemma, kept: int, exact: bool) -> None:
        super().__init__()
        self.model = model
        self.kept = kept
        self.exact = exact

    def forward(self, hidden: Tensor, temperature: Tensor, uniforms: Tensor) -> tuple[Tensor, ...]:
        """argmax, sampled, entropy, top_ids, top_probs, soft."""
        made = self.model.predict(hidden, temperature, uniforms, self.kept, self.exact)
        return made.argmax, made.sampled, made.entropy, made.top_ids, made.top_probs, made.soft


def embed_spec(config: ModelConfig) -> GraphSpec:
    """Names and dynamic axes of the embed graph."""
    inputs = (
        GraphInput("ids", (6,), "int64", ("N",)),
        GraphInput("soft", (6, config.hidden_size), "float32", ("N", None)),
        GraphInput("denoising", (1,), "bool", (None,)),
    )
    return GraphSpec("embed", inputs, ("hidden",))


def stack_spec(config: ModelConfig, first: int, last: int, kv_dtype: str = "float32") -> GraphSpec:
    """Names and dynamic axes of the graph of layers first..last-1."""
    inputs = [
        GraphInput("hidden", (6, config.hidden_size), "float32", ("N", None)),
        GraphInput("positions", (6,), "int64", ("N",)),
        GraphInput("denoising", (1,), "bool", (None,)),
        GraphInput("full_past", (6, 9), "bool", ("N", "P")),
        GraphInput("sliding_past", (6, 7), "bool", ("N", "S")),
        GraphInput("new_mask", (6, 6), "bool", ("N", "N")),
        GraphInput("slots", (5,), "int64", ("C",)),
    ]
    outputs = ["hidden_out", "max_load"]
    for number, spec in enumerate(config.layers[first:last], start=first):
        length, axis = (7, "S") if spec.sliding else (9, "P")
        for part in ("k", "v"):
            shape = (length, spec.kv_heads, spec.head_dim)
            inputs.append(GraphInput(f"past_{part}{number}", shape, kv_dtype, (axis, None, None)))
            outputs.append(f"new_{part}{number}")
    return GraphSpec(f"stack{first}", tuple(inputs), tuple(outputs), grouped_from=7)


def head_spec(config: ModelConfig) -> GraphSpec:
    """Names and dynamic axes of the head."""
    inputs = (
        GraphInput("hidden", (6, config.hidden_size), "float32", ("N", None)),
        GraphInput("temperature", (1,), "float32", (None,)),
        GraphInput("uniforms", (6,), "float32", ("N",)),
    )
    return GraphSpec("head", inputs, ("argmax", "sampled", "entropy", "top_ids", "top_probs", "soft"))


def initialiser_name(name: str) -> str:
    """Name in the checkpoint of the graph's parameter `name` ("model.layers.0..." in the modules above)."""
    return checkpoint_name(name.removeprefix("model."))
