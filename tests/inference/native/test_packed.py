"""Packed weights on the disk: the same as in memory, whole or not there, gone on with, never those of another model."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from inference.backends.base import DenoiseStep
from inference.backends.native import NativeBackend
from inference.config import model_config_from_folder
from inference.errors import KnownError, LoadStoppedError, ModelFolderError
from inference.native.cores import Cores
from inference.native.packed import (
    mapped_matrices,
    model_parts,
    pack_model,
    packed_bytes,
    packed_folder,
)
from inference.native.weights import OUT, ROUTER, Place, Precision, part_matrices
from tests.helpers.checkpoints import STARTER, random_tensors, shard, small_config, write_model
from tests.trt_engines.weights.compressed_support import fp8_matrix, nvfp4_matrix
from tests.trt_engines.weights.support import modelopt_experts, slow_values
from trt_engines.weights.source import WeightSource


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def never() -> None:
    """Nobody cancels."""


def ignored(share: float) -> None:
    """Nobody looks."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two layers in three shards."""
    tensors = random_tensors(small_config())
    write_model(tmp_path / "model", tensors)
    shard(tmp_path / "model", tensors, 3)
    return tmp_path / "model"


def packed(folder: Path, precision: Precision = "int4", check: Callable[[], None] = never) -> Path:
    source = WeightSource.open(folder)
    return pack_model(source, model_config_from_folder(folder), precision, 1, ignored, check)


def step_of(folder: Path, precision: Precision, on_disk: bool) -> DenoiseStep:
    backend = NativeBackend.open(folder, _quiet, precision, None, Cores(2, ()), on_disk)
    rng = np.random.default_rng(1)
    backend.encode(rng.integers(0, 2048, 40))
    step = backend.denoise(rng.integers(0, 2048, 256), None, 0.7, rng.random(256).astype(np.float32))
    backend.close()
    return step


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_on_the_disk_as_in_memory(folder: Path, precision: Precision) -> None:
    first, second = step_of(folder, precision, on_disk=True), step_of(folder, precision, on_disk=True)
    memory = step_of(folder, precision, on_disk=False)
    for made in (first, second):
        np.testing.assert_array_equal(made.entropy, memory.entropy)
        np.testing.assert_array_equal(made.state, memory.state)
    place = packed_folder(folder, precision)
    assert sum(file.stat().st_size for file in place.glob("*.bin")) == packed_bytes(
        model_config_from_folder(folder), precision
    )


class Set:
    """A flag that is set as soon as the files of a folder are these."""

    def __init__(self, place: Path, *names: str) -> None:
        self._place, self._names = place, list(names)

    def is_set(self) -> bool:
        return self._place.exists() and sorted(file.name for file in self._place.iterdir()) == self._names


@pytest.mark.parametrize("whole", [[], ["layer-000.bin", "layer-000.json"]])
def test_a_cancelled_load_packs_on_behind_the_last_whole_part(
    folder: Path, whole: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = packed_folder(folder, "int4")
    half = "layer-001.tmp" if whole else "layer-000.tmp"
    with pytest.raises(LoadStoppedError):
        NativeBackend.open(
            folder, _quiet, "int4", None, Cores(1, ()), on_disk=True, cancel=Set(place, *sorted([*whole, half]))
        )
    assert sorted(file.name for file in place.iterdir()) == whole
    before = {name: (place / name).stat().st_mtime_ns for name in whole}
    (place / half).write_bytes(b"of a run that was killed")
    step = step_of(folder, "int4", on_disk=True)
    assert {name: (place / name).stat().st_mtime_ns for name in whole} == before
    assert len(list(place.iterdir())) == 2 * len(model_parts(model_config_from_folder(folder)))
    np.testing.assert_array_equal(step.entropy, step_of(folder, "int4", on_disk=False).entropy)


def test_what_a_killed_run_has_left_goes_at_the_next_look(folder: Path) -> None:
    place, other = packed_folder(folder, "int4"), packed_folder(folder, "int8")
    packed(folder)
    whole = sorted(file.name for file in place.iterdir())
    other.mkdir()
    half = [place / "layer-001.tmp", place / "outside.tmp", other / "layer-000.tmp", other / "layer-001.tmp"]
    for file in half:
        file.write_bytes(b"of a run that was killed")
    day_ago = time.time() - 86_400
    os.utime(half[2], (day_ago, day_ago))
    packed(folder)
    assert sorted(file.name for file in place.iterdir()) == whole
    assert [file.name for file in other.iterdir()] == ["layer-001.tmp"], "another program may be writing there"


def test_a_cancel_is_looked_for_within_a_matrix(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head of the published model takes many seconds: it is asked before each piece, packed or written."""
    looks: list[int] = []
    for at_once in (16 << 20, 4096):
        monkeypatch.setattr("inference.native.packed._WRITTEN_AT_ONCE", at_once)
        monkeypatch.setattr("inference.native.matrices._BYTES_AT_ONCE", 4 * at_once)
        asked: list[None] = []
        packed(folder, check=lambda asked=asked: asked.append(None))  # type: ignore[misc]
        looks.append(len(asked))
        shutil.rmtree(folder / "packed")
    assert looks[1] > 2 * looks[0]


def test_a_load_into_memory_is_cancelled_too(folder: Path) -> None:
    with pytest.raises(LoadStoppedError):
        NativeBackend.open(
            folder, _quiet, "int8", None, Cores(1, ()), on_disk=False, cancel=Set(folder.parent, "model")
        )


def test_nothing_is_packed_twice(folder: Path) -> None:
    place = packed(folder)
    times = {file.name: file.stat().st_mtime_ns for file in place.iterdir()}
    packed(folder)
    assert {file.name: file.stat().st_mtime_ns for file in place.iterdir()} == times


@pytest.mark.parametrize("most", [1000, 10])
def test_progress_rises_to_one_in_few_reports(folder: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bytes: a model of thousands of experts reports no more often than one of four."""
    monkeypatch.setattr("inference.native.packed._REPORTS", most)
    seen: list[float] = []
    source, config = WeightSource.open(folder), model_config_from_folder(folder)
    pack_model(source, config, "int4", 1, seen.append, never)
    assert seen == sorted(set(seen))
    assert seen[-1] == 1.0
    assert 5 <= len(seen) <= most
    seen.clear()
    (packed_folder(folder, "int4") / "layer-001.json").unlink()
    pack_model(source, config, "int4", 1, seen.append, never)
    assert seen[0] > 0.2, "what was there counts as done"
    assert seen[-1] == 1.0
    seen.clear()
    pack_model(source, config, "int4", 1, seen.append, never)
    assert not seen, "nothing was packed"


def cut(place: Path) -> None:
    (place / "layer-001.bin").write_bytes((place / "layer-001.bin").read_bytes()[:-64])


def no_json(place: Path) -> None:
    (place / "layer-001.json").write_text("{")


def other_place(place: Path) -> None:
    change(place, lambda entry: entry | {"weights": 1 << 40})


def other_size(place: Path) -> None:
    change(place, lambda entry: entry | {"k": entry["k"] * 2})


def other_group(place: Path) -> None:
    change(place, lambda entry: entry | {"group": 0})


def negative(place: Path) -> None:
    change(place, lambda entry: entry | {"scales": -64})


def words(place: Path) -> None:
    change(place, lambda entry: entry | {"layer": "1"})


def strange_kind(place: Path) -> None:
    change(place, lambda entry: entry | {"kind": "int2"})


def another_kind(place: Path) -> None:
    """The router as INT8, which fits into its bytes: the kernels read it as float32, and have no sums of its rows."""
    change(place, lambda entry: entry | {"kind": "int8"}, matrix=4)


def larger_kind(place: Path) -> None:
    """The first expert in eight bits: of groups as four bits have them, and nowhere near the end of the file."""
    change(place, lambda entry: entry | {"kind": "int8", "group": entry["k"]}, matrix=5)


def missing(place: Path) -> None:
    file = place / "layer-001.json"
    raw = json.loads(file.read_text())
    file.write_text(json.dumps(raw | {"matrices": raw["matrices"][1:]}))


def pipe(place: Path) -> None:
    (place / "layer-001.json").unlink()
    (place / "layer-001.json").mkdir()


def change(place: Path, how: Callable[[dict[str, int]], dict[str, object]], matrix: int = 2) -> None:
    file = place / "layer-001.json"
    raw = json.loads(file.read_text())
    raw["matrices"][matrix] = how(raw["matrices"][matrix])
    file.write_text(json.dumps(raw))


@pytest.mark.parametrize(
    "damage",
    [
        cut, no_json, other_place, other_size, other_group, negative, words, strange_kind, another_kind, larger_kind,
        missing, pipe,
    ],
)  # fmt: skip
def test_a_damaged_part_never_reaches_the_kernels(folder: Path, damage: Callable[[Path], None]) -> None:
    place = packed(folder)
    damage(place)
    source, config = WeightSource.open(folder), model_config_from_folder(folder)
    with pytest.raises(ModelFolderError, match=r"layer-001\.bin of .* is missing or damaged"):
        list(mapped_matrices(source, config, "int4"))
    if damage is not pipe:  # a folder in the place of a file is not ours to remove
        packed(folder)
        assert len(list(mapped_matrices(source, config, "int4"))) == 2 * (5 + 8) + 4


def test_other_weights_are_packed_anew(folder: Path, tmp_path: Path) -> None:
    packed(folder)
    other = random_tensors(small_config() | {"dtype": "float16"}, seed=3, dtype=np.float16)
    write_model(tmp_path / "other", other)
    shutil.copytree(folder / "packed", tmp_path / "other" / "packed")
    step = step_of(tmp_path / "other", "int4", on_disk=True)
    np.testing.assert_array_equal(step.entropy, step_of(tmp_path / "other", "int4", on_disk=False).entropy)


def test_a_disk_that_is_too_small_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.native.packed.free_bytes", lambda place: 10**6)
    with pytest.raises(KnownError, match=r"needs 1\.1 GB on the disk .* 0\.0 GB are free"):
        packed(folder)
    assert not (folder / "packed").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inference.native.packed.sync_file", refuse)
    with pytest.raises(KnownError, match=r"cannot be written to .*: No space left on device"):
        packed(folder)
    assert not list((folder / "packed" / "int4").glob("*"))


def quantised(kind: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A checkpoint's tensors as a vendor stores them, and the same in plain float32."""
    config, rng = small_config(), np.random.default_rng(2)
    plain = {name: value.astype(np.float32) for name, value in random_tensors(config).items()}
    stored = dict(random_tensors(config))
    for layer in range(2):
        prefix = f"model.decoder.layers.{layer}.experts"
        for part in ("gate_up_proj", "down_proj"):
            del stored[f"{prefix}.{part}"]
        if kind == "modelopt":
            own = modelopt_experts(rng, 4, 64, 32, layer)
            for name in own:
                if name.endswith("weight_scale_2"):
                    own[name] = np.full_like(own[name], 1e-4)
            stored |= own
            read = {key: slow_values(own, f"{prefix}.{key}") for key in _projections()}
        else:
            make, read = (fp8_matrix if kind == "fp8" else nvfp4_matrix), {}
            for key in _projections():
                shape = (64, 32) if key.endswith("down_proj") else (32, 64)
                values = (rng.normal(size=shape) * 0.1).astype(np.float32)
                own = make(f"{prefix}.{key}", values)
                stored |= own
                view = WeightView(own)
                read[key] = view.values(f"{prefix}.{key}")
        plain[f"{prefix}.gate_up_proj"] = np.stack(
            [np.concatenate([read[f"{e}.gate_proj"], read[f"{e}.up_proj"]]) for e in range(4)]
        )
        plain[f"{prefix}.down_proj"] = np.stack([read[f"{e}.down_proj"] for e in range(4)])
    return stored, plain


class WeightView:
    """What the checkpoint's reader makes of one matrix (its own tests compare that with a slow reader)."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self._tensors = tensors

    def values(self, prefix: str) -> np.ndarray:
        from trt_engines.weights.compressed import read_matrix

        matrix = read_matrix(self._tensors.__getitem__, self._tensors.__contains__, prefix)
        out = np.empty(matrix.shape, np.float32)
        matrix.dequantise_into(out)
        return out


def _projections() -> list[str]:
    return [f"{expert}.{part}_proj" for expert in range(4) for part in ("gate", "up", "down")]


@pytest.mark.parametrize("kind", ["modelopt", "fp8", "nvfp4"])
@pytest.mark.parametrize("precision", ["float32", "int4"])
def test_checkpoints_of_few_bits_are_what_they_stand_for(kind: str, precision: Precision, tmp_path: Path) -> None:
    stored, plain = quantised(kind)
    write_model(tmp_path / "stored", stored)
    write_model(tmp_path / "plain", plain)
    one = step_of(tmp_path / "stored", precision, on_disk=precision == "int4")
    two = step_of(tmp_path / "plain", precision, on_disk=False)
    np.testing.assert_allclose(one.entropy, two.entropy, atol=2e-4 if precision == "float32" else 0.02)


def test_small_models_are_packed_in_memory(folder: Path) -> None:
    NativeBackend.open(folder, _quiet, "int8", None, Cores(1, ())).close()
    assert not (folder / "packed").exists()


def test_large_models_are_packed_on_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.backends.packed_memory.LARGE_MODEL", 1)
    seen: list[str] = []
    backend = NativeBackend.open(folder, lambda stage, share: seen.append(stage), "int4", None, Cores(1, ()))
    backend.close()
    assert (folder / "packed" / "int4" / "outside.json").exists()
    assert "Packing the weights for the processor, once" in seen


def test_large_models_that_fit_into_no_memory_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inference.backends.registry import open_backend

    monkeypatch.setattr("inference.backends.packed_memory.psutil.virtual_memory", lambda: SimpleNamespace(total=10**6))
    with pytest.raises(KnownError, match=r"needs .* GB of memory on the processor"):
        open_backend(folder, "native", _quiet)


def test_matrices_that_the_kernels_would_misread_are_refused() -> None:
    """The last door before the kernels, whoever comes: kind, sizes, and the bytes that are there."""
    backend = NativeBackend.open(STARTER, _quiet, "int8", None, Cores(1, ()))
    source = WeightSource.open(STARTER)
    matrices = dict(part_matrices(source, backend.config, "int8", 0, 1, never))
    router, out = Place(0, ROUTER), Place(0, OUT)
    bytes_ = matrices[out]
    small = dataclasses.replace(matrices[router], kind="int8", weights=matrices[router].weights[: 1 << 10])
    for place, matrix, reason in (
        (router, small, "read as float32"),
        (router, bytes_, "wanted"),
        (out, dataclasses.replace(bytes_, weights=bytes_.weights[:-1]), "bytes"),
        (out, dataclasses.replace(bytes_, scales=bytes_.scales[:0]), "bytes"),
    ):
        with pytest.raises(ValueError, match=reason):
            backend.model.set_matrix(place, matrix)
    backend.close()
