"""Decisions about a text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.server.conftest import RunningServer

STATE = "The invoice of the 3rd of May is for 120 euros. It was paid by Ada."


def ask(server: RunningServer, *questions: dict[str, Any], **fields: Any) -> Any:
    return server.post("/v1/systemone", {"model": server.model, "state": STATE, "questions": list(questions), **fields})


def test_questions_of_every_kind(server: RunningServer) -> None:
    answer = ask(
        server,
        {"id": "paid", "kind": "noul", "question": "Was it paid?", "samples": 1},
        {"kind": "choice", "question": "Who paid?", "labels": ["Ada", "Bob", "nobody"], "samples": 1},
        {"kind": "score", "question": "How urgent is it?", "most": 3, "samples": 1},
        {"kind": "span", "question": "Who paid?", "seed": 1},
    )
    assert answer.status_code == 200, answer.text
    paid, who, urgent, span = answer.json()["answers"]
    assert (paid["id"], who["id"]) == ("paid", "2")
    assert paid["answer"] in ("yes", "no")
    assert who["answer"] in ("Ada", "Bob", "nobody")
    assert urgent["answer"] in (1, 2, 3)
    for each in (paid, who, urgent):
        assert sum(each["shares"].values()) == pytest.approx(1.0)
        assert each["shares"][str(each["answer"])] == max(each["shares"].values())
    assert span["answer"] in STATE


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"kind": "guess", "question": "?"}, "kind"),
        ({"kind": "choice", "question": "?", "labels": ["one"]}, "labels"),
        ({"question": "?", "samples": 99}, "samples"),
        ({"question": "?", "think": 5}, "think"),
        ({}, "question"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(server: RunningServer, question: Any, field: str) -> None:
    answer = ask(server, question)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["param"]


def test_there_must_be_questions(server: RunningServer) -> None:
    assert ask(server).status_code == 400


@pytest.mark.parametrize(
    "question",
    [
        {"kind": "choice", "question": "Which?", "labels": ["a" * 5000, "b"]},
        {"kind": "span", "question": "Which?"},
    ],
)
def test_what_is_far_too_long_is_refused_before_it_is_worked_on(
    server: RunningServer, question: dict[str, Any]
) -> None:
    found = server.post("/v1/systemone", {"state": "word " * 2000, "questions": [question]})
    assert found.status_code == 400
    assert found.elapsed.total_seconds() < 5
