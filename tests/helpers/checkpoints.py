"""Small checkpoints as trainers write them, without torch: random weights, tokenizer and template of the starter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from inference.checkpoint.tensors import expected_tensors
from inference.config import model_config_from_dicts
from tests.helpers.published import published_config
from tests.helpers.weight_files import write_checkpoint

STARTER = Path(__file__).resolve().parents[2] / "resources" / "starter"
BF16 = np.dtype(ml_dtypes.bfloat16)
Tensors = dict[str, np.ndarray]


def small_config() -> dict[str, Any]:
    """The published configuration with two small layers, one of each kind."""
    config = published_config()
    config["text_config"] |= {
        "vocab_size": 2048, "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2,
        "layer_types": ["sliding_attention", "full_attention"], "num_attention_heads": 4, "head_dim": 16,
        "global_head_dim": 32, "num_key_value_heads": 2, "num_global_key_value_heads": 1, "sliding_window": 32,
        "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32, "pad_token_id": 0,
    }  # fmt: skip
    config["eos_token_id"] = [1]
    return config


def tiny_config() -> dict[str, Any]:
    """Smaller still: what the golden adapters were made for."""
    config = small_config()
    config["canvas_length"] = 8
    config["text_config"] |= {
        "hidden_size": 16, "intermediate_size": 8, "num_attention_heads": 2, "head_dim": 8, "global_head_dim": 16,
        "num_key_value_heads": 1, "num_experts": 3, "moe_intermediate_size": 8,
    }  # fmt: skip
    config["vision_config"] = {
        "model_type": "gemma4_vision", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8, "patch_size": 2,
        "position_embedding_size": 4,
    }  # fmt: skip
    return config


def random_tensors(config: dict[str, Any], seed: int = 0, dtype: Any = BF16) -> Tensors:
    """Every tensor that the configuration asks for."""
    rng = np.random.default_rng(seed)
    wanted = expected_tensors(model_config_from_dicts(config, {}, Path()))
    return {name: (rng.normal(size=shape) * 0.1 + (len(shape) == 1)).astype(dtype) for name, shape in wanted.items()}


def write_model(folder: Path, tensors: Tensors, config: dict[str, Any] | None = None) -> Path:
    """A whole checkpoint folder with these weights in one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config or small_config()))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(STARTER / name, folder / name)
    write_checkpoint(folder, tensors)
    return folder


def shard(folder: Path, tensors: Tensors, count: int, index: bool = True) -> None:
    """Replace the folder's weights by `count` files, with or without an index."""
    (folder / "model.safetensors").unlink(missing_ok=True)
    weight_map: dict[str, str] = {}
    for number in range(count):
        name = f"model-{number + 1:05}-of-{count:05}.safetensors"
        own = {key: tensors[key] for key in list(tensors)[number::count]}
        write_checkpoint(folder, own)
        (folder / "model.safetensors").rename(folder / name)
        weight_map |= dict.fromkeys(own, name)
    if index:
        content = {"metadata": {}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(content))
