"""Sizes of the published model against what is known of its files."""

from __future__ import annotations

import pytest

from trt_engines.planning.shape import PUBLISHED


def test_parameters_of_the_published_model() -> None:
    experts = len(PUBLISHED.layers) * PUBLISHED.expert_parameters
    assert experts == pytest.approx(22.838e9, rel=1e-4)
    assert PUBLISHED.parameters == pytest.approx(25.25e9, rel=1e-3)


def test_kv_cache_of_the_published_model() -> None:
    """Full layers take 21 MB for 1,024 tokens in 16 bits; sliding ones end at 1,024 positions, about 210 MB."""
    full = PUBLISHED.kv_bytes(66_560, 2) - PUBLISHED.kv_bytes(65_536, 2)
    assert full == pytest.approx(21e6, rel=0.01)
    assert PUBLISHED.kv_bytes(1024, 2) - full == pytest.approx(210e6, rel=0.01)
    assert PUBLISHED.kv_bytes(65_536, 1) * 2 == PUBLISHED.kv_bytes(65_536, 2)


def test_work_of_a_step() -> None:
    experts, rest = PUBLISHED.step_flops(0)
    soft = 2 * PUBLISHED.canvas_length * PUBLISHED.vocab_size * PUBLISHED.hidden_size  # over the whole vocabulary
    assert experts + rest - soft == pytest.approx(2.0e12, rel=0.05)
    assert PUBLISHED.step_flops(32_768)[1] > rest


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 30, 31])
def test_segments_hold_every_layer_once(length: int) -> None:
    segments = PUBLISHED.segments(length)
    assert sum(segments, ()) == PUBLISHED.layers
    assert all(len(segment) == length for segment in segments[:-1])
