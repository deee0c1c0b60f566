"""The starter model's shape and sampler values: its `config.json` and `generation_config.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inference.config import model_config_from_dicts
from inference.model_config import ModelConfig

DISPLAY_NAME = "Starter model (small, for trying things out)"
# Its answers are tried on so many places first: trained on short canvases (`batches`), it is as good there.
SHORT_CANVAS = 64
LAYER_KINDS = ("sliding_attention", "full_attention") * 3

TEXT_CONFIG: dict[str, Any] = {
    "model_type": "diffusion_gemma_text",
    "vocab_size": 4096,
    "hidden_size": 192,
    "intermediate_size": 384,
    "num_hidden_layers": len(LAYER_KINDS),
    "layer_types": list(LAYER_KINDS),
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "per_layer_config": {
        str(number): {"head_dim": 64, "num_key_value_heads": 2}
        for number, kind in enumerate(LAYER_KINDS)
        if kind == "full_attention"
    },
    "hidden_activation": "gelu_pytorch_tanh",
    "max_position_embeddings": 4096,
    "sliding_window": 512,
    "num_experts": 8,
    "top_k_experts": 2,
    "moe_intermediate_size": 128,
    "rms_norm_eps": 1e-6,
    "final_logit_softcapping": 30.0,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "use_bidirectional_attention": "vision",
    "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.5, "rope_theta": 1_000_000.0},
    },
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}

# `transformers` builds a vision tower whatever the checkpoint; this is the smallest one it accepts.
VISION_CONFIG: dict[str, Any] = {
    "model_type": "gemma4_vision",
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "patch_size": 2,
    "position_embedding_size": 4,
}

CONFIG: dict[str, Any] = {
    "architectures": ["DiffusionGemmaForBlockDiffusion"],
    "model_type": "diffusion_gemma",
    "canvas_length": 256,
    "boi_token_id": 10,
    "image_token_id": 9,
    "eoi_token_id": 11,
    "tie_word_embeddings": True,
    "eos_token_id": [1, 5, 16],
    "text_config": TEXT_CONFIG,
    "vision_config": VISION_CONFIG,
}

GENERATION_CONFIG: dict[str, Any] = {
    "max_new_tokens": 256,
    "max_denoising_steps": 48,
    "sampler_config": {"_cls_name": "EntropyBoundSamplerConfig", "entropy_bound": 0.1},
    "t_max": 0.8,
    "t_min": 0.3,
    "stability_threshold": 1,
    "confidence_threshold": 0.005,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": [1, 5, 16],
}


def starter_config() -> ModelConfig:
    """The starter model's configuration, as read from the files that `save.py` writes."""
    return model_config_from_dicts(CONFIG, GENERATION_CONFIG, Path("starter"))
