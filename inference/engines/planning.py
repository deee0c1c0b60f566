"""A checkpoint's configuration as the planner of the engines reads it."""

from __future__ import annotations

import dataclasses

from inference.events import Int8Work
from inference.model_config import ModelConfig
from trt_engines.planning.hardware import Gpu, Machine
from trt_engines.planning.margins import planned_share, spills
from trt_engines.planning.probe import DetectedGpu
from trt_engines.planning.shape import LayerShape, ModelShape

DEFAULT_CONTEXT = 8192  # known tokens that engines have room for
RAM_SHARE = 0.75  # of the machine's memory


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


def int8_work(config: ModelConfig) -> Int8Work:
    """What a denoising step of a model computes, by the sizes of its matrices."""
    shape = model_shape(config)
    places = shape.canvas_length
    of_layers = [4.0 * shape.heads * layer.head_dim for layer in shape.layers if not layer.sliding]
    of_sliding = [4.0 * shape.heads * layer.head_dim for layer in shape.layers if layer.sliding]
    attention = places * (sum(of_layers) + sum(of_sliding))  # of each place, over the canvas alone
    return Int8Work(
        sum(shape.step_flops(0)) / places - attention, sum(of_layers), sum(of_sliding), shape.sliding_window
    )


def for_engines(card: DetectedGpu, ram: int, disk: int) -> tuple[Gpu, Machine]:
    """Card and machine as engines are planned for: by what they have, not by what is free at the moment.

    Args:
        card: The card.
        ram: Bytes of the machine's memory, all of it.
        disk: Free bytes where engines are kept.
    """
    share = (
        RAM_SHARE if card.gpu.unified else planned_share()
    )  # one memory: what the system and other programs take counts
    gpu = dataclasses.replace(card.gpu, memory=int(card.gpu.memory * share))
    return gpu, Machine(int(ram * RAM_SHARE), disk, spills())
