"""The published checkpoint's own configuration: google/diffusiongemma-26B-A4B-it, config.json of 2026-06."""

from __future__ import annotations

import copy
from typing import Any

LAYERS = 30

_CONFIG: dict[str, Any] = {
    "architectures": ["DiffusionGemmaForBlockDiffusion"],
    "model_type": "diffusion_gemma",
    "canvas_length": 256,
    "tie_word_embeddings": True,
    "dtype": "bfloat16",
    "eos_token_id": [1, 106, 50],
    "boi_token_id": 255999,
    "eoi_token_id": 258882,
    "image_token_id": 258880,
    "vision_soft_tokens_per_image": 280,
    "text_config": {
        "model_type": "diffusion_gemma_text",
        "vocab_size": 262144,
        "hidden_size": 2816,
        "intermediate_size": 2112,
        "num_hidden_layers": LAYERS,
        "layer_types": ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(LAYERS)],
        "num_attention_heads": 16,
        "head_dim": 256,
        "global_head_dim": 512,
        "num_key_value_heads": 8,
        "num_global_key_value_heads": 2,
        "sliding_window": 1024,
        "num_experts": 128,
        "top_k_experts": 8,
        "moe_intermediate_size": 704,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0},
        },
        "final_logit_softcapping": 30.0,
        "max_position_embeddings": 262144,
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-6,
        "hidden_activation": "gelu_pytorch_tanh",
        "use_bidirectional_attention": "vision",
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 1,
    },
    "vision_config": {"model_type": "gemma4_vision", "hidden_size": 1152},
}

_GENERATION: dict[str, Any] = {
    "max_new_tokens": 256,
    "max_denoising_steps": 48,
    "t_max": 0.8,
    "t_min": 0.4,
    "sampler_config": {"_cls_name": "EntropyBoundSamplerConfig", "entropy_bound": 0.1},
    "confidence_threshold": 0.005,
    "stability_threshold": 1,
    "eos_token_id": [1, 106, 50],
    "pad_token_id": 0,
}


def published_config() -> dict[str, Any]:
    """A fresh copy of config.json."""
    return copy.deepcopy(_CONFIG)


def published_generation_config() -> dict[str, Any]:
    """A fresh copy of generation_config.json."""
    return copy.deepcopy(_GENERATION)
