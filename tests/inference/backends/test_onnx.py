"""The backend over exported graphs: experts that get too many tokens, a cache that is cut back, progress."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.backends.onnx import OnnxBackend
from inference.backends.torch_reference import TorchBackend

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def test_overfull_experts_run_again(exported: Path) -> None:
    backend = OnnxBackend.open(exported, _quiet)
    reference = TorchBackend.open(exported, _quiet)
    same = np.zeros(16, np.int64)  # one token everywhere: two experts get all of them
    for each in (backend, reference):
        each.encode(np.arange(5))
    uniforms = np.full(16, 0.5, np.float32)
    ours, truth = (each.denoise(same, None, 0.7, uniforms) for each in (backend, reference))
    assert backend.capacity_reruns > 0, "the even capacity cannot hold this"
    np.testing.assert_allclose(ours.top_probs, truth.top_probs, atol=1e-5)
    reruns = backend.capacity_reruns
    backend.denoise(same, None, 0.7, uniforms)
    assert backend.capacity_reruns == reruns, "the larger capacity is kept for the next step"
    backend.close()


def test_cut_back_cache_equals_a_fresh_one(exported: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 97, 60)
    backend = OnnxBackend.open(exported, _quiet)
    backend.encode(ids)
    assert backend.truncate(33) == 33
    backend.encode(ids[40:50])
    fresh = OnnxBackend.open(exported, _quiet)
    fresh.encode(np.concatenate([ids[:33], ids[40:50]]))
    for (k, v), (other_k, other_v) in zip(backend.kv(), fresh.kv(), strict=True):
        np.testing.assert_allclose(k, other_k, atol=1e-5)
        np.testing.assert_allclose(v, other_v, atol=1e-5)
    assert backend.prefilled == 70
    backend.close()
    fresh.close()


def test_progress_rises_to_one(exported: Path) -> None:
    seen: list[float] = []
    OnnxBackend.open(exported, lambda stage, fraction: seen.append(fraction)).close()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
