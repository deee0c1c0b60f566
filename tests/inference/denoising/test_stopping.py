"""Our stopping criterion against transformers'."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.models.diffusion_gemma.generation_diffusion_gemma import StableAndConfidentStoppingCriteria

from inference.denoising.stopping import StableAndConfident

pytestmark = pytest.mark.usefixtures("one_torch_thread")
SURE = np.full(4, 1e-5, dtype=np.float32)
FIRST, OTHER = np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5])


def test_same_verdicts_as_transformers() -> None:
    verdicts = {compare_with_transformers(case) for case in range(200)}
    assert verdicts == {True, False}  # the cases try both


def compare_with_transformers(case: int) -> bool:
    """Twelve steps of a canvas that changes now and then and gets surer; after the sixth a new block begins."""
    generator = torch.Generator().manual_seed(case)
    stability, size, vocab = case % 4, 1 + case % 7, 9
    confidence = float(10 ** (torch.rand(1, generator=generator) * 3 - 2))
    reference = StableAndConfidentStoppingCriteria(stability, confidence)
    ours = StableAndConfident(stability, confidence)
    logits = torch.randn(1, size, vocab, generator=generator)
    for step in range(12):
        if step == 6:
            reference.reset()
            ours.reset()
        if torch.rand(1, generator=generator) < 0.3:
            logits = torch.randn(1, size, vocab, generator=generator)
        scaled = logits * (1 + step * 4)
        argmax = scaled.argmax(-1)
        expected = bool(reference(argmax, scaled)[0])
        entropy = torch.distributions.Categorical(logits=scaled).entropy()[0].numpy()
        assert ours.update(argmax[0].numpy(), entropy) is expected
    return expected


def test_stability_1_needs_two_identical_canvases() -> None:
    """The off-by-one here that dropped the first token of short answers elsewhere (vLLM PR 45965)."""
    stopping = StableAndConfident(1, 0.005)
    verdicts = [stopping.update(canvas, SURE) for canvas in (FIRST, OTHER, OTHER)]
    assert verdicts == [False, False, True]


def test_stability_2_needs_three_identical_canvases() -> None:
    stopping = StableAndConfident(2, 0.005)
    verdicts = [stopping.update(canvas, SURE) for canvas in (FIRST, OTHER, OTHER, OTHER)]
    assert verdicts == [False, False, False, True]


def test_stability_0_asks_for_confidence_alone() -> None:
    stopping = StableAndConfident(0, 0.005)
    assert stopping.update(FIRST, SURE)
    assert not stopping.update(FIRST, SURE + 1)


def test_a_new_block_forgets_the_old_one() -> None:
    stopping = StableAndConfident(1, 0.005)
    stopping.update(FIRST, SURE)
    stopping.reset()
    assert not stopping.update(FIRST, SURE)


def test_the_history_is_not_the_callers_array() -> None:
    stopping, canvas = StableAndConfident(1, 0.005), FIRST.copy()
    stopping.update(canvas, SURE)
    canvas[0] = 9
    assert not stopping.update(canvas, SURE)


def test_what_a_form_decides_both_times_does_not_count() -> None:
    """Only the last place changes."""
    theirs, form = np.array([1, 2, 3, 0]), np.array([1, 2, 3, 4])
    for thoughts, settled in (((theirs, theirs), True), ((theirs, OTHER), False), ((form, theirs), False)):
        stopping = StableAndConfident(1, 0.005)
        assert not stopping.update(FIRST, SURE, thoughts[0])
        assert stopping.update(OTHER, SURE, thoughts[1]) is settled
    stopping = StableAndConfident(1, 0.005)
    stopping.update(FIRST, SURE, theirs)
    assert not stopping.update(np.array([1, 9, 3, 5]), SURE, np.array([1, 9, 3, 0])), "the second place is the model's"


@pytest.mark.parametrize(("stability", "confidence"), [(-1, 0.1), (1, 0.0), (1, float("nan"))])
def test_thresholds_out_of_range_are_refused(stability: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        StableAndConfident(stability, confidence)
