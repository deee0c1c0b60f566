"""Forms, held places, starts, rewriting, decisions and alternatives through the model process, with the starter."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.events import (
    AlternativesFound,
    BlockCommitted,
    Decided,
    DraftUpdated,
    Event,
    Failed,
    Finished,
    PromptEncoded,
    VariantWritten,
)
from inference.forms.wanted import Form
from inference.host.client import ModelProcessClient
from inference.operations.find import find_request
from inference.operations.infill import infill_request
from inference.operations.requests import (
    AlternativesRequest,
    DecideRequest,
    Operation,
    RewriteRequest,
    with_alternative,
)
from inference.params import CanvasStart, ChatTurn, GenerationRequest, HeldPlace, SamplerParams
from tests.inference.support import ask, of_kind

STARTER = Path(__file__).resolve().parents[3] / "resources" / "starter"
FEW = SamplerParams(max_denoising_steps=3)
NEVER_SETTLES = SamplerParams(confidence_threshold=1e-9)


@pytest.fixture(scope="module")
def process() -> Iterator[ModelProcessClient]:
    """One process that holds the starter, for all of them."""
    with ModelProcessClient(STARTER) as client:
        list(client.load())
        yield client


def finished(events: list[Event]) -> Finished:
    """The closing event, if all went well."""
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1]


def answer_to(process: ModelProcessClient, request: GenerationRequest) -> str:
    """The whole text that a request leads to."""
    return request.answer_start + finished(list(process.generate(request))).answer


SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        (Form("choice", texts=("red", "green")), "red|green"),
        (Form("regex", r"\d{4}-\d{2}"), r"\d{4}-\d{2}"),
        (Form("schema", json.dumps(SCHEMA)), r'\{ ?"ok": ?(true|false) ?\}'),
    ],
)
def test_an_answer_has_its_form(process: ModelProcessClient, form: Form, pattern: str) -> None:
    assert re.fullmatch(pattern, answer_to(process, ask(form=form, sampler=FEW)))


def test_what_cannot_be_kept_is_a_sentence_and_the_process_lives_on(process: ModelProcessClient) -> None:
    pid = process.pid
    failed = list(process.generate(ask(form=Form("schema", '{"type": "string", "not": {}}'))))[-1]
    assert isinstance(failed, Failed)
    assert (failed.known, failed.engine_lost) == (True, False)
    assert "#/not" in failed.user_text
    assert process.pid == pid


def test_held_places_and_a_start(process: ModelProcessClient) -> None:
    plain = of_kind(list(process.generate(ask(max_new_tokens=32, canvas_length=32))), BlockCommitted)[0]
    held = (HeldPlace(2, plain.token_ids[9]), HeldPlace(5, plain.token_ids[1]))
    start = CanvasStart(plain.token_ids, 0.2)
    asked = ask(held=held, start=start, canvas_length=32, max_new_tokens=32, sampler=FEW)
    block = of_kind(list(process.generate(asked)), BlockCommitted)[0]
    assert len(block.token_ids) == 32
    assert [block.token_ids[place.place] for place in held] == [place.token for place in held]


def test_blanks_are_filled_and_what_is_found_stands_in_the_text(process: ModelProcessClient) -> None:
    infill = infill_request("Dear {word}, see you on {date}. Bye", "a letter", seed=1, sampler=FEW)
    assert re.fullmatch(r"Dear [^\s,]+, see you on \d{4}-\d\d-\d\d\. Bye", answer_to(process, infill))
    text = "The old lamp stood by the river – it was blue."
    assert answer_to(process, find_request(text, "Where?", seed=1, sampler=FEW)) in text


def test_a_part_is_written_anew_and_all_else_stays(process: ModelProcessClient) -> None:
    answer = "Dew is water. It forms at night, on cold leaves."
    turns = (ChatTurn("user", "What is dew?"),)
    events = list(process.perform(RewriteRequest(turns, answer, 14, 31, answer[14:31], "shorter", 2, sampler=FEW)))
    variants, end = of_kind(events, VariantWritten), finished(events)
    assert variants
    assert len(of_kind(events, Finished)) == 1
    assert len(of_kind(events, PromptEncoded)) == 2
    for variant in variants:
        assert variant.answer == answer[:14] + variant.part + answer[31:]
    assert end.answer == max(variants, key=lambda variant: variant.score).answer
    failed = list(process.perform(RewriteRequest(turns, answer, 14, 31, "something else")))[-1]
    assert isinstance(failed, Failed)
    assert "has changed" in failed.user_text


def test_a_question_is_decided(process: ModelProcessClient) -> None:
    *_, decided = process.perform(DecideRequest("The sky is blue.", "Is it?", ("yes", "no", "perhaps"), 2))
    assert isinstance(decided, Decided)
    assert sum(decided.shares) == pytest.approx(1.0)
    assert decided.label == decided.labels[decided.shares.index(max(decided.shares))]


def test_another_word_is_named_and_taken(process: ModelProcessClient) -> None:
    asked = ask(max_new_tokens=64, canvas_length=64)
    block = of_kind(list(process.generate(asked)), BlockCommitted)[0]
    *_, found = process.perform(AlternativesRequest(asked, block.token_ids, 3, 5))
    assert isinstance(found, AlternativesFound)
    assert (found.place, found.token, len(found.alternatives)) == (3, block.token_ids[3], 5)
    other = next(each for each in found.alternatives if each.token != found.token)
    changed = list(process.generate(with_alternative(asked, block.token_ids, 3, other.token)))
    assert of_kind(changed, BlockCommitted)[0].token_ids[3] == other.token


@pytest.mark.parametrize(
    "operation",
    [
        DecideRequest("A text.", "Is it?", reads=32),
        AlternativesRequest(ask(), (7,) * 64, 3),
        RewriteRequest((ChatTurn("user", "Hi"),), "One two three", 4, 7, "two"),
    ],
)
def test_an_operation_can_be_cancelled(process: ModelProcessClient, operation: Operation) -> None:
    cancel = threading.Event()
    cancel.set()
    *_, end = process.perform(operation, cancel)
    # One that is quick may be done before the cancel arrives.
    assert not isinstance(end, Failed)
    assert getattr(end, "reason", "cancelled") == "cancelled"
    assert process.pid is not None


def said_at_first_draft(process: ModelProcessClient, say: Any, **fields: Any) -> list[BlockCommitted]:
    """The blocks of an answer to which something is said when its first draft comes; it is stopped after the first."""
    cancel, blocks, seen = threading.Event(), list[BlockCommitted](), 0
    for event in process.generate(ask(**fields), cancel):
        if isinstance(event, DraftUpdated):
            if not seen:
                say()
            seen += 1
        elif isinstance(event, BlockCommitted):
            blocks.append(event)
            cancel.set()
    return blocks


@pytest.mark.parametrize("fields", [{}, {"canvas_length": 64}, {"form": Form("regex", "[a-z ]{60,}")}])
def test_a_block_is_settled_at_a_word(process: ModelProcessClient, fields: dict[str, Any]) -> None:
    """On the short canvas that an answer is tried on first, on one that is asked for, and with a form."""
    block = said_at_first_draft(process, process.settle_now, sampler=NEVER_SETTLES, step_seconds=0.2, **fields)[0]
    assert (block.ended, block.settled) == ("you", False)
    assert block.steps < block.max_steps


def test_a_block_takes_more_steps_at_a_word(process: ModelProcessClient) -> None:
    few = SamplerParams(max_denoising_steps=4, confidence_threshold=1e-9)
    fields: dict[str, Any] = {"sampler": few, "step_seconds": 0.3, "canvas_length": 64, "max_new_tokens": 64}
    block = said_at_first_draft(process, lambda: process.more_steps(2), **fields)[0]
    assert (block.steps, block.max_steps, block.ended) == (6, 6, "limit")
