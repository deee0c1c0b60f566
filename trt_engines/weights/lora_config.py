"""`adapter_config.json` of PEFT: what of it decides how an adapter is merged, and what cannot be merged at all.

Checked against peft 0.21 (tuners/lora/model.py and layer.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trt_engines.errors import WeightsError
from trt_engines.files import read_json

CONFIG = "adapter_config.json"
_OTHER = "Merge it with PEFT (merge_and_unload) where it was trained, and open the result."
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
        ranks: Ranks of single modules, by a regular expression that the end of their name must match.
        alphas: The same for alpha.
        dora: Whether rows get a magnitude.
        parameters: `target_parameters`: ends of names of parameters, for fused experts.
        base: The model that it was made for; "" if it does not say.
    """

    rank: int
    alpha: float
    rslora: bool
    ranks: Mapping[str, float]
    alphas: Mapping[str, float]
    dora: bool
    parameters: tuple[str, ...]
    base: str

    def scale(self, name: str) -> float:
        """Factor of the product for the module or parameter `name` (in the model that was trained)."""
        rank, alpha = self.rank_of(name), _by_pattern(self.alphas, name, self.alpha)
        return alpha / (math.sqrt(rank) if self.rslora else rank)

    def rank_of(self, name: str) -> int:
        """Its rank."""
        return int(_by_pattern(self.ranks, name, self.rank))


def _by_pattern(patterns: Mapping[str, float], name: str, usual: float) -> float:
    try:
        return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", name)), usual)
    except re.error as exc:
        raise WeightsError(f"{CONFIG} holds a pattern that is none: {exc}.", "Choose another adapter.") from exc


def lora_config(folder: Path) -> LoraConfig:
    """Read and check an adapter's configuration.

    Raises:
        WeightsError: It is missing or damaged, or says that the adapter cannot be merged here.
    """
    file = folder / CONFIG
    try:
        raw = read_json(file)
    except FileNotFoundError as exc:
        raise WeightsError(f"{folder} holds no {CONFIG}.", "Choose the folder of a PEFT adapter.") from exc
    except (OSError, ValueError) as exc:
        raise WeightsError(f"{file} is damaged: it is not valid JSON.", "Download this file again.") from exc
    if not isinstance(raw, dict):
        raise WeightsError(f"{file} is damaged: it holds no JSON object.", "Download this file again.")
    _refuse(raw)
    try:
        rank, alpha = _number(raw["r"], whole=True), _number(raw.get("lora_alpha", 8))
        ranks, alphas = _pattern(raw.get("rank_pattern"), whole=True), _pattern(raw.get("alpha_pattern"))
        parameters = raw.get("target_parameters") or []
        if not isinstance(parameters, list) or not all(isinstance(name, str) for name in parameters):
            raise ValueError(f"target_parameters is {parameters!r}")
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise WeightsError(f"{file} is damaged: {exc}.", "Download this file again.") from exc
    return LoraConfig(
        int(rank), alpha, bool(raw.get("use_rslora")), ranks, alphas, bool(raw.get("use_dora")), tuple(parameters),
        str(raw.get("base_model_name_or_path") or ""),
    )  # fmt: skip


def _refuse(raw: Mapping[str, Any]) -> None:
    kind = raw.get("peft_type")
    if kind != "LORA":
        raise WeightsError(f"This adapter is of the type {kind}; only LoRA (and DoRA) can be merged.", _OTHER)
    used = [name for name in _UNSUPPORTED if raw.get(name)]
    if raw.get("bias") not in (None, "none"):
        used.append("bias")
    if used:
        raise WeightsError(f"This adapter uses {used[0]} of PEFT, which cannot be merged here.", _OTHER)
    start = str(raw.get("init_lora_weights", True)).lower()
    if start.startswith(_CHANGES_BASE):
        text = f"This adapter was begun with {start}, which changes the base model's weights, too."
        raise WeightsError(text, "Let PEFT convert it to a plain LoRA adapter when it is saved, or merge it there.")


def _number(value: Any, whole: bool = False) -> float:
    good = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not good or not math.isfinite(value) or (whole and value < 1):
        raise ValueError(f"it says {value!r} where a {'whole ' if whole else ''}number must be")
    return float(value)


def _pattern(value: Any, whole: bool = False) -> dict[str, float]:
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"it says {value!r} where an object must be")
    return {str(key): _number(each, whole) for key, each in (value or {}).items()}
