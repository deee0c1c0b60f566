"""Graphs beside the weights: small, bound to the files, made again when stale, refused with a way out."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from inference.backends.onnx_graphs import ensure_graphs
from inference.backends.torch_reference import TorchBackend
from inference.errors import GraphError, ModelFolderError
from inference.graphs.manifest import MANIFEST
from trt_engines.weights.index import index_checkpoint

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


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
    assert not (checkpoint / MANIFEST).exists()


def test_weights_of_another_shape_are_named(checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 20
    (checkpoint / "config.json").write_text(json.dumps(config))
    for open_it in (ensure_graphs, TorchBackend.open):
        with pytest.raises(ModelFolderError, match=r"has the shape \(16, 16\), config\.json asks for \(20, 16\)"):
            open_it(checkpoint, _quiet)
