"""Which torch backend "torch" means: the one for cards where there is a card, else the reference."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.backends import torch_cuda
from inference.backends.registry import open_backend
from inference.errors import KnownError, OutOfMemoryError


def no_progress(stage: str, fraction: float) -> None:
    """Nobody looks."""


def test_a_card_is_used_whatever_the_memory_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = SimpleNamespace(name="torch")
    monkeypatch.setattr(torch_cuda, "card_there", lambda: True)
    monkeypatch.setattr(torch_cuda.TorchCudaBackend, "open", lambda path, progress: opened)
    monkeypatch.setattr("inference.backends.registry.check_processor_memory", _refuse)
    assert open_backend(tmp_path, "torch", no_progress) is opened
    monkeypatch.setattr(torch_cuda, "card_there", lambda: False)
    with pytest.raises(OutOfMemoryError):
        open_backend(tmp_path, "torch", no_progress)


def _refuse(path: Path) -> None:
    raise OutOfMemoryError("too large")


def test_without_torch_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(KnownError, match="needs PyTorch, which is not installed"):
        open_backend(tmp_path, "torch", no_progress)
