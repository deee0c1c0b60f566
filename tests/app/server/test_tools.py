"""Calls of tools: whatever a model writes by itself, no marker of a call is ever part of the answer's text."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.server.parts import PartReader
from app.server.tools import HeldText, answered
from app.server.wire import ToolUse, WantedAnswer, WholeAnswer
from inference.events import BlockCommitted, Event, Failed, PromptEncoded
from inference.params import ChatTurn, GenerationRequest, ToolDeclared
from tests.helpers.scripted_process import finished

TOOLS = ToolUse((ToolDeclared("get_weather", "", '{"type": "object"}'), ToolDeclared("clock", "", "{}")))
CALLS = (
    '{"name": "get_weather", "arguments": {"city": "Rome"}}',
    '```json\n{"name": "get_weather", "arguments": {}}\n```',
    '```tool_call\n{ "name" : "clock" }\n```',
    '[{"name": "clock", "arguments": {}}]',
    '<|tool_call>call:get_weather{city:<|"|>Rome<|"|>}<tool_call|>',
    'call:get_weather(city="Rome")',
    '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>',
    '{"function": "clock", "arguments": {}}',
)
TEXTS = (
    "The weather is fine.", "Look:\n```python\nprint(1)\n```\nDone.", '{"a": 1, "name": 5}', "call me: later\n",
    "a < b\n",
    '{"name": "Ada", "age": 3}', "[1, 2]", "",
)  # fmt: skip
MARKERS = ("tool_call", '"get_weather"', '"clock"', "call:get_weather", '<|"|>')


class WritingModel:
    """Writes a text by itself, cut into blocks, and under forms whatever is asked."""

    def __init__(self, text: str, sizes: random.Random) -> None:
        self.text, self.sizes, self.asked = text, sizes, list[GenerationRequest]()

    def __call__(self, request: GenerationRequest, cancel: Any, drafts: bool) -> Iterator[Event]:
        self.asked.append(request)
        yield PromptEncoded(5, 5, 0, 0, 0.0)
        text = self.text
        if request.form is not None:
            choices = request.form.texts
            text = choices[-1] if choices else '{"city": "Rome"}'
        begin = block = 0
        while begin < len(text) and not cancel.is_set():
            size = self.sizes.randint(1, 60)
            yield BlockCommitted(block, (), text[begin : begin + size], "", 3, 9, True, (), (), 0.1, tokens=size)
            begin, block = begin + size, block + 1
        yield finished(text, reason="cancelled" if cancel.is_set() else "end_of_text")


def whole(model: WritingModel, tools: ToolUse = TOOLS) -> WholeAnswer:
    """The answer as a client gets it."""
    wanted = WantedAnswer(GenerationRequest((ChatTurn("user", "Hi"),)), tools=tools)
    reader, found = PartReader(wanted), list[Any]()
    for event in answered(model, wanted, threading.Event()):
        found += reader.parts(event)
    assert isinstance(found[-1], WholeAnswer)
    assert "".join(getattr(part, "text", "") for part in found[:-1]) == found[-1].text
    return found[-1]


def test_no_marker_is_ever_part_of_the_text() -> None:
    chance = random.Random(5)
    called = 0
    for _ in range(500):
        text, call = chance.choice(TEXTS), chance.choice(CALLS) if chance.random() < 0.6 else ""
        glue = "\n" if text and call else ""
        answer = whole(WritingModel(text + glue + call, chance))
        assert not any(marker in answer.text for marker in MARKERS)
        assert bool(answer.calls) == bool(call)
        assert answer.text == text + glue
        assert all(isinstance(json.loads(each.arguments), dict) for each in answer.calls)
        assert answer.reason == ("tool_calls" if call else "stop")
        called += bool(call)
    assert called > 200


def test_a_call_in_the_midst_of_words_of_others_is_text() -> None:
    held = HeldText(TOOLS)
    text = 'The JSON {"name": "clock"} is an example, and `call:clock{}` is one.' + " More." * 50
    assert held.feed(text, last=True) == text
    assert held.call is None


def test_several_calls_and_one_that_must_be() -> None:
    model = WritingModel("never read", random.Random(1))
    tools = ToolUse((TOOLS.tools[0],), must=True, parallel=True)
    answer = whole(model, tools)
    assert [(call.name, call.arguments) for call in answer.calls] == [("get_weather", '{"city": "Rome"}')]
    assert len({call.id for call in answer.calls}) == len(answer.calls)
    assert all(request.form is not None for request in model.asked)


@pytest.mark.parametrize("strict", [True, False])
def test_a_schema_that_cannot_be_kept_whole_is_kept_in_part_unless_it_is_strict(strict: bool) -> None:
    asked = list[str]()

    def refuse(request: GenerationRequest, cancel: Any, drafts: bool) -> Iterator[Event]:
        assert request.form is not None
        asked.append(request.form.text)
        if "not" in request.form.text:
            yield Failed("No.", "", known=True, refused="form")
        else:
            yield finished("{}")

    wanted = WantedAnswer(
        GenerationRequest((ChatTurn("user", "Hi"),)),
        tools=ToolUse((ToolDeclared("x", "", '{"not": {}}', strict),), must=True, parallel=False),
    )
    last = list(answered(refuse, wanted, threading.Event()))[-1]
    assert isinstance(last, Failed) == strict
    assert len(asked) == (1 if strict else 2)


@pytest.mark.parametrize("must", [True, False])
def test_strict_schemas_are_checked_before_anything_is_written(must: bool) -> None:
    """A fault of a schema was found where its tool was called, behind text that had been sent."""
    asked = list[GenerationRequest]()

    def note(request: GenerationRequest, cancel: Any, drafts: bool) -> Iterator[Event]:
        asked.append(request)
        yield Failed("No.", "", known=True, refused="form")

    tools = (*TOOLS.tools, ToolDeclared("x", "", '{"not": {}}', strict=True))
    wanted = WantedAnswer(GenerationRequest((ChatTurn("user", "Hi"),)), tools=ToolUse(tools, must=must))
    assert [type(event) for event in answered(note, wanted, threading.Event())] == [Failed]
    assert [form.text for form in asked[0].later_forms] == ['{"not": {}}']
