"""Adapters that cannot be merged: one sentence each, and nothing on the disk; what counts as no conflict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.checkpoint.adapters import MergeReport, merge_adapter
from inference.errors import ModelFolderError
from tests.helpers.adapters import OUTPUT, PREFIX, QUERY, Tensors, factors, write_adapter
from tests.helpers.checkpoints import BF16, random_tensors, tiny_config, write_model
from tests.helpers.weight_files import write_checkpoint
from tests.trt_engines.weights.support import E4M3
from trt_engines.weights.index import EMBEDDING
from trt_engines.weights.source import WeightSource

ROOT = Path(__file__).resolve().parents[3]
ENCODER_QUERY = QUERY.replace("decoder", "encoder.language_model")
A, B = f"{PREFIX}{QUERY}.lora_A.weight", f"{PREFIX}{QUERY}.lora_B.weight"
GOOD = factors(QUERY, 16, 16)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_model(tmp_path / "base", random_tensors(tiny_config(), dtype=np.float32), tiny_config())


def merge(base: Path, adapter: Path) -> MergeReport:
    target = base.parent / "out"
    report = list(merge_adapter(base, adapter, target))[-1].report
    assert report is not None
    return report


def sentence(base: Path, adapter: Path) -> str:
    with pytest.raises(ModelFolderError) as raised:
        merge(base, adapter)
    assert raised.value.hint
    assert not (base.parent / "out").exists()
    assert not list(base.parent.glob(".*"))
    return raised.value.user_text


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "another type": ({"peft_type": "IA3"}, "of the type IA3; only LoRA"),
    "no type": ({"peft_type": None}, "of the type None"),
    "bias": ({"bias": "all"}, "uses bias of PEFT"),
    "lora_bias": ({"lora_bias": True}, "uses lora_bias of PEFT"),
    "layers twice": ({"layer_replication": [[0, 2]]}, "uses layer_replication"),
    "activated": ({"alora_invocation_tokens": [1, 2]}, "uses alora_invocation_tokens"),
    "tokens": ({"trainable_token_indices": [1]}, "uses trainable_token_indices"),
    "pissa": ({"init_lora_weights": "pissa_niter_4"}, "begun with pissa_niter_4"),
    "no rank": ({"r": None}, "adapter_config.json is damaged"),
    "rank zero": ({"r": 0}, "adapter_config.json is damaged"),
    "rank that does not fit": ({"r": 3}, r"which is not rank 3"),
    "alpha NaN": ({"lora_alpha": float("nan")}, "adapter_config.json is damaged"),
    "broken pattern": ({"alpha_pattern": {"(": 3}}, "holds the pattern '(', which ends in the middle"),
    "patterns of another kind": ({"rank_pattern": [3]}, "adapter_config.json is damaged"),
    "dora without magnitudes": ({"use_dora": True}, "use_dora is True, which does not fit"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configurations(base: Path, tmp_path: Path, case: str) -> None:
    config, text = CONFIGS[case]
    assert text in sentence(base, write_adapter(tmp_path / "a", GOOD, **config))


def without(name: str) -> Tensors:
    return {key: tensor for key, tensor in GOOD.items() if key != name}


def with_nan(tensors: Tensors, name: str) -> Tensors:
    copy = {key: np.array(tensor) for key, tensor in tensors.items()}
    copy[name].flat[3] = np.nan
    return copy


MAGNITUDE = f"{PREFIX}{QUERY}.lora_magnitude_vector.weight"
TENSORS: dict[str, tuple[Tensors, str]] = {
    "no A": (without(A), "no usable lora_A of model.decoder.layers.0"),
    "no B": (without(B), "no usable lora_B of model.decoder.layers.0"),
    "A with one axis": (without(A) | {A: np.ones(32, np.float32)}, "no usable lora_A"),
    "A of another size": (without(A) | {A: np.ones((2, 24), np.float32)}, "(16, 24), but it has (16, 16)"),
    "B of another size": (without(B) | {B: np.ones((8, 2), np.float32)}, "(8, 16), but it has (16, 16)"),
    "A of integers": (without(A) | {A: np.ones((2, 16), np.int64)}, "which is no factor"),
    "NaN in A": (with_nan(GOOD, A), "NaN or infinite"),
    "NaN in B": (with_nan(GOOD, B), "NaN or infinite"),
    "magnitude without dora": (GOOD | {MAGNITUDE: np.ones(16, np.float32)}, "use_dora is False"),
    "another architecture": (factors("model.layers.0.self_attn.q_proj", 16, 16), "which this model does not have. It"),
    "plain Gemma 4": (factors("model.language_model.layers.0.mlp.up_proj", 8, 16), "which this model does not have"),
    "a layer too many": (factors(QUERY.replace(".0.", ".9."), 16, 16), "layers.9.self_attn.q_proj.weight, which this"),
    "unknown whole tensor": (GOOD | {f"{PREFIX}model.decoder.x.bias": np.ones(3, np.float32)}, "x.bias, which this"),
    "unknown kind": (GOOD | {f"{PREFIX}{QUERY}.lora_C.weight": np.ones(3, np.float32)}, "lora_C.weight, which cannot"),
    "trained tokens": (
        GOOD | {f"{PREFIX}{EMBEDDING[:-7]}.token_adapter.trainable_tokens_delta": np.ones((1, 16), np.float32)},
        "which cannot be merged here",
    ),
    "saved tensor of another shape": (
        GOOD | {f"{PREFIX}model.decoder.norm.weight": np.ones(8, np.float32)},
        "norm.weight as if it had the shape (8,)",
    ),
    "nothing trained": (without(B) | {B: np.zeros((16, 2), np.float32)}, "changes nothing"),
    "nothing at all": ({}, "changes nothing"),
    "head alone": (factors("lm_head", 2048, 16), "lm_head.weight alone, but the model has one tensor"),
    "embedding alone": (
        {
            f"{PREFIX}model.decoder.embed_tokens.lora_embedding_A": np.ones((2, 2048), np.float32),
            f"{PREFIX}model.decoder.embed_tokens.lora_embedding_B": np.ones((16, 2), np.float32),
        },
        "embed_tokens.weight alone, but the model has one tensor",
    ),
    "too large": (
        {A: np.full((2, 16), 9, np.float32), B: np.full((16, 2), 3e38, np.float32)},
        "too large for the tensor's type",
    ),
    "encoder and decoder apart": (GOOD | factors(ENCODER_QUERY, 16, 16, seed=3), "differently, which this program"),
    "experts without their names": (factors("model.decoder.layers.0.experts", 16, 16), "target_parameters name 0"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors(base: Path, tmp_path: Path, case: str) -> None:
    tensors, text = TENSORS[case]
    assert text in sentence(base, write_adapter(tmp_path / "a", tensors))


def test_files(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "a", GOOD)
    weights, config = adapter / "adapter_model.safetensors", adapter / "adapter_config.json"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "is incomplete" in sentence(base, adapter)
    weights.rename(adapter / "adapter_model.bin")
    assert "only adapter_model.bin, which is not opened" in sentence(base, adapter)
    for content in ("{", "[]"):
        config.write_text(content)
        assert "adapter_config.json is damaged" in sentence(base, adapter)
    config.unlink()
    assert "holds no adapter_config.json" in sentence(base, adapter)
    (base / "model.safetensors").unlink()
    assert "holds no weights" in sentence(base, write_adapter(tmp_path / "b", GOOD))


@pytest.mark.parametrize("quantised", ["modelopt", "fp8", "experts"])
def test_quantised_targets(tmp_path: Path, quantised: str) -> None:
    tensors = random_tensors(tiny_config(), dtype=BF16)
    matrix, config = QUERY, {}
    made = GOOD
    if quantised == "fp8":
        tensors[f"{QUERY}.weight"] = np.zeros((16, 16), E4M3)
        tensors[f"{QUERY}.weight_scale"] = np.ones((16, 1), np.float32)
    elif quantised == "modelopt":
        tensors[f"{QUERY}.weight"] = np.zeros((16, 8), np.uint8)
        tensors[f"{QUERY}.weight_scale"] = np.ones((16, 1), E4M3)
        tensors[f"{QUERY}.weight_scale_2"] = tensors[f"{QUERY}.input_scale"] = np.ones((), np.float32)
    else:
        matrix = "model.decoder.layers.0.experts"
        for part in ("gate_up_proj", "down_proj"):
            del tensors[f"{matrix}.{part}"]
        for expert in range(3):
            for name, shape in {"gate": (8, 16), "up": (8, 16), "down": (16, 8)}.items():
                tensors[f"{matrix}.{expert}.{name}_proj.weight"] = np.zeros(shape, E4M3)
                tensors[f"{matrix}.{expert}.{name}_proj.weight_scale"] = np.ones((shape[0], 1), np.float32)
        made, config = factors(matrix, 16, 16, rank=6), {"target_parameters": ["experts.gate_up_proj"]}
    base = write_model(tmp_path / "base", tensors, tiny_config())
    text = sentence(base, write_adapter(tmp_path / "a", made, **config))
    assert text.startswith(f"The adapter changes {matrix}")
    assert "is quantised in this model" in text
    # What is not quantised can be merged.
    report = merge(base, write_adapter(tmp_path / "b", factors(OUTPUT, 16, 32)))
    assert report.tensors == 1


def test_sides_that_agree_or_are_not_trained(base: Path, tmp_path: Path) -> None:
    same = {name.replace(QUERY, ENCODER_QUERY): tensor for name, tensor in GOOD.items()}
    zero = {name: tensor * ("lora_A" in name) for name, tensor in same.items()}
    made = []
    for number, (other, notes) in enumerate([({}, 1), (same, 0), (zero, 1)]):
        report = list(
            merge_adapter(base, write_adapter(tmp_path / f"a{number}", GOOD | other), tmp_path / f"o{number}")
        )
        assert report[-1].report is not None
        assert len(report[-1].report.notes) == notes
        made.append(WeightSource.open(tmp_path / f"o{number}").array(f"{QUERY}.weight"))
    np.testing.assert_array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[0], made[2])
    alpha = {"alpha_pattern": {r"model\.encoder\..*": 9}}
    assert "differently" in sentence(base, write_adapter(tmp_path / "alpha", GOOD | same, **alpha))


def test_an_embedding_that_is_saved_to_be_safe_is_no_change(base: Path, tmp_path: Path) -> None:
    stored = np.array(WeightSource.open(base).array(EMBEDDING))
    name = f"{PREFIX}model.encoder.language_model.embed_tokens.weight"
    adapter = write_adapter(tmp_path / "a", GOOD | {name: stored, f"{PREFIX}lm_head.weight": stored})
    assert merge(base, adapter).tensors == 1
    trained = {name: stored + 1, f"{PREFIX}lm_head.weight": stored + 1}
    list(merge_adapter(base, write_adapter(tmp_path / "b", GOOD | trained), tmp_path / "both"))
    np.testing.assert_array_equal(WeightSource.open(tmp_path / "both").array(EMBEDDING), stored + 1)


def test_the_vision_tower_is_reported_or_merged(base: Path, tmp_path: Path) -> None:
    vision = "model.encoder.vision_tower.encoder.layers.0.mlp.up_proj.linear"
    adapter = write_adapter(tmp_path / "a", GOOD | factors(vision, 8, 8))
    report = merge(base, adapter)
    assert (report.tensors, report.left_out) == (1, (vision,))
    tensors = random_tensors(tiny_config(), dtype=np.float32) | {f"{vision}.weight": np.ones((8, 8), np.float32)}
    other = write_model(tmp_path / "more" / "base", tensors, tiny_config())
    assert merge(other, adapter).tensors == 2


def test_older_peft_took_experts_for_input_times_output(base: Path, tmp_path: Path) -> None:
    """Before 0.18 A was [E * r, N] and B was [K, E * r] of a stack [E, N, K]."""
    experts = "model.decoder.layers.0.experts"
    made = factors(experts, 16, 8, rank=6)  # down_proj is [3, 16, 8]
    a, b = made.values()
    # B is [N, r, E] in the new form, A of the old one is [E, r, N].
    old_a = b.reshape(16, 2, 3).transpose(2, 1, 0).reshape(6, 16).copy()
    old_b = a.reshape(3, 2, 8).transpose(2, 1, 0).reshape(8, 6).copy()
    swapped = dict(zip(made, (old_a, old_b), strict=True))
    found = []
    for number, tensors in enumerate((made, swapped)):
        adapter = write_adapter(tmp_path / f"a{number}", tensors, target_parameters=["experts.down_proj"])
        list(merge_adapter(base, adapter, tmp_path / f"o{number}"))
        found.append(WeightSource.open(tmp_path / f"o{number}").array(f"{experts}.down_proj"))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


CHILD = """
import sys
from pathlib import Path
import ml_dtypes, numpy as np
from trt_engines.weights.lora import read_adapter
from trt_engines.weights.lora_math import merged_pieces
from trt_engines.weights.source import WeightSource

def own_bytes():
    line = next(line for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

source = WeightSource.open(Path(sys.argv[1]))
before = own_bytes()
adapter = read_adapter(Path(sys.argv[2]), source)
peak = 0
for name, change in adapter.changes.items():
    for piece in merged_pieces(source.array(name), change, name):
        peak = max(peak, own_bytes())
sys.stdout.write(str(peak - before))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which pages belong to files")
def test_a_large_tensor_is_never_in_memory(tmp_path: Path) -> None:
    """190 MB of experts; in float32 they would be 380. The adapter itself has 3 MB."""
    (tmp_path / "base").mkdir()
    name = "model.decoder.layers.0.experts.gate_up_proj"
    write_checkpoint(tmp_path / "base", {name: np.zeros((24, 1408, 2816), BF16)})
    made = factors("model.decoder.layers.0.experts", 1408, 2816, rank=24 * 8)
    adapter = write_adapter(tmp_path / "a", made, r=8, target_parameters=["experts.gate_up_proj"])
    command = [sys.executable, "-c", CHILD, str(tmp_path / "base"), str(adapter)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32 << 20


def test_a_killed_merge_leaves_no_model(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "a", GOOD | factors(OUTPUT, 16, 32))
    code = (
        "import os, sys; from pathlib import Path; from inference.checkpoint.adapters import merge_adapter\n"
        "for number, step in enumerate(merge_adapter(*map(Path, sys.argv[1:4]))):\n"
        "    number == 2 and os._exit(9)\n"
    )
    command = [sys.executable, "-c", code, str(base), str(adapter), str(tmp_path / "out")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9
    assert not (tmp_path / "out").exists()
    (left,) = tmp_path.glob(".out.*.merging")
    assert merge(base, adapter).tensors == 2
    assert list(tmp_path.glob(".out.*.merging")) == [left], "nobody can tell here whose it is"
    assert json.loads((tmp_path / "out" / "dewpoint-merge.json").read_text())["trained_on"] == "google/x"
