"""What is left out of a long chat, and what is still in the KV cache."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import ContextFullError, SystemPromptTooLongError
from inference.params import ChatTurn
from inference.text.context import MOST_CHARACTERS_A_TOKEN, beginnings, common_prefix, fit_turns, tokenisable

CANVAS = 10
# So many hops that each leaves out one exchange, as few as must be.
FEWEST = 10**9


def letters(turns: Sequence[ChatTurn]) -> list[int]:
    """One id a letter of the texts."""
    return [ord(char) for turn in turns for char in turn.text]


def text_of(ids: Sequence[int]) -> str:
    """`letters` backwards."""
    return "".join(map(chr, ids))


def chat(*texts: str, system: str = "") -> list[ChatTurn]:
    """User and assistant in turn, after a system turn if it has a text."""
    head = [ChatTurn("system", system)] if system else []
    return head + [ChatTurn("user" if index % 2 == 0 else "assistant", text) for index, text in enumerate(texts)]


def test_a_chat_that_fits_is_whole() -> None:
    fitted = fit_turns(chat("aa", "bb", "cc", system="S"), letters, 7 + CANVAS, CANVAS, CANVAS)
    assert (text_of(fitted.ids), fitted.dropped_turns) == ("Saabbcc", 0)


@pytest.mark.parametrize(
    ("room", "left", "dropped"),
    [(12, "Saabbccddee", 0), (10, "Sccddee", 2), (7, "Sccddee", 2), (6, "See", 4), (3, "See", 4)],
)
def test_whole_exchanges_go_oldest_first_and_the_system_turn_stays(room: int, left: str, dropped: int) -> None:
    turns = chat("aa", "bb", "cc", "dd", "ee", system="S")
    fitted = fit_turns(turns, letters, room + CANVAS, CANVAS, CANVAS)
    assert (text_of(fitted.ids), fitted.dropped_turns) == (left, dropped)


def test_old_exchanges_make_room_for_a_long_answer() -> None:
    fitted = fit_turns(chat("aa", "bb", "cc"), letters, 2 + 3 * CANVAS, 3 * CANVAS, CANVAS)
    assert (text_of(fitted.ids), fitted.dropped_turns) == ("cc", 2)


def test_a_long_answer_that_never_fits_asks_for_one_block_only() -> None:
    fitted = fit_turns(chat("aa", "bb", "cc"), letters, 6 + CANVAS, 50 * CANVAS, CANVAS)
    assert (text_of(fitted.ids), fitted.dropped_turns) == ("aabbcc", 0)


def test_an_answer_that_goes_on_follows_its_question() -> None:
    fitted = fit_turns(chat("aa", "bb", "cc"), letters, 9 + CANVAS, CANVAS, CANVAS, letters(chat("ddd")))
    assert (text_of(fitted.ids), fitted.dropped_turns) == ("aabbccddd", 0)


def test_old_exchanges_make_room_for_an_answer_that_goes_on() -> None:
    fitted = fit_turns(chat("aa", "bb", "cc"), letters, 5 + CANVAS, CANVAS, CANVAS, letters(chat("ddd")))
    assert (text_of(fitted.ids), fitted.dropped_turns) == ("ccddd", 2)


@pytest.mark.parametrize(
    ("context", "wanted", "read"),
    [
        (22 + CANVAS, CANVAS, 20),  # room for one block is all that is wanted
        (22 + CANVAS, 3 * CANVAS, 10),  # the last block is read, and the rest is room
        (12 + CANVAS, 3 * CANVAS, 10),
        (3 + CANVAS, CANVAS, 1),
    ],
)
def test_of_an_answer_that_fills_the_context_the_end_is_read(context: int, wanted: int, read: int) -> None:
    start = "".join(chr(ord("A") + number) for number in range(30))
    fitted = fit_turns(chat("aa", "bb", "cc"), letters, context, wanted, CANVAS, letters(chat(start)))
    assert (text_of(fitted.ids), fitted.dropped_turns) == ("cc" + start[-read:], 2)


def test_a_question_that_leaves_no_room_to_go_on_is_an_error() -> None:
    with pytest.raises(ContextFullError, match="cannot go on"):
        fit_turns(chat("aa"), letters, 2 + CANVAS, CANVAS, CANVAS, letters(chat("ddd")))


def test_a_message_that_alone_is_too_long_is_an_error() -> None:
    with pytest.raises(
        ContextFullError, match="has 12 tokens; with room for an answer the model can take 11"
    ) as caught:
        fit_turns(chat("aa", "bb", "c" * 12), letters, 11 + CANVAS, CANVAS, CANVAS)
    assert "Shorten the message" in caught.value.hint


@pytest.mark.parametrize(
    ("system", "message", "said", "hint"),
    [
        (
            "s" * 9,
            "ccc",
            "The system prompt is too long: with this message it has 12 tokens .9 and 3.; .* can take 11",
            ", or",
        ),
        ("s" * 12, "c", "The system prompt is too long: with this message it has 13 tokens", "system prompt."),
        ("s" * 2, "c" * 12, "This message has 12 tokens; with room for an answer the model can take 11", "message, or"),
        (
            "s" * 12,
            "c" * 12,
            "This message has 12 tokens; with room for an answer the model can take 11",
            "message, or",
        ),
    ],
)
def test_what_is_too_long_is_named(system: str, message: str, said: str, hint: str) -> None:
    """A message that would fit alone is not to blame."""
    turns = [ChatTurn("system", system), *chat("aa", "bb", message)]
    with pytest.raises(ContextFullError, match=said) as caught:
        fit_turns(turns, letters, 11 + CANVAS, CANVAS, CANVAS)
    assert hint in caught.value.hint
    assert isinstance(caught.value, SystemPromptTooLongError) == said.startswith("The system prompt")


@pytest.mark.parametrize(
    ("system", "message", "said"),
    [
        (41 * 20, 10, "The system prompt is too long: it has 820 characters; the model can take 20 tokens in all"),
        (10, 41 * 20, "This message has 820 characters; the model can take 20 tokens"),
        (41 * 20, 41 * 20, "This message has 820 characters; the model can take 20 tokens"),
    ],
)
def test_what_is_far_too_long_is_named_before_it_is_tokenised(system: int, message: int, said: str) -> None:
    with pytest.raises(ContextFullError, match=said):
        tokenisable([ChatTurn("system", "s" * system), *chat("a", "b", "c" * message)], 20)


def test_a_context_smaller_than_a_canvas_is_an_error() -> None:
    with pytest.raises(ContextFullError, match="can take 0"):
        fit_turns(chat("a"), letters, CANVAS - 1, CANVAS, CANVAS)


def test_an_answer_at_the_beginning_goes_first() -> None:
    turns = [ChatTurn("assistant", "xx"), *chat("aa", "bb", "cc")]
    fitted = fit_turns(turns, letters, 6 + CANVAS, CANVAS, CANVAS)
    assert (text_of(fitted.ids), fitted.dropped_turns) == ("aabbcc", 1)


@given(st.lists(st.text("abc", max_size=9), min_size=1, max_size=9), st.integers(0, 60))
def test_what_is_left_fits_ends_with_the_newest_and_is_the_most_possible(texts: list[str], room: int) -> None:
    turns = chat(*texts) if len(texts) % 2 else chat(*texts[:-1], "q") if len(texts) > 1 else chat("q")
    turns = turns if turns[-1].role == "user" else [*turns, ChatTurn("user", "q")]
    newest = len(turns[-1].text)
    if newest > room:
        with pytest.raises(ContextFullError):
            fit_turns(turns, letters, room + CANVAS, CANVAS, CANVAS)
        return
    for hops in (FEWEST, 4):
        fitted = fit_turns(turns, letters, room + CANVAS, CANVAS, CANVAS, hops=hops)
        kept = turns[fitted.dropped_turns :]
        assert letters(kept) == list(fitted.ids)
        assert kept[0].role == "user"
        assert len(fitted.ids) <= room
        if fitted.dropped_turns:
            before = len(letters(turns[fitted.dropped_turns - 2 :]))
            assert before > (room if hops == FEWEST or len(kept) == 1 else room - max(1, room // hops))


@pytest.mark.parametrize(("hops", "places"), [(FEWEST, 17), (4, 5)])
def test_the_oldest_exchanges_go_in_hops(hops: int, places: int) -> None:
    """Thirty turns, the first ones short enough to stay: at how many places the prompt then begins."""
    begins = []
    for turn in range(1, 31):
        texts = [text for number in range(turn) for text in (f"<{number:02}>", "answer")]
        turns = chat(*texts, "new message", system="S")
        fitted = fit_turns(turns, letters, 160 + CANVAS, CANVAS, CANVAS, hops=hops)
        assert len(fitted.ids) <= 160
        assert text_of(fitted.ids) == "S" + "".join([*texts, "new message"][fitted.dropped_turns :])
        begins.append(fitted.dropped_turns)
    assert begins == sorted(begins)
    assert len(set(begins)) == places


@pytest.mark.parametrize(("before", "dropped"), [("bb", 2), ("b" * 60, 4)])
def test_the_exchange_before_the_newest_stays_where_it_fits(before: str, dropped: int) -> None:
    """Though a hop would leave it out, too: the newest message often asks about it."""
    turns = chat("x" * 40, "y" * 40, "aa", before, "n" * 50)
    fitted = fit_turns(turns, letters, 60 + CANVAS, CANVAS, CANVAS)
    assert fitted.dropped_turns == dropped


@pytest.mark.parametrize(
    ("held", "wanted", "shared"),
    [([], [1], 0), ([1, 2], [1, 2, 3], 2), ([1, 2, 3], [1, 2], 2), ([1, 9, 3], [1, 2, 3], 1), ([5], [6], 0)],
)
def test_common_prefix(held: list[int], wanted: list[int], shared: int) -> None:
    assert common_prefix(held, wanted) == shared


def test_what_is_far_too_long_is_never_tokenised() -> None:
    huge, context = "x" * (MOST_CHARACTERS_A_TOKEN * 100 + 1), 100
    with pytest.raises(ContextFullError, match=r"4,001 characters"):
        tokenisable(chat("a", "b", huge), context)
    with pytest.raises(ContextFullError):
        tokenisable(chat("a", system=huge), context)
    assert tokenisable(chat(huge, "b", "c", system="S"), context) == chat("c", system="S")
    whole = chat("a", "b", huge[1:-2])
    assert tokenisable(whole, context) == whole


def test_the_length_of_what_is_far_too_long_is_told_from_its_beginning() -> None:
    (turn,), share = beginnings(chat("x" * 8000), 100)
    assert (len(turn.text), share) == (400, 0.05)
    assert beginnings(chat("x" * 4000), 100) == (chat("x" * 4000), 1.0)
