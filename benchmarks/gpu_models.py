"""Full-size models with random weights, made on the device itself; ours and that of `transformers` share them.

Run on a processor with a tiny shape; on a GPU not yet.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from inference.model.stack import DiffusionGemma
from inference.model.weights import checkpoint_tensors
from inference.model_config import LayerSpec, ModelConfig, SamplerDefaults
from trt_engines.planning.shape import PUBLISHED, LayerShape, ModelShape

TINY = ModelShape(
    vocab_size=512, hidden_size=32, intermediate_size=48, moe_intermediate_size=16, heads=4, experts=8, top_k=2,
    sliding_window=24, canvas_length=16, max_context=4096,
    layers=tuple(LayerShape(number % 3 != 2, 1 if number % 3 == 2 else 2, 16) for number in range(3)),
)  # fmt: skip


def cut_shape(shape: ModelShape, layers: int) -> ModelShape:
    """The shape with its first `layers` layers; the last one is a full one, as `transformers` has it."""
    full = next(layer for layer in shape.layers if not layer.sliding)
    return dataclasses.replace(shape, layers=(*shape.layers[: layers - 1], full))


def config_of(shape: ModelShape) -> ModelConfig:
    """The configuration of a checkpoint of this shape; what a shape does not say is as published."""
    layers = tuple(
        LayerSpec("sliding_attention", layer.kv_heads, layer.head_dim, 10_000.0, 1.0)
        if layer.sliding
        else LayerSpec("full_attention", layer.kv_heads, layer.head_dim, 1_000_000.0, 0.25)
        for layer in shape.layers
    )
    return ModelConfig(
        vocab_size=shape.vocab_size, hidden_size=shape.hidden_size, intermediate_size=shape.intermediate_size,
        heads=shape.heads, experts=shape.experts, top_k=shape.top_k, moe_intermediate_size=shape.moe_intermediate_size,
        sliding_window=shape.sliding_window, layers=layers, canvas_length=shape.canvas_length,
        max_context=shape.max_context, softcap=30.0, rms_eps=1e-6, pad_id=0, bos_id=2, eos_ids=(1,), image_ids=(),
        dtype="bfloat16", sampler=SamplerDefaults(),
    )  # fmt: skip


def random_model(config: ModelConfig, device: torch.device, dtype: torch.dtype, seed: int = 1) -> DiffusionGemma:
    """Our module with random weights of sizes that keep every part at work; nothing of it is ever on the host."""
    with torch.device("meta"):
        model = DiffusionGemma(config)
    model = model.lower(dtype).to_empty(device=device).eval().requires_grad_(False)
    generator = torch.Generator(device).manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.dim() >= 2:
            tensor.normal_(0.0, 0.3 if "embed" in name else 0.8 / tensor.shape[-1] ** 0.5, generator=generator)
        elif name.endswith(("q_norm.weight", "k_norm.weight")):
            tensor.fill_(tensor.shape[0] ** -0.25)  # scores have no 1/sqrt(d)
        else:
            tensor.fill_(1.0)
    return model


def transformers_twin(model: DiffusionGemma, shape: ModelShape) -> Any:
    """`transformers`' own model over the very same memory; norms and routers become copies in the large type.

    Its vision tower has no weights: no picture is shown.
    """
    from transformers import DiffusionGemmaForBlockDiffusion

    weight = model.embed_tokens.weight
    with _parameters_on_meta():
        twin = DiffusionGemmaForBlockDiffusion(_transformers_config(shape)).eval()
    twin.load_state_dict(checkpoint_tensors(model, weight.dtype), strict=False, assign=True)
    twin.tie_weights()
    for module in twin.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if not buffer.is_meta:
                module._buffers[name] = buffer.to(weight.device)
    missing = [name for name, value in twin.named_parameters() if value.is_meta and "vision" not in name]
    if missing:
        raise RuntimeError(f"transformers has weights that ours has not: {missing[:5]}")
    return twin.requires_grad_(False)


def _transformers_config(shape: ModelShape) -> Any:
    from transformers import DiffusionGemmaConfig, DiffusionGemmaTextConfig, Gemma4VisionConfig

    sliding = next(layer for layer in shape.layers if layer.sliding)
    full = next(layer for layer in shape.layers if not layer.sliding)
    text = DiffusionGemmaTextConfig(
        vocab_size=shape.vocab_size, hidden_size=shape.hidden_size, intermediate_size=shape.intermediate_size,
        num_hidden_layers=len(shape.layers), num_attention_heads=shape.heads,
        layer_types=["sliding_attention" if layer.sliding else "full_attention" for layer in shape.layers],
        num_key_value_heads=sliding.kv_heads, num_global_key_value_heads=full.kv_heads,
        head_dim=sliding.head_dim, global_head_dim=full.head_dim, num_experts=shape.experts,
        top_k_experts=shape.top_k, moe_intermediate_size=shape.moe_intermediate_size,
        use_bidirectional_attention="vision", max_position_embeddings=shape.max_context,
        sliding_window=shape.sliding_window,
    )  # fmt: skip
    vision = Gemma4VisionConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1,
        head_dim=8, patch_size=2, position_embedding_size=4,
    )  # fmt: skip
    return DiffusionGemmaConfig(
        text_config=text, vision_config=vision, canvas_length=shape.canvas_length,
        boi_token_id=9, eoi_token_id=10, image_token_id=11,
    )  # fmt: skip


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    """Modules made meanwhile have parameters without memory, but real buffers (which are computed, not loaded)."""
    register = nn.Module.register_parameter

    def on_meta(module: nn.Module, name: str, value: nn.Parameter | None) -> None:
        if value is not None and not value.is_meta:
            value = nn.Parameter(value.to("meta"), requires_grad=False)
        register(module, name, value)

    nn.Module.register_parameter = on_meta  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def free(device: torch.device) -> None:
    """Give back what nobody holds any more, and start counting the peak anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def published_shape(layers: int) -> ModelShape:
    """The published model, or its first layers."""
    return cut_shape(PUBLISHED, layers)
