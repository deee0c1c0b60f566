"""The index of safetensors files: equal to what the library reads, and clear about every kind of damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from trt_engines.errors import WeightsError
from trt_engines.weights import index
from trt_engines.weights.index import index_checkpoint, index_file_tensors, weight_files


def _write(file: Path, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    tensors = {
        "a": rng.normal(size=(3, 5)).astype(np.float32),
        "b.weight": rng.normal(size=(7,)).astype(np.float16),
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.array(3.0, np.float32),
    }
    save_file(tensors, file)
    return tensors


def test_offsets_lead_to_the_values(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    _write(file)
    records = index_checkpoint(tmp_path)
    expected = load_file(file)
    assert set(records) == set(expected)
    types = {"F32": np.float32, "F16": np.float16}
    for name, record in records.items():
        raw = file.read_bytes()[record.offset : record.offset + record.length]
        values = np.frombuffer(raw, types[record.dtype]).reshape(record.shape)
        np.testing.assert_array_equal(values, expected[name])


def test_shards_by_index_and_without(tmp_path: Path) -> None:
    one, two = tmp_path / "model-00001-of-00002.safetensors", tmp_path / "model-00002-of-00002.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, one)
    save_file({"b": np.zeros(4, np.float32)}, two)
    assert {r.file.name for r in index_checkpoint(tmp_path).values()} == {one.name, two.name}
    index = {"weight_map": {"a": one.name, "b": two.name}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert set(index_checkpoint(tmp_path)) == {"a", "b"}
    two.unlink()
    with pytest.raises(WeightsError, match="1 of 2 weight files are missing: model-00002-of-00002"):
        index_checkpoint(tmp_path)


def _index(folder: Path, weight_map: dict[str, object]) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def test_a_tensor_counts_only_from_the_file_that_the_index_names(tmp_path: Path) -> None:
    for number, name in enumerate(("one.safetensors", "two.safetensors")):
        save_file({"a": np.full(3, number, np.float32), "b": np.full(3, number, np.float32)}, tmp_path / name)
    for a, b in (("one", "two"), ("two", "one"), ("two", "two")):
        _index(tmp_path, {"a": f"{a}.safetensors", "b": f"{b}.safetensors"})
        found = index_checkpoint(tmp_path)
        assert (found["a"].file.stem, found["b"].file.stem) == (a, b)
    _index(tmp_path, {"a": "one.safetensors"})
    assert set(index_checkpoint(tmp_path)) == {"a"}
    _index(tmp_path, {"a": "one.safetensors", "c": "two.safetensors"})
    with pytest.raises(WeightsError, match=r"two\.safetensors holds no c, .* \(1 tensors are missing\)"):
        index_checkpoint(tmp_path)


@pytest.mark.parametrize("file", [3, None, "../one.safetensors", "/etc/passwd", "sub/one.safetensors"])
def test_an_index_may_name_files_beside_it_only(tmp_path: Path, file: object) -> None:
    _write(tmp_path / "one.safetensors")
    _index(tmp_path, {"a": file})
    with pytest.raises(WeightsError, match="no usable weight_map"):
        index_checkpoint(tmp_path)


def test_shards_without_an_index_are_counted(tmp_path: Path) -> None:
    for number in (1, 3):
        _write(tmp_path / f"model-{number:05}-of-00004.safetensors")
    _write(tmp_path / "adapter_model.safetensors")  # lies beside some models and is no part of them
    with pytest.raises(WeightsError, match=r"2 of 4 weight files are missing: model-00002-of-00004"):
        index_checkpoint(tmp_path)


def test_more_files_than_any_model_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_MOST_SHARDS", 3)
    for number in range(4):
        (tmp_path / f"x{number}.safetensors").touch()
    with pytest.raises(WeightsError, match=r"holds 4 weight files; no model has more than 3\."):
        weight_files(tmp_path)


def test_more_tensors_than_any_model_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_MOST_TENSORS", 3)
    _write(tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"model\.safetensors names 4 tensors; no model has more than 3\."):
        index_checkpoint(tmp_path)


def test_files_are_counted_in_a_time_that_grows_as_they_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 files took 68 s: each was compared with each."""
    for number in range(200):
        (tmp_path / f"x{number}.safetensors").touch()
    compared, equal = [0], Path.__eq__

    def counted(one: Path, other: object) -> bool:
        compared[0] += 1
        return equal(one, other)

    monkeypatch.setattr(Path, "__eq__", counted)
    assert len(weight_files(tmp_path).files) == 200
    assert compared[0] < 10 * 200


def test_no_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no weights"):
        index_checkpoint(tmp_path)


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": 3}', "{}"])
def test_damaged_index(tmp_path: Path, index: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(WeightsError, match="no usable weight_map"):
        index_checkpoint(tmp_path)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    _write(file)
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        with pytest.raises(WeightsError, match=r"damaged|incomplete"):
            index_file_tensors(file)


def test_random_damage_never_escapes_as_another_error(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    _write(file)
    whole = bytearray(file.read_bytes())
    rng = np.random.default_rng(1)
    header = int.from_bytes(whole[:8], "little")
    for _ in range(300):
        bytes_ = bytearray(whole)
        bytes_[int(rng.integers(0, 8 + header))] = int(rng.integers(0, 256))
        file.write_bytes(bytes(bytes_))
        try:
            records = index_file_tensors(file)
        except WeightsError:
            continue
        assert all(r.offset + r.length <= len(whole) for r in records.values())


LAYOUTS: dict[str, tuple[tuple[str, ...], dict[str, object] | None, str | None]] = {
    "whole": (("model.safetensors",), None, None),
    "stale index, its shards are gone": (("model.safetensors",), {"a": "model-00001-of-00002.safetensors"}, None),
    "stale index with its shards": (
        ("model-00001-of-00001.safetensors", "model.safetensors"),
        {"a": "model-00001-of-00001.safetensors"},
        None,
    ),
    "index alone": (("model-00001-of-00001.safetensors",), {"a": "model-00001-of-00001.safetensors"}, None),
    "index beside strangers": (
        ("other.safetensors", "model-00001-of-00001.safetensors"),
        {"a": "model-00001-of-00001.safetensors"},
        None,
    ),
    "variant beside": (("model.fp16.safetensors", "model.safetensors"), None, None),
    "adapter beside": (("adapter_model.safetensors", "model.safetensors"), None, None),
    "named file": (("model.safetensors", "tuned.safetensors"), None, "tuned.safetensors"),
    "named index": (
        ("model.safetensors", "part.safetensors"), {"a": "part.safetensors"}, "model.safetensors.index.json",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("with_bin", [False, True])
def test_the_weights_that_transformers_takes(layout: str, with_bin: bool, tmp_path: Path) -> None:
    from transformers.modeling_utils import _get_resolved_checkpoint_files

    names, weight_map, named = LAYOUTS[layout]
    for number, name in enumerate(names):
        save_file({"a": np.full(3, number, np.float32)}, tmp_path / name)
    if weight_map is not None:
        _index(tmp_path, weight_map)
    if named is not None:
        (tmp_path / "config.json").write_text(json.dumps({"transformers_weights": named}))
    if with_bin:
        (tmp_path / "pytorch_model.bin").write_bytes(b"older")
    wanted, _ = _get_resolved_checkpoint_files(
        str(tmp_path), None, None, None, {}, False, transformers_explicit_filename=named
    )
    assert wanted is not None
    chosen = weight_files(tmp_path)
    assert [str(file) for file in chosen.files] == wanted
    assert [str(index_checkpoint(tmp_path)["a"].file)] == wanted
    ours = {Path(file).name for file in wanted} | {"adapter_model.safetensors"}
    assert set(chosen.unread) == set(names) - ours


@pytest.mark.parametrize("named", ["../x.safetensors", "/etc/x.safetensors", "x.bin", 3, None, ["a.safetensors"]])
def test_a_named_file_that_cannot_be_one_counts_for_nothing(named: object, tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"transformers_weights": named}))
    assert weight_files(tmp_path).source == "model.safetensors"


def test_a_tensor_in_two_files_without_an_index_is_refused(tmp_path: Path) -> None:
    for name in ("one.safetensors", "two.safetensors"):
        save_file({"a": np.zeros(3, np.float32)}, tmp_path / name)
    with pytest.raises(WeightsError, match=r"one\.safetensors and two\.safetensors both hold a, and no index"):
        index_checkpoint(tmp_path)
