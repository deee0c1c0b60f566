"""Ids, bytes and text for both kinds of vocabulary; nothing is ever shown half."""

from __future__ import annotations

import dataclasses
import unicodedata
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.fake_model import fake_config, fake_tokenizer, raw_tokenizer
from inference.errors import ModelFolderError
from inference.text.draft_text import NEUTRAL_GLYPH
from inference.text.tokenizer import StreamDecoder, TextTokenizer, tokenizer_from_folder
from tests.inference.support import byte_ids, gemma_tokenizer

BYTE_LEVEL, GEMMA = fake_tokenizer(), gemma_tokenizer()
BOTH = pytest.mark.parametrize("tokenizer", [BYTE_LEVEL, GEMMA], ids=["byte-level", "gemma"])
TEXT = "Dew\u0301 \U0001f469\u200d\U0001f52c \u4e2d\u6587 \u05e9\u05dc\u05d5\u05dd na\u00efve\n"


@BOTH
@given(text=st.text(max_size=60))
def test_any_text_survives(tokenizer: TextTokenizer, text: str) -> None:
    text = text.replace("\u2581", "_")  # Gemma's own sign for a space
    assert tokenizer.decode(tokenizer.encode_parts([text])) == text


@BOTH
@given(text=st.text(max_size=30), data=st.data())
def test_blocks_never_end_in_half_a_character(tokenizer: TextTokenizer, text: str, data: st.DataObject) -> None:
    ids = byte_ids(tokenizer, text.encode())
    stream, parts = StreamDecoder(tokenizer), []
    while ids:
        size = data.draw(st.integers(1, len(ids)))
        parts.append(stream.feed(ids[:size]))
        ids = ids[size:]
    parts.append(stream.finish())
    assert "".join(parts) == text


def test_an_emoji_over_a_block_border_comes_whole_with_the_second_block() -> None:
    droplet = byte_ids(GEMMA, "\U0001f4a7".encode())
    stream = StreamDecoder(GEMMA)
    assert stream.feed(droplet[:3]) == ""
    assert len(stream.pending) == 3
    assert stream.feed(droplet[3:]) == "\U0001f4a7"
    assert stream.finish() == ""


def test_an_unfinished_character_at_the_end_is_replaced_once() -> None:
    stream = StreamDecoder(BYTE_LEVEL)
    assert stream.feed(byte_ids(BYTE_LEVEL, b"a\xf0\x9f")) == "a"
    assert stream.finish() == "\ufffd"
    assert stream.finish() == ""


def test_decodes_like_the_tokenizers_package() -> None:
    ids = raw_tokenizer().encode(TEXT).ids
    assert BYTE_LEVEL.decode(ids) == raw_tokenizer().decode(ids) == TEXT


@BOTH
def test_special_padding_reserved_and_unknown_ids_have_no_text(tokenizer: TextTokenizer) -> None:
    for token_id in (0, 1, 2, -1, 10**6):
        assert tokenizer.token_bytes(token_id) is None
    assert tokenizer.decode([0, 1, 10**6]) == ""


def test_reserved_names_of_gemma_are_no_text() -> None:
    unused = GEMMA.token_id("<unused7>")
    assert unused is not None
    assert GEMMA.token_bytes(unused) is None


def test_added_tokens_of_a_byte_level_vocabulary_are_verbatim() -> None:
    raw = tokenizers.Tokenizer.from_str(raw_tokenizer().to_str())
    raw.add_tokens(["\u00e9t\u00e9"])
    tokenizer = TextTokenizer(raw, (1,), 0)
    assert tokenizer.decode(tokenizer.encode("un \u00e9t\u00e9.")) == "un \u00e9t\u00e9."


def test_encoding_adds_no_special_tokens_but_knows_those_in_the_text() -> None:
    assert BYTE_LEVEL.encode("<bos><|turn>")[:2] == [2, 3]
    assert 2 not in BYTE_LEVEL.encode("plain")


def test_pieces_stop_at_the_first_end_of_text() -> None:
    ids = [*BYTE_LEVEL.encode("ab"), 1, *BYTE_LEVEL.encode("cd")]
    pieces = BYTE_LEVEL.pieces(ids)
    assert "".join(pieces) == "ab"
    assert len(pieces) == len(ids)


@BOTH
def test_pieces_show_a_split_character_at_its_last_place(tokenizer: TextTokenizer) -> None:
    ids = byte_ids(tokenizer, "a\u4e2db".encode())
    assert tokenizer.pieces(ids) == ("a", "", "", "\u4e2d", "b")


@BOTH
def test_pieces_show_a_glyph_for_ids_without_text(tokenizer: TextTokenizer) -> None:
    (letter,) = byte_ids(tokenizer, b"a")
    assert tokenizer.pieces([0, letter, 2, 10**6]) == (NEUTRAL_GLYPH, "a", NEUTRAL_GLYPH, NEUTRAL_GLYPH)


def test_pieces_go_on_where_the_block_before_stopped() -> None:
    ids = byte_ids(GEMMA, "\u4e2d!".encode())
    assert GEMMA.pieces(ids[1:], carry=b"\xe4") == ("", "\u4e2d", "!")
    assert GEMMA.pieces(ids[1:]) == (NEUTRAL_GLYPH, NEUTRAL_GLYPH, "!")


@BOTH
@given(text=st.text(st.characters(categories=["L", "N", "P"]), max_size=40))
def test_pieces_of_plain_text_join_to_it(tokenizer: TextTokenizer, text: str) -> None:
    text = text.replace("\u2581", "_")
    assert "".join(tokenizer.pieces(tokenizer.encode(text))) == text


@given(ids=st.lists(st.integers(-2, 700), max_size=80))
def test_any_ids_give_harmless_pieces(ids: list[int]) -> None:
    pieces = BYTE_LEVEL.pieces(ids)
    assert len(pieces) == len(ids)
    shown = [char for char in "".join(pieces) if unicodedata.category(char) != "Zs"]
    assert all(char.isprintable() or char in "\n\t" for char in shown)


def test_the_folder_must_hold_a_fitting_tokenizer(tmp_path: Path) -> None:
    config = fake_config()
    with pytest.raises(ModelFolderError, match=r"holds no tokenizer\.json"):
        tokenizer_from_folder(tmp_path, config)
    file = tmp_path / "tokenizer.json"
    file.write_text("{")
    with pytest.raises(ModelFolderError, match="damaged"):
        tokenizer_from_folder(tmp_path, config)
    raw_tokenizer().save(str(file))
    assert tokenizer_from_folder(tmp_path, config).decode(BYTE_LEVEL.encode(TEXT)) == TEXT
    with pytest.raises(ModelFolderError, match="vocab_size 10"):
        tokenizer_from_folder(tmp_path, dataclasses.replace(config, vocab_size=10))
