"""An answer of nothing is noticed, tried once more with words in the first places, and then said."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from app.base.paths import starter_model_folder
from inference.backends.base import DenoiseStep, Floats, Ids
from inference.backends.fake import FakeBackend
from inference.backends.fake_model import fake_config, fake_template, fake_tokenizer
from inference.events import BlockCommitted, DraftUpdated, Finished, NothingWritten
from inference.opening import open_session
from inference.session import Session
from tests.inference.support import ask, of_kind, timeless

NOTHING = {
    "nothing": "",
    "white space": " \n\n\t \u00a0",
    "control tokens": "<pad><pad><bos>",
    "broken characters": "\ufffd\ufffd \u200d\u0301",
    "thinking alone": "<|channel>thought\nI see.\n<channel|>",
}
CANVAS = 32


class Shy(FakeBackend):
    """Its script says nothing, but its last candidate is a word."""

    other = "A"

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """The fake's step with `other` as the only candidate beside the likeliest token of each place."""
        step = super().denoise(canvas, state, temperature, uniforms)
        top_ids = np.repeat(step.argmax[:, None], step.top_ids.shape[1], axis=1)
        top_ids[:, -1] = fake_tokenizer().encode(self.other)[0]
        return dataclasses.replace(step, top_ids=top_ids)


class Mute(Shy):
    """No candidate is a word."""

    other = "\n"


def session(kind: type[FakeBackend], script: str) -> Session:
    """A session on a small canvas."""
    backend = kind(NOTHING.get(script, script), config=fake_config(CANVAS, 512))
    return Session(backend, fake_tokenizer(), fake_template(), "Test model")


@pytest.mark.parametrize("script", NOTHING)
def test_a_second_try_puts_words_first(script: str) -> None:
    events = list(session(Shy, script).generate(ask()))
    end = of_kind(events, Finished)[0]
    assert end.answer.startswith("A")
    blocks = of_kind(events, BlockCommitted)
    assert "".join(block.answer for block in blocks) == end.answer
    assert not of_kind(events, NothingWritten)
    assert [block.block for block in blocks] == list(range(len(end.steps_per_block)))


@pytest.mark.parametrize("script", NOTHING)
def test_what_stays_empty_is_said_once(script: str) -> None:
    events = list(session(Mute, script).generate(ask()))
    said = of_kind(events, NothingWritten)
    assert [said[0].user_text] == ["The model wrote nothing that can be read, also at a second try."]
    assert len(said) == 1
    assert isinstance(events[-1], Finished)
    assert events[-1].answer == ""
    assert events[-1].reason == "end_of_text"
    assert "".join(block.answer for block in of_kind(events, BlockCommitted)) == ""


def test_a_canvas_of_nothing_is_not_followed_by_others() -> None:
    blank = "<pad>" * (5 * CANVAS)
    events = list(session(Mute, blank).generate(ask()))
    assert {draft.block for draft in of_kind(events, DraftUpdated)} == {0}
    assert of_kind(events, Finished)[0].answer == ""


@pytest.mark.parametrize("script", ["A", "?", "\u4e2d", "\U0001f600", "<|channel>thought\nHm.\n<channel|>Yes.", " 1"])
def test_a_short_answer_is_an_answer(script: str) -> None:
    backend = FakeBackend(script, config=fake_config(CANVAS, 512))
    events = list(Session(backend, fake_tokenizer(), fake_template(), "Test model").generate(ask()))
    assert not of_kind(events, NothingWritten)
    assert of_kind(events, Finished)[0].answer == script.rpartition("<channel|>")[2]
    assert backend.denoise_calls == of_kind(events, Finished)[0].steps_per_block[0]


def test_thinking_over_several_blocks_and_no_answer_is_said() -> None:
    thinking = "<|channel>thought\n" + "I see. " * 60 + "<channel|>"
    events = list(session(Shy, thinking).generate(ask(max_new_tokens=512)))
    assert len(of_kind(events, BlockCommitted)) > 1
    assert len(of_kind(events, NothingWritten)) == 1


def test_a_stopped_answer_is_not_called_empty() -> None:
    class Stopped:
        def is_set(self) -> bool:
            return True

    assert not of_kind(list(session(Shy, "").generate(ask(), Stopped())), NothingWritten)


def test_the_same_seed_gives_the_same_second_try() -> None:
    runs = [timeless(list(session(Shy, "nothing").generate(ask(seed=3)))) for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.slow
def test_the_starter_answers_what_it_answered_with_nothing() -> None:
    with open_session(starter_model_folder()) as starter:
        end = list(starter.generate(ask("\u4f60\u597d\uff0c\u8bf7\u4ecb\u7ecd\u4e00\u4e0b\u4f60\u81ea\u5df1", seed=7)))[
            -1
        ]
    assert isinstance(end, Finished)
    assert end.answer.strip()


def test_an_answer_that_goes_on_may_end_at_once() -> None:
    events = list(session(Shy, "nothing").generate(ask(answer_start="It was said already.")))
    assert not of_kind(events, NothingWritten)
    end = of_kind(events, Finished)[0]
    assert (end.answer, end.reason) == ("", "end_of_text")
    assert len(end.steps_per_block) == 1, "there was no second try"


BLANK = {"padding": "<pad>", "white space": " \n", "control tokens": "<pad><bos>"}


@pytest.mark.parametrize("limit", [None, CANVAS // 2, CANVAS])
@pytest.mark.parametrize("blank", BLANK)
def test_an_answer_that_goes_on_with_nothing_ends(blank: str, limit: int | None) -> None:
    backend = FakeBackend(BLANK[blank] * (6 * CANVAS), config=fake_config(CANVAS, 512))
    request = ask(answer_start="It was said already.", max_new_tokens=limit)
    events = list(Session(backend, fake_tokenizer(), fake_template(), "Test model").generate(request))
    end = of_kind(events, Finished)[0]
    assert (end.answer.strip(), end.reason) == ("", "end_of_text")
    assert len(end.steps_per_block) == 1
    assert not of_kind(events, NothingWritten)


@pytest.mark.parametrize("blank", BLANK)
def test_a_later_block_of_nothing_ends_the_answer(blank: str) -> None:
    script = "A" * CANVAS + BLANK[blank] * (6 * CANVAS)
    backend = FakeBackend(script, config=fake_config(CANVAS, 512))
    events = list(Session(backend, fake_tokenizer(), fake_template(), "Test model").generate(ask()))
    end = of_kind(events, Finished)[0]
    assert (end.answer.rstrip(), end.reason) == ("A" * CANVAS, "end_of_text")
    assert len(end.steps_per_block) == 2


@pytest.mark.slow
def test_the_starter_does_not_go_on_with_nothing_for_ever() -> None:
    with open_session(starter_model_folder()) as starter:
        question = "Tell me a long story"
        start = list(starter.generate(ask(question, seed=4, max_new_tokens=100)))[-1]
        assert isinstance(start, Finished)
        starter.reset()
        end = list(starter.generate(ask(question, seed=4, answer_start=start.answer.rstrip())))[-1]
    assert isinstance(end, Finished)
    assert end.answer.strip() or end.reason == "end_of_text"
