"""Only graphs of ours are run: those that ship, and those that were made on this computer, whatever a folder says."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

import onnx
import pytest

from inference.backends.onnx_graphs import ensure_graphs, valid_graphs
from inference.config import model_config_from_folder
from inference.errors import GraphError
from inference.graphs.made import is_ours, made_folder, remember
from inference.graphs.manifest import MANIFEST, read_manifest
from tests.helpers.checkpoints import STARTER
from trt_engines.building.store import MANIFEST as ENGINES
from trt_engines.building.store import EngineStore, EngineStoreError
from trt_engines.weights.index import index_checkpoint


def _usable(folder: Path, made: Path | None = None) -> bool:
    return valid_graphs(folder, model_config_from_folder(folder), index_checkpoint(folder), made) is not None


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def strangers(exported_once: Path, tmp_path: Path) -> Path:
    """A folder whose graphs were made elsewhere; its manifest names and hashes them as ours does."""
    folder = Path(shutil.copytree(exported_once, tmp_path / "strangers"))
    graph = onnx.load(folder / "dewpoint-head.onnx", load_external_data=False)
    graph.doc_string = "made elsewhere"
    (folder / "dewpoint-head.onnx").write_bytes(graph.SerializeToString())
    raw = json.loads((folder / MANIFEST).read_text())
    raw["files"]["dewpoint-head.onnx"] = hashlib.sha256((folder / "dewpoint-head.onnx").read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(raw))
    return folder


@pytest.mark.usefixtures("one_torch_thread")
def test_graphs_of_a_stranger_are_made_anew_and_then_ours(strangers: Path) -> None:
    assert not _usable(strangers)
    before = (strangers / "dewpoint-head.onnx").stat().st_mtime_ns
    _, rebuilt = ensure_graphs(strangers, _quiet)
    assert rebuilt
    assert (strangers / "dewpoint-head.onnx").stat().st_mtime_ns != before
    assert ensure_graphs(strangers, _quiet)[1] is False
    copy = Path(shutil.copytree(strangers, strangers.parent / "copy"))
    assert _usable(copy), "a copy on the same computer has the graphs that were made here"


def test_what_the_data_folder_knows_counts_and_nothing_else(strangers: Path, tmp_path: Path) -> None:
    manifest = read_manifest(strangers)
    assert manifest is not None
    engines = tmp_path / "data" / "engines"
    remember(manifest, made_folder(engines))
    assert _usable(strangers, made_folder(engines))
    assert not _usable(strangers), "another data folder"
    assert not _usable(strangers, made_folder(tmp_path / "other" / "engines"))
    raw = json.loads((strangers / MANIFEST).read_text())
    raw["files"].pop("dewpoint-head.onnx")
    (strangers / MANIFEST).write_text(json.dumps(raw))
    assert not _usable(strangers, made_folder(engines)), "a manifest that leaves out the graph which was changed"


@pytest.mark.parametrize("known", ["[]", "{}", "[1, null]", "{", "\x00"])
def test_a_damaged_memory_is_empty(strangers: Path, known: str) -> None:
    manifest = read_manifest(strangers)
    assert manifest is not None
    made_folder().mkdir(parents=True)
    (made_folder() / "made.json").write_text(known)
    assert not is_ours(manifest)
    remember(manifest)
    assert is_ours(manifest)


def test_without_torch_the_sentence_says_whose_graphs_they_are(
    strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GraphError, match="were not made on this computer and are not run"):
        ensure_graphs(strangers, _quiet)


def test_the_starters_graphs_ship_with_us_wherever_it_lies(tmp_path: Path) -> None:
    """A new starter was published? Then enter the hash of its manifest in inference/graphs/made.py."""
    folder = Path(shutil.copytree(STARTER, tmp_path / "starter"))
    manifest = folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b"\n", b"\r\n"))
    assert _usable(folder)
    assert not made_folder().exists(), "nothing had to be remembered"


def test_a_manifest_of_any_kind_is_no_error(strangers: Path) -> None:
    good = json.loads((strangers / MANIFEST).read_text())
    changes: list[dict[str, object]] = [
        {"files": []}, {"files": None}, {"segments": [[1e999, 2]]}, {"segments": 3}, {"version": {}}, {"x": 1},
    ]  # fmt: skip
    for change in changes:
        (strangers / MANIFEST).write_text(json.dumps(good | change))
        assert not _usable(strangers)
    for text in ("[]", "3", "[" * 5000, "9" * 5000):
        (strangers / MANIFEST).write_text(text)
        assert not _usable(strangers)


def test_a_link_in_the_folder_of_engines_is_no_set(tmp_path: Path) -> None:
    store, documents = EngineStore(tmp_path / "engines"), tmp_path / "documents"
    documents.mkdir()
    store.root.mkdir()
    (documents / ENGINES).write_text("{}")
    (documents / "mine.json").write_text("{}")
    (store.root / "set").symlink_to(documents)
    assert store.sets() == ()
    with pytest.raises(EngineStoreError):
        store.remove(store.root / "set")
    assert (documents / "mine.json").exists()
