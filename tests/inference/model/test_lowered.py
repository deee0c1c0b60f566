"""What half-precision products cost: the figures that the engines' self-test takes its tolerances from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.config import model_config_from_folder
from inference.model.graphs import StackGraph
from inference.model.stack import DiffusionGemma
from inference.model.weights import model_from_folder
from inference.model_config import ModelConfig
from tests.helpers.checkpoints import STARTER
from tests.helpers.random_models import Setting, random_shape, save_with, transformers_model
from trt_engines.selftest.check import TOLERANCES, _difference

COUNT, PAST = 64, 40


def rounded(folder: Path, config: ModelConfig, dtype: torch.dtype) -> tuple[DiffusionGemma, DiffusionGemma]:
    """The lowered model, and one in float32 that has the same rounded weights."""
    low, wide = model_from_folder(folder, config).lower(dtype), model_from_folder(folder, config)
    for ours, theirs in zip(wide.parameters(), low.parameters(), strict=True):
        ours.data = theirs.data.float()
    wide.scale = low.scale
    return low, wide


@pytest.mark.parametrize("seed", [None, 3, 11, 13])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.bfloat16, 0.01), (torch.float16, 0.002)])
@torch.no_grad()
def test_products_in_half_precision(seed: int | None, dtype: torch.dtype, bound: float, tmp_path: Path) -> None:
    folder = STARTER
    if seed is not None:
        folder = tmp_path / "model"
        save_with(transformers_model(random_shape(seed)), folder, Setting(20, 16, (50, 9)))
    config = model_config_from_folder(folder)
    low, wide = rounded(folder, config, dtype)
    torch.manual_seed(5)
    hidden = wide.embed_canvas(torch.randint(0, config.vocab_size, (COUNT,)), torch.randn(COUNT, config.hidden_size))
    for number, spec in enumerate(config.layers):
        past = [torch.randn(PAST, spec.kv_heads, spec.head_dim) / spec.head_dim**0.5 for _ in "kv"]
        seen = torch.ones(COUNT, PAST, dtype=torch.bool)
        common = (torch.arange(PAST, PAST + COUNT), torch.tensor([True]), seen, seen, torch.ones(COUNT, COUNT).bool())
        slots = torch.arange(COUNT)
        past = [part.to(dtype) for part in past]
        truth, *_ = StackGraph(wide, number, number + 1, True, True)(
            hidden, *common, slots, [part.float() for part in past]
        )
        found, *_ = StackGraph(low, number, number + 1, True, True)(hidden, *common, slots, past)
        error = _difference(np.asarray(found - hidden), np.asarray(truth - hidden))
        assert error < bound
        hidden = truth
    assert bound < TOLERANCES["fp16" if dtype == torch.float16 else "bf16"] / 2
