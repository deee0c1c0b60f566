"""Adapters merged into their base: equal to PEFT's own merge, whole or not at all, and a sentence for what cannot be.

The golden adapters and what PEFT 0.21.2 made of them come from golden/make_adapters.py.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from inference.checkpoint import adapters
from inference.checkpoint.adapters import MERGED, NOTE, MergeProgress, merge_adapter
from inference.checkpoint.folder import inspect_folder
from inference.errors import ModelFolderError
from tests.helpers.adapters import OUTPUT, QUERY, factors, write_adapter
from tests.helpers.checkpoints import BF16, random_tensors, shard, tiny_config, write_model
from tests.inference.golden import names
from trt_engines.weights.index import EMBEDDING, weight_files
from trt_engines.weights.source import WeightSource

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_model(tmp_path / "base", random_tensors(tiny_config(), dtype=np.float32), tiny_config())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An adapter that changes two matrices."""
    return write_adapter(tmp_path / "small", factors(QUERY, 16, 16) | factors(OUTPUT, 16, 32, seed=1))


def merged(base: Path, adapter: Path, target: Path) -> list[MergeProgress]:
    steps = list(merge_adapter(base, adapter, target))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(fraction < 1 for fraction in fractions[:-1])
    assert not list(target.parent.glob(".*.merging"))
    return steps


def arrays(folder: Path) -> dict[str, np.ndarray]:
    source = WeightSource.open(folder)
    return {name: source.array(name) for name in source.records}


@pytest.mark.parametrize("case", names(with_merge=True))
def test_every_number_is_that_of_peft(base: Path, tmp_path: Path, case: str) -> None:
    steps = merged(base, GOLDEN / case, tmp_path / "out")
    truth, before, after = load_file(GOLDEN / case / "merged.safetensors"), arrays(base), arrays(tmp_path / "out")
    assert set(after) == set(before)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == set(truth)
    for name, exact in truth.items():
        np.testing.assert_allclose(after[name], exact, atol=3e-7, rtol=1e-6)
    report = steps[-1].report
    assert report is not None
    assert report.tensors == len(truth)
    assert "decoder alone" in report.notes[0]


def test_rounded_once_in_the_bases_type(tmp_path: Path) -> None:
    tensors = random_tensors(tiny_config(), dtype=BF16)
    base = write_model(tmp_path / "base", tensors, tiny_config())
    made = factors(QUERY, 16, 16)
    merged(base, write_adapter(tmp_path / "a", made, lora_alpha=3), tmp_path / "out")
    a, b = (made[name].astype(np.float64) for name in made)
    exact = tensors[f"{QUERY}.weight"].astype(np.float64) + 1.5 * b @ a
    after = arrays(tmp_path / "out")[f"{QUERY}.weight"]
    assert after.dtype == BF16
    np.testing.assert_array_equal(after, exact.astype(np.float32).astype(BF16))


def test_the_folder_is_a_model_like_any_other(base: Path, small: Path, tmp_path: Path) -> None:
    (base / "LICENSE").write_text("Apache")
    (base / "dewpoint.json").write_text('{"display_name": "Base"}')
    (base / "dewpoint-embed.onnx").write_text("bound to the base")
    target = tmp_path / "out"
    report = merged(base, small, target)[-1].report
    assert report is not None
    assert report.linked
    facts = inspect_folder(target)
    assert (facts.title, facts.sharded) == ("out", True)
    assert (target / "model-base-00001.safetensors").samefile(base / "model.safetensors")
    found = {file.name for file in target.iterdir()}
    assert found == {
        "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "LICENSE", NOTE, MERGED,
        "model-base-00001.safetensors", "model.safetensors.index.json",
    }  # fmt: skip
    note = json.loads((target / NOTE).read_text())
    assert note["scale"] == 2.0
    assert note["tensors"] == [f"{QUERY}.weight", f"{OUTPUT}.weight"]
    assert note["adapter_sha256"] in (target / MERGED).read_bytes()[:200].decode()
    changed = sum(4 * 16 * k for k in (16, 32))
    assert (target / MERGED).stat().st_size < changed + 1000


def test_merging_again_and_shards(base: Path, small: Path, tmp_path: Path) -> None:
    """Files keep their names where they come before ours; a file all of whose tensors changed is left behind."""
    tensors = arrays(base)
    shard(base, {name: np.array(tensor) for name, tensor in tensors.items()}, 3)
    once, twice = tmp_path / "once", tmp_path / "twice"
    merged(base, small, once)
    assert (once / "model-00002-of-00003.safetensors").samefile(base / "model-00002-of-00003.safetensors")
    other = write_adapter(tmp_path / "other", factors(OUTPUT, 16, 32, seed=1) | factors(QUERY, 16, 16, seed=5))
    merged(once, other, twice)
    assert not (twice / "model-base-00004.safetensors").exists()
    made = load_file(small / "adapter_model.safetensors"), load_file(other / "adapter_model.safetensors")
    products = [2 * each[f"base_model.model.{QUERY}.lora_B.weight"] @ each[f"base_model.model.{QUERY}.lora_A.weight"]
                for each in made]  # fmt: skip
    exact = tensors[f"{QUERY}.weight"] + sum(products)
    np.testing.assert_allclose(arrays(twice)[f"{QUERY}.weight"], exact, atol=1e-6)


def test_a_base_with_names_of_its_own(tmp_path: Path, small: Path) -> None:
    tensors = random_tensors(tiny_config(), dtype=np.float32)
    bare = {name.removeprefix("model."): tensor for name, tensor in tensors.items()} | {
        "lm_head.weight": tensors[EMBEDDING],
        "encoder.language_model.layers.0.self_attn.q_proj.weight": tensors[f"{QUERY}.weight"],
    }
    base = write_model(tmp_path / "base", bare, tiny_config())
    merged(base, small, tmp_path / "out")
    weight_map = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())["weight_map"]
    assert weight_map["decoder.layers.0.self_attn.q_proj.weight"] == MERGED
    assert "encoder.language_model.layers.0.self_attn.q_proj.weight" not in weight_map  # the copy is out of date
    assert set(weight_map) == set(bare) - {"encoder.language_model.layers.0.self_attn.q_proj.weight"}


def test_the_adapters_own_tokenizer_and_template_win(base: Path, small: Path, tmp_path: Path) -> None:
    (small / "chat_template.jinja").write_text("{{ messages }} adapter")
    content = json.loads((base / "tokenizer.json").read_text())
    (small / "tokenizer.json").write_text(json.dumps(content | {"version": "1.0"}, indent=3))
    (base / "special_tokens_map.json").write_text("{}")
    merged(base, small, tmp_path / "a")
    assert (tmp_path / "a" / "chat_template.jinja").read_text().endswith("adapter")
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == (small / "tokenizer.json").read_bytes()
    assert not (tmp_path / "a" / "special_tokens_map.json").exists()
    (small / "chat_template.jinja").unlink()
    (small / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }} inside"}')
    merged(base, small, tmp_path / "b")
    assert not (tmp_path / "b" / "chat_template.jinja").exists()
    assert "inside" in (tmp_path / "b" / "tokenizer_config.json").read_text()


def test_stopped_at_every_step_nothing_is_left(base: Path, small: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    total = len(merged(base, small, tmp_path / "out"))
    shutil.rmtree(tmp_path / "out")
    for steps in range(total):
        events = merge_adapter(base, small, tmp_path / "out")
        for _ in range(steps):
            next(events)
        events.close()
        assert sorted(tmp_path.iterdir()) == before


def test_a_folder_with_the_name_of_an_unfinished_merge_is_left_alone(base: Path, small: Path, tmp_path: Path) -> None:
    mine = tmp_path / ".out.merging"
    mine.mkdir()
    (mine / MERGED).write_bytes(b"mine")
    for _ in merge_adapter(base, small, tmp_path / "out"):
        pass
    assert (mine / MERGED).read_bytes() == b"mine"


def test_another_drive_is_copied(base: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: Any, **__: Any) -> None:
        raise OSError(errno.EXDEV, "another drive")

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(adapters, "_SLICE", 10_000)
    report = merged(base, small, tmp_path / "out")[-1].report
    assert report is not None
    assert not report.linked
    copy = tmp_path / "out" / "model-base-00001.safetensors"
    assert copy.read_bytes() == (base / "model.safetensors").read_bytes()
    assert not copy.samefile(base / "model.safetensors")


@pytest.mark.parametrize("name", ["a.safetensors", "tuned.safetensors", "model.safetensors"])
def test_a_base_that_names_its_weights_or_has_a_stale_index(base: Path, small: Path, tmp_path: Path, name: str) -> None:
    stale = random_tensors(tiny_config(), seed=4, dtype=np.float32)
    right = (base / "model.safetensors").read_bytes()
    shard(base, stale, 2)
    (base / name).write_bytes(right)
    if name != "model.safetensors":
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps(config | {"transformers_weights": name}))
    before = arrays(base)
    merged(base, small, tmp_path / "out")
    after = arrays(tmp_path / "out")
    changed = {key for key in before if not np.array_equal(before[key], after[key])}
    assert len(changed) == 2
    assert not weight_files(tmp_path / "out").unread


def test_a_drive_that_cannot_hold_the_file_is_named(
    base: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: Any) -> Any:
        raise OSError(errno.EFBIG, "File too large")
        yield

    monkeypatch.setattr(adapters, "write_tensors", too_large)
    with pytest.raises(ModelFolderError, match="FAT32 ends at 4 GB a file"):
        merged(base, small, tmp_path / "out")


def test_no_room(base: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(adapters, "free_bytes", lambda path: 10**6)
        with pytest.raises(ModelFolderError, match=r"needs 0\.0 GB on the drive .* 0\.0 GB free"):
            merged(base, small, tmp_path / "out")

    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr(adapters, "write_tensors", full)
    with pytest.raises(ModelFolderError, match="became full"):
        merged(base, small, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"base", "small"}
    (tmp_path / "there").mkdir()
    with pytest.raises(ModelFolderError, match="is there already"):
        merged(base, small, tmp_path / "there")
