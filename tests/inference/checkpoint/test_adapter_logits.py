"""A merged folder answers as PEFT's model that was not merged; by our backends and by transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import DiffusionGemmaForBlockDiffusion

from inference.backends.base import Backend
from inference.backends.onnx import OnnxBackend
from inference.backends.torch_reference import TorchBackend
from inference.checkpoint.adapters import merge_adapter
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.inference.golden import names

pytestmark = pytest.mark.usefixtures("one_torch_thread")

GOLDEN = Path(__file__).parents[1] / "golden"
PROMPT, CANVAS = [2, 5, 17, 301, 44], [7, 900, 12, 55, 3, 3, 610, 18]


@pytest.fixture(params=names(with_merge=False))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, np.ndarray]:
    """The merged folder and PEFT's logits [8, vocab]."""
    base = write_model(tmp_path / "base", random_tensors(tiny_config(), dtype=np.float32), tiny_config())
    for _ in merge_adapter(base, GOLDEN / request.param, tmp_path / "out"):
        pass
    return tmp_path / "out", np.load(GOLDEN / request.param / "logits.npy")


@pytest.mark.log_allowed("transformers.*: .*LOAD REPORT")
def test_transformers_loads_it(case: tuple[Path, np.ndarray]) -> None:
    folder, exact = case
    model = DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        made = model(input_ids=torch.tensor([PROMPT]), decoder_input_ids=torch.tensor([CANVAS])).logits[0].numpy()
    np.testing.assert_allclose(made, exact, atol=1e-5)


@pytest.mark.parametrize("kind", [TorchBackend, pytest.param(OnnxBackend, marks=pytest.mark.slow)])
def test_our_backends_agree(case: tuple[Path, np.ndarray], kind: type[Backend]) -> None:
    folder, exact = case
    shares = np.exp(exact.astype(np.float64) / 0.7)
    shares /= shares.sum(axis=1, keepdims=True)
    backend = kind.open(folder, lambda stage, done: None)  # type: ignore[attr-defined]
    backend.encode(np.array(PROMPT))
    step = backend.denoise(np.array(CANVAS), None, 0.7, np.full(8, 0.5, np.float32))
    np.testing.assert_array_equal(step.argmax, exact.argmax(axis=1))
    np.testing.assert_allclose(step.top_probs, np.take_along_axis(shares, step.top_ids, 1), rtol=1e-4)
    np.testing.assert_allclose(step.entropy, -(shares * np.log(shares)).sum(axis=1), rtol=1e-5)
    backend.close()
