"""The runtime over a simulated device gives the tokens of the `onnx` backend, whatever is streamed, moved or rerun."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from inference.backends.base import DenoiseStep
from inference.backends.onnx import OnnxBackend
from tests.helpers.heads import head_agrees
from tests.helpers.random_models import TINY, Setting, Shape, random_shape
from tests.helpers.scale import sized
from tests.trt_engines.runtime.models import Simulated, make_checkpoint, reference, simulated
from trt_engines.errors import EngineError
from trt_engines.runtime.device import DeviceMemoryError
from trt_engines.runtime.runner import SoftState
from trt_engines.runtime.streaming import GROW_SPARE_BYTES
from trt_engines.runtime.weight_ways import WayName

pytestmark = pytest.mark.slow
SEEDS = sized((3,), (3, 11))
LAYERS = sized(5, 8)  # the last ones; exporting one takes seconds
SETTING = Setting(window=20, canvas=16, prompts=(50, 9))


class Model(NamedTuple):
    shape: Shape
    folder: Path
    cache: Path


@pytest.fixture(scope="module", params=SEEDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A checkpoint, its graphs and its templates, made once."""
    folder = tmp_path_factory.mktemp(f"model{request.param}")
    shape = random_shape(request.param)
    shape = dataclasses.replace(shape, kinds=shape.kinds[-LAYERS:])
    make_checkpoint(shape, folder / "model", SETTING)
    reference(folder / "model").close()
    return Model(shape, folder / "model", folder / "cache")


def step_both(
    mine: Simulated, truth: OnnxBackend, rng: np.random.Generator, steps: int = 3, ties: bool = False
) -> list[DenoiseStep]:
    """A few denoising steps on both; they must give the same tokens. `ties`: those that are kept may change places."""
    canvas, ours, theirs = rng.integers(0, truth.config.vocab_size, truth.config.canvas_length), None, None
    found = []
    for _ in range(steps):
        uniforms = rng.random(len(canvas)).astype(np.float32)
        a = mine.backend.denoise(canvas, ours, 0.7, uniforms)
        b = truth.denoise(canvas, theirs, 0.7, uniforms)
        np.testing.assert_array_equal(a.argmax, b.argmax)
        np.testing.assert_array_equal(a.sampled, b.sampled)
        if not ties:
            np.testing.assert_array_equal(a.top_ids, b.top_ids)
        np.testing.assert_allclose(a.entropy, b.entropy, atol=1e-4)
        np.testing.assert_allclose(a.top_probs, b.top_probs, atol=1e-4)
        canvas, ours, theirs = a.sampled, a.state, b.state
        found.append(a)
    return found


@pytest.mark.parametrize(
    ("length", "resident", "way"),
    [(99, 99, "plain"), (1, 0, "deferred"), (1, 1, "manager"), (1, 0, "budget"), (2, 0, "deferred"), (1, 0, "manager")],
)
def test_same_tokens_as_onnx(model: Model, length: int, resident: int, way: WayName) -> None:
    """With streaming by each way of the ladder."""
    truth = reference(model.folder)
    mine = simulated(model.folder, model.cache, length=length, resident=resident, seed=length + resident, way=way)
    assert mine.loader.way == (way if mine.runner.segments > 0 else "plain")
    rng = np.random.default_rng(model.shape.seed)
    for count in (50, 9, 1, 70, 16, 16):
        ids = rng.integers(0, model.shape.vocab, count)
        mine.backend.encode(ids)
        truth.encode(ids)
        assert mine.backend.length == truth.length
        step_both(mine, truth, rng)


def test_prefill_in_chunks_equals_one_chunk(model: Model) -> None:
    ids = np.random.default_rng(1).integers(0, model.shape.vocab, 20)
    whole, pieces = simulated(model.folder, model.cache), simulated(model.folder, model.cache)
    whole.runner.encode(ids)
    for first, last in ((0, 1), (1, 8), (8, 19), (19, 20)):
        pieces.runner.encode(ids[first:last])
    canvas, uniforms = ids[:16], np.full(16, 0.5, np.float32)
    a, b = (each.runner.denoise(canvas, None, 0.7, uniforms) for each in (whole, pieces))
    np.testing.assert_allclose(a.entropy, b.entropy, atol=1e-5)
    np.testing.assert_array_equal(a.argmax, b.argmax)


def test_a_chat_that_is_cut_back_gives_the_same_tokens(model: Model) -> None:
    mine, truth = simulated(model.folder, model.cache), reference(model.folder)
    rng = np.random.default_rng(2)
    sliding = any(kind == "sliding_attention" for kind in model.shape.kinds)
    ids = rng.integers(0, model.shape.vocab, 90)
    mine.backend.encode(ids)
    assert mine.backend.truncate(88) == 88
    assert mine.backend.truncate(10) == (0 if sliding else 10)
    kept = mine.backend.length
    truth.encode(ids[:kept])
    ids = rng.integers(0, model.shape.vocab, 30)
    mine.backend.encode(ids)
    truth.encode(ids)
    step_both(mine, truth, rng)


def test_the_budget_may_change_between_answers(model: Model) -> None:
    mine, truth = simulated(model.folder, model.cache, resident=99), reference(model.folder)
    rng = np.random.default_rng(4)
    for resident in (99, 0, 2, 1, 99, 0):
        mine.runner.streams.settle(resident)
        ids = rng.integers(0, model.shape.vocab, 5)
        mine.backend.encode(ids)
        truth.encode(ids)
        step_both(mine, truth, rng, steps=2)
        loaded = sum(engine.loaded for name, engine in mine.engines.items() if name.startswith("stack"))
        assert loaded <= max(mine.runner.streams.resident + 2, 2)


def test_no_more_than_two_streamed_segments_are_on_the_device(model: Model) -> None:
    mine = simulated(model.folder, model.cache, resident=0)
    weights = sum(engine.weight_bytes for name, engine in mine.engines.items() if name in ("embed", "head"))
    stacks = [engine for name, engine in mine.engines.items() if name.startswith("stack")]
    blocks = sum(len(block) for block in mine.device._blocks.values())
    mine.backend.encode(np.arange(30) % model.shape.vocab)
    on_device = mine.device.used - sum(len(block) for block in mine.device._blocks.values()) - weights
    assert blocks > 0
    assert on_device <= 2 * max(engine.weight_bytes for engine in stacks)


def test_too_little_memory_at_load_streams_more(model: Model) -> None:
    whole = simulated(model.folder, model.cache)
    stacks = [engine.weight_bytes for name, engine in whole.engines.items() if name.startswith("stack")]
    if len(stacks) <= 3:
        pytest.skip("too few segments to stream")
    small = simulated(model.folder, model.cache, memory=whole.device.used - min(stacks))
    assert small.runner.streamed >= 3
    assert max(part.deserialised for part in small.tensorrt.parts.values()) <= 2, "plans are read again"
    rng, truth = np.random.default_rng(6), reference(model.folder)
    ids = rng.integers(0, model.shape.vocab, 12)
    small.backend.encode(ids)
    truth.encode(ids)
    step_both(small, truth, rng)
    with pytest.raises(DeviceMemoryError):
        simulated(model.folder, model.cache, memory=1000)


def test_a_card_that_becomes_emptier_streams_less(model: Model) -> None:
    whole = simulated(model.folder, model.cache)
    if whole.runner.segments <= 3:
        pytest.skip("too few segments to stream")
    mine, truth = simulated(model.folder, model.cache, memory=whole.device.used - 1), reference(model.folder)
    assert mine.runner.streamed
    rng = np.random.default_rng(10)
    for memory in (0, GROW_SPARE_BYTES, 1 << 40):
        mine.device.memory += memory
        ids = rng.integers(0, model.shape.vocab, 8)
        mine.backend.encode(ids)
        truth.encode(ids)
        step_both(mine, truth, rng, steps=2)
    assert not mine.runner.streamed


def test_too_little_memory_while_running_streams_one_more(model: Model) -> None:
    mine, truth = simulated(model.folder, model.cache, resident=99), reference(model.folder)
    if mine.runner.segments <= 3:
        pytest.skip("too few segments to stream")
    rng = np.random.default_rng(7)
    ids = rng.integers(0, model.shape.vocab, 12)
    mine.tensorrt.parts["stack02"].fail_runs = 3
    mine.backend.encode(ids)
    truth.encode(ids)
    assert mine.runner.streamed >= 3
    step_both(mine, truth, rng)


def test_steps_that_become_slow_give_memory_back(model: Model) -> None:
    """Windows moves a card's memory away instead of refusing it; what was given back is not taken again."""
    times = iter([number * 0.1 for number in range(20)] + [10.0 + number * 5 for number in range(40)])
    mine = simulated(model.folder, model.cache, memory=1 << 40, clock=lambda: next(times))
    if mine.runner.segments <= 3:
        pytest.skip("too few segments to stream")
    truth, rng = reference(model.folder), np.random.default_rng(13)
    ids = rng.integers(0, model.shape.vocab, 12)
    for each in (mine.backend, truth):
        each.encode(ids)
    step_both(mine, truth, rng, steps=10)
    assert mine.runner.streamed == 0
    step_both(mine, truth, rng, steps=3)
    assert mine.runner.streamed >= 3
    assert "other programs" in mine.backend.device
    for each in (mine.backend, truth):
        each.encode(ids)
    assert mine.runner.streamed >= 3
    step_both(mine, truth, rng, steps=2)


def test_capacity_grows_until_every_token_is_computed(model: Model) -> None:
    truth, mine = reference(model.folder), simulated(model.folder, model.cache)
    for capacity in mine.runner._capacities:
        capacity._experts *= 6  # expects too few tokens for each expert
    rng = np.random.default_rng(8)
    ids = rng.integers(0, model.shape.vocab, 60)
    mine.backend.encode(ids)
    truth.encode(ids)
    step_both(mine, truth, rng)
    assert mine.backend.capacity_reruns > 0


def test_the_head_may_take_the_canvas_in_pieces(model: Model) -> None:
    pieces = simulated(model.folder, model.cache, head_rows=64, canvas=200)
    whole = simulated(model.folder, model.cache, canvas=200)
    rng = np.random.default_rng(9)
    canvas, uniforms = rng.integers(0, model.shape.vocab, 200), rng.random(200).astype(np.float32)
    first, second = (each.runner.denoise(canvas, None, 0.7, uniforms) for each in (pieces, whole))
    np.testing.assert_array_equal(first.sampled, second.sampled)
    np.testing.assert_allclose(first.entropy, second.entropy, atol=1e-5)
    more = pieces.runner.weights_read - whole.runner.weights_read
    table = int(np.prod(pieces.runner._buffers.table_shape)) * np.dtype(pieces.runner._parts.dtype).itemsize
    assert more == 3 * table * (1 if pieces.runner._buffers.head.gathers else 2), "each piece reads the table"
    assert pieces.tensorrt.parts["head"].runs == 4 * (1 + pieces.runner.capacity_reruns)  # it is queued with the pass
    a = pieces.runner.denoise(canvas, first.state, 0.6, uniforms)
    b = whole.runner.denoise(canvas, second.state, 0.6, uniforms)
    np.testing.assert_array_equal(a.sampled, b.sampled)


def test_large_vocabularies_are_conditioned_on_whole(tmp_path: Path) -> None:
    """The soft embedding of 20,000 tokens, in the head's pieces, is that of the `onnx` backend."""
    make_checkpoint(dataclasses.replace(TINY, vocab=20_011), tmp_path / "model", SETTING)
    truth = reference(tmp_path / "model")
    mine = simulated(tmp_path / "model", tmp_path / "cache", head_rows=64, canvas=80)
    truth.config = dataclasses.replace(truth.config, canvas_length=80)
    assert not mine.runner._buffers.head.gathers
    rng = np.random.default_rng(12)
    ids = rng.integers(0, 20_011, 30)
    mine.backend.encode(ids)
    truth.encode(ids)
    step_both(mine, truth, rng, ties=True)


def test_a_full_cache_is_one_sentence(model: Model) -> None:
    mine = simulated(model.folder, model.cache, context=32)
    mine.runner.encode(np.zeros(20, np.int64))
    with pytest.raises(EngineError, match="built for 32 tokens"):
        mine.runner.encode(np.zeros(13, np.int64))
    assert mine.runner.length == 20
    canvas, uniforms = np.zeros(16, np.int64), np.zeros(16, np.float32)
    old = mine.runner.denoise(canvas, None, 0.7, uniforms).state
    mine.runner.denoise(canvas, None, 0.7, uniforms)
    with pytest.raises(ValueError, match="state is of step"):
        mine.runner.denoise(canvas, old, 0.7, uniforms)


def test_logits_and_states_made_on_the_processor_are_those_of_the_engines_head(model: Model) -> None:
    mine = simulated(model.folder, model.cache)
    mine.backend.encode(np.arange(7))
    head_agrees(mine.backend)
    with pytest.raises(ValueError, match="state is of step"):
        mine.runner.conditioned(SoftState(1), 16, np.arange(1), np.zeros((1, 8), np.float32))
    mine.backend.close()
