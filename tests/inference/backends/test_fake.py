"""The fake backend behaves like a model that is sure of its script."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from inference.backends.fake import FakeBackend, fake_from_name
from inference.backends.fake_model import LONG_ANSWER, SHORT_ANSWER, fake_config, fake_tokenizer
from inference.errors import OutOfMemoryError

SIZE = 256


def run(backend: FakeBackend, steps: int) -> list[Any]:
    """Some steps of one canvas."""
    canvas, uniforms = np.zeros(SIZE, dtype=np.int64), np.zeros(SIZE, dtype=np.float32)
    results: list[Any] = []
    for _ in range(steps):
        state = results[-1].state if results else None
        results.append(backend.denoise(canvas, state, 0.5, uniforms))
    return results


def test_it_keeps_the_contract() -> None:
    step = run(FakeBackend(), 1)[0]
    assert step.argmax.dtype == step.sampled.dtype == step.top_ids.dtype == np.int64
    assert step.entropy.dtype == step.top_probs.dtype == np.float32
    assert step.argmax.shape == step.sampled.shape == step.entropy.shape == (SIZE,)
    assert step.top_ids.shape == step.top_probs.shape
    assert np.array_equal(step.top_ids[:, 0], step.argmax)
    assert step.argmax.max() < fake_config().vocab_size


def test_places_settle_melt_once_and_settle_again() -> None:
    results = run(FakeBackend(), 10)
    right = np.array([result.argmax == results[-1].argmax for result in results])
    melted = (right[:-1] & ~right[1:]).sum(axis=0)
    assert melted.max() == 1
    assert 0 < (melted == 1).mean() < 0.3
    assert right[-1].all()
    means = [float(result.entropy.mean()) for result in results]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.005


def test_it_is_deterministic() -> None:
    for first, second in zip(run(FakeBackend(), 6), run(FakeBackend(), 6), strict=True):
        assert np.array_equal(first.argmax, second.argmax)
        assert np.array_equal(first.entropy, second.entropy)


def test_a_commit_goes_on_and_a_prompt_begins_anew() -> None:
    backend, tokenizer = fake_from_name("fake:long"), fake_tokenizer()
    first = run(backend, 9)[-1].argmax
    backend.encode(first)
    second = run(backend, 9)[-1].argmax
    assert backend.length == SIZE
    assert LONG_ANSWER.startswith(tokenizer.decode([*first.tolist(), *second.tolist()]))
    backend.encode(np.array([3, 9, 9]))
    assert np.array_equal(run(backend, 9)[-1].argmax, first)


def test_answers_end_with_end_of_text() -> None:
    ids = run(FakeBackend(), 9)[-1].argmax.tolist()
    end = ids.index(1)
    assert fake_tokenizer().decode(ids[:end]) == SHORT_ANSWER
    assert set(ids[end + 1 :]) == {0}


def test_the_long_answer_takes_several_blocks_but_no_more_than_the_default() -> None:
    assert 2 * SIZE < len(fake_tokenizer().encode(LONG_ANSWER)) < 4 * SIZE - 50


def test_truncate() -> None:
    backend = FakeBackend()
    backend.encode(np.arange(10))
    assert (backend.truncate(4), backend.length) == (4, 4)
    stubborn = FakeBackend(can_truncate=False)
    stubborn.encode(np.arange(10))
    assert (stubborn.truncate(4), stubborn.length) == (0, 0)


def test_trouble_comes_in_the_third_step() -> None:
    with pytest.raises(RuntimeError, match="as it was told to"):
        run(fake_from_name("fake:failing"), 3)
    with pytest.raises(OutOfMemoryError):
        run(fake_from_name("fake:oom"), 3)
    assert len(run(fake_from_name("fake:oom"), 2)) == 2


def test_slow_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    run(fake_from_name("fake:slow"), 3)
    assert naps == [0.1] * 3


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be 4 or more, not 3"):
        FakeBackend(steps=3)
