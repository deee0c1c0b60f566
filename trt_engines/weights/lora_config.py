"""`adapter_config.json` of PEFT: what of it decides how an adapter is merged, and what cannot be merged at all.

Checked against peft 0.21 (tuners/lora/model.py and layer.py).
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trt_engines.errors import WeightsError
from trt_engines.files import read_json
from trt_engines.weights.name_patterns import NamePatterns

CONFIG = "adapter_config.json"
_LARGEST_CONFIG, _LARGEST_RANK, _LARGEST_ALPHA, _MOST_PARAMETERS = 4 << 20, 65_536, 1e9, 10_000
_OTHER = "Merge it with PEFT (merge_and_unload) where it was trained, and open the result."
_PATTERNS = ("rank_pattern", "alpha_pattern")
# Variants whose effect is no fixed change of the weights, or another one than b @ a.
_UNSUPPORTED = (
    "layer_replication", "alora_invocation_tokens", "use_qalora", "use_bdlora", "arrow_config", "kasa_config",
    "lora_bias", "trainable_token_indices", "megatron_config",
)  # fmt: skip
# Ways to begin that take something out of the base's weights, so that the adapter alone is not the whole change.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """An adapter's configuration.

    Attributes:
        rank: Usual rank.
        alpha: Usual alpha.
        rslora: Whether products are scaled by alpha / sqrt(rank) instead of alpha / rank.
        ranks: Ranks of single modules.
        alphas: The same for alpha.
        dora: Whether rows get a magnitude.
        parameters: `target_parameters`: ends of names of parameters, for fused experts.
        base: The model that it was made for; "" if it does not say.
    """

    rank: int
    alpha: float
    rslora: bool
    ranks: NamePatterns
    alphas: NamePatterns
    dora: bool
    parameters: tuple[str, ...]
    base: str

    def scale(self, name: str) -> float:
        """Factor of the product for the module or parameter `name` (in the model that was trained)."""
        rank, alpha = self.rank_of(name), self.alphas.find(name, self.alpha)
        return alpha / (math.sqrt(rank) if self.rslora else rank)

    def rank_of(self, name: str) -> int:
        """Its rank."""
        return int(self.ranks.find(name, self.rank))


def lora_config(folder: Path) -> LoraConfig:
    """Read and check an adapter's configuration.

    Raises:
        WeightsError: It is missing or damaged, or says that the adapter cannot be merged here.
    """
    file = folder / CONFIG
    try:
        raw = read_json(file, _LARGEST_CONFIG)
    except FileNotFoundError as exc:
        raise WeightsError(f"{folder} holds no {CONFIG}.", "Choose the folder of a PEFT adapter.") from exc
    except OSError as exc:
        raise WeightsError(f"{file} cannot be read: {exc.strerror}.", "Check the file and its rights.") from exc
    except ValueError as exc:
        raise WeightsError(f"{file} is damaged: it is not valid JSON.", "Download this file again.") from exc
    if not isinstance(raw, dict):
        raise WeightsError(f"{file} is damaged: it holds no JSON object.", "Download this file again.")
    _refuse(raw)
    try:
        rank, alpha = _number(raw.get("r"), "r", whole=True), _number(raw.get("lora_alpha", 8), "lora_alpha")
        ranks, alphas = (_pattern(raw.get(name), name, whole=name == "rank_pattern") for name in _PATTERNS)
        parameters = raw.get("target_parameters") or []
        if not isinstance(parameters, list) or not all(isinstance(name, str) for name in parameters):
            raise ValueError(f"target_parameters is {reprlib.repr(parameters)}")
        if len(parameters) > _MOST_PARAMETERS:
            raise ValueError(f"target_parameters has {len(parameters):,} entries")
    except ValueError as exc:
        raise WeightsError(f"{file} is damaged: {exc}.", "Download this file again.") from exc
    return LoraConfig(
        int(rank), alpha, bool(raw.get("use_rslora")), ranks, alphas, bool(raw.get("use_dora")), tuple(parameters),
        str(raw.get("base_model_name_or_path") or ""),
    )  # fmt: skip


def _refuse(raw: Mapping[str, Any]) -> None:
    kind = raw.get("peft_type")
    if kind != "LORA":
        raise WeightsError(f"This adapter is of the type {str(kind)[:80]}; only LoRA (and DoRA) can be merged.", _OTHER)
    used = [name for name in _UNSUPPORTED if raw.get(name)]
    if raw.get("bias") not in (None, "none"):
        used.append("bias")
    if used:
        raise WeightsError(f"This adapter uses {used[0]} of PEFT, which cannot be merged here.", _OTHER)
    start = str(raw.get("init_lora_weights", True)).lower()
    if start.startswith(_CHANGES_BASE):
        text = f"This adapter was begun with {start[:80]}, which changes the base model's weights, too."
        raise WeightsError(text, "Let PEFT convert it to a plain LoRA adapter when it is saved, or merge it there.")


def _number(value: Any, name: str, whole: bool = False) -> float:
    good = isinstance(value, int) or (isinstance(value, float) and not whole)
    most = _LARGEST_RANK if whole else _LARGEST_ALPHA
    if isinstance(value, bool) or not good or not (1 if whole else -most) <= value <= most:
        kind = f"a whole number from 1 to {most}" if whole else "a number of a sensible size"
        raise ValueError(f"{name} is {reprlib.repr(value)}, not {kind}")
    return float(value)


def _pattern(value: Any, name: str, whole: bool = False) -> NamePatterns:
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{name} is {reprlib.repr(value)}, not an object")
    numbers = {key: _number(each, f"{name} of {key[:80]}", whole) for key, each in (value or {}).items()}
    return NamePatterns(numbers, name)
