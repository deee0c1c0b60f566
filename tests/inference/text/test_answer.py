"""Where an answer ends, and what of a canvas is text."""

from __future__ import annotations

import pytest

from inference.backends.fake_model import fake_tokenizer
from inference.text.answer import AnswerBuilder, BlockText
from inference.text.thinking import SplitText
from tests.inference.support import byte_ids

TOKENIZER = fake_tokenizer()
PAD, EOS, TURN_END = 0, 1, 4


def ids(text: str) -> list[int]:
    """One id a byte."""
    return byte_ids(TOKENIZER, text.encode())


def test_it_ends_at_the_first_of_several_end_of_text_ids() -> None:
    answer = AnswerBuilder(TOKENIZER, [], 100)
    assert answer.add([*ids("ab"), TURN_END, *ids("c"), EOS], last=False) == BlockText(SplitText("ab"), "end_of_text")
    assert answer.tokens == 2


@pytest.mark.parametrize("spelled", ["<turn|>", "<eos>", "<|channel>thought\n", "<pad>"])
def test_a_control_token_that_the_model_spells_is_text(spelled: str) -> None:
    answer = AnswerBuilder(TOKENIZER, [], 100)
    text = f"A turn ends with {spelled} in it."
    assert answer.add(ids(text), last=True) == BlockText(SplitText(text), None)


def test_an_empty_answer_is_an_answer() -> None:
    answer = AnswerBuilder(TOKENIZER, [], 100)
    assert answer.add([EOS, PAD, PAD], last=False) == BlockText(SplitText(), "end_of_text")
    assert answer.text == SplitText()


def test_it_goes_on_without_an_end() -> None:
    answer = AnswerBuilder(TOKENIZER, [], 100)
    assert answer.add(ids("abcd"), last=False) == BlockText(SplitText("abcd"), None)
    assert answer.add([*ids("ef"), EOS, PAD], last=False).ended == "end_of_text"
    assert (answer.text.answer, answer.tokens) == ("abcdef", 6)


@pytest.mark.parametrize(
    ("limit", "text", "reason"),
    [(3, "abc", "max_new_tokens"), (4, "abcd", "end_of_text"), (5, "abcd", "end_of_text")],
)
def test_the_limit_cuts_within_a_canvas(limit: int, text: str, reason: str) -> None:
    answer = AnswerBuilder(TOKENIZER, [], limit)
    assert answer.add([*ids("abcd"), EOS, PAD], last=True) == BlockText(SplitText(text), reason)


def test_the_limit_counts_over_blocks() -> None:
    answer = AnswerBuilder(TOKENIZER, [], 6)
    assert answer.add(ids("abcd"), last=False).ended is None
    assert answer.add(ids("efgh"), last=True) == BlockText(SplitText("ef"), "max_new_tokens")


def test_padding_inside_counts_as_nothing() -> None:
    answer = AnswerBuilder(TOKENIZER, [], 100)
    answer.add([*ids("a"), PAD, *ids("b"), EOS], last=False)
    assert (answer.text.answer, answer.tokens) == ("ab", 2)


def test_half_a_character_waits_for_the_next_block_or_the_end() -> None:
    answer = AnswerBuilder(TOKENIZER, [], 100)
    droplet = ids("\U0001f4a7")
    assert answer.add(droplet[:2], last=False).text.answer == ""
    assert answer.pending == "\U0001f4a7".encode()[:2]
    assert answer.add(droplet[2:], last=False).text.answer == "\U0001f4a7"
    assert answer.add(droplet[:2], last=True).text.answer == "\ufffd"


@pytest.mark.parametrize("limit", [2, 3, 100])
def test_a_canvas_of_nothing_is_an_end(limit: int) -> None:
    assert AnswerBuilder(TOKENIZER, [], limit).add([PAD, PAD, PAD], last=False) == BlockText(SplitText(), "end_of_text")


def test_half_a_character_and_a_marker_are_no_canvas_of_nothing() -> None:
    droplet = ids("\U0001f4a7")
    for canvas in ([PAD, droplet[0]], [TOKENIZER.token_id("<channel|>") or 0, PAD], [*ids("\n"), *ids("a")]):
        assert AnswerBuilder(TOKENIZER, [], 100).add(canvas, last=False).ended is None
    assert AnswerBuilder(TOKENIZER, [], 1).add([*ids("\n"), *ids("a")], last=True).ended == "max_new_tokens"
