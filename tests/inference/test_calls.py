"""Calls in a template's own syntax: whatever is written under their forms is one, and says what the schema allows."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from transformers.cli.serving.utils import _RESPONSE_TEMPLATE_FALLBACKS
from transformers.utils.chat_parsing import parse_response

from inference import open_model
from inference.calls import BEGIN, END, HEAD, MARKERS, SIGNS, CallTokens, read_arguments, read_name, written_call
from inference.events import BlockCommitted, Finished
from inference.forms.bytes_dfa import ByteDfa, compile_bytes
from inference.forms.compiling import byte_form
from inference.forms.errors import FormError
from inference.forms.notation import OWN
from inference.forms.schema import schema
from inference.forms.vocabulary import SIGN_BYTE, vocabulary
from inference.forms.wanted import Form
from inference.params import CalledTool, ChatTurn, GenerationRequest, SamplerParams, ToolDeclared
from inference.session import Session
from inference.text.answer import AnswerBuilder
from inference.text.thinking import CHANNEL_OPEN
from tests.helpers.call_folders import call_folder
from tests.inference.forms.test_languages import random_text

SCHEMAS: list[dict[str, Any]] = [
    {"type": "object"},
    {"type": "object", "properties": {}, "additionalProperties": False},
    {
        "type": "object",
        "properties": {
            "what": {"type": "string", "maxLength": 6},
            "Count": {"type": "integer", "minimum": 1},
            "deep": {"properties": {"b": {"type": "null"}, "a": {"enum": ["x y", 1, None, {"k": []}]}}},
        },
        "required": ["what", "deep"],
    },
    {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "number"}, "maxItems": 3}}},
    {"type": "object", "properties": {"when": {"type": "string", "format": "date"}, "p": {"pattern": "^[\"{,}:]+$"}}},
    {"type": "object", "properties": {"either": {"anyOf": [{"type": "boolean"}, {"const": "\"\n}"}]}}},
]  # fmt: skip
GEMMA = next(value for kinds, value in _RESPONSE_TEMPLATE_FALLBACKS.items() if "gemma4" in kinds)


def as_text(data: bytes) -> str:
    """Bytes of a form as text: signs as the characters that stand for them."""
    return b"".join(SIGNS[byte - SIGN_BYTE].encode() if byte >= SIGN_BYTE else bytes([byte]) for byte in data).decode()


def as_model(text: str) -> str:
    """What the model writes, as transformers decodes it."""
    for marker, char in MARKERS.items():
        text = text.replace(char, marker)
    return text


@pytest.mark.parametrize("number", range(len(SCHEMAS)))
def test_every_text_of_the_form_is_a_call_that_transformers_reads_the_same(number: int) -> None:
    allowed, rng = SCHEMAS[number], random.Random(number)
    made = byte_form(Form("arguments", json.dumps(allowed)))
    for _ in range(15):
        text = as_text(random_text(made, rng))
        arguments = json.loads(read_arguments(text))
        jsonschema.validate(arguments, allowed)
        assert written_call(read_arguments(text)) + END == text or any(char in text for char in ".eE")
        if any(marker in text for marker in MARKERS) or "\x01" in text or "\x02" in text:
            continue  # a text spells a marker: ids tell them apart, transformers looks at characters
        said = parse_response(as_model(f"{BEGIN}{HEAD}look{text}"), GEMMA, prefix="")
        (call,) = said["tool_calls"]
        assert call["function"]["name"] == "look"
        if len(arguments) == len(set(arguments)):
            assert call["function"]["arguments"] == arguments


def test_keys_stand_in_the_templates_order() -> None:
    made = compile_bytes(schema(SCHEMAS[2], OWN))
    texts = {as_text(random_text(made, random.Random(seed))) for seed in range(20)}
    assert any("Count:" in text for text in texts)
    for text in texts:
        keys = [*json.loads(read_arguments(text + END))]
        assert keys == sorted(keys, key=str.lower)


def test_the_beginning_of_a_call_names_a_tool_and_may_be_nothing_only_where_that_is_allowed() -> None:
    one = byte_form(Form("call", texts=("look", "look_up")))
    for text, good in ((f"{BEGIN}call:look", True), (f"{BEGIN}call:look_up", True), ("", False), ("call:look", False)):
        assert one.matches(text.encode().replace(BEGIN.encode(), bytes([SIGN_BYTE + SIGNS.index(BEGIN)]))) == good
    assert byte_form(Form("call", texts=("look", ""))).matches(b"")
    assert read_name(f"{BEGIN}call:look_up") == "look_up"
    assert read_name("") == ""


@pytest.mark.parametrize("bad", [{"a b": {"type": "null"}}, {"a": {"const": "\ufdd1"}}, {"a": {"const": "\x07"}}])
def test_what_the_syntax_cannot_hold_is_refused_in_a_sentence(bad: dict[str, Any]) -> None:
    with pytest.raises(FormError, match="own syntax"):
        byte_form(Form("arguments", json.dumps({"type": "object", "properties": bad})))


@pytest.mark.parametrize("text", ["", "{", "{a:1}", f"{{a:1,}}{END}", f"{{:1}}{END}", f"[1]{END}", "{a:" * 300 + END])
def test_half_a_call_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is|there is|substring"):
        read_arguments(text)


def test_bytes_that_no_text_has_are_signs_alone() -> None:
    """Vocabularies with byte fallback have a token for each byte, also for those that stand for control tokens."""
    known = vocabulary([None, b"\xf9", b"a", b"\xc3\xa9"], (0,), 0, (3, 1))
    made: ByteDfa = byte_form(Form("call", texts=("a",)))
    assert sorted(int(each) for level in known.levels for each in level.tokens) == [1, 2, 3, 3]
    assert made.run(b"\xf9") >= 0
    assert made.run(b"\xf8") < 0


def test_a_call_ends_the_text_and_a_result_is_never_the_models(tmp_path: Path) -> None:
    with open_session(tmp_path) as session:
        known = session._prompt.calls
        assert known is not None
        assert known.result is not None
        words = session.tokenizer.encode_parts(["Look"])
        opened = session.tokenizer.token_id(CHANNEL_OPEN)
        for before in (words, [], [opened, *words]):
            built = AnswerBuilder(session.tokenizer, (), 100, calls=known)
            assert built.add([*before, known.begin, *words], last=False).ended == "tool_call"
            assert built.text.answer == ("Look" if before == words else "")
        built = AnswerBuilder(session.tokenizer, (), 100, calls=known)
        assert built.add([*words, known.result, *words], last=False).ended == "end_of_text"
        assert built.text.answer == "Look"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return call_folder(tmp_path_factory.mktemp("calls") / "model", weights=True)


def open_session(folder: Path) -> Session:
    return open_model(call_folder(folder / "model", weights=True), "torch")


@pytest.mark.parametrize("seed", range(2))
def test_a_model_of_noise_writes_calls_that_hold(checkpoint: Path, seed: int) -> None:
    """Weights of noise write whatever they are not kept from."""
    allowed, turns = SCHEMAS[2], (ChatTurn("user", "Go"),)
    tools = (ToolDeclared("look", "", json.dumps(allowed)), ToolDeclared("ask", "", "{}"))
    with open_model(checkpoint, "torch") as session:
        fast = SamplerParams(max_denoising_steps=2)
        asked = GenerationRequest(turns, seed=seed, tools=tools, sampler=fast, form_is_new=True, max_new_tokens=256)
        name = read_name(written(session, asked, form=Form("call", texts=("look", "ask"))))
        assert name in ("look", "ask")
        assert session.ready_event(0.0).calls_tools
        called = (CalledTool("ask", "{}"),)
        form = Form("arguments", json.dumps(allowed))
        text = written(session, asked, form=form, called=called, calling="look", thought="Hm.", thinking=True)
        jsonschema.validate(json.loads(read_arguments(text)), allowed)


def written(session: Session, asked: GenerationRequest, **fields: Any) -> str:
    """What a model writes under a form; its blocks are what the whole is."""
    events = list(session.generate(dataclasses.replace(asked, **fields)))
    last = events[-1]
    assert isinstance(last, Finished)
    assert "".join(event.answer for event in events if isinstance(event, BlockCommitted)) == last.answer
    return last.answer


def test_markers_have_their_order() -> None:
    tokens = CallTokens({7: SIGNS[0], 9: SIGNS[2], 8: SIGNS[1]}, 8, None)
    assert tokens.in_order == (7, 8, 9)
