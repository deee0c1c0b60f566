"""Fixtures for the tests of the core; torch is imported by those alone that ask for it."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.config import model_config_from_folder
from inference.graphs.made import remember
from inference.graphs.manifest import read_manifest
from trt_engines.weights.index import index_checkpoint


@pytest.fixture
def without_collections() -> Iterator[None]:
    """An exporter makes millions of objects that live as long as it runs: looking for garbage takes a sixth of it."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Tiny tensors on several threads mostly wait for each other, above all where other programs use the cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny checkpoint with graphs, made once a session; read only."""
    from inference.model.export_graphs import write_graphs
    from tests.helpers.random_models import TINY, Setting, save_with, transformers_model

    folder = tmp_path_factory.mktemp("tiny")
    save_with(transformers_model(TINY), folder, Setting(window=24, canvas=16, prompts=(5,)))
    config, records = model_config_from_folder(folder), index_checkpoint(folder)
    write_graphs(folder, config, records, lambda stage, fraction: None, few_experts=0)
    return folder


@pytest.fixture
def exported(exported_once: Path) -> Path:
    """The same, and the data folder of this test remembers that its graphs were made here."""
    manifest = read_manifest(exported_once)
    assert manifest is not None
    remember(manifest)
    return exported_once


@pytest.fixture
def checkpoint(exported: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    return Path(shutil.copytree(exported, tmp_path / "model"))
