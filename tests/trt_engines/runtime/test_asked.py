"""What the card's head gives on request is what the other backends' heads give, in pieces, of large vocabularies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from inference.backends.onnx import OnnxBackend
from tests.helpers.heads import head_agrees
from tests.helpers.random_models import TINY, Setting
from tests.trt_engines.runtime.models import Simulated, make_checkpoint, reference, simulated
from trt_engines.building.profiles import MOST_LISTED
from trt_engines.graphs.asked import MOST_LIKELY
from trt_engines.graphs.names import ASKED, BELIEFS, LOGITS, MIXED
from trt_engines.runtime.device import DeviceMemoryError

pytestmark = pytest.mark.slow
VOCABULARY, CANVAS = 20_011, 80


class Both(NamedTuple):
    """The same checkpoint over stand-ins for TensorRT, and by ONNX Runtime on the processor."""

    mine: Simulated
    truth: OnnxBackend
    folder: Path
    cache: Path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("wide")
    shape = dataclasses.replace(TINY, vocab=VOCABULARY)
    make_checkpoint(shape, folder / "model", Setting(window=20, canvas=CANVAS, prompts=(30,)))
    return folder / "model", folder / "cache"


@pytest.fixture
def both(folders: tuple[Path, Path]) -> Iterator[Both]:
    truth = reference(folders[0])
    mine = simulated(*folders, head_rows=64, memory=1 << 40)
    prompt = np.random.default_rng(1).integers(0, VOCABULARY, 25)
    for backend in (mine.backend, truth):
        backend.encode(prompt)
    yield Both(mine, truth, *folders)
    truth.close()


def test_a_plain_step_opens_none_of_it(both: Both) -> None:
    canvas = np.arange(CANVAS)
    used = both.mine.device.used
    both.mine.backend.denoise(canvas, None, 0.7, np.full(CANVAS, 0.5, np.float32))
    assert all(both.mine.tensorrt.parts[name].deserialised == 0 for name in ASKED)
    steps = both.mine.device.used - used  # the workspace of a step
    both.mine.backend.logits(canvas, None, np.arange(3))
    assert [both.mine.tensorrt.parts[name].deserialised for name in ASKED] == [1, 0, 0]
    assert both.mine.device.used > used + steps


@pytest.mark.parametrize("count", [1, 7, MOST_LISTED, MOST_LISTED + 1, VOCABULARY])
def test_logits_of_a_list_come_in_pieces(both: Both, count: int) -> None:
    rng = np.random.default_rng(count)
    canvas, ids = rng.integers(0, VOCABULARY, CANVAS), rng.permutation(VOCABULARY)[:count]
    found = both.mine.backend.logits(canvas, None, ids)
    assert found.shape == (CANVAS, count)
    np.testing.assert_allclose(found, both.truth.logits(canvas, None, ids), atol=2e-4)
    assert both.mine.tensorrt.parts[LOGITS].runs == -(-count // MOST_LISTED)
    assert both.mine.tensorrt.parts[BELIEFS].runs == both.mine.tensorrt.parts["head"].runs == 0


def test_nothing_of_the_vocabularys_size_leaves_the_head(both: Both) -> None:
    for name in ASKED:
        for item in both.mine.tensorrt.parts[name].graph.graph.output:
            assert VOCABULARY not in [dim.dim_value for dim in item.type.tensor_type.shape.dim]


@pytest.mark.parametrize("likely", [0, 1, MOST_LIKELY])
def test_beliefs_of_places_in_any_order(both: Both, likely: int) -> None:
    rng = np.random.default_rng(likely)
    canvas, places = rng.integers(0, VOCABULARY, CANVAS), rng.permutation(CANVAS)[:70]
    tokens = rng.integers(0, VOCABULARY, len(places))
    found = both.mine.backend.beliefs(canvas, None, places, tokens, likely)
    truth = both.truth.beliefs(canvas, None, places, tokens, likely)
    for name in ("logs", "top_logs", "entropy"):
        np.testing.assert_allclose(getattr(found, name), getattr(truth, name), atol=2e-4, err_msg=name)
    assert found.top_ids.shape == (70, likely)
    named = both.truth.logits(canvas, None)[places[:, None], found.top_ids]
    np.testing.assert_allclose(named - named[:, :1], found.top_logs - found.top_logs[:, :1], atol=2e-4)
    assert both.mine.tensorrt.parts[BELIEFS].runs == 2, "64 places at a time"


def test_the_mass_of_a_class_is_that_of_the_whole_vocabularys_logits(both: Both) -> None:
    """By a list's logits and one token's share: no tensor of the vocabulary's size is needed for it."""
    rng = np.random.default_rng(5)
    canvas, ids = rng.integers(0, VOCABULARY, CANVAS), rng.permutation(VOCABULARY)[:3000]
    listed = both.mine.backend.logits(canvas, None, ids).astype(np.float64)
    seen = both.mine.backend.beliefs(canvas, None, np.arange(CANVAS), np.full(CANVAS, ids[0]), 0)
    mass = np.exp(listed - listed[:, :1] + seen.logs[:, None]).sum(axis=1)
    whole = both.truth.logits(canvas, None).astype(np.float64)
    shares = np.exp(whole - whole.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mass, shares[:, ids].sum(axis=1), rtol=2e-4)
    np.testing.assert_allclose(seen.entropy, -(shares * np.log(shares)).sum(axis=1), atol=2e-4)


@pytest.mark.parametrize("count", [1, MOST_LISTED, VOCABULARY])
def test_a_state_is_told_what_the_other_backend_is_told(both: Both, count: int) -> None:
    rng = np.random.default_rng(count)
    canvas, places = rng.integers(0, VOCABULARY, CANVAS), rng.permutation(CANVAS)[:30]
    ids = rng.permutation(VOCABULARY)[:count]
    shares = rng.dirichlet(np.full(count, 0.05), len(places)).astype(np.float32)
    found, uniforms = [], rng.random(CANVAS).astype(np.float32)
    for backend in (both.mine.backend, both.truth):
        state = backend.denoise(canvas, None, 0.7, uniforms).state
        told = backend.conditioned(state, CANVAS, places, ids, shares)
        found.append(backend.denoise(canvas, told, 0.7, uniforms))
    np.testing.assert_array_equal(found[0].argmax, found[1].argmax)
    np.testing.assert_allclose(found[0].entropy, found[1].entropy, atol=2e-4)
    assert both.mine.tensorrt.parts[MIXED].runs == -(-count // MOST_LISTED)


@pytest.mark.parametrize("places", [1, 64, CANVAS])
def test_shorter_canvases_go_through_the_same_engines(both: Both, places: int) -> None:
    rng = np.random.default_rng(places)
    canvas, ids, uniforms = rng.integers(0, VOCABULARY, places), np.arange(50), rng.random(places).astype(np.float32)
    np.testing.assert_allclose(
        both.mine.backend.logits(canvas, None, ids), both.truth.logits(canvas, None, ids), atol=2e-4
    )
    mine, truth = (each.denoise(canvas, None, 0.7, uniforms) for each in (both.mine.backend, both.truth))
    np.testing.assert_array_equal(mine.argmax, truth.argmax)
    np.testing.assert_allclose(mine.entropy, truth.entropy, atol=2e-4)


def test_all_that_heads_agree_on(both: Both) -> None:
    head_agrees(both.mine.backend)


def test_a_card_without_room_for_it_streams_one_segment_more(both: Both) -> None:
    """And one that has none left says so, and answers the next plain step."""
    canvas, ids, uniforms = np.arange(CANVAS), np.arange(9), np.full(CANVAS, 0.5, np.float32)
    truth = both.truth.logits(canvas, None, ids)
    mine = simulated(both.folder, both.cache, head_rows=64, memory=1 << 40)
    mine.backend.encode(np.random.default_rng(1).integers(0, VOCABULARY, 25))
    mine.backend.denoise(canvas, None, 0.7, uniforms)
    resident = mine.runner.streams.resident
    mine.tensorrt.parts[LOGITS].fail_runs = 1
    np.testing.assert_allclose(mine.backend.logits(canvas, None, ids), truth, atol=2e-4)
    assert mine.runner.streams.resident == resident - 1
    mine.tensorrt.parts[LOGITS].fail_runs = 1 << 20
    with pytest.raises(DeviceMemoryError):
        mine.runner.logits(canvas, None, ids)
    mine.tensorrt.parts[LOGITS].fail_runs = 0
    np.testing.assert_allclose(mine.backend.logits(canvas, None, ids), truth, atol=2e-4)
    mine.backend.close()
    assert mine.device.closed
