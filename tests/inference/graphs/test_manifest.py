"""Graphs that no longer fit their weights are noticed: damaged ones, other weights, another shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.backends.onnx_graphs import valid_graphs
from inference.config import model_config_from_folder
from inference.graphs.manifest import MANIFEST
from trt_engines.weights.index import index_checkpoint

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def _usable(folder: Path) -> bool:
    return valid_graphs(folder, model_config_from_folder(folder), index_checkpoint(folder)) is not None


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
