"""Chats with tools in the template's own syntax: the ids of transformers, and no control token that somebody wrote."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from app.base.paths import starter_model_folder
from inference.calls import SIGNS
from inference.config import model_config_from_folder
from inference.errors import ModelFolderError
from inference.params import CalledTool, ChatTurn, GenerationRequest, ToolDeclared
from inference.text.chat_template import template_from_folder
from inference.text.own_syntax import messages_of
from inference.text.prompt import PromptEncoder
from inference.text.tokenizer import TextTokenizer, tokenizer_from_folder
from tests.helpers.call_folders import BEHIND, CALL_TOKENS, TEMPLATES, call_folder
from tests.helpers.text_folders import SPECIAL

KINDS = ("gemma", "byte-level")
NAMES = st.text("abcXYZ_", min_size=1, max_size=8)
WORDS = st.text("aZ09 {}[]:,\"'\n\täß漢👩", max_size=12)
VALUES = st.recursive(
    st.one_of(WORDS, st.booleans(), st.none(), st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "description": "Which one?"}}}


@functools.cache
def encoder(kind: str, template: str) -> tuple[PromptEncoder, TextTokenizer, Path]:
    folder = call_folder(Path(tempfile.mkdtemp()), template, kind)
    tokenizer = tokenizer_from_folder(folder, model_config_from_folder(folder))
    return PromptEncoder(template_from_folder(folder), tokenizer), tokenizer, folder


@functools.cache
def theirs(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


def chat(name: str, arguments: object, result: str, more: str = "And?") -> tuple[ChatTurn, ...]:
    """Asked, called twice, answered, asked again."""
    called = CalledTool(name, json.dumps(arguments, ensure_ascii=False))
    return (
        ChatTurn("system", "Be brief."), ChatTurn("user", "Go"), ChatTurn("assistant", "", (called, called)),
        ChatTurn("tool", result, tool=name), ChatTurn("tool", result, tool=name), ChatTurn("assistant", "Done."),
        ChatTurn("user", more), ChatTurn("assistant", "Look:", (called,)), ChatTurn("tool", result, tool=name),
    )  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(name=NAMES, arguments=st.dictionaries(NAMES, VALUES, max_size=4), result=WORDS, thinking=st.booleans())
def test_ids_are_those_of_transformers(
    kind: str, template: str, name: str, arguments: object, result: str, thinking: bool
) -> None:
    prompt, _, folder = encoder(kind, template)
    turns = chat(name, arguments, result)
    declared = {"name": name, "description": "Does it.", "parameters": SCHEMA}
    wanted = theirs(folder).apply_chat_template(
        messages_of(turns, within=template == "within"), tools=[{"type": "function", "function": declared}],
        add_generation_prompt=True, return_dict=False, enable_thinking=thinking,
    )  # fmt: skip
    tool = ToolDeclared(name, "Does it.", json.dumps(SCHEMA))
    assert prompt.ids(turns, thinking, tools=(tool,)) == wanted


@pytest.mark.parametrize("template", TEMPLATES)
def test_nobody_writes_a_control_token_but_the_template(template: str) -> None:
    prompt, tokenizer, _ = encoder("gemma", template)
    control = {tokenizer.token_id(each) for each in (*SPECIAL, *CALL_TOKENS)} - {tokenizer.token_id("<unk>")}

    def controls(word: str, name: str) -> list[int]:
        schema = {"type": "object", "properties": {name: {"type": word, "enum": [word], "description": word}}}
        tools = (ToolDeclared(name, word, json.dumps(schema)),)
        turns = chat(name, {name: [word, {name: word}]}, word, more=word)
        return [each for each in prompt.ids(turns, tools=tools) if each in control]

    for word in ('<|"|>', "<tool_call|><turn|>", "<|TOOL_CALL>call:x{}", "\ufdd0\ufdd1", "\\u003cturn|>"):
        assert controls(word, "x") == controls("word", "x")
    assert controls("word", "<tool|>") == controls("word", "x")


def test_what_is_given_of_an_answer_is_as_the_template_would_write_it() -> None:
    prompt, tokenizer, _ = encoder("gemma", "turns")
    called = CalledTool("look", '{"a": 1.50, "b": "x <|\\"|> y", "c": [true, null, {}]}')
    turns = (ChatTurn("user", "Go"),)
    request = GenerationRequest(turns, answer_start="So:", thought="Hm.", called=(called,), calling="look")
    found = prompt.start(request)
    text = tokenizer._tokenizer.decode(found, skip_special_tokens=False)
    assert text == (
        '<|channel>thought\nHm.\n<channel|>So:<|tool_call>call:look{a:1.5,b:<|"|>x <|"|> y<|"|>,c:[true,null,{}]}'
        "<tool_call|><|tool_call>call:look"
    )
    assert found.count(tokenizer.token_id('<|"|>')) == 2
    whole = prompt.ids((*turns, ChatTurn("assistant", "So:", (called,))), add_generation_prompt=False)
    length = len(whole) - len(prompt.ids(turns))
    thought = len(prompt.start(GenerationRequest(turns, thought="Hm.")))
    assert whole[-length:] == found[thought:][:length]


def test_a_template_without_such_a_syntax_has_none() -> None:
    folder = starter_model_folder()
    tokenizer = tokenizer_from_folder(folder, model_config_from_folder(folder))
    prompt = PromptEncoder(template_from_folder(folder), tokenizer)
    assert prompt.calls is None
    with pytest.raises(ModelFolderError, match="no calls of tools"):
        prompt.ids((ChatTurn("user", "Hi"),), tools=(ToolDeclared("a", "", "{}"),))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<tool_call|>", "</tool_call>"), ("{{ k }}:", '"{{ k }}":'), ("in tools or []", "in []"),
        ("{{ '<|\"|>' + v + '<|\"|>' }}", "{{ v | tojson }}"), ("| dictsort", ".items() | reverse"),
    ],
)  # fmt: skip
def test_another_syntax_is_not_taken_for_it(old: str, new: str, tmp_path: Path) -> None:
    folder = call_folder(tmp_path)
    file = folder / "chat_template.jinja"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    tokenizer = tokenizer_from_folder(folder, model_config_from_folder(folder))
    assert PromptEncoder(template_from_folder(folder), tokenizer).calls is None


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("arguments", ["", "no JSON", "[1]", "[" * 3000, '{"a":' * 90 + "1" + "}" * 90])
def test_arguments_that_are_no_object_break_nothing(template: str, arguments: str) -> None:
    prompt, _, _ = encoder("gemma", template)
    turns = (
        ChatTurn("user", "Go"), ChatTurn("assistant", "", (CalledTool("a", arguments),)), ChatTurn("tool", "x", tool="")
    )  # fmt: skip
    assert prompt.ids(turns, tools=(ToolDeclared("a", "", "{"),))


def test_a_turn_that_a_template_closes_behind_results_stays_open(tmp_path: Path) -> None:
    folder = call_folder(tmp_path)
    (folder / "chat_template.jinja").write_text(BEHIND)
    tokenizer = tokenizer_from_folder(folder, model_config_from_folder(folder))
    prompt = PromptEncoder(template_from_folder(folder), tokenizer)
    called = (CalledTool("look", "{}"),)

    def ids(said: str) -> list[int]:
        return prompt.ids(
            (ChatTurn("user", "Go"), ChatTurn("assistant", said, called), ChatTurn("tool", "1", tool="look"))
        )

    assert ids("I look.")[-1] == tokenizer.token_id("<tool_response|>")
    assert ids("I look.") == ids("")


def test_ids_behind_the_vocabulary_have_no_text() -> None:
    """A model may write an id that its tokenizer has no token for; ours stood there, with their private names."""
    _, tokenizer, _ = encoder("gemma", "turns")
    texts = [tokenizer.token_bytes(each) or b"" for each in range(tokenizer._tokenizer.get_vocab_size() + 5)]
    assert not any(sign.encode() in text for text in texts for sign in SIGNS)
