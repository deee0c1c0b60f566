"""Traces: every step comes back, damaged bytes are one sentence, and a step can be gone on from."""

from __future__ import annotations

import random
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.trace_size import MOST, drawn_block, text_of
from inference.backends.fake_model import fake_tokenizer
from inference.denoising.denoise import CanvasStep
from inference.events import BlockCommitted, DraftUpdated, Finished, event_as_dict
from inference.forms.wanted import Form
from inference.opening import open_model
from inference.params import CanvasStart, GenerationRequest, HeldPlace, SamplerParams
from inference.traces import layout
from inference.traces.codec import LARGEST_BODY, VERSION, TraceError, opened, sealed
from inference.traces.record import MOST_BYTES, TraceRecorder, entropy_codes
from inference.traces.trace import Trace, read_trace, resumed
from tests.inference.support import CancelAfter, ask, fake_session, of_kind

STARTER = Path(__file__).resolve().parents[3] / "resources" / "starter"
VOCABULARY = 300


def random_block(rng: np.random.Generator, places: int, count: int) -> list[CanvasStep]:
    """Steps in which anything may change."""
    steps = []
    number = 0
    for _ in range(count):
        number += int(rng.integers(1, 4))
        argmax, thought, noise = (rng.integers(0, VOCABULARY, places) for _ in range(3))
        kept = rng.integers(1, 9)
        steps.append(
            CanvasStep(
                number, argmax, rng.exponential(2.0, places).astype(np.float32), rng.random(places) < 0.5, False, False,
                argmax, False, 400, np.where(rng.random(places) < 0.3, thought, argmax), noise,
                rng.integers(0, VOCABULARY, (places, kept)), rng.random((places, kept)).astype(np.float32), 0.7,
            )
        )  # fmt: skip
    return steps


def bytes_of(token: int) -> bytes | None:
    return None if token % 7 == 0 else text_of(token)


def encoded(steps: list[CanvasStep], committed: Any = None, **options: Any) -> bytes:
    recorder = TraceRecorder(options.get("block", 0), options.get("carry", b""), options.get("held"))
    for step in steps:
        recorder.add(step)
    return recorder.encoded(bytes_of, {1}, committed)


@pytest.mark.parametrize("seed", range(25))
def test_every_step_comes_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places, count = int(rng.integers(1, 300)), int(rng.integers(1, 12))
    steps, held = random_block(rng, places, count), rng.random(places) < 0.2
    committed = rng.integers(0, VOCABULARY, places)
    found = read_trace(encoded(steps, committed, block=3, carry=b"\xe2\x82", held=held))
    assert (found.block, found.max_steps, found.temperature, found.carry) == (3, 400, 0.7, b"\xe2\x82")
    assert found.held == tuple(held.tolist())
    assert found.committed == tuple(committed.tolist())
    assert found.steps[0].token_ids == tuple(steps[0].read.tolist())
    for made, step, before in zip(steps, found.steps[1:], found.steps, strict=False):
        assert step.step == made.step
        assert step.token_ids == tuple(made.argmax.tolist())
        assert step.thought == tuple(made.thought.tolist())
        assert step.accepted == tuple(made.accepted.tolist())
        assert step.changed == tuple((made.argmax != before.token_ids).tolist())
        np.testing.assert_allclose(step.entropy, np.minimum(made.entropy, 16.0), rtol=0.03, atol=0.0006)
    assert all(found.texts[token] == (b"" if token == 1 else bytes_of(token)) for token in found.texts)
    for place, row in enumerate(found.candidates):
        shares = dict(zip(steps[-1].top_ids[place].tolist(), steps[-1].top_probs[place].tolist(), strict=True))
        for token, log in row:
            assert token in shares
            assert log <= 0


def test_all_codes_of_an_entropy_are_read_back_as_they_are() -> None:
    assert entropy_codes(np.array(layout.NATS, np.float32)).tolist() == list(range(256))
    assert entropy_codes(np.array([-0.1, 1e9], np.float32)).tolist() == [0, 255]


def test_damaged_bytes_are_one_sentence_and_nothing_else() -> None:
    rng, number = random.Random(1), np.random.default_rng(1)
    whole = encoded(random_block(number, 40, 5))
    for length in range(0, len(whole), 7):
        with pytest.raises(TraceError, match="damaged"):
            read_trace(whole[:length])
    for _ in range(300):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with pytest.raises(TraceError):
            read_trace(bytes(data))
    with pytest.raises(TraceError, match="damaged"):
        read_trace(whole + b"x")
    with pytest.raises(TraceError, match="another version"):
        read_trace(whole[:4] + bytes((VERSION + 1,)) + whole[5:])


def test_a_body_that_was_made_up_is_believed_nothing() -> None:
    """Bodies with a right checksum, whose numbers are any: a sentence or a trace within bounds, never another error."""
    rng = random.Random(2)
    body = opened(encoded(random_block(np.random.default_rng(2), 30, 4)))
    refused = 0
    for _ in range(400):
        data = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(min(len(data), rng.choice((8, 60, 10**6))))] = rng.randrange(256)
        if rng.random() < 0.3:
            data = data[: rng.randrange(len(data))] or bytearray(b"\0")
        try:
            found = read_trace(sealed(bytes(data)))
        except TraceError:
            refused += 1
            continue
        assert len(found.held) <= layout.MOST_PLACES
        for number in range(len(found.steps)):
            found.draft(number)
    assert refused > 200


def test_bytes_that_would_fill_the_memory_are_refused_before() -> None:
    bomb = sealed(bytes(LARGEST_BODY + 1))
    tracemalloc.start()
    with pytest.raises(TraceError):
        read_trace(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_block_of_20_steps_takes_12_kilobytes_at_most() -> None:
    rng = np.random.default_rng(5)
    recorder = TraceRecorder(0, b"")
    for step in drawn_block(rng, settles=True):
        recorder.add(step)
    assert len(recorder.encoded(text_of, {1})) <= MOST


def test_a_trace_has_a_bound_and_keeps_its_first_and_last_step() -> None:
    steps = random_block(np.random.default_rng(1), 256, 200)
    data = encoded(steps)
    assert len(data) <= MOST_BYTES
    found = read_trace(data)
    assert 10 < len(found.steps) < 200
    assert (found.steps[1].step, found.steps[-1].step) == (steps[0].step, steps[-1].step)
    assert found.committed == tuple(steps[-1].argmax.tolist())
    assert encoded([]) == b""


def traced(session: Any, cancel: Any = None, **fields: Any) -> tuple[list[Any], list[Trace]]:
    """Events of a request, and the traces of its blocks."""
    events = list(session.generate(ask(traced=True, **fields), cancel))
    return events, [read_trace(block.trace) for block in of_kind(events, BlockCommitted) if block.trace]


@pytest.mark.parametrize("answer", ["Some words. " * 8, "é漢字 🦊 " * 9])
def test_a_trace_shows_the_drafts_again_without_the_model(answer: str) -> None:
    session, _ = fake_session(answer)
    events, traces = traced(session)
    assert len(traces) > 1
    for block, trace in enumerate(traces):
        drafts = [event for event in of_kind(events, DraftUpdated) if event.block == block]
        shown = [trace.draft(number) for number in range(1, len(trace.steps))]
        for draft, again in zip(drafts, shown, strict=True):
            for name in ("block", "step", "max_steps", "token_ids", "pieces", "accepted"):
                assert getattr(again, name) == getattr(draft, name), name
            np.testing.assert_allclose(again.entropy, draft.entropy, rtol=0.03, atol=0.0006)
        assert trace.history(3)[-1][1] == trace.steps[-1].token_ids[3]
    plain = list(session.generate(ask()))
    assert of_kind(plain, DraftUpdated) == of_kind(events, DraftUpdated), "it is only watched"
    assert all(block.trace == b"" for block in of_kind(plain, BlockCommitted))


def test_what_is_held_and_what_the_model_thought_there_is_recorded() -> None:
    session, _ = fake_session("Some words. " * 2)
    _, (trace, *_) = traced(session, held=(HeldPlace(4, 33),), max_new_tokens=16)
    assert [place for place, held in enumerate(trace.held) if held] == [4]
    last = trace.steps[-1]
    assert last.token_ids[4] == 33
    assert last.thought[4] != 33


def test_a_stopped_block_has_a_trace_too() -> None:
    session, _ = fake_session("Some words. " * 8)
    events, _ = traced(session, CancelAfter(6))
    end = events[-1]
    assert isinstance(end, Finished)
    drafts = of_kind(events, DraftUpdated)
    assert read_trace(end.trace).draft(-1).pieces == drafts[-1].pieces
    events, traces = traced(session, CancelAfter(6), form=Form("regex", "[a-z]{3,}"))
    block = of_kind(events, BlockCommitted)[0]
    assert traces[0].committed == block.token_ids
    assert events[-1].trace == b""
    assert isinstance(event_as_dict(block)["trace"], str)


def test_a_step_is_gone_on_from() -> None:
    """What was accepted then is what the first step reads, and the schedule goes on behind it."""
    session, _ = fake_session("Some words. " * 3, steps=20)
    asked = ask(max_new_tokens=16, traced=True)
    block = of_kind(list(session.generate(asked)), BlockCommitted)[0]
    trace = read_trace(block.trace)
    for number in (0, 3, len(trace.steps) - 1):
        step = trace.steps[number]
        again = resumed(asked, trace, number)
        assert isinstance(again.start, CanvasStart)
        found = read_trace(of_kind(list(session.generate(again)), BlockCommitted)[0].trace)
        kept = [place for place, accepted in enumerate(step.accepted) if accepted]
        assert [found.steps[0].token_ids[place] for place in kept] == [step.token_ids[place] for place in kept]
        assert found.max_steps == max(1, trace.max_steps - step.step)


def test_with_the_starter() -> None:
    """A real block: small, whole, with other words to choose from, and gone on from in its middle."""
    never = SamplerParams(max_denoising_steps=6, confidence_threshold=1e-9)
    asked = GenerationRequest(ask().turns, seed=3, sampler=never, canvas_length=64, max_new_tokens=64, traced=True)
    with open_model(STARTER) as model:
        block = of_kind(list(model.generate(asked, threading.Event())), BlockCommitted)[0]
        trace = read_trace(block.trace)
        assert len(block.trace) < 4000
        assert "".join(trace.pieces(trace.committed)) == block.answer
        assert trace.alternatives(0)[0].token == block.token_ids[0]
        assert trace.alternatives(0)[0].log_probability <= 0
        again = of_kind(list(model.generate(resumed(asked, trace, 3))), BlockCommitted)[0]
    assert again.max_steps == 3
    assert again.token_ids == block.token_ids, "the starter is sure of its answers"


def test_a_canvas_of_too_many_places_has_none() -> None:
    assert encoded(random_block(np.random.default_rng(1), layout.MOST_PLACES + 1, 1)) == b""
    assert fake_tokenizer().token_bytes(0) is None
