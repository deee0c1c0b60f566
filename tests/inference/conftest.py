"""Fixtures for the tests of the core; torch is imported by those alone that ask for it."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.graphs.made import remember
from inference.graphs.manifest import read_manifest


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
