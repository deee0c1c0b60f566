"""Tools, calls and results in the fields of each interface."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from app.server import texts
from app.server.errors import bad
from app.server.fields import BodyFields
from app.server.tools_in_json import as_text, with_tools
from app.server.wire import ServedModel, ToolUse
from inference.params import ChatTurn, ToolDeclared

MOST_TOOLS = 500
_NAME = re.compile(r"[\w.:/-]{1,128}")


def openai_tools(fields: BodyFields) -> ToolUse | None:
    """The tools of a chat completion, of a response (whose functions are not nested), and of Ollama.

    Raises:
        ApiError: One is of another kind, or the choice names none of them.
    """
    found = []
    for each in fields.objects("tools"):
        each.only("type", "function")
        inner = each.object("function") or each
        if inner is each and not each.has("name"):
            raise bad(texts.missing(each.at("function")), each.at("function"), "missing_required_parameter")
        found.append(_declared(inner, "parameters"))
        if inner is not each:
            inner.finish()
        each.finish()
    parallel = fields.flag("parallel_tool_calls", True)
    choice = fields.any("tool_choice")
    only, must = "", choice == "required"
    if isinstance(choice, dict):
        chosen = BodyFields(choice, fields.at("tool_choice"))
        chosen.only("type", "function")
        only, must = (chosen.object("function") or chosen).text("name"), True
    elif choice not in (None, "none", "auto", "required"):
        raise bad(texts.unsupported_value(fields.at("tool_choice"), choice), fields.at("tool_choice"))
    return _use(fields, found, must, only, parallel, none=choice == "none")


def anthropic_tools(fields: BodyFields) -> ToolUse | None:
    """The tools of a message.

    Raises:
        ApiError: One is one of Anthropic's own, or the choice names none of them.
    """
    found = []
    for each in fields.objects("tools"):
        each.only("type", "custom")
        each.note("cache_control", "input_examples", "eager_input_streaming")
        each.only("defer_loading", False)
        found.append(_declared(each, "input_schema"))
        each.finish()
    choice = fields.object("tool_choice")
    kind, only, parallel = "auto", "", True
    if choice is not None:
        kind = choice.one_of("type", ("auto", "any", "tool", "none"), "auto")
        only = choice.text("name") if kind == "tool" else ""
        parallel = not choice.flag("disable_parallel_tool_use")
        choice.finish()
    return _use(fields, found, kind in ("any", "tool"), only, parallel, none=kind == "none")


def _declared(fields: BodyFields, schema: str) -> ToolDeclared:
    name = fields.text("name")
    if not _NAME.fullmatch(name):
        raise bad(
            texts.must_be(fields.at("name"), "a name of at most 128 letters, digits and _ - . : /"), fields.at("name")
        )
    parameters = fields.schema(schema) if fields.has(schema) else '{"type": "object", "properties": {}}'
    fields.any(schema)
    known = json.loads(parameters)
    kinds = known.get("type", "object") if isinstance(known, dict) else "object"
    if "object" not in (kinds if isinstance(kinds, list) else [kinds]):
        raise bad(texts.must_be(fields.at(schema), "a JSON schema of an object"), fields.at(schema))
    return ToolDeclared(name, fields.text("description", ""), parameters, fields.flag("strict"))


def _use(
    fields: BodyFields, tools: Sequence[ToolDeclared], must: bool, only: str, parallel: bool, none: bool
) -> ToolUse | None:
    names = [tool.name for tool in tools]
    if len(tools) > MOST_TOOLS or len(set(names)) < len(names):
        raise bad(texts.must_be(fields.at("tools"), f"a list of at most {MOST_TOOLS} different tools"), "tools")
    if (only and only not in names) or (must and not names):
        raise bad(texts.NO_SUCH_TOOL, fields.at("tool_choice"))
    return ToolUse(tuple(tools), must, only, parallel) if tools and not none else None


def arguments_text(value: object, path: str) -> str:
    """Arguments of an earlier call, as JSON; those that are none are shown as they came.

    Raises:
        ApiError: They are neither a text nor an object.
    """
    if isinstance(value, str):
        return value or "{}"
    if not isinstance(value, dict):
        raise bad(texts.must_be(path, "a text or an object"), path)
    return json.dumps(value, ensure_ascii=False)


def asked_turns(turns: tuple[ChatTurn, ...], tools: ToolUse | None, model: ServedModel) -> dict[str, Any]:
    """Turns and tools as the model is asked: by its template's own means, or in words, declared in the first turn."""
    if model.calls_tools:
        return {"turns": tuple(_in_order(turns)), "tools": () if tools is None else tools.tools}
    said = _joined([as_text(turn) for turn in turns])
    return {"turns": with_tools(tuple(said), tools) if tools is not None else tuple(said)}


def _in_order(turns: Sequence[ChatTurn]) -> list[ChatTurn]:
    """Turns as templates take them: calls in one turn, then results; a result of no call is words."""
    found: list[ChatTurn] = []
    called = False
    for turn in turns:
        called = bool(turn.calls) or (called and turn.role == "tool") or (called and turn.role == "assistant")
        if found and turn.role == found[-1].role == "assistant":
            text = "\n".join(filter(None, (found[-1].text, turn.text)))
            found[-1] = ChatTurn("assistant", text, found[-1].calls + turn.calls)
        else:
            found.append(turn if called or turn.role != "tool" else as_text(turn))
    return _joined(found)


def _joined(turns: Sequence[ChatTurn]) -> list[ChatTurn]:
    """Turns of the user behind each other are one."""
    joined: list[ChatTurn] = []
    for turn in turns:
        if joined and turn.role == joined[-1].role == "user":
            joined[-1] = ChatTurn("user", f"{joined[-1].text}\n\n{turn.text}")
        else:
            joined.append(turn)
    return joined
