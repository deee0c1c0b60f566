"""The numbers of a model that decide what it needs: parameters by part, KV cache, work of a denoising step.

The world of this file is DiffusionGemma's text stack. It is cut into segments of a few layers, which may lie in the
GPU's memory or be streamed into it; embedding (which is the head, too) and self-conditioning always lie there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerShape:
    """One layer.

    Attributes:
        sliding: True if it sees the sliding window alone.
        kv_heads: Key/value heads.
        head_dim: Size of a head.
    """

    sliding: bool
    kv_heads: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class ModelShape:
    """One model.

    Attributes:
        vocab_size: Tokens in the vocabulary.
        hidden_size: Width of the residual stream.
        intermediate_size: Width of the dense MLP (and of self-conditioning).
        moe_intermediate_size: Width of an expert.
        heads: Query heads of a layer.
        experts: Experts of a layer.
        top_k: Experts that work on a token.
        sliding_window: Positions that a sliding layer sees.
        canvas_length: Positions of the canvas.
        max_context: Positions that the model was trained for.
        layers: From the first to the last.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    moe_intermediate_size: int
    heads: int
    experts: int
    top_k: int
    sliding_window: int
    canvas_length: int
    max_context: int
    layers: tuple[LayerShape, ...]

    @property
    def expert_parameters(self) -> int:
        """Weights of all experts of one layer: gate, up and down of each."""
        return 3 * self.experts * self.hidden_size * self.moe_intermediate_size

    def dense_parameters(self, layer: LayerShape) -> int:
        """Weights of one layer beside its experts: attention, dense MLP, router."""
        queries, keys = self.heads * layer.head_dim, layer.kv_heads * layer.head_dim
        values = keys if layer.sliding else 0  # full layers have no v_proj
        attention = self.hidden_size * (2 * queries + keys + values)
        return attention + 3 * self.hidden_size * self.intermediate_size + self.hidden_size * self.experts

    @property
    def fixed_parameters(self) -> int:
        """Weights outside the stack: the tied embedding and self-conditioning."""
        return self.hidden_size * (self.vocab_size + 3 * self.intermediate_size)

    @property
    def parameters(self) -> int:
        """All weights, the vision tower and the norms left out."""
        dense = sum(self.dense_parameters(layer) for layer in self.layers)
        return self.fixed_parameters + dense + len(self.layers) * self.expert_parameters

    def segments(self, length: int) -> tuple[tuple[LayerShape, ...], ...]:
        """The stack cut into segments of `length` layers; the last one may be shorter."""
        return tuple(self.layers[first : first + length] for first in range(0, len(self.layers), length))

    def kv_bytes(self, context: int, bytes_per_value: float, spare: int = 0) -> int:
        """Bytes of the KV cache for `context` known tokens; sliding layers keep their window and `spare` rows."""
        total = 0
        for layer in self.layers:
            kept = min(context, self.sliding_window + spare) if layer.sliding else context
            total += 2 * kept * layer.kv_heads * layer.head_dim
        return int(total * bytes_per_value)

    def step_flops(self, context: int) -> tuple[float, float]:
        """Floating-point operations of one denoising step: those of the experts, and all others."""
        count = self.canvas_length
        experts = 2.0 * count * self.top_k * 3 * self.hidden_size * self.moe_intermediate_size * len(self.layers)
        # The table is multiplied with twice: logits, and the soft embedding over the whole vocabulary.
        fixed = self.fixed_parameters + self.hidden_size * self.vocab_size
        rest = 2.0 * count * (fixed + sum(self.dense_parameters(layer) for layer in self.layers))
        for layer in self.layers:
            seen = count + (min(context, self.sliding_window) if layer.sliding else context)
            rest += 4.0 * count * seen * self.heads * layer.head_dim
        return experts, rest


PUBLISHED = ModelShape(
    vocab_size=262_144,
    hidden_size=2816,
    intermediate_size=2112,
    moe_intermediate_size=704,
    heads=16,
    experts=128,
    top_k=8,
    sliding_window=1024,
    canvas_length=256,
    max_context=262_144,
    layers=tuple(LayerShape(False, 2, 512) if number % 6 == 5 else LayerShape(True, 8, 256) for number in range(30)),
)
"""google/diffusiongemma-26B-A4B-it."""
