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
from inference.backends.native import NativeBackend
from inference.backends.onnx import OnnxBackend
from inference.backends.torch_cuda import TorchCudaBackend
from inference.backends.torch_reference import TorchBackend
from inference.native import library
from inference.native.build import BUILT, build_library
from tests.helpers.random_models import TINY, Setting, Shape, save_with, transformers_model
from tests.trt_engines.runtime.models import simulated

pytestmark = pytest.mark.usefixtures("one_torch_thread")
PLACES = 16


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def _native(folder: Path, cache: Path) -> Backend:
    return NativeBackend.open(folder, _quiet, "float32")


def _simulated(folder: Path, cache: Path) -> Backend:
    return simulated(folder, cache).backend


OPENERS: dict[str, Callable[[Path, Path], Backend]] = {
    "onnx": lambda folder, cache: OnnxBackend.open(folder, _quiet),
    "torch": lambda folder, cache: TorchBackend.open(folder, _quiet),
    "torch on a device": lambda folder, cache: TorchCudaBackend.open(folder, _quiet, "cpu"),
    "native": _native,
    "tensorrt": _simulated,
}


@pytest.fixture(params=OPENERS)
def backend(request: pytest.FixtureRequest, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each backend over one tiny checkpoint with a prompt in its cache."""
    if request.param == "native":
        file = build_library(BUILT / "tests")
        library.load.cache_clear()
        monkeypatch.setattr(library, "library_file", lambda: file)
    made = OPENERS[request.param](exported, tmp_path)
    made.encode(np.arange(7))
    yield made
    made.close()
    if request.param == "native":
        library.load.cache_clear()


def _agrees(backend: Backend, temperature: float = 0.7) -> None:
    """Two steps: what the head says of its candidates, of entropies and of the state is what the logits say."""
    rng, state = np.random.default_rng(3), None
    everything = np.arange(backend.config.vocab_size)
    for _ in range(2):
        canvas, uniforms = rng.integers(0, backend.config.vocab_size, PLACES), rng.random(PLACES, dtype=np.float32)
        logits = backend.logits(canvas, state).astype(np.float64) / temperature
        told = rng.permutation(backend.config.vocab_size)[:20]
        np.testing.assert_allclose(backend.logits(canvas, state, told) / temperature, logits[:, told], atol=1e-4)
        step = backend.denoise(canvas, state, temperature, uniforms)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(np.take_along_axis(shares, step.top_ids, axis=1), step.top_probs, atol=1e-4)
        np.testing.assert_allclose(-(shares * np.log(shares)).sum(axis=1), step.entropy, atol=1e-3)
        # The state that is told the head's own distribution leads to what the head's own state leads to.
        expected = backend.logits(canvas, step.state)
        state = backend.conditioned(step.state, PLACES, np.arange(PLACES), everything, shares.astype(np.float32))
        np.testing.assert_allclose(backend.logits(canvas, state), expected, atol=2e-3)


def test_logits_and_states_are_those_of_the_head(backend: Backend) -> None:
    _agrees(backend)


def test_only_the_places_that_are_told_change(backend: Backend) -> None:
    canvas = np.random.default_rng(1).integers(0, backend.config.vocab_size, PLACES)
    step = backend.denoise(canvas, None, 1.0, np.zeros(PLACES, np.float32))
    one = np.ones((1, 1), np.float32)
    if backend.name in ("onnx", "native") or type(backend) is TorchBackend:
        state = backend.conditioned(step.state, PLACES, np.array([3]), np.array([5]), one)
        assert np.array_equal(np.delete(state, 3, axis=0), np.delete(step.state, 3, axis=0))
        assert not np.array_equal(state[3], step.state[3])
    alone = backend.logits(canvas, backend.conditioned(None, PLACES, np.array([3]), np.array([5]), one))
    assert not np.allclose(alone, backend.logits(canvas, None))


def test_a_vocabulary_of_twenty_thousand_is_taken_in_pieces(tmp_path: Path) -> None:
    shape = Shape(**{**TINY.__dict__, "vocab": 20_011})
    save_with(transformers_model(shape), tmp_path, Setting(window=24, canvas=PLACES, prompts=(5,)))
    backend = TorchBackend.open(tmp_path, _quiet)
    backend.encode(np.arange(7))
    _agrees(backend)


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
