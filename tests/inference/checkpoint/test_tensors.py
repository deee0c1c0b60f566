"""The list of tensors that needs no torch is the torch module's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.checkpoint.folder import inspect_folder
from inference.checkpoint.tensors import expected_tensors
from inference.config import model_config_from_folder
from inference.model.stack import DiffusionGemma
from inference.model.weights import checkpoint_name
from tests.helpers.checkpoints import STARTER
from tests.helpers.random_models import random_settings, random_shape, save_with, transformers_model

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.mark.parametrize("seed", range(8))
def test_names_and_shapes_are_those_of_the_module(tmp_path: Path, seed: int) -> None:
    save_with(transformers_model(random_shape(seed)), tmp_path, random_settings(seed)[0], weights=False)
    config = model_config_from_folder(tmp_path)
    with torch.device("meta"):
        state = DiffusionGemma(config).state_dict()
    assert expected_tensors(config) == {checkpoint_name(name): tuple(each.shape) for name, each in state.items()}


@pytest.mark.parametrize("limit", ["40KB", "50GB"])
def test_what_transformers_saves_passes(tmp_path: Path, limit: str) -> None:
    model = transformers_model(random_shape(3))
    model.to(torch.bfloat16).save_pretrained(tmp_path, max_shard_size=limit)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((STARTER / name).read_bytes())
    facts = inspect_folder(tmp_path)
    assert facts.dtype == "BF16"
    assert facts.sharded == (limit == "40KB")
    text_weights = sum(p.numel() for n, p in model.model.decoder.named_parameters())
    assert facts.parameters == text_weights + 2 * len(model.model.decoder.layers)
