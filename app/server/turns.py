"""Messages of any interface as turns of a chat; a last one of the assistant is the given beginning of the answer."""

from __future__ import annotations

from collections.abc import Sequence

from app.server import texts
from app.server.errors import bad
from app.server.fields import BodyFields
from app.server.toolbox import arguments_text
from app.server.tools_in_json import as_text
from inference.params import CalledTool, ChatTurn

_TEXT_PARTS = ("text", "input_text", "output_text", "refusal", "summary_text")


def content_text(fields: BodyFields, name: str = "content") -> str:
    """A message's text: a text, or parts of text; nothing is ""."""
    value = fields.any(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return fields.text(name, "")
    parts = []
    for part in fields.objects(name):
        kind = part.text("type", "text")
        if kind not in _TEXT_PARTS:
            raise bad(texts.NO_IMAGES, part.at("type"), "unsupported_content")
        parts.append(part.text("refusal" if kind == "refusal" else "text"))
        part.note("cache_control", "prompt_cache_breakpoint", "annotations", "logprobs", "citations")
        part.finish()
    return "".join(parts)


def openai_turns(messages: Sequence[BodyFields]) -> list[ChatTurn]:
    """Messages of OpenAI and Ollama: of the system, the user, the assistant with its calls, and results of tools.

    Raises:
        ApiError: One of them is none.
    """
    names: dict[str, str] = {}
    turns = []
    for message in messages:
        turns.append(_openai_turn(message, names))
        # Thinking of earlier answers is not read again.
        message.text("name", "")
        message.note(
            "parsed", "reasoning_content", "reasoning", "thinking", "refusal", "annotations", "images", "audio"
        )
        if message.any("images"):
            raise bad(texts.NO_IMAGES, message.at("images"), "unsupported_content")
        message.only("audio")
        message.only("function_call")
        message.finish()
    return turns


def _openai_turn(message: BodyFields, names: dict[str, str]) -> ChatTurn:
    role, text = message.text("role"), content_text(message)
    if role in ("system", "developer", "user") and not message.has("content"):
        raise bad(texts.missing(message.at("content")), message.at("content"), "missing_required_parameter")
    match role:
        case "system" | "developer":
            return ChatTurn("system", text)
        case "user":
            return ChatTurn("user", text)
        case "assistant":
            return ChatTurn("assistant", text, tuple(_call(each, names) for each in message.objects("tool_calls")))
        case "tool" | "function":
            known = names.get(message.text("tool_call_id", ""), "")
            name = message.text("tool_name", "") or message.text("name", "") or known
            return ChatTurn("tool", text, tool=name)
        case _:
            raise bad(texts.unknown_role(message.at("role"), role), message.at("role"))


def _call(fields: BodyFields, names: dict[str, str]) -> CalledTool:
    inner = fields.object("function") or fields
    name = inner.text("name")
    names[fields.text("id", "")] = name
    return CalledTool(name, arguments_text(inner.any("arguments") or "", inner.at("arguments")))


def with_start(turns: Sequence[ChatTurn], asked_at: str = "messages") -> tuple[tuple[ChatTurn, ...], str]:
    """The turns that are asked, and the given beginning of the answer.

    Texts of the system that stand first are one turn: a template takes no more.

    Raises:
        ApiError: Nobody asks anything.
    """
    start = ""
    if turns and turns[-1].role == "assistant":
        start, turns = as_text(turns[-1]).text, turns[:-1]
    if not turns:
        raise bad(texts.NO_MESSAGES, asked_at)
    first = 0
    while first < len(turns) and turns[first].role == "system":
        first += 1
    system = "\n\n".join(turn.text for turn in turns[:first] if turn.text)
    joined = ([ChatTurn("system", system)] if system else []) + list(turns[first:])
    if not joined or joined[-1].role == "system":
        raise bad(texts.LAST_MESSAGE, asked_at)
    return tuple(joined), start
