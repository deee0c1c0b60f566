"""Errors that were stored: however long, odd or cut off they are, there is a sentence."""

from __future__ import annotations

import json

import pytest

from app.chats import texts
from app.chats.history import HistoryStore
from app.chats.rows import LONGEST_REPORT, LONGEST_SENTENCE, error_from_json
from inference.events import Failed
from inference.params import SamplerParams


@pytest.mark.parametrize("cut", [1_000, 100_001, 999_999, 1_000_000])
@pytest.mark.parametrize("letter", ["a\u0301", '"', "\\", "\n", "\u6f22", "x"])
def test_one_that_is_cut_off_says_what_is_there(letter: str, cut: int) -> None:
    whole = {"user_text": letter * 40_000, "hint": "Do this.", "known": True, "detail": letter * 400_000}
    stored = json.dumps(whole)[:cut]
    found = error_from_json(stored)
    assert found.user_text
    assert (letter * 40_000).startswith(found.user_text)
    assert len(found.user_text) <= LONGEST_SENTENCE
    assert len(found.detail) <= LONGEST_REPORT
    if cut > 990_000:
        assert found.hint == "Do this."
        assert found.detail


@pytest.mark.parametrize(
    "stored", ["", "{", "nonsense", "[]", "7", '{"user_text": 7', '{"other": "x"}', '{"user_text": "']
)
def test_one_that_is_none_has_a_sentence_too(stored: str) -> None:
    assert error_from_json(stored).user_text == texts.ERROR_UNREADABLE


def test_an_error_of_a_hundred_thousand_letters_comes_back(store: HistoryStore) -> None:
    user = store.add_user_message(None, "Hello")
    chat = user.conversation_id
    answer = store.begin_answer(chat, user.id, seed=1, params=SamplerParams(), model="m", backend="b")
    store.fail_answer(answer.id, Failed("e\u0301" * 60_000, "Do this.", False, "e\u0301" * 60_000))
    error = store.message(answer.id).error
    assert error is not None
    assert error.user_text == ("e\u0301" * 60_000)[:LONGEST_SENTENCE]
    assert error.hint == "Do this."
