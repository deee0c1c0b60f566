"""Graphs beside the weights: small, bound to the files, made again when stale, refused with a way out."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from inference.backends.onnx import OnnxBackend
from inference.backends.onnx_graphs import ensure_graphs
from inference.backends.torch_reference import TorchBackend
from inference.config import model_config_from_folder
from inference.errors import GraphError, ModelFolderError
from inference.graphs.manifest import MANIFEST, valid_manifest
from trt_engines.weights.index import index_checkpoint


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def _usable(folder: Path) -> bool:
    return valid_manifest(folder, model_config_from_folder(folder), index_checkpoint(folder)) is not None


def test_graphs_hold_no_weights(exported: Path) -> None:
    records = index_checkpoint(exported)
    graphs = sorted(exported.glob("dewpoint-*.onnx"))
    assert [file.stem for file in graphs] == ["dewpoint-embed", "dewpoint-head", "dewpoint-stack0"]
    bound = set()
    for file in graphs:
        for item in onnx.load(file, load_external_data=False).graph.initializer:
            if item.data_location == TensorProto.EXTERNAL:
                entry = {pair.key: pair.value for pair in item.external_data}
                assert entry["location"] == "model.safetensors"
                bound.add(int(entry["offset"]))
            else:
                assert len(item.raw_data) < 4096, f"{file.name} holds {item.name}"
    text = {record.offset for name, record in records.items() if "vision" not in name}
    assert bound == text, "every weight of the text model is bound, and nothing else"


def test_graphs_name_no_path_of_this_machine(exported: Path) -> None:
    for file in exported.glob("dewpoint-*.onnx"):
        content = file.read_bytes()
        assert str(Path.cwd()).encode() not in content
        assert b"site-packages" not in content


def test_standard_operators_only(exported: Path) -> None:
    for file in exported.glob("dewpoint-*.onnx"):
        nodes = onnx.load(file, load_external_data=False).graph.node
        assert {node.domain for node in nodes} <= {"", "ai.onnx"}
        not_in_tensorrt = {"SplitToSequence", "SequenceAt", "Loop", "If", "NonZero"}
        assert not {node.op_type for node in nodes} & not_in_tensorrt


def test_usable_graphs_are_not_made_again(checkpoint: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in checkpoint.iterdir()}
    _, rebuilt = ensure_graphs(checkpoint, _quiet)
    assert not rebuilt
    assert {file: file.stat().st_mtime_ns for file in checkpoint.iterdir()} == before


@pytest.mark.parametrize("name", ["dewpoint-embed.onnx", "dewpoint-stack0.onnx", MANIFEST])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped"])
def test_damaged_graphs_are_noticed(checkpoint: Path, name: str, damage: str) -> None:
    assert _usable(checkpoint)
    file = checkpoint / name
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[content.find(b'"weights"') + 14 if name == MANIFEST else len(content) // 2] ^= 1
        file.write_bytes(content)
    assert not _usable(checkpoint)


def test_other_weights_make_graphs_stale(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    header = int.from_bytes(weights.read_bytes()[:8], "little")
    content = json.loads(weights.read_bytes()[8 : 8 + header])
    content["__metadata__"] = {"format": "pt", "padding": "x" * 64}
    text = json.dumps(content).encode()
    weights.write_bytes(len(text).to_bytes(8, "little") + text + weights.read_bytes()[8 + header :])
    assert not _usable(checkpoint), "the same tensors at other offsets"


def test_window_and_canvas_do_not_make_graphs_stale(checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    config["canvas_length"], config["text_config"]["sliding_window"] = 32, 7
    (checkpoint / "config.json").write_text(json.dumps(config))
    assert _usable(checkpoint)
    config["text_config"]["rms_norm_eps"] = 1e-5
    (checkpoint / "config.json").write_text(json.dumps(config))
    assert not _usable(checkpoint)


def test_symbolic_links_get_a_way_out(checkpoint: Path, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    (checkpoint / "model.safetensors").rename(blob)
    (checkpoint / "model.safetensors").symlink_to(blob)
    (checkpoint / MANIFEST).unlink()
    with pytest.raises(GraphError, match="symbolic links") as caught:
        ensure_graphs(checkpoint, _quiet)
    assert "cp -rL" in caught.value.hint


def test_read_only_folder_gets_a_way_out(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkpoint / MANIFEST).unlink()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # tests run as root, whom no mode bit stops
    with pytest.raises(GraphError, match="cannot be written") as caught:
        ensure_graphs(checkpoint, _quiet)
    assert "copy the model to a folder of yours" in caught.value.hint


def test_without_torch_the_sentence_names_the_extra(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkpoint / MANIFEST).unlink()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GraphError, match="needs PyTorch") as caught:
        ensure_graphs(checkpoint, _quiet)
    assert "[export]" in caught.value.hint


def test_full_disk_leaves_no_half_graph(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkpoint / MANIFEST).unlink()
    before = {file.name for file in checkpoint.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GraphError, match="No space left on device"):
        ensure_graphs(checkpoint, _quiet)
    assert {file.name for file in checkpoint.iterdir()} == before
    assert not _usable(checkpoint)


def test_weights_of_another_shape_are_named(checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 20
    (checkpoint / "config.json").write_text(json.dumps(config))
    for open_it in (ensure_graphs, TorchBackend.open):
        with pytest.raises(ModelFolderError, match=r"has the shape \(16, 16\), config\.json asks for \(20, 16\)"):
            open_it(checkpoint, _quiet)


def test_overfull_experts_run_again(exported: Path) -> None:
    backend = OnnxBackend.open(exported, _quiet)
    reference = TorchBackend.open(exported, _quiet)
    same = np.zeros(16, np.int64)  # one token everywhere: two experts get all of them
    for each in (backend, reference):
        each.encode(np.arange(5))
    uniforms = np.full(16, 0.5, np.float32)
    ours, truth = (each.denoise(same, None, 0.7, uniforms) for each in (backend, reference))
    assert backend.capacity_reruns > 0, "the even capacity cannot hold this"
    np.testing.assert_allclose(ours.top_probs, truth.top_probs, atol=1e-5)
    reruns = backend.capacity_reruns
    backend.denoise(same, None, 0.7, uniforms)
    assert backend.capacity_reruns == reruns, "the larger capacity is kept for the next step"
    backend.close()


def test_cut_back_cache_equals_a_fresh_one(exported: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 97, 60)
    backend = OnnxBackend.open(exported, _quiet)
    backend.encode(ids)
    assert backend.truncate(33) == 33
    backend.encode(ids[40:50])
    fresh = OnnxBackend.open(exported, _quiet)
    fresh.encode(np.concatenate([ids[:33], ids[40:50]]))
    for (k, v), (other_k, other_v) in zip(backend.kv(), fresh.kv(), strict=True):
        np.testing.assert_allclose(k, other_k, atol=1e-5)
        np.testing.assert_allclose(v, other_v, atol=1e-5)
    assert backend.prefilled == 70
    backend.close()
    fresh.close()


def test_progress_rises_to_one(exported: Path) -> None:
    seen: list[float] = []
    OnnxBackend.open(exported, lambda stage, fraction: seen.append(fraction)).close()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
