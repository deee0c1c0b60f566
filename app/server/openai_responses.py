"""OpenAI's responses: `POST /v1/responses`; nothing is kept, so each request holds the whole conversation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from app.server import texts
from app.server.asking import check_model, request_of, sampler_of, seed_of
from app.server.errors import bad
from app.server.fields import BodyFields
from app.server.openai_chat import EFFORTS, MOST_LOGPROBS, NO_THINKING, draft_of, extras_of, tokens_of
from app.server.sse import named_event
from app.server.structured import format_form
from app.server.toolbox import arguments_text, asked_turns, openai_tools
from app.server.turns import content_text, with_start
from app.server.wire import (
    Begun,
    Drafted,
    Part,
    ServedModel,
    StillWaiting,
    ToolCall,
    Usage,
    WantedAnswer,
    WholeAnswer,
    Written,
    new_id,
)
from inference.events import TokenLikelihood
from inference.params import CalledTool, ChatTurn

_LOGPROBS = "message.output_text.logprobs"


def read_response(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """What a response wants.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    name = check_model(fields, model, required=True)
    tools = openai_tools(fields)
    instructions = fields.text("instructions", "")
    said = [ChatTurn("system", instructions)] if instructions else []
    turns, start = with_start(said + _input(fields), "input")
    text, form = fields.object("text"), None
    if text is not None:
        form = format_form(text.object("format"))
        text.only("verbosity", "medium")
        text.finish()
    _refuse_others(fields)
    request = request_of(
        model,
        asked_at="input",
        form_at="text.format",
        **asked_turns(turns, tools, model),
        answer_start=start,
        form=form,
        seed=seed_of(fields),
        sampler=sampler_of(fields),
        max_new_tokens=fields.whole("max_output_tokens", 1, 10**9),
        thinking=_thinking(fields),
        logprobs=_logprobs(fields),
    )
    stream, drafts = fields.flag("stream"), fields.flag("diffusing")
    metadata = fields.any("metadata") or {}
    fields.finish()
    details = {"model": name, "id": new_id("resp_"), "metadata": metadata, "instructions": instructions or None}
    form_at = "text.format" if form is not None else ""
    return WantedAnswer(
        request, tools=tools, stream=stream, drafts=drafts, asked_at="input", form_at=form_at, details=details
    )


def _input(fields: BodyFields) -> list[ChatTurn]:
    if isinstance(fields.any("input"), str):
        return [ChatTurn("user", fields.text("input"))]
    names: dict[str, str] = {}
    return [turn for item in fields.objects("input") for turn in _item(item, names)]


def _item(item: BodyFields, names: dict[str, str]) -> list[ChatTurn]:
    kind = item.text("type", "message")
    item.note("id", "status", "phase")
    match kind:
        case "message":
            role = item.one_of("role", ("system", "developer", "user", "assistant"), "")
            turns = [ChatTurn("system" if role == "developer" else role, content_text(item))]  # type: ignore[arg-type]
        case "function_call":
            names[item.text("call_id")] = item.text("name")
            given = arguments_text(item.any("arguments"), item.at("arguments"))
            turns = [ChatTurn("assistant", "", (CalledTool(item.text("name"), given),))]
        case "function_call_output":
            turns = [ChatTurn("tool", content_text(item, "output"), tool=names.get(item.text("call_id"), ""))]
        case "reasoning":  # of earlier answers, which is not read again
            item.note("summary", "content", "encrypted_content")
            turns = []
        case _:
            raise bad(texts.unsupported_value(item.at("type"), kind), item.at("type"), "unsupported_parameter")
    item.finish()
    return turns


def _thinking(fields: BodyFields) -> bool:
    reasoning = fields.object("reasoning")
    if reasoning is None:
        return False
    thinking = reasoning.one_of("effort", EFFORTS, "none") not in NO_THINKING
    reasoning.note("summary", "generate_summary")
    reasoning.finish()
    return thinking


def _logprobs(fields: BodyFields) -> int | None:
    """How many likeliest tokens are named beside each one; None without log-probabilities."""
    wanted = False
    for name in fields.texts("include", 10):
        if name not in (_LOGPROBS, "reasoning.encrypted_content"):  # there is no hidden reasoning to be included
            raise bad(texts.unsupported_value("include", name), "include", "unsupported_parameter")
        wanted = wanted or name == _LOGPROBS
    count = fields.whole("top_logprobs", 0, MOST_LOGPROBS)
    if count and not wanted:
        raise bad(texts.include_first(_LOGPROBS), "top_logprobs")
    return (count or 0) if wanted else None


def _refuse_others(fields: BodyFields) -> None:
    fields.note("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "client_metadata")
    fields.only("top_p", 1)
    fields.only("store", False)
    fields.only("background", False)
    fields.only("truncation", "disabled")
    fields.only("service_tier", "auto", "default")
    options = fields.object("stream_options")
    if options is not None:
        options.only("include_obfuscation", False)
        options.finish()


def _base(wanted: WantedAnswer, status: str, output: list[dict[str, Any]], usage: Usage | None) -> dict[str, Any]:
    tools = wanted.tools.tools if wanted.tools is not None else ()
    return {
        "id": wanted.details["id"],
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": wanted.details["instructions"],
        "metadata": wanted.details["metadata"],
        "model": wanted.details["model"],
        "output": output,
        "parallel_tool_calls": wanted.tools.parallel if wanted.tools is not None else True,
        "temperature": wanted.request.sampler.temperature if wanted.request.sampler.temperature is not None else 1.0,
        "tool_choice": "required" if wanted.tools is not None and wanted.tools.must else "auto",
        "tools": [{"type": "function", "name": tool.name, "parameters": {}, "strict": tool.strict} for tool in tools],
        "top_p": 1.0,
        "store": False,
        "usage": None if usage is None else _usage(usage),
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.answer,
        "output_tokens_details": {"reasoning_tokens": usage.thinking},
        "total_tokens": usage.total,
    }


def _reasoning(item_id: str, text: str) -> dict[str, Any]:
    content = [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "id": item_id, "summary": [], "content": content, "status": "completed"}


def _text(item_id: str, text: str, status: str = "completed", found: Sequence[TokenLikelihood] = ()) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": tokens_of(found)}]
    return {"type": "message", "id": item_id, "role": "assistant", "status": status, "content": content}


def _call(item_id: str, call: ToolCall) -> dict[str, Any]:
    said = {"call_id": call.id, "name": call.name, "arguments": call.arguments, "status": "completed"}
    return {"type": "function_call", "id": item_id, **said}


def _status(answer: WholeAnswer) -> str:
    return "incomplete" if answer.reason == "length" else "completed"


def whole_response(wanted: WantedAnswer, model: ServedModel, answer: WholeAnswer) -> dict[str, Any]:
    """The whole response."""
    output = [_reasoning(new_id("rs_"), answer.thinking)] if answer.thinking else []
    if answer.text or not answer.calls:
        output.append(_text(new_id("msg_"), answer.text, _status(answer), answer.likelihoods))
    output += [_call(new_id("fc_"), call) for call in answer.calls]
    return {**_base(wanted, _status(answer), output, answer.usage), "dewpoint": extras_of(answer)}


class ResponseStream:
    """A response that comes in named events."""

    media_type = "text/event-stream"

    def __init__(self, wanted: WantedAnswer, model: ServedModel) -> None:
        self._wanted, self._number, self._begun = wanted, 0, False
        self._done: list[dict[str, Any]] = []
        self._kind, self._id, self._said = "", "", ""  # the item that is written
        self._found: list[TokenLikelihood] = []  # of its tokens

    def part(self, part: Part) -> str:
        """What is sent of a part of the answer."""
        match part:
            case StillWaiting():
                return ": waiting\n\n"
            case Begun():
                return self._beginning()
            case Drafted():
                return self._beginning() + f": draft {draft_of(part)['step']}\n\n"
            case Written():
                said = self._beginning() + (self._add("reasoning", part.thinking) if part.thinking else "")
                return said + (self._add("message", part.text, part.likelihoods) if part.text else "")
            case WholeAnswer():
                return self._beginning() + self._end(part)

    def end(self, usage: Usage) -> str:
        """The last event says all."""
        return ""

    def failed(self, error: dict[str, Any]) -> str:
        """The answer failed in its midst."""
        said = error["error"]
        return self._event("error", code=said["code"], message=said["message"], param=said["param"])

    def _event(self, kind: str, **fields: Any) -> str:
        value = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return named_event(kind, value)

    def _beginning(self) -> str:
        if self._begun:
            return ""
        self._begun = True
        response = _base(self._wanted, "in_progress", [], None)
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": len(self._done), "content_index": 0}

    def _add(self, kind: str, text: str, found: Sequence[TokenLikelihood] = ()) -> str:
        said = ""
        if self._kind != kind:
            said = self._close() + self._open(kind)
        self._said += text
        self._found += found
        if kind == "reasoning":
            return said + self._event("response.reasoning_text.delta", **self._place(), delta=text)
        return said + self._event("response.output_text.delta", **self._place(), delta=text, logprobs=tokens_of(found))

    def _open(self, kind: str) -> str:
        self._kind, self._said, self._found = kind, "", []
        self._id = new_id("rs_" if kind == "reasoning" else "msg_")
        index = len(self._done)
        part: dict[str, Any]
        if kind == "reasoning":
            item = {**_reasoning(self._id, ""), "content": [], "status": "in_progress"}
            part = {"type": "reasoning_text", "text": ""}
        else:
            item = {**_text(self._id, "", "in_progress"), "content": []}
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        added = self._event("response.output_item.added", output_index=index, item=item)
        return added + self._event("response.content_part.added", **self._place(), part=part)

    def _close(self, status: str = "completed") -> str:
        if not self._kind:
            return ""
        thinking = self._kind == "reasoning"
        item = _reasoning(self._id, self._said) if thinking else _text(self._id, self._said, status, self._found)
        name = "reasoning_text" if thinking else "output_text"
        more = {} if thinking else {"logprobs": tokens_of(self._found)}
        said = self._event(f"response.{name}.done", **self._place(), text=self._said, **more)
        said += self._event("response.content_part.done", **self._place(), part=item["content"][0])
        return said + self._finished(item)

    def _finished(self, item: dict[str, Any]) -> str:
        said = self._event("response.output_item.done", output_index=len(self._done), item=item)
        self._done.append(item)
        self._kind = ""
        return said

    def _end(self, answer: WholeAnswer) -> str:
        said = self._open("message") if not self._kind and not self._done and not answer.calls else ""
        said += self._close(_status(answer))
        for call in answer.calls:
            item, index = _call(new_id("fc_"), call), len(self._done)
            place = {"item_id": item["id"], "output_index": index}
            empty = {**item, "arguments": "", "status": "in_progress"}
            said += self._event("response.output_item.added", output_index=index, item=empty)
            said += self._event("response.function_call_arguments.delta", **place, delta=call.arguments)
            said += self._event(
                "response.function_call_arguments.done", **place, name=call.name, arguments=call.arguments
            )
            said += self._finished(item)
        status = _status(answer)
        response = {**_base(self._wanted, status, self._done, answer.usage), "dewpoint": extras_of(answer)}
        return said + self._event(f"response.{status}", response=response)
