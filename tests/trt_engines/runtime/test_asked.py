"""What the card's head gives on request is what the head on the processor gives, in pieces, of large vocabularies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto

from inference.backends.host_head import HostHead
from inference.config import model_config_from_folder
from inference.engines.templates import templates_for
from inference.native.weights import embedding_scale
from tests.trt_engines.building.support import STARTER
from tests.trt_engines.runtime.models import Simulated, simulated
from trt_engines.graphs.asked import MOST_LIKELY, asked_graph
from trt_engines.graphs.compose import ROWS, TABLE
from trt_engines.graphs.names import ASKED, BELIEFS, LOGITS, MIXED
from trt_engines.graphs.templates import Templates
from trt_engines.runtime.device import DeviceMemoryError
from trt_engines.selftest.reference import Reference
from trt_engines.weights.index import DECODER
from trt_engines.weights.source import WeightSource

CONFIG = model_config_from_folder(STARTER)
VOCABULARY, LARGE, PIECE, PLACES = CONFIG.vocab_size, 20_011, 500, 100
UNIFORMS = np.full(PLACES, 0.5, np.float32)


class Card(NamedTuple):
    """The starter over stand-ins for CUDA and TensorRT, and its head on the processor."""

    made: Simulated
    host: HostHead

    def hidden(self, canvas: NDArray[np.int64]) -> NDArray[np.float32]:
        """What both heads read."""
        return self.made.runner.hidden_states(canvas, None, denoising=True)

    def runs(self, name: str) -> int:
        """How often a part ran."""
        return self.made.tensorrt.parts[name].runs


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """With lists cut into short pieces, and behind a prompt."""
    monkeypatch.setattr("trt_engines.runtime.asked.MOST_LISTED", PIECE)
    made = simulated(STARTER, tmp_path, head_rows=64, memory=1 << 40)
    made.backend.encode(np.random.default_rng(1).integers(0, VOCABULARY, 20))
    yield Card(made, HostHead.of(WeightSource.open(STARTER), CONFIG))
    made.backend.close()


def test_a_plain_step_opens_none_of_it(card: Card) -> None:
    card.made.backend.denoise(np.arange(PLACES), None, 0.7, UNIFORMS)
    assert [card.made.tensorrt.parts[name].deserialised for name in ASKED] == [0, 0, 0]
    sampled = card.runs("head")
    for _ in range(2):
        card.made.backend.logits(np.arange(PLACES), None, np.arange(3))
    assert [card.made.tensorrt.parts[name].deserialised for name in ASKED] == [1, 0, 0]
    assert card.runs("head") == sampled, "nothing is sampled for them"


@pytest.mark.parametrize("count", [1, PIECE, PIECE + 1, VOCABULARY])
def test_logits_of_a_list_come_in_pieces(card: Card, count: int) -> None:
    rng = np.random.default_rng(count)
    canvas, ids = rng.integers(0, VOCABULARY, PLACES), rng.permutation(VOCABULARY)[:count]
    found = card.made.backend.logits(canvas, None, ids)
    np.testing.assert_allclose(found, card.host.logits(card.hidden(canvas), ids), atol=2e-4)
    assert card.runs(LOGITS) == -(-count // PIECE)


def test_without_a_list_they_are_the_whole_vocabularys(card: Card) -> None:
    canvas = np.arange(PLACES)
    found = card.made.backend.logits(canvas, None)
    np.testing.assert_allclose(found, card.host.logits(card.hidden(canvas)), atol=2e-4)


@pytest.mark.parametrize("likely", [0, 1, MOST_LIKELY])
def test_beliefs_of_places_in_any_order(card: Card, likely: int) -> None:
    rng = np.random.default_rng(likely)
    canvas, places = rng.integers(0, VOCABULARY, PLACES), rng.permutation(PLACES)[:70]
    tokens = rng.integers(0, VOCABULARY, len(places))
    found = card.made.backend.beliefs(canvas, None, places, tokens, likely)
    truth = card.host.beliefs(card.hidden(canvas)[places], tokens, likely)
    for name in ("logs", "top_logs", "entropy"):
        np.testing.assert_allclose(getattr(found, name), getattr(truth, name), atol=2e-4, err_msg=name)
    assert found.top_ids.shape == (70, likely)
    np.testing.assert_array_equal(found.top_ids[:, :1], truth.top_ids[:, :1])
    assert card.runs(BELIEFS) == 2, "as many places at a time as the head takes: 64"


def test_the_mass_of_a_class_comes_of_its_tokens_alone(card: Card) -> None:
    """By a list's logits and one token's share: no tensor of the vocabulary's size is needed for it."""
    rng = np.random.default_rng(5)
    canvas, ids = rng.integers(0, VOCABULARY, PLACES), rng.permutation(VOCABULARY)[:700]
    listed = card.made.backend.logits(canvas, None, ids).astype(np.float64)
    seen = card.made.backend.beliefs(canvas, None, np.arange(PLACES), np.full(PLACES, ids[0]), 0)
    mass = np.exp(listed - listed[:, :1] + seen.logs[:, None]).sum(axis=1)
    whole = card.host.logits(card.hidden(canvas)).astype(np.float64)
    shares = np.exp(whole - whole.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mass, shares[:, ids].sum(axis=1), rtol=2e-4)
    np.testing.assert_allclose(seen.entropy, -(shares * np.log(shares)).sum(axis=1), atol=2e-4)


@pytest.mark.parametrize("count", [1, PIECE, VOCABULARY])
def test_a_state_holds_what_it_is_told_and_keeps_the_rest(card: Card, count: int) -> None:
    rng = np.random.default_rng(count)
    places, ids = rng.permutation(PLACES)[:30], rng.permutation(VOCABULARY)[:count]
    shares = rng.dirichlet(np.full(count, 0.5), len(places)).astype(np.float32)
    state = card.made.backend.denoise(np.arange(PLACES), None, 0.7, UNIFORMS).state
    expected = card.made.runner._buffers.soft_values(state.step, PLACES)
    told = card.made.backend.conditioned(state, PLACES, places, ids, shares)
    expected[places] = card.host.mixed(ids, shares)
    np.testing.assert_allclose(card.made.runner._buffers.soft_values(told.step, PLACES), expected, atol=2e-4)
    assert card.runs(MIXED) == -(-count // PIECE)


@pytest.mark.parametrize("places", [1, 64, 128, 256])
def test_canvases_of_every_length_go_through_the_same_engines(card: Card, places: int) -> None:
    canvas, ids = np.random.default_rng(places).integers(0, VOCABULARY, places), np.arange(50)
    found = card.made.backend.logits(canvas, None, ids)
    np.testing.assert_allclose(found, card.host.logits(card.hidden(canvas), ids), atol=2e-4)
    step = card.made.backend.denoise(canvas, None, 1.0, np.full(places, 0.5, np.float32))
    whole = card.host.logits(card.hidden(canvas)).astype(np.float64)
    np.testing.assert_array_equal(step.argmax, whole.argmax(axis=1))


def test_a_card_without_room_for_it_streams_more_segments(card: Card) -> None:
    """And one on which nothing helps says so; what was asked is answered once there is room."""
    canvas, ids, made = np.arange(PLACES), np.arange(9), card.made
    truth, resident = card.host.logits(card.hidden(canvas), ids), card.made.runner.streams.resident
    made.tensorrt.parts[LOGITS].fail_runs = 1
    np.testing.assert_allclose(made.backend.logits(canvas, None, ids), truth, atol=2e-4)
    assert made.runner.streams.resident < resident
    made.tensorrt.parts[LOGITS].fail_runs = 1 << 20
    with pytest.raises(DeviceMemoryError):
        made.runner.logits(canvas, None, ids)
    made.tensorrt.parts[LOGITS].fail_runs = 0
    np.testing.assert_allclose(made.backend.logits(canvas, None, ids), truth, atol=2e-4)


def test_a_vocabulary_of_twenty_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graphs hold nothing of its size, and nothing of it leaves them."""
    source, rng = WeightSource.open(STARTER), np.random.default_rng(7)
    table = rng.normal(size=(LARGE, CONFIG.hidden_size)).astype(np.float32) / 8
    hidden = rng.normal(size=(20, CONFIG.hidden_size)).astype(np.float32)

    def large_graph(templates: Templates, name: str) -> ModelProto:
        graph = asked_graph(templates, name)
        for item in graph.graph.input:
            if item.name in (TABLE, ROWS):
                item.type.tensor_type.shape.dim[0].dim_value = LARGE
        for item in graph.graph.output:
            assert VOCABULARY not in [dim.dim_value for dim in item.type.tensor_type.shape.dim]
        return graph

    monkeypatch.setattr("trt_engines.selftest.reference.asked_graph", large_graph)
    monkeypatch.setattr(Reference, "_table", lambda self: table)
    reference = Reference(templates_for(CONFIG, STARTER), source, "fp32", "plain")
    norm = source.floats(f"{DECODER}norm.weight").astype(np.float32)
    host = HostHead(table, norm, CONFIG, embedding_scale(CONFIG))
    ids, places, tokens = rng.permutation(LARGE)[:4096], rng.permutation(20)[:9], rng.integers(0, LARGE, 9)
    found = reference.asked(LOGITS, {"hidden": hidden, "ids": ids})
    np.testing.assert_allclose(found[LOGITS], host.logits(hidden, ids), atol=2e-4)
    found = reference.asked(BELIEFS, {"hidden": hidden, "places": places, "tokens": tokens})
    truth = host.beliefs(hidden[places], tokens, MOST_LIKELY)
    for name in ("logs", "top_logs", "entropy"):
        np.testing.assert_allclose(found[name], getattr(truth, name), atol=2e-4, err_msg=name)
    shares, before = rng.dirichlet(np.ones(4096), 20).astype(np.float32), hidden
    found = reference.asked(MIXED, {"before": before, "ids": ids, "shares": shares})
    np.testing.assert_allclose(found[MIXED], before + host.mixed(ids, shares), atol=2e-4)
