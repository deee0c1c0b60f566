"""An answer that is tried on a short canvas first: when it stands, and that nothing of it counts when it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inference.backends.fake import FakeBackend
from inference.backends.fake_model import THINKING_ANSWER, fake_config, fake_template, fake_tokenizer
from inference.denoising.controls import AnswerControls
from inference.denoising.short_canvas import SHORT_CANVAS_VARIABLE, SHORT_STEPS, short_canvas, short_settings
from inference.events import BlockCommitted, DraftUpdated, Finished, NothingWritten
from inference.model_config import SamplerDefaults
from inference.params import HeldPlace, SamplerParams
from inference.session import Session
from tests.inference.support import CancelAfter, ask, of_kind, timeless

WHOLE, SHORT = 64, 16
ANSWER, LONG = "Dew is water.", "A rather long answer that takes many more tokens than sixteen, until at last it ends."


def session_of(answer: str, short: int, steps: int = 4) -> Session:
    backend = FakeBackend(answer, config=fake_config(WHOLE, 512), steps=steps)
    return Session(backend, fake_tokenizer(), fake_template(), "Test model", short)


def places_of_drafts(events: list[Any]) -> list[int]:
    """Sizes of the canvases of all drafts, in order, each once."""
    return list(dict.fromkeys(len(draft.token_ids) for draft in of_kind(events, DraftUpdated)))


def test_a_short_answer_takes_a_short_canvas() -> None:
    events = list(session_of(ANSWER, SHORT).generate(ask()))
    (block,), end = of_kind(events, BlockCommitted), events[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.answer, end.steps_per_block) == ("end_of_text", ANSWER, (5,))
    assert (block.block, block.answer, block.settled, len(block.token_ids)) == (0, ANSWER, True, SHORT)
    assert places_of_drafts(events) == [SHORT]


@pytest.mark.parametrize(
    ("answer", "steps", "fields", "tried"),
    [
        (LONG, 4, {}, [SHORT, WHOLE]),  # it does not end there
        (ANSWER, 4 * SHORT_STEPS, {}, [SHORT, WHOLE]),  # it does not settle soon
        ("", 4, {}, [SHORT, WHOLE]),  # there is nothing to read
        (ANSWER, 4, {"answer_start": "Dew"}, [WHOLE]),
        (THINKING_ANSWER, 4, {"thinking": True}, [WHOLE]),
        (ANSWER, 4, {"held": (HeldPlace(0, 7),)}, [WHOLE]),
        (ANSWER, 4, {"canvas_length": 32}, [32]),
    ],
)
def test_else_all_is_as_if_nothing_had_been_tried(
    answer: str, steps: int, fields: dict[str, Any], tried: list[int]
) -> None:
    made = [list(session_of(answer, short, steps).generate(ask(**fields))) for short in (0, SHORT)]
    assert places_of_drafts(made[1]) == tried
    assert timeless(of_kind(made[0], BlockCommitted)) == timeless(of_kind(made[1], BlockCommitted))
    assert len(of_kind(made[0], NothingWritten)) == len(of_kind(made[1], NothingWritten)) == (not answer)
    ends = [of_kind(events, Finished)[0] for events in made]
    assert (ends[0].reason, ends[0].answer, ends[0].steps_per_block) == (
        ends[1].reason, ends[1].answer, ends[1].steps_per_block,
    )  # fmt: skip


class _Said(AnswerControls):
    """Settles at a step of the first block, and adds steps at its first."""

    def __init__(self, settle_at: int = 0, added: int = 0) -> None:
        super().__init__()
        self._at, self._adds = settle_at, added

    def take_settle(self) -> bool:
        self._at -= 1
        if self._adds:
            self.more_steps(self._adds)
            self._adds = 0
        return self._at == 0


def test_one_that_is_settled_at_a_word_is_the_first_block_and_the_answer_goes_on() -> None:
    events = list(session_of(LONG, SHORT).generate(ask(), None, _Said(2)))
    blocks, end = of_kind(events, BlockCommitted), events[-1]
    assert isinstance(end, Finished)
    assert [(block.block, len(block.token_ids)) for block in blocks[:2]] == [(0, SHORT), (1, WHOLE)]
    assert (blocks[0].ended, blocks[0].steps, blocks[1].ended) == ("you", 2, "settled")
    assert end.reason == "end_of_text"
    assert "".join(block.answer for block in blocks) == end.answer


def test_steps_that_are_added_meanwhile_are_those_of_the_whole_canvas() -> None:
    few = SamplerParams(max_denoising_steps=6, confidence_threshold=1e-9)
    events = list(session_of(LONG, SHORT).generate(ask(sampler=few), None, _Said(added=5)))
    block = of_kind(events, BlockCommitted)[0]
    assert (len(block.token_ids), block.steps, block.ended) == (WHOLE, 11, "limit")


@pytest.mark.parametrize("wanted", [2, 100])
def test_a_limit_cuts_it_all_the_same(wanted: int) -> None:
    end = list(session_of(ANSWER, SHORT).generate(ask(max_new_tokens=wanted)))[-1]
    assert isinstance(end, Finished)
    assert end.reason == ("max_new_tokens" if wanted == 2 else "end_of_text")
    assert end.answer_tokens == min(wanted, len(fake_tokenizer().encode(ANSWER)))


def test_the_same_seed_gives_the_same_answer_and_the_next_question_goes_on() -> None:
    session = session_of(ANSWER, SHORT)
    first, second = (list(session.generate(ask(seed=5))) for _ in range(2))
    assert timeless(of_kind(first, BlockCommitted)) == timeless(of_kind(second, BlockCommitted))


@pytest.mark.parametrize("looks", range(1, 10))
def test_a_cancel_ends_it_within_a_step(looks: int) -> None:
    flag = CancelAfter(looks)
    events = list(session_of(LONG, SHORT).generate(ask(), flag))
    assert events[-1].reason == "cancelled"
    assert not of_kind(events, BlockCommitted)
    assert flag.looks <= looks + 1


@pytest.mark.parametrize(
    ("note", "named", "places"),
    [
        ({"short_canvas": 64}, None, 64),
        ({"short_canvas": 64}, "0", 0),
        ({"short_canvas": 64}, "128", 128),
        ({}, "64", 64),
        ({}, None, 0),
        ({"short_canvas": 256}, None, 0),
        ({"short_canvas": -1}, None, 0),
        ({"short_canvas": True}, None, 0),
        ({"short_canvas": "64"}, None, 0),
        ({"short_canvas": 64.0}, None, 0),
        ([], None, 0),
        ({}, "many", 0),
        ({}, "9" * 5000, 0),
        ({}, "-5", 0),
    ],
)
def test_who_names_the_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: object, named: str | None, places: int
) -> None:
    (tmp_path / "dewpoint.json").write_text(json.dumps(note))
    monkeypatch.delenv(SHORT_CANVAS_VARIABLE, raising=False)
    if named is not None:
        monkeypatch.setenv(SHORT_CANVAS_VARIABLE, named)
    assert short_canvas(tmp_path, 256) == places


def test_without_a_note_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHORT_CANVAS_VARIABLE, raising=False)
    assert short_canvas(tmp_path, 256) == 0
    (tmp_path / "dewpoint.json").write_text("{")
    assert short_canvas(tmp_path, 256) == 0


def test_places_that_are_not_there_count_as_sure() -> None:
    """A mean entropy of 0.01 nats over 64 places is one of 0.0025 over 256."""
    settings = short_settings(SamplerDefaults(confidence_threshold=0.005), 64, 256)
    assert settings == SamplerDefaults(confidence_threshold=0.02)
