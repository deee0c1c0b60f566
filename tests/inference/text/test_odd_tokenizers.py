"""Tokenizers that the library takes as they are: its panics, endless growth and strange ids are known errors."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import AddedToken, models

from inference.config import model_config_from_folder
from inference.errors import ModelFolderError
from inference.model_config import ModelConfig
from inference.params import ChatTurn
from inference.text.chat_template import ChatTemplate
from inference.text.draft_text import decode_prefix
from inference.text.prompt import PromptEncoder
from inference.text.quiet import quiet_panics
from inference.text.special_tokens import special_tokens
from inference.text.tokenizer import TextTokenizer, tokenizer_from_folder
from tests.helpers.checkpoints import STARTER

TOKEN = {"id": 0, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
REPLACE = {"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 8}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(STARTER / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def config(folder: Path) -> ModelConfig:
    return model_config_from_folder(folder)


def change(folder: Path, **fields: Any) -> None:
    value = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(value | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "e"}},
        {"normalizer": {"type": "Sequence", "normalizers": [REPLACE] * 8}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "e" * 99}] * 2}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////wAAAAA="}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 1000}},
        {"pre_tokenizer": SPLIT | {"pattern": {"Regex": "(("}}},
        {"pre_tokenizer": SPLIT | {"pattern": {"Regex": "a?" * 10_000}}},
        {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
        {"model": {"type": "Unigram", "unk_id": None, "vocab": []}},
        {"model": {"type": "WordLevel", "unk_token": "x", "vocab": {}}},
        {"model": {"type": "WordLevel", "unk_token": "x", "vocab": {"x": 2**32 - 1}}},
        {"added_tokens": [TOKEN | {"content": "x" * 5000}]},
        {"added_tokens": 3},
        {"model": None},
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_what_breaks_down_is_a_known_error(folder: Path, config: ModelConfig, fields: dict[str, Any]) -> None:
    change(folder, **fields)
    with pytest.raises(ModelFolderError) as caught:
        tokenizer_from_folder(folder, config)
    assert caught.value.hint
    assert "\n" not in caught.value.user_text


def test_a_pattern_that_goes_back_for_ever_ends_in_a_sentence(folder: Path, config: ModelConfig) -> None:
    """The library gives up after ten million steps, with a panic, which is no `Exception`."""
    change(folder, pre_tokenizer=SPLIT | {"pattern": {"Regex": "(x+x+)+y"}})
    tokenizer = tokenizer_from_folder(folder, config)
    encoder = PromptEncoder(ChatTemplate("{% for m in messages %}{{ m.content }}{% endfor %}"), tokenizer)
    assert encoder.ids([ChatTurn("user", "dew")])
    with pytest.raises(ModelFolderError, match="cannot read this text"):
        encoder.ids([ChatTurn("user", "x" * 40)])
    assert encoder.ids([ChatTurn("user", "dew")]), "and the next text is read again"


def test_an_id_beyond_the_model_never_reaches_it() -> None:
    vocabulary = {"a": 0, "b": 70_000}
    tokenizer = TextTokenizer(tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[])), [1], 0, vocab_size=100)
    assert tokenizer.encode("a") == [0]
    with pytest.raises(ModelFolderError, match="it has the token 70000, the model 100 tokens"):
        tokenizer.encode("b")


@pytest.mark.parametrize(
    "fields",
    [
        {"extra_special_tokens": 3}, {"extra_special_tokens": "abc"}, {"extra_special_tokens": [[], {}, None, 7]},
        {"bos_token": "\ud800"}, {"bos_token": {"content": "\ud800"}}, {"bos_token": ["<bos>"]}, {"bos_token": {}},
        {"added_tokens_decoder": {"\ud800": {"content": "a"}, "x": 3}}, {"added_tokens_decoder": []},
        {"tokenizer_class": 3}, {"tokenizer_class": {"a": 1}}, {"chat_template": [{"name": ["a"], "template": "x"}]},
        {"additional_special_tokens": {"a": "b"}},
    ],
    ids=str,
)  # fmt: skip
def test_odd_fields_of_the_files_beside_it_do_no_harm(
    folder: Path, config: ModelConfig, fields: dict[str, Any]
) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(fields))
    assert tokenizer_from_folder(folder, config).encode("dew")


@pytest.mark.parametrize(
    "fields", [{"bos_token": "x" * 201}, {"extra_special_tokens": ["a"] * 50_001}], ids=["long", "many"]
)
def test_special_tokens_that_are_too_long_or_too_many(folder: Path, fields: dict[str, Any]) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(fields))
    with pytest.raises(ModelFolderError, match="special token"):
        special_tokens(folder)


def test_a_word_of_a_megabyte_is_no_text(folder: Path) -> None:
    tokenizer = TextTokenizer(tokenizers.Tokenizer(models.BPE(vocab={"a": 0, "b" * 10**6: 5}, merges=[])), [1], 9)
    assert tokenizer.pieces([0, 5]) == ("a", "\N{MIDDLE DOT}")
    assert tokenizer.decode([0, 5, 0]) == "aa"


def test_bytes_that_are_no_text_are_read_once() -> None:
    """Each broken byte had all that follow copied: 2 MB of them took minutes."""
    text, rest = decode_prefix(b"\xff" * 2_000_000 + b"\xe2\x82")
    assert text == "\N{REPLACEMENT CHARACTER}" * 2_000_000
    assert rest == b"\xe2\x82"


def test_tokens_that_differ_by_case_alone_do_not_double_the_work() -> None:
    """Of 4,096 tokens `aAaA...z` an engine tried each way through each letter, at every place of the text."""
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    cases = ["".join("aA"[number >> bit & 1] for bit in range(12)) + "z" for number in range(4096)]
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in cases])
    encoder = PromptEncoder(ChatTemplate("{{ messages[0].content }}"), TextTokenizer(tokenizer, [1], 5))
    assert len(encoder._spelled.pattern) < 100, "one way alone"
    assert encoder._spelled.fullmatch("aAaAaAaAaAaAz")
    assert encoder._spelled.fullmatch("AAAAAAAAAAAAZ")
    assert len(encoder._written.pattern) > 4096


def test_letters_that_are_one_without_their_case_are_found() -> None:
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    spelled = ("<STOP\u0130>", "<\u00df\u1e9e\u017f>", "<\u212a\u03a3>", "<\u1fd3\u0390\ufb05>")
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in spelled])
    encoder = PromptEncoder(ChatTemplate("{{ messages[0].content }}"), TextTokenizer(tokenizer, [1], 5))
    for text in (*spelled, "<stopi>", "<stop\u0131>", "<\u1e9e\u00dfs>", "<k\u03c2>", "<\u0390\u1fd3\ufb06>"):
        assert encoder._spelled.fullmatch(text), text


def test_a_pattern_that_is_tried_for_ever_is_a_sentence(
    folder: Path, config: ModelConfig, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library gives up with a panic, which prints where it was, with a trace if the environment asks for it."""
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    change(folder, pre_tokenizer=SPLIT | {"pattern": {"Regex": "(a+)+(b+)+$"}})
    tokenizer = tokenizer_from_folder(folder, config)
    for ask in (tokenizer.encode, lambda text: tokenizer.encode_parts([text])):
        with pytest.raises(ModelFolderError) as caught:
            ask("a" * 40)
        assert caught.value.user_text.endswith("this text: one of its patterns would be tried for ever.")
    assert capfd.readouterr().err == ""
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_standard_error_comes_back_after_threads_that_overlap(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = quiet_panics(), quiet_panics()
    with first:
        second.__enter__()
        os.write(2, b"nobody hears this")
    os.write(2, b"nor this")
    second.__exit__(None, None, None)
    os.write(2, b"but this")
    assert capfd.readouterr().err == "but this"


def test_without_standard_error_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(_: int) -> int:
        raise OSError(9, "Bad file descriptor")

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup", no_file)
        with quiet_panics():
            pass
    os.fstat(2)
