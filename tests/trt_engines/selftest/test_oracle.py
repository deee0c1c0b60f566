"""The comparison with the original's logits: its arithmetic, its numbers, and a whole model over the stand-ins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.config import model_config_from_folder
from inference.engines.templates import templates_for
from tests.trt_engines.building.support import STARTER
from tests.trt_engines.runtime.models import reference, simulated
from trt_engines.planning.shape import PUBLISHED
from trt_engines.selftest import oracle
from trt_engines.selftest.oracle import LOGITS, PROMPT, TOLERANCES, compare, judged, stored_precision
from trt_engines.selftest.reference import Reference
from trt_engines.weights.source import WeightSource


def test_the_numbers_are_those_of_the_source() -> None:
    """Some of them, by hand, and what holds for all: the second token is the likeliest everywhere, below the cap."""
    table = np.array(LOGITS)
    assert table.shape == (10, 12)
    assert (table[0, 1], table[4, 11], table[9, 11]) == (20.66659, 8.68215, 9.86893)
    assert (table.argmax(axis=1) == 1).all()
    assert table.max() < 30
    assert len(PROMPT) == 20
    assert max(PROMPT) < PUBLISHED.vocab_size


def test_the_original_itself_passes_and_others_do_not() -> None:
    table = np.array(LOGITS)
    for precision, tolerance in TOLERANCES.items():
        assert judged(table, precision).passed
        assert judged(table + 0.9 * tolerance, precision).passed
        assert not judged(table + 1.1 * tolerance, precision).passed
    assert not judged(table[:, ::-1], "int4").passed
    assert not judged(table * np.nan, "int4").passed
    other = table.copy()
    other[3, 4] = 25  # one place: the mean hardly moves, but another token is the likeliest
    assert not judged(other, "int4").passed


@pytest.mark.parametrize(("gigabytes", "held"), [(51.6, "bf16"), (25.3, "fp8"), (18.9, "nvfp4"), (18.3, "nvfp4")])
def test_what_a_published_checkpoint_holds(gigabytes: float, held: str) -> None:
    assert stored_precision(int(gigabytes * 1e9), PUBLISHED) == held


def test_logits_are_those_that_the_head_takes() -> None:
    config, source = model_config_from_folder(STARTER), WeightSource.open(STARTER)
    made = Reference(templates_for(config, STARTER), source, "fp32", "plain")
    hidden = np.random.default_rng(0).normal(size=(8, config.hidden_size)).astype(np.float32)
    head = made.head({"hidden": hidden, "temperature": np.ones(1, np.float32), "uniforms": np.full(8, 0.5, np.float32)})
    logits = made.logits(hidden, config.vocab_size)
    assert (logits.argmax(axis=1) == head["argmax"]).all()
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(-np.sort(-probabilities, axis=1)[:, :4], head["top_probs"][:, :4], rtol=1e-4)
    np.testing.assert_allclose(made.logits(hidden, 12), logits[:, :12], rtol=1e-5, atol=1e-5)


def test_a_whole_model_streamed(exported_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, prompt = exported_once, (2, 5, 9, 7)
    truth = reference(folder)
    truth.encode(np.array(prompt, np.int64))
    hidden = truth.hidden_states(np.arange(16, dtype=np.int64), None, True)
    templates = templates_for(model_config_from_folder(folder), tmp_path / "graphs")
    made = Reference(templates, WeightSource.open(folder), "fp32", "plain")
    monkeypatch.setattr(oracle, "PROMPT", prompt)
    monkeypatch.setattr(oracle, "LOGITS", tuple(map(tuple, made.logits(hidden[:10], 12).tolist())))
    runner = simulated(folder, tmp_path / "simulated").runner
    found = compare(runner, made, "bf16", "bf16")
    assert found.passed
    assert found.largest < 1e-3
    assert runner.length == len(prompt)
    monkeypatch.setattr(oracle, "PROMPT", prompt[::-1])
    assert compare(runner, made, "bf16", "nvfp4").tolerance == TOLERANCES["nvfp4"]
    assert compare(runner, made, "bf16", "bf16").largest > found.largest
    runner.close()
