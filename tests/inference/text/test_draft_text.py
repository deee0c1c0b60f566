"""Text of noise, place by place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.text.draft_text import NEUTRAL_GLYPH as DOT
from inference.text.draft_text import decode_prefix, pieces_from_bytes, showable


@pytest.mark.parametrize(
    ("chunks", "pieces"),
    [
        ([b"ab", b" c"], ["ab", " c"]),
        ([b"\xe2", b"\x82", b"\xac"], ["", "", "\u20ac"]),
        ([b"a\xe2\x82", b"\xacb"], ["a", "\u20acb"]),
        ([b"\xe2\x82", b"x"], [DOT, "x"]),
        ([b"\xe2", b"\x82", b"x"], [DOT, DOT, "x"]),
        ([b"a\xe2", b"x"], ["a" + DOT, "x"]),
        ([b"\xe2\x82", None, b"\xac"], [DOT, DOT, DOT]),
        ([b"\xe2\x82"], [DOT]),
        ([b"\xff\xfe\xff"], [DOT]),
        ([b"\x82\xac", b"ok"], [DOT, "ok"]),
        ([None, b"", b"z"], [DOT, DOT, "z"]),
        ([b"\xe2", b"\xe2", b"\x82\xac"], [DOT, "", "\u20ac"]),
        ([b"\xf0\x9f", b"\x92\xa7\xf0", b"\x9f\x92\xa7"], ["", "\U0001f4a7", "\U0001f4a7"]),
    ],
)
def test_pieces(chunks: list[bytes | None], pieces: list[str]) -> None:
    assert pieces_from_bytes(chunks) == pieces


def test_a_broken_carry_marks_no_place() -> None:
    assert pieces_from_bytes([b"x"], carry=b"\xe2\x82") == ["x"]


@given(st.lists(st.binary(max_size=6) | st.none(), max_size=30), st.sampled_from([b"", b"\xe2", b"\xf0\x9f\x92"]))
def test_no_bytes_ever_give_a_broken_character(chunks: list[bytes | None], carry: bytes) -> None:
    pieces = pieces_from_bytes(chunks, carry)
    assert len(pieces) == len(chunks)
    assert "\ufffd" not in "".join(pieces)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (" word\n\t", " word\n\t"),
        ("a\r\nb", "a\nb"),
        ("\x00", DOT),
        ("a\x1b\x1bb", f"a{DOT}b"),
        ("\u202eabc", f"{DOT}abc"),  # right-to-left override
        ("\u2066", DOT),  # isolate
        ("\u0301", DOT),  # a combining mark alone
        ("e\u0301", "e\u0301"),
        ("\u200d", DOT),
        ("\U0001f469\u200d\U0001f52c", "\U0001f469\u200d\U0001f52c"),
        ("\ue000", DOT),  # private use
        ("\U0003ffff", DOT),  # unassigned
        ("\u2028", DOT),  # line separator
        ("\xa0", "\xa0"),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),  # right-to-left letters are text
        ("", ""),
    ],
)
def test_showable(text: str, shown: str) -> None:
    assert showable(text) == shown


@given(st.binary(max_size=40))
def test_a_decoded_prefix_keeps_at_most_three_bytes(data: bytes) -> None:
    text, rest = decode_prefix(data)
    assert len(rest) <= 3
    assert text == data[: len(data) - len(rest)].decode("utf-8", "replace")
