"""Logits and states made on the processor are those of each backend's own head."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.backends.base import Backend
from inference.backends.fake import FakeBackend
from inference.backends.fake_model import fake_config
from inference.backends.onnx import OnnxBackend
from inference.backends.torch_cuda import TorchCudaBackend
from inference.backends.torch_reference import TorchBackend
from tests.helpers.heads import PLACES, head_agrees
from tests.helpers.random_models import TINY, Setting, Shape, save_with, transformers_model

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


OPENERS: dict[str, Callable[[Path], Backend]] = {
    "onnx": lambda folder: OnnxBackend.open(folder, _quiet),
    "torch": lambda folder: TorchBackend.open(folder, _quiet),
    "torch on a device": lambda folder: TorchCudaBackend.open(folder, _quiet, "cpu"),
}


@pytest.fixture(params=OPENERS)
def backend(request: pytest.FixtureRequest, exported: Path) -> Any:
    """Each backend over one tiny checkpoint with a prompt in its cache."""
    made = OPENERS[request.param](exported)
    made.encode(np.arange(7))
    yield made
    made.close()


def test_logits_and_states_are_those_of_the_head(backend: Backend) -> None:
    head_agrees(backend)


def test_only_the_places_that_are_told_change(backend: Backend) -> None:
    if backend.name == "torch" and type(backend) is not TorchBackend:
        return  # its state lies on the device
    canvas = np.random.default_rng(1).integers(0, backend.config.vocab_size, PLACES)
    step = backend.denoise(canvas, None, 1.0, np.zeros(PLACES, np.float32))
    state = backend.conditioned(step.state, PLACES, np.array([3]), np.array([5]), np.ones((1, 1), np.float32))
    assert np.array_equal(np.delete(state, 3, axis=0), np.delete(step.state, 3, axis=0))
    assert not np.array_equal(state[3], step.state[3])


def test_a_vocabulary_of_twenty_thousand_is_taken_in_pieces(tmp_path: Path) -> None:
    shape = Shape(**{**TINY.__dict__, "vocab": 20_011})
    save_with(transformers_model(shape), tmp_path, Setting(window=24, canvas=PLACES, prompts=(5,)))
    backend = TorchBackend.open(tmp_path, _quiet)
    backend.encode(np.arange(7))
    head_agrees(backend)


def test_the_fake_says_the_same_by_logits_and_by_steps() -> None:
    first, second = (FakeBackend("Some text.", config=fake_config(PLACES)) for _ in range(2))
    canvas, state = np.zeros(PLACES, np.int64), None
    for _ in range(9):
        step = first.denoise(canvas, state, 1.0, np.zeros(PLACES, np.float32))
        likeliest = second.logits(canvas, state).argmax(axis=1)
        sure = step.entropy < 1.0
        assert np.array_equal(likeliest[sure], step.argmax[sure])
        state = second.conditioned(state, PLACES, np.arange(PLACES), np.arange(2), np.zeros((PLACES, 2), np.float32))
        assert state == step.state
