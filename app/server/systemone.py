"""Decisions: `POST /v1/systemone` answers typed questions about a text; nothing is written but words of that text.

A question of the kind `noul` is answered yes or no, `choice` with one of its labels, `score` with a whole number from 1
on, `span` with words of the text as they stand there. The first three are read off a canvas (the core's `decide`): they
come with the share of each answer, and these shares are not calibrated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from app.server import texts
from app.server.asking import check_length, check_model
from app.server.errors import ApiError, bad
from app.server.fields import BodyFields
from app.server.parts import failure
from app.server.wire import ServedModel, new_id
from inference.events import Decided, Event, Failed, Finished, PromptEncoded
from inference.operations.find import find_request
from inference.operations.requests import MOST_READS, MOST_SCORE, YES_NO, DecideRequest, Operation, score_labels
from inference.params import GenerationRequest

MOST_QUESTIONS = 64
_LONGEST_LABEL = 2000  # characters; none of more than 32 tokens can be decided on
KINDS = ("noul", "choice", "score", "span")
Perform = Callable[[Operation, threading.Event], Iterator[Event]]
Generate = Callable[[GenerationRequest, threading.Event, bool], Iterator[Event]]
Question = tuple[str, str, DecideRequest | GenerationRequest]  # its id, its kind, and what is asked for it


def read_questions(fields: BodyFields, model: ServedModel) -> tuple[str, list[Question]]:
    """The model's name, and what is asked.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    name = check_model(fields, model)
    state = fields.text("state", "")
    longest = max((each.text("question") for each in fields.objects("questions")), key=len, default="")
    check_length(model, len(state) + len(longest))
    questions = [_question(each, state, number) for number, each in enumerate(fields.objects("questions"), 1)]
    if not 1 <= len(questions) <= MOST_QUESTIONS:
        raise bad(texts.must_be("questions", f"a list of 1 to {MOST_QUESTIONS} questions"), "questions")
    fields.finish()
    return name, questions


def _question(fields: BodyFields, state: str, number: int) -> Question:
    own = fields.text("id", str(number))
    kind, question = fields.one_of("kind", KINDS, "noul"), fields.text("question")
    seed = fields.whole("seed", 0, 2**63 - 1) or 0
    reads = 1 if kind == "span" else fields.whole("samples", 1, MOST_READS) or 4
    labels: tuple[str, ...] = YES_NO
    if kind == "choice":
        labels = fields.texts("labels", 26)
    elif kind == "score":
        labels = score_labels(fields.whole("most", 2, MOST_SCORE) or 5)
    if any(len(label) > _LONGEST_LABEL for label in labels):
        wanted = f"a list of texts of at most {_LONGEST_LABEL} characters"
        raise bad(texts.must_be(fields.at("labels"), wanted), fields.at("labels"))
    fields.finish()
    if kind == "span":
        if not state:
            raise bad(texts.missing("state"), "state", "missing_required_parameter")
        return own, kind, find_request(state, question, seed=seed)
    if not 2 <= len(set(labels)) == len(labels) or not all(labels):
        raise bad(texts.must_be(fields.at("labels"), "a list of 2 to 26 different texts"), fields.at("labels"))
    return own, kind, DecideRequest(state, question, labels, reads, seed, score=kind == "score")


def decisions(
    name: str, questions: list[Question], perform: Perform, generate: Generate, cancel: threading.Event
) -> dict[str, Any]:
    """The response; made in a thread, one question after another.

    Raises:
        ApiError: A question cannot be answered, or nobody waits any more.
    """
    answers, tokens = [], 0
    for own, kind, asked in questions:
        events = perform(asked, cancel) if isinstance(asked, DecideRequest) else generate(asked, cancel, False)
        for event in events:
            match event:
                case Decided():
                    tokens += event.tokens
                    shares = dict(zip(event.labels, event.shares, strict=True))
                    value: Any = int(event.label) if kind == "score" else event.label
                    mean = {} if event.mean is None else {"mean": event.mean}
                    answers.append(
                        {"id": own, "kind": kind, "answer": value, **mean, "shares": shares, "entropy": event.entropy}
                    )
                case PromptEncoded():
                    tokens += event.prompt_tokens
                case Finished(reason="cancelled"):
                    raise ApiError(499, texts.STOPPED, code="stopped")
                case Finished():
                    answers.append({"id": own, "kind": kind, "answer": event.answer})
                    tokens += event.answer_tokens
                case Failed():
                    raise failure(event)
                case _:
                    pass
    return {"id": new_id("s1-"), "model": name, "answers": answers, "usage": {"tokens": tokens}}
