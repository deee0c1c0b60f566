"""LoRA adapters of strangers: patterns that never end, odd fields, damaged factors; some are merged into the base."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.adapters import OUTPUT, QUERY, factors, write_adapter
from tests.hostile.checkpoints import raw_file, spoiled
from tests.hostile.world import World

PATTERNS = (
    "(a+)+$",
    "(.*)*x",
    "(.*a){30}",
    "(?:.|.)*y",
    "([a-z._]+)*$",
    "(.*)(.*)(.*)(.*)(.*)(.*)(.*)x",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(",
    "[",
    "*",
    "(?P<a>x)(?P<a>y)",
    "\\",
    "(?<=a+)b",
    "a{99999999}",
    "(?i:" * 300,
    "x" * 200_000,
    "\\d{1,65535}{1,65535}",
    "",
    ".",
    "q_proj",
    "\ud800",
    "(?=(.*))\\1x",
    "(x?){5000}x{5000}",
    "|" * 50_000,
    "(?:" * 5_000 + ")" * 5_000,
)
FIELDS: dict[str, Any] = {
    "r": 2,
    "lora_alpha": 4,
    "use_rslora": False,
    "use_dora": False,
    "fan_in_fan_out": False,
    "bias": "none",
    "peft_type": "LORA",
    "target_modules": ["q_proj"],
    "target_parameters": [],
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
    "layers_to_transform": None,
    "layers_pattern": None,
    "base_model_name_or_path": "google/x",
    "task_type": "CAUSAL_LM",
}


def make(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """The adapter of a seed; two in three are merged if they can be."""
    tensors = factors(QUERY, 16, 16) | (factors(OUTPUT, 16, 16, seed=1) if seed % 2 else {})
    config = dict(FIELDS)
    raw = ""
    match seed % 5:
        case 0 | 1:
            pattern = PATTERNS[(seed // 2) % len(PATTERNS)]
            field = chance.choice(
                ["rank_pattern", "alpha_pattern", "target_modules", "layers_pattern", "exclude_modules"]
            )
            value = (
                {pattern: chance.choice([2, 4, -1, 0, 1e300, "x"])}
                if field.endswith("k_pattern") or field == "alpha_pattern"
                else pattern
            )
            config[field] = value
        case 2:
            raw = spoiled(chance, config, chance.randint(1, 3))
        case 3:
            name = chance.choice(list(tensors))
            tensors = _bad(chance, tensors, name)
        case _:
            config["base_model_name_or_path"] = chance.choice(
                [
                    "/dev/zero",
                    str(world.outside),
                    str(world.outside / "pipe"),
                    "a" * 100_000,
                    "<img src='/dev/zero'>",
                    "\u202e",
                    "\x00",
                    "a/b\n\nc",
                    "../..",
                    "owner/" + "x" * 300,
                ]
            )
    adapter = write_adapter(
        folder / "adapter", tensors, **{key: value for key, value in config.items() if key not in ("\ud800",)}
    )
    if raw:
        (adapter / "adapter_config.json").write_text(raw, errors="surrogatepass")
    if seed % 17 == 5:
        (adapter / "adapter_config.json").write_bytes(raw_file(chance, json.dumps(config).encode()))
    return {"do": "folder", "folder": str(adapter), "merge": seed % 3 != 2}


def _bad(chance: random.Random, tensors: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    value = tensors[name]
    match chance.randrange(6):
        case 0:
            return tensors | {name: np.full_like(value, chance.choice([np.inf, np.nan, 3e38]))}
        case 1:
            return tensors | {name: value[:1]}
        case 2:
            return {other: tensor for other, tensor in tensors.items() if other != name}
        case 3:
            return tensors | {name: value.reshape(-1)}
        case 4:
            return tensors | {chance.choice(["x", "base_model.model.x.lora_A.weight", "a" * 5_000, "../x"]): value}
        case _:
            return tensors | {name: np.zeros((0, 4), np.float32)}
