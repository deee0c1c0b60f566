"""A tiny checkpoint with graphs, made once a session; tests that change files work on a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inference.config import model_config_from_folder
from inference.model.export_graphs import write_graphs
from tests.inference.model.random_models import Setting, Shape, save_with, transformers_model
from trt_engines.weights.index import index_checkpoint

TINY = Shape(
    seed=5,
    kinds=("sliding_attention", "full_attention"),
    hidden=16,
    intermediate=16,
    heads=2,
    kv_heads=1,
    full_kv_heads=1,
    head_dim=8,
    full_head_dim=8,
    experts=6,
    top_k=2,
    moe=8,
    vocab=97,
)


@pytest.fixture(autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """Tiny tensors: more threads only wait for each other."""


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny checkpoint; read only."""
    folder = tmp_path_factory.mktemp("tiny")
    save_with(transformers_model(TINY), folder, Setting(window=24, canvas=16, prompts=(5,)))
    config, records = model_config_from_folder(folder), index_checkpoint(folder)
    write_graphs(folder, config, records, lambda stage, fraction: None, few_experts=0)
    return folder


@pytest.fixture
def checkpoint(exported: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    return Path(shutil.copytree(exported, tmp_path / "model"))
