"""A checkpoint's configuration as the planner of the engines reads it."""

from __future__ import annotations

from inference.config import ModelConfig
from trt_engines.planning.shape import LayerShape, ModelShape


def model_shape(config: ModelConfig) -> ModelShape:
    """The numbers of `config` that decide what a model needs of a GPU."""
    return ModelShape(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        moe_intermediate_size=config.moe_intermediate_size,
        heads=config.heads,
        experts=config.experts,
        top_k=config.top_k,
        sliding_window=config.sliding_window,
        canvas_length=config.canvas_length,
        max_context=config.max_context,
        layers=tuple(LayerShape(layer.sliding, layer.kv_heads, layer.head_dim) for layer in config.layers),
    )
