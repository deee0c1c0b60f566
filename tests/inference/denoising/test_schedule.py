"""Our temperature against transformers' schedule."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.diffusion_gemma.generation_diffusion_gemma import LinearTemperatureScheduleLogitsProcessor

from inference.denoising.schedule import step_temperature


@given(
    max_steps=st.integers(1, 200),
    t_min=st.floats(0.0, 2.0),
    span=st.floats(0.01, 2.0),
    data=st.data(),
)
def test_same_scaled_logits_as_transformers(max_steps: int, t_min: float, span: float, data: st.DataObject) -> None:
    cur_step = data.draw(st.integers(1, max_steps))
    reference = LinearTemperatureScheduleLogitsProcessor(t_min, t_min + span, max_steps)
    logits = torch.linspace(-30.0, 30.0, 17)
    # The reference's loop passes its step as a tensor.
    expected = reference(None, logits, torch.tensor(cur_step, dtype=torch.int32))
    assert torch.equal(logits / step_temperature(cur_step, max_steps, t_min, t_min + span), expected)


def test_first_step_has_t_max_and_t_min_is_never_reached() -> None:
    assert step_temperature(48, 48, 0.4, 0.8) == pytest.approx(0.8)
    assert step_temperature(1, 48, 0.4, 0.8) > 0.4


@pytest.mark.parametrize("cur_step", [0, -1, 49])
def test_a_step_out_of_range_is_refused(cur_step: int) -> None:
    with pytest.raises(ValueError, match=r"cur_step must be within 1\.\.48"):
        step_temperature(cur_step, 48, 0.4, 0.8)
