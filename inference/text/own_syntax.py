"""Whether a chat template has a syntax of its own for calls of tools, and a chat with tools as such a one reads it.

Nothing is known of any checkpoint by its name: a probe is rendered, and what the template writes of a call must be, to
the character, what the forms of calls write (`inference.calls`); then results and declarations must be there, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference.calls import MARKERS, RESULT_MARKER, CallTokens
from inference.errors import ModelFolderError
from inference.params import CalledTool, ChatTurn, ToolDeclared
from inference.text.chat_template import ChatTemplate
from trt_engines.files import parse_json

Messages = list[dict[str, Any]]
_PROBE = "dewpoint"
_DECLARED = ToolDeclared(
    _PROBE, _PROBE * 2, '{"type": "object", "properties": {"b": {"type": "string", "description": "dewpointb"}}}'
)
_CALLED = CalledTool(_PROBE, '{"b": "x y", "a": [1, true, {"c_1": -2.5}], "d": {}}')
_WRITTEN = (
    '<|tool_call>call:dewpoint{a:[1,true,{c_1:-2.5}],b:<|"|>x y<|"|>,d:{}}<tool_call|>'  # in the template's own order
)
_RESULT = _PROBE * 3
_UNKNOWN = "unknown"  # as published templates call a tool without a name
_DEEPEST = 60  # a template may nest values no deeper than 100


def call_tokens(
    template: ChatTemplate, control: Mapping[str, int], ends: frozenset[int]
) -> tuple[CallTokens, bool] | None:
    """The markers of calls, and whether results belong into the turn that called; None without such a syntax.

    Args:
        template: The template.
        control: Ids of control tokens, by their text.
        ends: Ids that end an answer.
    """
    if not all(marker in control and control[marker] not in ends for marker in MARKERS):
        return None
    signs = {control[marker]: char for marker, char in MARKERS.items()}
    tokens = CallTokens(signs, control["<|tool_call>"], control.get(RESULT_MARKER))
    for within in (False, True):
        turns = (
            ChatTurn("user", _PROBE), ChatTurn("assistant", "", (_CALLED,)), ChatTurn("tool", _RESULT, tool=_PROBE),
        )  # fmt: skip
        try:
            rendered = template.write(messages_of(turns, within), tools=declarations_of((_DECLARED,)))
        except ModelFolderError:
            continue
        before, call, after = rendered.partition(_WRITTEN)
        if call and _DECLARED.description in before and "dewpointb" in before and _RESULT in after:
            return tokens, within
    return None


def _same(text: str) -> str:
    return text


def messages_of(turns: Sequence[ChatTurn], within: bool = False, mark: Callable[[str], str] = _same) -> Messages:
    """Turns as a template reads them.

    Args:
        turns: The turns.
        within: Results stand in the turn that called.
        mark: What is done to each text that somebody wrote.
    """
    messages = Messages()
    calls: list[dict[str, Any]] = []
    for number, turn in enumerate(turns):
        if turn.role == "tool" and within and messages and messages[-1]["role"] == "assistant":
            responses = messages[-1].setdefault("tool_responses", [])
            responses.append({"name": mark(turn.tool or _UNKNOWN), "response": mark(turn.text)})
            continue
        message: dict[str, Any] = {"role": turn.role, "content": mark(turn.text)}
        if turn.calls:
            calls = [_call(call, f"call_{number}_{place}", mark) for place, call in enumerate(turn.calls)]
            message["tool_calls"] = list(calls)
        if turn.role == "tool":
            name = mark(turn.tool or _UNKNOWN)
            called = next((call for call in calls if call["function"]["name"] == name), None)
            if called is not None:
                calls.remove(called)
            message |= {"name": name, "tool_call_id": "" if called is None else called["id"]}
        messages.append(message)
    return messages


def _call(call: CalledTool, number: str, mark: Callable[[str], str]) -> dict[str, Any]:
    function = {"name": mark(call.name), "arguments": _parsed(call.arguments, mark)}
    return {"id": number, "type": "function", "function": function}


def declarations_of(tools: Sequence[ToolDeclared], mark: Callable[[str], str] = _same) -> Messages | None:
    """Declared tools as a template reads them; None without any."""
    declared = Messages()
    for tool in tools:
        function = {"name": mark(tool.name), "description": mark(tool.description)}
        declared.append({"type": "function", "function": function | {"parameters": _parsed(tool.schema, mark)}})
    return declared or None


def _parsed(text: str, mark: Callable[[str], str]) -> Any:
    """An object that is written as JSON, marked; as it is written where it is none, or goes too deep for a template."""
    try:
        found = parse_json(text)
        return _marked(found, mark, _DEEPEST) if isinstance(found, dict) else mark(text)
    except ValueError:
        return mark(text)


def _marked(value: Any, mark: Callable[[str], str], left: int) -> Any:
    if left == 0:
        raise ValueError("it is nested too deeply")
    match value:
        case str():
            return mark(value)
        case dict():
            return {mark(key): _marked(inner, mark, left - 1) for key, inner in value.items()}
        case list():
            return [_marked(inner, mark, left - 1) for inner in value]
    return value
