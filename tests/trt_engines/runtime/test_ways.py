"""Several turns and blocks of the starter model give the same tokens, whichever way its weights are streamed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.trt_engines.building.support import STARTER
from tests.trt_engines.runtime.models import Simulated, simulated
from trt_engines.runtime.device import DeviceMemoryError
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


class Step(NamedTuple):
    """What one denoising step cost."""

    copies: dict[str, int]
    calls: Counter[str]
    graphs: dict[str, int]
    asked: int  # of TensorRT, about shapes


def steps(made: Simulated, count: int, places: int = 64) -> list[Step]:
    """Costs of some steps of one block."""
    canvas, uniforms, state, found = np.zeros(places, np.int64), np.full(places, 0.5, np.float32), None, []
    for _ in range(count):
        copies, graphs, called = made.cuda.copies.copy(), made.tensorrt.graphs.copy(), len(made.cuda.calls)
        asked = made.tensorrt.shapes_set + made.tensorrt.sized
        state = made.backend.denoise(canvas, state, 0.7, uniforms).state
        found.append(
            Step(
                {kind.name.removeprefix("cudaMemcpy"): more for kind, more in (made.cuda.copies - copies).items()},
                Counter(made.cuda.calls[called:]), dict(made.tensorrt.graphs - graphs),
                made.tensorrt.shapes_set + made.tensorrt.sized - asked,
            )
        )  # fmt: skip
    return found


@pytest.mark.parametrize("resident", [99, 0])
def test_round_trips_of_a_step(tmp_path: Path, resident: int) -> None:
    """One upload, one download, one wait, and one wait more for each streamed segment; it was 8, 6, 2 and 2."""
    made = simulated(STARTER, tmp_path, resident=resident, canvas=64)
    made.backend.encode(np.arange(9))
    for each in steps(made, 4)[1:]:
        assert each.copies == {"HostToDevice": 1, "DeviceToHost": 1, "DeviceToDevice": 1}
        assert each.calls["cudaStreamSynchronize"] == 1
        assert each.calls["cudaEventSynchronize"] == made.runner.streamed
        assert each.asked == 0, "the shapes of a block are set once, and the room for them asked for once"


@pytest.mark.parametrize(("resident", "way"), [(99, "plain"), (0, "deferred"), (0, "budget")])
@pytest.mark.parametrize("rows", [None, 64])
def test_a_graph_serves_all_steps_of_a_block(tmp_path: Path, resident: int, way: WayName, rows: int | None) -> None:
    """Shapes and addresses stay, for the head's pieces as well; only segments whose weights move run without one."""
    made = simulated(STARTER, tmp_path, resident=resident, canvas=160, way=way, head_rows=rows)
    pieces = 1 if rows is None else 3
    made.backend.encode(np.arange(9))
    of_steps = [each.graphs for each in steps(made, 5, places=150)]
    ends, stack = pieces + 1, made.runner.segments
    wanted = {"plain": {"replayed": ends + stack}, "deferred": {"replayed": ends, "plain": stack}}
    assert of_steps[2:] == [wanted.get(way, {"replayed": ends})] * 3
    head = {shapes for name, shapes in made.tensorrt.shapes_run if name == "head"}
    assert len(head) == 1, "kernels of the head are compiled for one shape"
    if rows is not None:
        steps(made, 2, places=20)
        assert head == {shapes for name, shapes in made.tensorrt.shapes_run if name == "head"}


def test_what_is_sent_is_page_locked_if_it_can_be(tmp_path: Path) -> None:
    """One piece, for what goes and what comes; without it all is the same."""
    found = []
    for limit in (1 << 40, 0):
        made = simulated(STARTER, tmp_path / str(limit), canvas=64, pinned=limit)
        assert (made.loader.device.pinned_bytes > 0) == bool(limit)
        found.append(tokens(made))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_state_is_gone_after_a_step_that_failed(tmp_path: Path) -> None:
    made = simulated(STARTER, tmp_path, canvas=64, way="plain")
    canvas, uniforms = np.zeros(64, np.int64), np.full(64, 0.5, np.float32)
    state = made.runner.denoise(canvas, None, 0.7, uniforms).state
    made.tensorrt.parts["head"].fail_runs = 1
    with pytest.raises(DeviceMemoryError):
        made.runner.denoise(canvas, state, 0.7, uniforms)
    with pytest.raises(ValueError, match="state is of step"):
        made.runner.denoise(canvas, state, 0.7, uniforms)
    with pytest.raises(ValueError, match="state is of step"):
        made.runner.hidden_states(canvas, state, denoising=True)
