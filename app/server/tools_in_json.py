"""Tools in words, for models whose template has no syntax of its own for them: declared, called in JSON, answered."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Literal

from app.server.wire import ToolUse
from inference.forms.wanted import Form
from inference.params import CalledTool, ChatTurn, GenerationRequest

_HOW = (
    "You can call tools. To call one, answer with nothing but one JSON object: "
    '{"name": "TOOL", "arguments": {...}}. If no tool helps, answer in words. The tools:'
)
_NO_MORE = "done"


def with_tools(turns: tuple[ChatTurn, ...], tools: ToolUse) -> tuple[ChatTurn, ...]:
    """The turns, with the tools in the first one, the system's."""
    if turns and turns[0].role == "system":
        return (ChatTurn("system", f"{turns[0].text}\n\n{_declared(tools)}"), *turns[1:])
    return (ChatTurn("system", _declared(tools)), *turns)


def _declared(tools: ToolUse) -> str:
    lines = [
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": json.loads(tool.schema)},
            ensure_ascii=False,
        )
        for tool in tools.tools
    ]
    return "\n".join([_HOW, *lines])


def as_text(turn: ChatTurn) -> ChatTurn:
    """A turn with its calls as the model writes them, a result as it reads them."""
    if turn.role == "tool":
        return ChatTurn("user", f"Result of {turn.tool}:\n{turn.text}" if turn.tool else f"Result:\n{turn.text}")
    if not turn.calls:
        return turn
    calls = (f"{_head(call.name)}{call.arguments}}}" for call in turn.calls)
    return ChatTurn(turn.role, "\n".join([*([turn.text] if turn.text else []), *calls]))


def _head(name: str) -> str:
    return f'{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments": '


class JsonCalls:
    """Calls as lines of JSON."""

    arguments_form: Literal["schema", "arguments"] = "schema"

    def which(self, request: GenerationRequest, calls: Sequence[CalledTool], names: Sequence[str]) -> GenerationRequest:
        """What asks for the next tool, or, behind a call, for the end."""
        form = Form("choice", texts=(*map(_head, names), *((_NO_MORE,) if calls else ())))
        return _under(request, self._start(request, calls), form)

    def named(self, text: str, names: Sequence[str]) -> str:
        """The tool that was chosen, "" for the end."""
        return next((name for name in names if _head(name) == text), "")

    def arguments(
        self, request: GenerationRequest, calls: Sequence[CalledTool], name: str, schema: str
    ) -> GenerationRequest:
        """What asks for the arguments of a call."""
        return _under(request, self._start(request, calls) + _head(name), Form("schema", schema))

    def read(self, text: str) -> str:
        """The arguments as JSON."""
        return text

    def _start(self, request: GenerationRequest, calls: Sequence[CalledTool]) -> str:
        return request.answer_start + "".join(f"{_head(call.name)}{call.arguments}}}\n" for call in calls)


def _under(request: GenerationRequest, start: str, form: Form) -> GenerationRequest:
    return dataclasses.replace(request, answer_start=start, form=form, form_is_new=True, thinking=False)
