"""PEFT adapters written without PEFT, for what its own golden ones do not show: damage, conflicts, sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.weight_files import write_checkpoint

PREFIX = "base_model.model."
QUERY, OUTPUT = "model.decoder.layers.0.self_attn.q_proj", "model.decoder.layers.1.self_attn.o_proj"
Tensors = dict[str, np.ndarray]


def factors(module: str, n: int, k: int, rank: int = 2, seed: int = 0) -> Tensors:
    """Random A [rank, k] and B [n, rank] of a module."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rank, k)) * 0.2, rng.normal(size=(n, rank)) * 0.2
    return {
        f"{PREFIX}{module}.lora_A.weight": a.astype(np.float32),
        f"{PREFIX}{module}.lora_B.weight": b.astype(np.float32),
    }


def write_adapter(folder: Path, tensors: Tensors, **config: Any) -> Path:
    """A folder as PEFT saves it."""
    write_checkpoint(folder, tensors)
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    whole = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "google/x"} | config
    (folder / "adapter_config.json").write_text(json.dumps(whole))
    return folder
