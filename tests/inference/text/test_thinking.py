"""The channel parser, at every place where a stream can be cut."""

from __future__ import annotations

import itertools

import pytest

from inference.backends.fake_model import fake_tokenizer
from inference.text.thinking import ChannelSplitter, SplitText
from inference.text.tokenizer import TextTokenizer
from tests.inference.support import byte_ids, gemma_tokenizer

BYTE_LEVEL, GEMMA = fake_tokenizer(), gemma_tokenizer()
OPEN, CLOSE = "<|channel>", "<channel|>"


def ids_of(tokenizer: TextTokenizer, text: str) -> list[int]:
    """Markers as their tokens, everything else byte by byte: the hardest tokenisation."""
    ids: list[int] = []
    for index, part in enumerate(text.replace(CLOSE, "\0c").replace(OPEN, "\0o").split("\0")):
        if index:
            marker = tokenizer.token_id(OPEN if part[0] == "o" else CLOSE)
            assert marker is not None
            ids.append(marker)
        ids += byte_ids(tokenizer, (part[1:] if index else part).encode())
    return ids


def split(ids: list[list[int]], tokenizer: TextTokenizer, prompt: list[int] | None = None) -> SplitText:
    """All parts through one splitter."""
    splitter = ChannelSplitter(tokenizer, prompt or [])
    return sum((splitter.feed(part) for part in ids), SplitText()) + splitter.finish()


CASES = {
    "Just text \u4e2d.": ("Just text \u4e2d.", ""),
    f"{OPEN}thought\nHm \u4e2d.\n{CLOSE}Yes.": ("Yes.", "Hm \u4e2d."),
    f"{OPEN}thought\n{CLOSE}Yes.": ("Yes.", ""),
    f"{OPEN}thought{CLOSE}Yes.": ("Yes.", ""),
    f"{OPEN}{CLOSE}\n\nYes.\n": ("Yes.\n", ""),
    f"{OPEN}thought\nnever closed": ("", "never closed"),
    f"{OPEN}thought\nunfinished \n": ("", "unfinished "),
    f"{OPEN}thought\none\n\ntwo\n{CLOSE}A": ("A", "one\n\ntwo"),
    f"Before{OPEN}thought\nmid{CLOSE}after": ("Beforeafter", "mid"),
    f"{OPEN}thought\na{CLOSE}{OPEN}thought\nb{CLOSE}C": ("C", "ab"),
    f"{OPEN}thought\na{OPEN}final\nanswer{CLOSE}!": ("answer!", "a"),
    f"stray{CLOSE} close": ("stray close", ""),
    f"{OPEN}a text with no name and no line break at all{CLOSE}x": (
        "x",
        "a text with no name and no line break at all",
    ),
    f"{OPEN}two words{CLOSE}x": ("x", "two words"),
    f"{OPEN}thou": ("", ""),
}


@pytest.mark.parametrize("tokenizer", [BYTE_LEVEL, GEMMA], ids=["byte-level", "gemma"])
@pytest.mark.parametrize("text", CASES)
def test_every_way_to_cut_a_stream_in_two(tokenizer: TextTokenizer, text: str) -> None:
    ids = ids_of(tokenizer, text)
    expected = SplitText(*CASES[text])
    for cut in range(len(ids) + 1):
        assert split([ids[:cut], ids[cut:]], tokenizer) == expected, cut


def test_every_way_to_cut_a_stream_in_three() -> None:
    text = f"{OPEN}thought\nH\u4e2d\n{CLOSE}\nY\u4e2d"
    ids = ids_of(GEMMA, text)
    for one, two in itertools.combinations(range(len(ids) + 1), 2):
        assert split([ids[:one], ids[one:two], ids[two:]], GEMMA) == SplitText("Y\u4e2d", "H\u4e2d")


def test_one_token_at_a_time_never_shows_markup() -> None:
    splitter = ChannelSplitter(BYTE_LEVEL)
    shown = SplitText()
    for token_id in ids_of(BYTE_LEVEL, f"{OPEN}thought\nHm.\n{CLOSE}Yes."):
        shown += splitter.feed([token_id])
        assert "Yes.".startswith(shown.answer)
        assert "Hm.".startswith(shown.thinking)


@pytest.mark.parametrize(
    ("prompt", "written", "answer", "thinking"),
    [
        (f"{OPEN}thought\n{CLOSE}", "Yes.", "Yes.", ""),
        (f"{OPEN}thought\n", f"Hm.{CLOSE}Yes.", "Yes.", "Hm."),
        (f"{OPEN}thought", f"\nHm.{CLOSE}Yes.", "Yes.", "Hm."),
        (OPEN, f"thought\nHm.{CLOSE}Yes.", "Yes.", "Hm."),
        # The user's own words are not the model's channel: their turn has ended.
        (f"user: what is {OPEN}?<turn|>", "Yes.", "Yes.", ""),
    ],
)
def test_the_template_may_have_begun_the_channel(prompt: str, written: str, answer: str, thinking: str) -> None:
    text, turn_end, _ = prompt.partition("<turn|>")
    prompt_ids = ids_of(BYTE_LEVEL, text) + ([4] if turn_end else [])
    assert split([ids_of(BYTE_LEVEL, written)], BYTE_LEVEL, prompt_ids) == SplitText(answer, thinking)


def test_half_a_character_before_a_marker_is_replaced() -> None:
    ids = [*byte_ids(GEMMA, b"a\xe4"), *ids_of(GEMMA, f"{OPEN}thought\nb{CLOSE}c")]
    assert split([ids], GEMMA) == SplitText("a\ufffdc", "b")
