"""Held places, starts and forms through a whole session: kept without exception, and nothing else changes."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.denoising.controls import AnswerControls
from inference.denoising.denoise import denoise_canvas
from inference.denoising.plan import FREE, CanvasPlan
from inference.denoising.sampler import Draws
from inference.events import BlockCommitted, DraftUpdated, Finished
from inference.forms.errors import FormError
from inference.forms.wanted import Form
from inference.params import CanvasStart, HeldPlace, SamplerParams
from inference.session import Session
from tests.inference.support import CancelAfter, ask, fake_session, of_kind, timeless

NEVER = CancelAfter(10**9)


def answer_of(session: Session, cancel: Any = None, **fields: Any) -> Finished:
    """The closing event of one request."""
    last = list(session.generate(ask(**fields), cancel))[-1]
    assert isinstance(last, Finished)
    return last


def test_nothing_asked_is_nothing_changed() -> None:
    plain, _ = fake_session("Some words. " * 10)
    planned, backend = fake_session("Some words. " * 10)
    expected = timeless(list(plain.generate(ask())))
    assert timeless(list(planned.generate(ask(canvas_length=16), None, AnswerControls()))) == expected
    nothing = CanvasPlan(np.full(16, FREE))
    settings = backend.config.sampler
    backend.reset()
    first, second = (
        [
            (step.argmax.tolist(), step.entropy.tolist(), step.accepted.tolist())
            for step in denoise_canvas(backend, settings, Draws(4, 90, 16), NEVER, plan=plan)
        ]
        for plan in (CanvasPlan(), nothing)
    )
    assert first == second


@pytest.mark.parametrize("seed", range(12))
def test_held_places_have_their_tokens_in_every_draft(seed: int) -> None:
    session, backend = fake_session("Some words. " * 4)
    rng = random.Random(seed)
    held = {place: rng.randrange(5, backend.config.vocab_size) for place in rng.sample(range(16), rng.randint(1, 15))}
    asked = tuple(HeldPlace(place, token) for place, token in held.items())
    start = CanvasStart(tuple(rng.randrange(5, 90) for _ in range(16)), rng.random()) if seed % 2 else None
    events = list(session.generate(ask(held=asked, start=start, seed=seed, max_new_tokens=16)))
    seen = [event for event in events if isinstance(event, DraftUpdated | BlockCommitted)]
    assert len(of_kind(events, BlockCommitted)) == 1
    for event in seen:
        assert {place: event.token_ids[place] for place in held} == held
        assert all(event.entropy[place] == 0.0 for place in held)


def test_a_canvas_that_is_held_whole_stops_at_once_without_the_model() -> None:
    session, backend = fake_session()
    held = tuple(HeldPlace(place, 20 + place) for place in range(16))
    events = list(session.generate(ask(held=held, max_new_tokens=16)))
    assert backend.denoise_calls == 0
    committed = of_kind(events, BlockCommitted)[0]
    assert (committed.token_ids, committed.steps) == (tuple(range(20, 36)), 1)


def test_a_start_without_noise_begins_late_in_the_schedule() -> None:
    session, backend = fake_session()
    limit = backend.config.sampler.max_denoising_steps
    sampler = SamplerParams(confidence_threshold=1e-9)  # never settles
    for level, steps in ((1.0, limit), (0.5, limit // 2), (0.0, 1)):
        start = CanvasStart((7,) * 16, level)
        events = list(session.generate(ask(start=start, sampler=sampler, max_new_tokens=16)))
        assert of_kind(events, BlockCommitted)[0].steps == steps


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"held": (HeldPlace(16, 7),)}, "beyond the canvas"),
        ({"held": (HeldPlace(1, 10**6),)}, "none of this model's"),
        ({"start": CanvasStart((1, 2), 0.5)}, "2 tokens, and a canvas 16 places"),
        ({"form": Form("regex", "a{50}"), "max_new_tokens": 20}, r"at least \d+ tokens, and the answer may have 20"),
        ({"form": Form("regex", "(a")}, "cannot be read"),
        ({"form": Form("regex", "a+"), "answer_start": "b"}, "beginning of the answer"),
        ({"form": Form("schema", "{")}, "no JSON"),
        ({"form": Form("template", "{colour}")}, "is no blank"),
        ({"form": Form("words", texts=("a", "b", "c", "d", "e"))}, "5 words"),
        ({"form": Form("schema", '{"type": "string", "not": {}}')}, "#/not"),
        ({"form": Form("choice", texts=("ab",)), "held": (HeldPlace(0, 300),)}, "held place"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_before_anything_is_written(fields: dict[str, Any], said: str) -> None:
    session, backend = fake_session()
    with pytest.raises(FormError, match=said):
        list(session.generate(ask(**fields)))
    assert backend.denoise_calls == 0 or "held" in fields


PATTERNS = ("(yes|no|perhaps)", r"\d{3}-\d{4}", "(ab|c)*d", "[a-z]{1,40}", "é+ 漢{2}x?", "(a|b){20,60}!", ".{0,30}")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_answer_has_its_form_wherever_it_is_stopped(pattern: str) -> None:
    """Stopped at every look, over one block and several; settled by word; at the limit of steps."""
    session, _ = fake_session("Some words. " * 8)
    form, python = Form("regex", pattern), re.compile(pattern)
    fields: dict[str, Any] = {"form": form, "max_new_tokens": 70, "sampler": SamplerParams(max_denoising_steps=6)}
    whole = answer_of(session, **fields)
    assert whole.reason == "end_of_text"
    assert python.fullmatch(whole.answer), whole.answer
    for looks in range(1, 40, 4):
        stopped = answer_of(session, CancelAfter(looks), seed=looks, **fields)
        if stopped.steps_per_block:
            assert python.fullmatch(stopped.answer), (looks, stopped.answer)


def test_a_form_goes_on_from_the_given_beginning() -> None:
    session, _ = fake_session()
    form = Form("choice", texts=("yes, gladly", "no, never"))
    assert answer_of(session, form=form, answer_start="yes, ").answer == "gladly"


def test_a_form_ends_within_the_tokens_that_are_allowed() -> None:
    session, _ = fake_session("x" * 90)
    for most in (3, 15, 16, 17, 40):
        found = answer_of(session, form=Form("regex", "[a-z]{3,}"), max_new_tokens=most)
        assert found.reason == "end_of_text"
        assert found.answer_tokens <= most
        assert re.fullmatch("[a-z]{3,}", found.answer)


def test_json_of_a_schema_parses_and_validates() -> None:
    validate = pytest.importorskip("jsonschema").validate
    session, _ = fake_session()
    wanted = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}, "ok": {"type": "boolean"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    for seed in range(2):
        found = answer_of(session, form=Form("schema", json.dumps(wanted)), seed=seed)
        validate(json.loads(found.answer), wanted)


class SettleAt:
    """Controls that settle at one step, or add steps."""

    def __init__(self, step: int = 0, added: int = 0) -> None:
        self._step, self._added, self.blocks = step, added, 0

    def take_settle(self) -> bool:
        self._step -= 1
        return self._step == 0

    def added_steps(self) -> int:
        return self._added

    def begin_block(self) -> None:
        self.blocks += 1


def test_settle_now_commits_the_next_step_and_more_steps_lift_the_limit() -> None:
    session, _ = fake_session("Some words. " * 8)
    events = list(session.generate(ask(), None, SettleAt(2)))
    blocks = of_kind(events, BlockCommitted)
    assert (blocks[0].steps, blocks[0].ended, blocks[0].settled) == (2, "you", False)
    assert blocks[1].ended == "settled"
    few = SamplerParams(max_denoising_steps=3)
    limited = of_kind(list(session.generate(ask(sampler=few))), BlockCommitted)[0]
    assert (limited.steps, limited.ended) == (3, "limit")
    more = of_kind(list(session.generate(ask(sampler=few), None, SettleAt(added=2))), BlockCommitted)[0]
    assert (more.steps, more.max_steps, more.ended) == (5, 5, "limit")


def test_controls_may_be_used_from_anywhere_and_forget_with_the_block() -> None:
    controls = AnswerControls()
    controls.settle_now()
    controls.more_steps(3)
    assert (controls.take_settle(), controls.take_settle(), controls.added_steps()) == (True, False, 3)
    controls.settle_now()
    controls.begin_block()
    assert (controls.take_settle(), controls.added_steps()) == (False, 0)
    with pytest.raises(ValueError, match="1 or more"):
        controls.more_steps(0)


def test_the_starter_keeps_forms_and_says_the_same_without_them(starter_session: Session) -> None:
    plain = answer_of(starter_session, text="Tell me a story about a boat.", seed=3)
    free = answer_of(starter_session, text="Tell me a story about a boat.", seed=3, form=Form("regex", r"[\s\S]*"))
    assert free.answer == plain.answer
    for form, python in ((Form("choice", texts=("yes", "no")), "yes|no"), (Form("regex", r"\d\d:\d\d"), r"\d\d:\d\d")):
        assert re.fullmatch(python, answer_of(starter_session, text="When?", seed=1, form=form).answer)
    held = Form("words", texts=("river", "lamp"))
    story = answer_of(starter_session, text="Tell me a story about a boat.", seed=3, form=held).answer
    assert "river" in story
    assert "lamp" in story


@pytest.fixture(scope="module")
def starter_session() -> Any:
    """The starter model by ONNX Runtime."""
    from inference.opening import open_session

    with open_session(Path(__file__).resolve().parents[2] / "resources" / "starter", "onnx") as session:
        yield session


def test_a_form_of_later_is_refused_now() -> None:
    session, backend = fake_session("Some words.")
    with pytest.raises(FormError):
        list(session.generate(ask(later_forms=(Form("schema", "{}"), Form("schema", '{"not": {}}')))))
    assert backend.encoded_tokens == 0
    kept = (Form("schema", '{"type": "object"}'),)
    assert [answer_of(session, seed=1, later_forms=kept).answer for _ in range(2)] == [
        answer_of(session, seed=1).answer
    ] * 2
