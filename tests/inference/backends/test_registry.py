"""Backends by name, and which of the two "torch" means."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.backends import torch_cuda
from inference.backends.fake import FakeBackend
from inference.backends.registry import BACKEND_NAMES, is_fake, open_backend
from inference.errors import KnownError, ModelFolderError, OutOfMemoryError
from inference.model_config import ModelConfig
from tests.helpers.published import published_config


def no_progress(stage: str, fraction: float) -> None:
    """Nobody looks."""


@pytest.mark.parametrize("name", ["fake", "fake:slow", "fake:slow,long", "fake:thinking", "fake:instant"])
def test_fakes_open_without_a_folder(name: str) -> None:
    assert isinstance(open_backend(None, name, no_progress), FakeBackend)


def test_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="no backend named quantum") as caught:
        open_backend(tmp_path, "quantum", no_progress)
    assert all(name in caught.value.hint for name in BACKEND_NAMES)
    with pytest.raises(KnownError, match="no mode named fast") as caught:
        open_backend(None, "fake:fast", no_progress)
    assert "slow" in caught.value.hint


@pytest.mark.parametrize("name", ["auto", "onnx", "torch"])
def test_a_model_that_no_processor_of_this_size_can_run_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(published_config()))
    memory = SimpleNamespace(total=64 * 10**9)
    monkeypatch.setattr("inference.backends.memory.psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr("inference.native.library.is_there", lambda: False)
    with pytest.raises(OutOfMemoryError) as caught:
        open_backend(tmp_path, name, no_progress)
    assert caught.value.user_text == (
        "This model has 25.3 billion weights and needs 101 GB of memory on the processor, and this computer has 64 GB."
    )
    memory.total = 128 * 10**9
    with pytest.raises(KnownError, match=r"weights|safetensors"):  # large enough, but there are no weights
        open_backend(tmp_path, name, no_progress)


def test_the_unloadable_fake_cannot_be_loaded() -> None:
    with pytest.raises(ModelFolderError, match="cannot be loaded"):
        open_backend(None, "fake:unloadable", no_progress)


def test_fakes_are_known_by_name() -> None:
    assert [name for name in ("fake", "fake:slow", "faker", "onnx", "auto") if is_fake(name)] == ["fake", "fake:slow"]


def test_a_card_is_used_whatever_the_memory_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps(published_config()))
    opened = SimpleNamespace(name="torch")
    monkeypatch.setattr(torch_cuda, "card_there", lambda: True)
    monkeypatch.setattr(torch_cuda.TorchCudaBackend, "open", lambda path, progress, config: opened)
    monkeypatch.setattr("inference.backends.registry.check_processor_memory", _refuse)
    assert open_backend(tmp_path, "torch", no_progress) is opened
    monkeypatch.setattr(torch_cuda, "card_there", lambda: False)
    with pytest.raises(OutOfMemoryError):
        open_backend(tmp_path, "torch", no_progress)


def _refuse(config: ModelConfig) -> None:
    raise OutOfMemoryError("too large")


def test_without_torch_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps(published_config()))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(KnownError, match="needs PyTorch, which is not installed"):
        open_backend(tmp_path, "torch", no_progress)
