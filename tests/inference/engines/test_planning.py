"""The planner's sizes against the architecture itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.config import model_config_from_dicts, model_config_from_folder
from inference.engines.planning import int8_work, model_shape
from inference.model.stack import DiffusionGemma
from tests.helpers.published import published_config
from tests.helpers.random_models import random_settings, random_shape, save_with, transformers_model
from trt_engines.planning.shape import PUBLISHED


def test_the_published_configuration_has_the_published_shape() -> None:
    assert model_shape(model_config_from_dicts(published_config(), {}, Path("published"))) == PUBLISHED


@pytest.mark.parametrize("before", [0, 700, 1024, 50_000])
def test_int8_work_is_what_the_planner_counts(before: int) -> None:
    work = int8_work(model_config_from_dicts(published_config(), {}, Path("published")))
    assert work.operations(256, before) == pytest.approx(sum(PUBLISHED.step_flops(before)), rel=1e-12)
    assert work.operations(64, before) < work.operations(256, before) / 4


@pytest.mark.parametrize("seed", range(8))
def test_parameters_are_those_of_the_module(seed: int, tmp_path: Path) -> None:
    model = transformers_model(random_shape(seed))
    save_with(model, tmp_path, random_settings(seed)[0])
    config = model_config_from_folder(tmp_path)
    matrices = [p.numel() for p in DiffusionGemma(config).parameters() if p.dim() > 1]
    assert model_shape(config).parameters == sum(matrices)
