"""Anthropic's messages: `POST /v1/messages` and `/v1/messages/count_tokens`."""

from __future__ import annotations

import json
from typing import Any

from app.server import texts
from app.server.asking import check_model, request_of, sampler_of, stops_of
from app.server.errors import ApiError, bad
from app.server.fields import BodyFields
from app.server.openai_chat import draft_of, extras_of
from app.server.sse import named_event
from app.server.structured import format_form
from app.server.toolbox import anthropic_tools, arguments_text, asked_turns
from app.server.turns import content_text, with_start
from app.server.wire import (
    Begun,
    Drafted,
    Part,
    ServedModel,
    StillWaiting,
    Usage,
    WantedAnswer,
    WholeAnswer,
    Written,
    new_id,
)
from inference.params import CalledTool, ChatTurn

# Claude Code's first text of the system changes with each request: nothing behind it would be found in the cache.
_CHANGING = "x-anthropic-billing-header"
_REASONS = {"stop": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "tool_calls": "tool_use"}


def anthropic_refusal(error: ApiError) -> dict[str, Any]:
    """An error as Anthropic says it."""
    kind = "invalid_request_error" if error.status in (405, 408, 415) else error.kind
    text = error.text if not error.param or error.param in error.text else f"{error.param}: {error.text}"
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": None}


def read_message(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """What a message wants.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    limit = fields.whole("max_tokens", 1, 10**9)
    if limit is None:
        raise bad(texts.missing("max_tokens"), "max_tokens", "missing_required_parameter")
    stream, drafts = fields.flag("stream"), fields.flag("diffusing")
    fields.note("metadata")
    fields.only("top_p", 1)
    fields.only("top_k", 0)
    fields.only("service_tier", "auto", "standard_only")
    fields.only("speed", "standard")
    asked = {"sampler": sampler_of(fields), "seed": fields.whole("seed", 0, 2**63 - 1), "max_new_tokens": limit}
    return _read(fields, model, asked, stream, drafts)


def read_count(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """A request whose tokens are counted.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    return _read(fields, model, {}, False, False)


def _read(fields: BodyFields, model: ServedModel, asked: dict[str, Any], stream: bool, drafts: bool) -> WantedAnswer:
    name = check_model(fields, model, required=True)
    tools = anthropic_tools(fields)
    system = _system(fields)
    turns, start = with_start(system + _turns(fields.objects("messages")))
    thinking, form = _thinking(fields, asked.get("max_new_tokens")), None
    output = fields.object("output_config")
    if output is not None:
        form = format_form(output.object("format"))
        output.one_of("effort", ("low", "medium", "high", "xhigh", "max"), "high")
        output.finish()
    stop = stops_of(fields, form, "stop_sequences") if asked else ()
    fields.note("cache_control")
    fields.only("mcp_servers", [])
    _check_management(fields)
    form_at = "output_config.format" if form is not None else ""
    request = request_of(
        model, form_at=form_at, **asked_turns(turns, tools, model), answer_start=start, thinking=thinking, form=form,
        **asked,
    )  # fmt: skip
    fields.finish()
    details = {"model": name, "id": new_id("msg_"), "thinking": thinking}
    return WantedAnswer(request, stop, tools=tools, stream=stream, drafts=drafts, form_at=form_at, details=details)


def _system(fields: BodyFields) -> list[ChatTurn]:
    if isinstance(fields.any("system"), str) or not fields.has("system"):
        text = fields.text("system", "")
    else:
        blocks = [(block.text("text"), block) for block in fields.objects("system")]
        text = "\n\n".join(text for text, _ in blocks if not text.startswith(_CHANGING))
    return [ChatTurn("system", text)] if text else []


def _thinking(fields: BodyFields, limit: int | None) -> bool:
    thinking = fields.object("thinking")
    if thinking is None:
        return False
    kind = thinking.one_of("type", ("enabled", "disabled", "adaptive"), "disabled")
    budget = thinking.whole("budget_tokens", 1, 10**9)  # thinking and answer share max_tokens
    if kind == "enabled" and budget is not None and limit is not None and budget >= limit:
        raise bad(texts.must_be("thinking.budget_tokens", "less than max_tokens"), "thinking.budget_tokens")
    thinking.note("display")
    thinking.finish()
    return kind != "disabled"


def _check_management(fields: BodyFields) -> None:
    """Earlier thinking is never read again, which is all that this may ask for."""
    management = fields.object("context_management")
    if management is None:
        return
    for edit in management.objects("edits"):
        if not edit.text("type").startswith("clear_thinking"):
            raise bad(texts.unsupported(edit.at("type")), edit.at("type"), "unsupported_parameter")
    management.finish()


def _turns(messages: list[BodyFields]) -> list[ChatTurn]:
    names: dict[str, str] = {}
    return [turn for message in messages for turn in _turns_of(message, names)]


def _turns_of(message: BodyFields, names: dict[str, str]) -> list[ChatTurn]:
    role = message.one_of("role", ("user", "assistant", "system"), "")
    if not isinstance(message.any("content"), list):
        turns = [ChatTurn(role, message.text("content"))]  # type: ignore[arg-type]
        message.finish()
        return turns
    said, calls, results = list[str](), list[CalledTool](), list[ChatTurn]()
    for block in message.objects("content"):
        match block.text("type"):
            case "text":
                said.append(block.text("text"))
            case "thinking" | "redacted_thinking":
                pass
            case "tool_use":
                names[block.text("id", "")] = block.text("name")
                given = arguments_text(block.any("input") or {}, block.at("input"))
                calls.append(CalledTool(block.text("name"), given))
            case "tool_result":
                failed = "Error: " if block.flag("is_error") else ""
                tool = names.get(block.text("tool_use_id"), "")
                results.append(ChatTurn("tool", failed + content_text(block), tool=tool))
            case _:
                raise bad(texts.NO_IMAGES, block.at("type"), "unsupported_content")
    message.finish()
    text = "\n".join(said)
    if calls:
        return [ChatTurn("assistant", text, tuple(calls))]
    if role == "user":
        return [*results, *([ChatTurn("user", text)] if text or not results else [])]
    return [ChatTurn(role, text)]  # type: ignore[arg-type]


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Tokens, as Anthropic names them: those that were cached are not among the input's."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.answer,
    }


def whole_message(wanted: WantedAnswer, model: ServedModel, answer: WholeAnswer) -> dict[str, Any]:
    """The whole response."""
    content: list[dict[str, Any]] = []
    if answer.thinking:
        content.append({"type": "thinking", "thinking": answer.thinking, "signature": ""})
    if answer.text or not (answer.calls or answer.stop):
        content.append({"type": "text", "text": answer.text})
    for call in answer.calls:
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)})
    return {
        **_message(wanted, content, usage_fields(answer.usage)),
        "stop_reason": _REASONS[answer.reason],
        "stop_sequence": answer.stop or None,
        "dewpoint": extras_of(answer),
    }


def _message(wanted: WantedAnswer, content: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": wanted.details["id"],
        "type": "message",
        "role": "assistant",
        "model": wanted.details["model"],
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


class MessageStream:
    """A message that comes in named events."""

    media_type = "text/event-stream"

    def __init__(self, wanted: WantedAnswer, model: ServedModel) -> None:
        self._wanted = wanted
        self._begun = False
        self._index, self._open = -1, ""  # the content block that is written, and its type

    def part(self, part: Part) -> str:
        """What is sent of a part of the answer."""
        match part:
            case StillWaiting():
                return self._beginning(Usage()) + named_event("ping", {"type": "ping"})
            case Begun():
                return self._beginning(part.usage)
            case Drafted():
                return named_event("ping", {"type": "ping", "dewpoint": {"draft": draft_of(part)}})
            case Written():
                thinking = self._delta("thinking", "thinking_delta", "thinking", part.thinking) if part.thinking else ""
                return thinking + (self._delta("text", "text_delta", "text", part.text) if part.text else "")
            case WholeAnswer():
                return self._beginning(part.usage) + self._end(part)

    def end(self, usage: Usage) -> str:
        """The last event says all."""
        return ""

    def failed(self, error: dict[str, Any]) -> str:
        """The answer failed in its midst."""
        return named_event("error", error)

    def _beginning(self, usage: Usage) -> str:
        if self._begun:
            return ""
        self._begun = True
        message = _message(self._wanted, [], usage_fields(usage))
        return named_event("message_start", {"type": "message_start", "message": message})

    def _delta(self, kind: str, delta: str, name: str, text: str) -> str:
        empty = (
            {"type": "thinking", "thinking": "", "signature": ""}
            if kind == "thinking"
            else {"type": "text", "text": ""}
        )
        begun = "" if self._open == kind else self._close() + self._start(kind, empty)
        value = {"type": "content_block_delta", "index": self._index, "delta": {"type": delta, name: text}}
        return begun + named_event("content_block_delta", value)

    def _start(self, kind: str, block: dict[str, Any]) -> str:
        self._index, self._open = self._index + 1, kind
        value = {"type": "content_block_start", "index": self._index, "content_block": block}
        return named_event("content_block_start", value)

    def _close(self) -> str:
        if not self._open:
            return ""
        self._open = ""
        return named_event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _end(self, answer: WholeAnswer) -> str:
        said = ""
        if self._index < 0 and not answer.calls:
            said = self._start("text", {"type": "text", "text": ""})
        said += self._close()
        for call in answer.calls:
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": call.arguments}
            said += self._start("tool_use", block)
            value = {"type": "content_block_delta", "index": self._index, "delta": delta}
            said += named_event("content_block_delta", value) + self._close()
        ended = {"stop_reason": _REASONS[answer.reason], "stop_sequence": answer.stop or None}
        value = {"type": "message_delta", "delta": ended, "usage": usage_fields(answer.usage)}
        return said + named_event("message_delta", value) + named_event("message_stop", {"type": "message_stop"})
