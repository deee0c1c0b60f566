"""A PEFT adapter as changes to the tensors of a base checkpoint; nothing in it is passed over in silence.

Encoder and decoder of DiffusionGemma share their weights, but PEFT wraps the modules of each apart. Its model then runs
the two phases with different weights, and its `merge_and_unload` adds *both* changes to the one shared tensor (tried
with peft 0.21.2). We have one set of weights for both phases, too, but do not add up: equal changes are made once; a
change of one side alone (or beside one that is still zero, as training begins) is made for both and noted; changes that
differ are refused. The embedding is shared with the head as well, which takes a change only if both have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trt_engines.errors import WeightsError
from trt_engines.files import is_readable_file
from trt_engines.weights.index import EMBEDDING, HEAD, canonical_name, index_file_tensors, shared_name
from trt_engines.weights.layout import FLOAT_TYPES
from trt_engines.weights.lora_config import LoraConfig, lora_config
from trt_engines.weights.lora_math import Change, Floats, check_change
from trt_engines.weights.source import WeightSource

ADAPTER = "adapter_model.safetensors"
_FACTOR = re.compile(
    r"(?P<module>.+?)\.lora_(?P<kind>A|B|embedding_A|embedding_B|magnitude_vector)(\.default)?(\.weight)?"
)
_WRAPPER = re.compile(r"\.base_layer(?=\.|$)|\.modules_to_save(\.default)?(?=\.|$)")
_VISION = ("model.encoder.vision_tower.", "model.encoder.embed_vision.")
_EXPERT_PARTS = (
    "gate_up_proj",
    "down_proj",
)  # in the order of the module's parameters, which is that of PEFT's wrappers
_OTHER_MODEL = "The adapter was made for another model, or for one of another size."
_Factors = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter does to a base.

    Attributes:
        config: Its configuration.
        changes: By the tensor's name, as we ask for it.
        left_out: Modules of the vision tower that it changes and the base does not have.
        notes: Sentences that whoever merges it should read.
    """

    config: LoraConfig
    changes: Mapping[str, Change]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def read_adapter(folder: Path, base: WeightSource) -> Adapter:
    """Read an adapter and check that it fits `base`.

    Raises:
        WeightsError: It is missing, damaged, of a kind that is not merged, or does not fit.
    """
    config = lora_config(folder)
    weights = folder / ADAPTER
    if not is_readable_file(weights):
        old = " (only adapter_model.bin, which is not opened)" if is_readable_file(folder / "adapter_model.bin") else ""
        raise WeightsError(f"{folder} holds no {ADAPTER}{old}.", "Save the adapter as safetensors.")
    source = WeightSource(folder, index_file_tensors(weights), "plain")
    factors, replaced = _parsed(source)
    left_out: list[str] = []
    found: dict[str, dict[str, Change]] = {}  # by shared name, then by the name that the adapter uses
    for module, parts in factors.items():
        name = _target(module, factors, config, base)
        if name is None:
            left_out.append(module)
            continue
        change = _change(parts, module, name, config, base)
        found.setdefault(shared_name(name), {})[name] = change
    for name, stored in replaced.items():
        if name.startswith(_VISION) and name not in base.records:
            left_out.append(name)
            continue
        _check_target(name, base, config)
        array, before = source.array(stored), found.setdefault(shared_name(name), {})
        factor = before.get(name, Change())
        before[name] = Change(factor.a, factor.b, factor.scale, factor.magnitude, array)
    agreed, notes = _agreed(found, base)
    if not agreed:
        raise WeightsError("This adapter changes nothing in this model.", "Choose another adapter.")
    return Adapter(config, agreed, tuple(left_out), notes)


def _parsed(source: WeightSource) -> tuple[dict[str, _Factors], dict[str, str]]:
    """Factors of each wrapped module, and names of whole tensors with the names that they have in the file."""
    factors: dict[str, _Factors] = {}
    replaced: dict[str, str] = {}
    for stored in source.records:
        name = stored.removeprefix("base_model.model.")
        match = _FACTOR.fullmatch(name)
        if match:
            array = source.array(stored)
            if source.records[stored].dtype not in FLOAT_TYPES or array.size == 0:
                text = f"The adapter's {stored} is {source.records[stored].dtype} {array.shape}, which is no factor."
                raise WeightsError(text, "The adapter is damaged: download it again.")
            factors.setdefault(match["module"], {})[match["kind"]] = array.astype(np.float32)
        elif "lora_" in name or "token_adapter" in name:
            raise WeightsError(f"The adapter holds {stored}, which cannot be merged here.", "Merge it with PEFT.")
        else:
            replaced[canonical_name(_WRAPPER.sub("", name))] = stored
    return factors, replaced


def _target(module: str, factors: Mapping[str, _Factors], config: LoraConfig, base: WeightSource) -> str | None:
    """The base's tensor that a wrapped module changes; None if it is of a vision tower that the base does not have."""
    bare = canonical_name(_WRAPPER.sub("", module))
    name = f"{bare}.weight"
    if bare.endswith(".experts") and shared_name(name) not in base.records:
        name = _expert_parameter(module, bare, factors, config)
    if name.startswith(_VISION) and name not in base.records:
        return None
    _check_target(name, base, config)
    return name


def _expert_parameter(module: str, bare: str, factors: Mapping[str, _Factors], config: LoraConfig) -> str:
    """PEFT wraps a module once for each of its parameters, the first innermost; the names do not say which is which."""
    wrapped = [
        part for part in _EXPERT_PARTS if any(f".{bare}.{part}".endswith(f".{each}") for each in config.parameters)
    ]
    there = sorted(
        (key for key in factors if canonical_name(_WRAPPER.sub("", key)) == bare),
        key=lambda key: -key.count(".base_layer"),
    )
    if len(wrapped) != len(there):
        text = f"The adapter changes {len(there)} parameters of {bare}, but its target_parameters name {len(wrapped)}."
        raise WeightsError(text, "The adapter is damaged: download it again.")
    return f"{bare}.{wrapped[there.index(module)]}"


def _check_target(name: str, base: WeightSource, config: LoraConfig) -> None:
    record = base.records.get(shared_name(name))
    if record is not None and record.dtype in FLOAT_TYPES:
        return
    matrix = shared_name(name).removesuffix(".weight")
    apart = matrix.removesuffix("gate_up_proj").removesuffix("down_proj") + "0.gate_proj.weight"
    quantised = (f"{matrix}.weight", f"{matrix}.weight_packed", apart, f"{apart}_packed")
    if any(each in base.records for each in quantised):
        text = f"The adapter changes {name}, which is quantised in this model."
        raise WeightsError(text, "Merge the adapter into the BF16 checkpoint of the model.")
    made_for = f" It was made for {config.base}." if config.base else ""
    raise WeightsError(f"The adapter changes {name}, which this model does not have.{made_for}", _OTHER_MODEL)


def _change(parts: _Factors, module: str, name: str, config: LoraConfig, base: WeightSource) -> Change:
    shape = base.records[shared_name(name)].shape
    embedding = "embedding_A" in parts or "embedding_B" in parts
    pair = ("embedding_A", "embedding_B") if embedding else ("A", "B")
    lost = [kind for kind in pair if kind not in parts]
    if lost or any(parts[kind].ndim != 2 for kind in pair):
        text = f"The adapter has no usable lora_{(lost or pair)[0]} of {module}."
        raise WeightsError(text, "The adapter is damaged: download it again.")
    if config.dora != ("magnitude_vector" in parts):
        text = f"The adapter's use_dora is {config.dora}, which does not fit its tensors of {module}."
        raise WeightsError(text, "The adapter is damaged: download it again.")
    a, b = parts[pair[0]], parts[pair[1]]
    spelled = _WRAPPER.sub("", module)
    if name.endswith(_EXPERT_PARTS):
        spelled = f"{spelled}.{name.rpartition('.')[2]}"
    rank, experts = config.rank_of(spelled), shape[0] if len(shape) == 3 else 1
    if a.shape[0] != rank * experts or b.shape[1] != rank * experts:
        text = f"The adapter's factors of {module} are {a.shape} and {b.shape}, which is not rank {rank}"
        many = f" for each of {experts} experts" if experts > 1 else ""
        raise WeightsError(f"{text}{many}.", _OTHER_MODEL)
    if embedding:
        a, b = b.T, a.T
    stack_a, stack_b = a.reshape(experts, rank, -1), b.reshape(-1, rank, experts).transpose(2, 0, 1)
    if len(shape) == 3 and (stack_b.shape[1], stack_a.shape[2]) == (shape[2], shape[1]) != shape[1:]:
        # peft before 0.18 took fused experts for [E, in, out].
        stack_a, stack_b = stack_b.transpose(0, 2, 1), stack_a.transpose(0, 2, 1)
    magnitude = parts["magnitude_vector"].reshape(-1) if "magnitude_vector" in parts else None
    return Change(np.ascontiguousarray(stack_a), np.ascontiguousarray(stack_b), config.scale(spelled), magnitude)


def _agreed(found: Mapping[str, dict[str, Change]], base: WeightSource) -> tuple[dict[str, Change], tuple[str, ...]]:
    """One change for each tensor, whatever names the adapter used for it."""
    agreed: dict[str, Change] = {}
    one_sided: set[str] = set()
    for shared, by_name in found.items():
        for name, change in by_name.items():
            check_change(change, base.records[shared].shape, name)
        real = {name: change for name, change in by_name.items() if not _changes_nothing(change, shared, base)}
        if not real:
            continue
        first, change = next(iter(real.items()))
        other = next((name for name, each in real.items() if not each.same(change)), None)
        if other is not None:
            text = f"The adapter changes {first} and {other} differently, which this program runs as one tensor."
            raise WeightsError(text, "Train an adapter for the decoder alone, or one that encoder and decoder share.")
        if shared == EMBEDDING and (HEAD not in real or len(real) == 1):
            text = f"The adapter changes {first} alone, but the model has one tensor for its embedding and its head."
            raise WeightsError(text, "Train an adapter that leaves embedding and head alone.")
        if shared != EMBEDDING and len(real) == 1 and _shared_side(first):
            one_sided.add(_shared_side(first))
        agreed[shared] = change
    notes = tuple(
        f"The adapter was trained for the {side} alone; its changes hold for encoder and decoder, which share weights."
        for side in sorted(one_sided)
    )
    return agreed, notes


def _shared_side(name: str) -> str:
    """ "encoder" or "decoder" if `name` is a tensor that both have, else ""."""
    if name != shared_name(name):
        return "encoder"
    both = name.startswith("model.decoder.layers.") and not name.endswith("layer_scalar")
    return "decoder" if both or name == "model.decoder.norm.weight" else ""


def _changes_nothing(change: Change, shared: str, base: WeightSource) -> bool:
    """Not trained yet, or a copy of the base's own tensor, as PEFT saves embeddings to be safe."""
    if change.idle:
        return True
    if change.replaced is None or change.magnitude is not None or (change.b is not None and change.b.any()):
        return False
    return np.array_equal(change.replaced, base.array(shared))
