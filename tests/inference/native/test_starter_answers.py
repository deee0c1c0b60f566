"""The starter's answers to questions that it was not trained on: native against the int8 graphs that it ships with."""

from __future__ import annotations

import pytest

from inference.opening import open_session
from inference.params import SamplerParams
from inference.training.evaluate import ask, chosen_questions
from tests.helpers.checkpoints import STARTER

QUESTIONS, SEED = 24, 7


@pytest.mark.slow
def test_as_many_answers_are_right_as_with_the_shipped_graphs() -> None:
    chosen = [each for each in chosen_questions(None, SEED) if each.set == "wordings"]  # one turn, short answers
    questions = chosen[:: len(chosen) // QUESTIONS][:QUESTIONS]
    right = {}
    for name in ("onnx", "native"):
        with open_session(STARTER, name) as session:
            answers = [ask(session, each, SEED + place, SamplerParams()) for place, each in enumerate(questions)]
        right[name] = [answer.correct for answer in answers]
        assert all(answer.ended for answer in answers)
    assert len(right["native"]) == QUESTIONS
    assert sum(right["native"]) >= sum(right["onnx"]), right
