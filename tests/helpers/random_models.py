"""Random small checkpoints of the real architecture, made by `transformers`, the truth of every number here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import (
    DiffusionGemmaConfig,
    DiffusionGemmaForBlockDiffusion,
    DiffusionGemmaTextConfig,
    Gemma4VisionConfig,
)


@dataclass(frozen=True)
class Shape:
    """One random architecture."""

    seed: int
    kinds: tuple[str, ...]
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    full_kv_heads: int
    head_dim: int
    full_head_dim: int
    experts: int
    top_k: int
    moe: int
    vocab: int


# Two layers, one of each kind; small enough to be exported in a second.
TINY = Shape(
    seed=5,
    kinds=("sliding_attention", "full_attention"),
    hidden=16,
    intermediate=16,
    heads=2,
    kv_heads=1,
    full_kv_heads=1,
    head_dim=8,
    full_head_dim=8,
    experts=6,
    top_k=2,
    moe=8,
    vocab=97,
)


@dataclass(frozen=True)
class Setting:
    """What varies over one architecture without changing its graphs."""

    window: int
    canvas: int
    prompts: tuple[int, ...]


def random_shape(seed: int) -> Shape:
    """An architecture with 1 to 8 layers, 2 to 16 experts, top-k 1 to 4."""
    rng = np.random.default_rng([7, seed])
    layers = int(rng.integers(1, 9))
    kinds = [str(rng.choice(["sliding_attention", "full_attention"])) for _ in range(layers)]
    kinds[-1] = "full_attention"  # transformers forces it
    kv_heads, full_kv = int(rng.choice([1, 2, 4])), int(rng.choice([1, 2]))
    heads = int(np.lcm(kv_heads, full_kv) * rng.choice([1, 2, 3]))
    experts = int(rng.integers(2, 17))
    return Shape(
        seed=seed,
        kinds=tuple(kinds),
        hidden=int(rng.choice([16, 24, 40, 64])),
        intermediate=int(rng.choice([16, 40, 64])),
        heads=heads,
        kv_heads=kv_heads,
        full_kv_heads=full_kv,
        head_dim=int(rng.choice([4, 8, 16])),
        full_head_dim=int(rng.choice([8, 16, 32])),
        experts=experts,
        top_k=int(rng.integers(1, min(4, experts) + 1)),
        moe=int(rng.choice([8, 16, 24])),
        vocab=int(rng.choice([97, 300, 512])),
    )


def random_settings(seed: int, count: int = 5) -> list[Setting]:
    """Windows shorter and longer than the prompt, canvases of 8 to 256, prompts of 1 to 700 tokens over two turns."""
    rng = np.random.default_rng([11, seed])
    settings = []
    for number in range(count):
        longest = (8, 40, 150, 400, 700)[number]
        prompts = (int(rng.integers(1, longest + 1)), int(rng.integers(1, 40)))
        window = int(rng.integers(2, 40)) if rng.random() < 0.5 else int(rng.integers(40, 1200))
        settings.append(Setting(window, int(rng.choice([8, 16, 32, 64, 256], p=[0.3, 0.3, 0.2, 0.1, 0.1])), prompts))
    return settings


def transformers_model(shape: Shape) -> DiffusionGemmaForBlockDiffusion:
    """The reference model with random weights of sizes that make every part count."""
    text = DiffusionGemmaTextConfig(
        vocab_size=shape.vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=len(shape.kinds),
        layer_types=list(shape.kinds),
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        num_global_key_value_heads=shape.full_kv_heads,
        head_dim=shape.head_dim,
        global_head_dim=shape.full_head_dim,
        num_experts=shape.experts,
        top_k_experts=shape.top_k,
        moe_intermediate_size=shape.moe,
        use_bidirectional_attention="vision",
        max_position_embeddings=4096,
        sliding_window=64,
    )
    vision = Gemma4VisionConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1,
        head_dim=8, patch_size=2, position_embedding_size=4,
    )  # fmt: skip
    config = DiffusionGemmaConfig(
        text_config=text, vision_config=vision, canvas_length=16, boi_token_id=9, eoi_token_id=10, image_token_id=11
    )
    config._attn_implementation = "eager"
    model = DiffusionGemmaForBlockDiffusion(config).eval()
    _randomise(model, shape.seed)
    return model


def _randomise(model: DiffusionGemmaForBlockDiffusion, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    with torch.no_grad():
        for name, tensor in tensors.items():
            if "vision" in name or "inv_freq" in name or name.endswith("embed_scale"):
                continue
            if tensor.dim() >= 2:
                scale = 0.3 if "embed" in name else 0.8 / tensor.shape[-1] ** 0.5
                tensor.normal_(0.0, scale, generator=generator)
            elif name.endswith(("q_norm.weight", "k_norm.weight")):
                # Scores have no 1/sqrt(d): with norms of 1 attention is a hard choice, and rounding decides it.
                tensor.uniform_(0.6, 1.4, generator=generator).mul_(tensor.shape[0] ** -0.25)
            else:
                tensor.uniform_(0.6, 1.4, generator=generator)


def save_with(model: DiffusionGemmaForBlockDiffusion, folder: Path, setting: Setting, weights: bool = True) -> None:
    """Give the model `setting` and write it (or its configuration alone) to `folder`."""
    model.config.canvas_length = setting.canvas
    model.config.text_config.sliding_window = setting.window
    if weights:
        model.save_pretrained(folder)
    else:
        model.config.save_pretrained(folder)
