"""Several turns and blocks of the starter model give the same tokens, whichever way its weights are streamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.trt_engines.building.support import STARTER
from tests.trt_engines.runtime.models import Simulated, simulated
from trt_engines.runtime.weight_ways import WayName

TURNS, STEPS, PROMPT = 2, 2, 20


def tokens(made: Simulated) -> list[np.ndarray]:
    """What each step of each block gives; every block is committed."""
    rng, found = np.random.default_rng(5), []
    count, vocab = made.backend.config.canvas_length, made.backend.config.vocab_size
    for _ in range(TURNS):
        made.backend.encode(rng.integers(0, vocab, PROMPT))
        canvas, state = rng.integers(0, vocab, count), None
        for _ in range(STEPS):
            step = made.backend.denoise(canvas, state, 0.7, rng.random(count).astype(np.float32))
            canvas, state = step.sampled, step.state
            found += [step.argmax, step.sampled]
        made.backend.encode(step.argmax)
    made.backend.close()
    return found


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """Without streaming."""
    return tokens(simulated(STARTER, tmp_path_factory.mktemp("plain"), way="plain", canvas=64))


@pytest.mark.parametrize(("way", "resident"), [("deferred", 0), ("deferred", 1), ("manager", 0), ("budget", 0)])
def test_the_same_tokens_in_every_way(tmp_path: Path, truth: list[np.ndarray], way: WayName, resident: int) -> None:
    made = simulated(STARTER, tmp_path, resident=resident, way=way, canvas=64, seed=resident)
    assert (made.loader.way, made.runner.streamed) == (way, 4 - resident)
    for ours, theirs in zip(tokens(made), truth, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("resident", "waits"), [(99, 0), (0, 2)])
def test_round_trips_of_a_step(tmp_path: Path, resident: int, waits: int) -> None:
    """Three small uploads, one download, one wait, and what streaming costs; it was 8, 6 and 2."""
    made = simulated(STARTER, tmp_path, resident=resident, canvas=64)
    canvas, uniforms = np.zeros(64, np.int64), np.full(64, 0.5, np.float32)
    made.backend.encode(np.arange(9))
    state = made.backend.denoise(canvas, None, 0.7, uniforms).state
    for _ in range(2):
        before, called = made.cuda.copies.copy(), len(made.cuda.calls)
        state = made.backend.denoise(canvas, state, 0.7, uniforms).state
        found = {kind.name: count for kind, count in (made.cuda.copies - before).items()}
        assert found == {"cudaMemcpyHostToDevice": 3, "cudaMemcpyDeviceToHost": 1}
        since = made.cuda.calls[called:]
        assert since.count("cudaStreamSynchronize") == 1
        assert since.count("cudaEventSynchronize") <= waits * made.runner.streamed
    set_before = made.tensorrt.shapes_set
    made.backend.denoise(canvas, state, 0.7, uniforms)
    assert made.tensorrt.shapes_set == set_before, "the shapes of a block are set once"
