"""OpenAI's chat completions: `POST /v1/chat/completions`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from app.server import texts
from app.server.asking import check_model, limit_of, request_of, sampler_of, seed_of, stops_of
from app.server.errors import bad
from app.server.fields import BodyFields
from app.server.said_tokens import token_texts
from app.server.sse import DONE, data_line
from app.server.structured import chat_form
from app.server.toolbox import asked_turns, openai_tools
from app.server.turns import openai_turns, with_start
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

MOST_CHOICES = 8
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MOST_LOGPROBS = 20
NO_THINKING = ("none", "minimal")
_REASONS = {"stop": "stop", "stop_sequence": "stop", "length": "length", "tool_calls": "tool_calls"}


def read_chat(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """What a request wants.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    name = check_model(fields, model, required=True)
    turns, start = with_start(openai_turns(fields.objects("messages")))
    tools = openai_tools(fields)
    limit = limit_of(fields)
    choices = fields.whole("n", 1, MOST_CHOICES) or 1
    stream, usage = stream_of(fields)
    refuse_others(fields)
    form, form_at = chat_form(fields)
    request = request_of(
        model,
        form_at=form_at,
        **asked_turns(turns, tools, model),
        answer_start=start,
        form=form,
        seed=seed_of(fields),
        sampler=sampler_of(fields),
        max_new_tokens=limit,
        thinking=thinking_of(fields),
        logprobs=logprobs_wanted(fields),
    )
    stop, drafts = stops_of(fields, form), fields.flag("diffusing")
    fields.finish()
    return WantedAnswer(
        request, stop, tools=tools, stream=stream, drafts=drafts, include_usage=usage, choices=choices,
        form_at=form_at, details={"model": name, "id": new_id("chatcmpl-")},
    )  # fmt: skip


def logprobs_wanted(fields: BodyFields) -> int | None:
    """How many likeliest tokens are named beside each one; None without log-probabilities."""
    count = fields.whole("top_logprobs", 0, MOST_LOGPROBS)
    wanted = fields.flag("logprobs")
    if count and not wanted:
        raise bad(texts.LOGPROBS_FIRST, "top_logprobs")
    return (count or 0) if wanted else None


def logprobs_of(found: Sequence[TokenLikelihood]) -> dict[str, Any]:
    """Log-probabilities, as OpenAI writes them; an empty list where a text has no tokens."""
    return {"content": tokens_of(found), "refusal": None}


def tokens_of(found: Sequence[TokenLikelihood]) -> list[dict[str, Any]]:
    """Each token with its log-probability, and the likeliest ones beside it; the tokens' texts joined are the text."""
    return [
        {
            "token": text, "logprob": each.log_probability, "bytes": list(each.text),
            "top_logprobs": [_likely(*likely) for likely in each.likeliest],
        }
        for each, text in zip(found, token_texts(found), strict=True)
    ]  # fmt: skip


def _likely(text: bytes, value: float) -> dict[str, Any]:
    return {"token": text.decode("utf-8", "replace"), "logprob": value, "bytes": list(text)}


def stream_of(fields: BodyFields) -> tuple[bool, bool]:
    """Whether an answer is streamed, and whether the stream ends with its usage."""
    stream, options = fields.flag("stream"), fields.object("stream_options")
    usage = False
    if options is not None:
        usage = options.flag("include_usage")
        options.only("include_obfuscation", False)
        options.only("continuous_usage_stats", False)
        options.finish()
    return stream, usage


def thinking_of(fields: BodyFields) -> bool:
    """Whether the model shall think: OpenAI's effort, or vLLM's argument of the template."""
    effort = fields.one_of("reasoning_effort", EFFORTS, "none")
    thinking = effort not in NO_THINKING
    template = fields.object("chat_template_kwargs")
    if template is not None:
        thinking = template.flag("enable_thinking", thinking)
        template.finish()
    return thinking


def refuse_others(fields: BodyFields) -> None:
    """Fields that change nothing, and those that can only say what is so anyway."""
    fields.note("user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
    fields.only("top_p", 1)
    fields.only("top_k", 0, -1)
    fields.only("min_p", 0)
    fields.only("typical_p", 1)
    fields.only("frequency_penalty", 0)
    fields.only("presence_penalty", 0)
    fields.only("repetition_penalty", 1)
    fields.only("logit_bias", {})
    fields.only("store", False)
    fields.only("service_tier", "auto", "default")
    fields.only("verbosity", "medium")
    fields.only("modalities", ["text"])


def usage_of(usage: Usage) -> dict[str, Any]:
    """Tokens, as OpenAI names them."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.answer,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking},
    }


def calls_of(calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """Calls of tools, as OpenAI writes them."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]


def extras_of(answer: WholeAnswer) -> dict[str, Any]:
    """What only a diffusion model has to say, and the stop text that ended the answer, which OpenAI leaves unnamed."""
    stop = {"stop": answer.stop} if answer.stop else {}
    return {"seed": answer.seed, "blocks": answer.usage.blocks, "steps": answer.usage.steps, **stop}


def draft_of(drafted: Drafted) -> dict[str, Any]:
    """A draft: its text, which replaces that of the one before, and the parts of it that have settled."""
    draft, text, settled = drafted.draft, "", list[list[int]]()
    for piece, accepted in zip(draft.pieces, draft.accepted, strict=True):
        begin, text = len(text), text + piece
        if accepted and piece:
            if settled and settled[-1][1] == begin:
                settled[-1][1] = len(text)
            else:
                settled.append([begin, len(text)])
    return {"block": draft.block, "step": draft.step, "max_steps": draft.max_steps, "text": text, "settled": settled}


def whole_chat(wanted: WantedAnswer, model: ServedModel, answer: WholeAnswer) -> dict[str, Any]:
    """The whole response."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.thinking:
        message["reasoning_content"] = answer.thinking
    if answer.calls:
        message |= {"content": answer.text or None, "tool_calls": calls_of(answer.calls)}
    choice = {
        "index": wanted.choice,
        "message": message,
        "logprobs": None if wanted.logprobs is None else logprobs_of(answer.likelihoods),
        "finish_reason": _REASONS[answer.reason],
    }
    return {
        "id": wanted.details["id"],
        "object": "chat.completion",
        "created": int(time.time()),
        "model": wanted.details["model"],
        "system_fingerprint": model.fingerprint,
        "choices": [choice],
        "usage": usage_of(answer.usage),
        "dewpoint": extras_of(answer),
    }


class ChatStream:
    """A response that comes in chunks."""

    media_type = "text/event-stream"

    def __init__(self, wanted: WantedAnswer, model: ServedModel) -> None:
        self._wanted = wanted
        self._base = {
            "id": wanted.details["id"],
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": wanted.details["model"],
            "system_fingerprint": model.fingerprint,
        }
        self._begun = False

    def part(self, part: Part) -> str:
        """What is sent of a part of the answer."""
        match part:
            case StillWaiting():
                return f": waiting, place {part.place}\n\n" if part.place else ": writing\n\n"
            case Begun():
                return self._beginning()
            case Drafted():
                return self._beginning() + self._chunk({"content": ""}, dewpoint={"draft": draft_of(part)})
            case Written():
                return self._beginning() + self._written(part)
            case WholeAnswer():
                return self._beginning() + self._end(part)

    def failed(self, error: dict[str, Any]) -> str:
        """The answer failed in its midst."""
        return data_line(error)

    def _beginning(self) -> str:
        if self._begun:
            return ""
        self._begun = True
        return self._chunk({"role": "assistant", "content": ""})

    def _written(self, part: Written) -> str:
        thinking = self._chunk({"reasoning_content": part.thinking}) if part.thinking else ""
        if not part.text:
            return thinking
        found = None if self._wanted.logprobs is None else logprobs_of(part.likelihoods)
        return thinking + self._chunk({"content": part.text}, found=found)

    def _end(self, answer: WholeAnswer) -> str:
        calls = [self._chunk({"tool_calls": [{"index": i, **call}]}) for i, call in enumerate(calls_of(answer.calls))]
        return "".join(calls) + self._chunk({}, _REASONS[answer.reason], dewpoint=extras_of(answer))

    def end(self, usage: Usage) -> str:
        """What is sent behind all choices."""
        said = data_line({**self._base, "choices": [], "usage": usage_of(usage)}) if self._wanted.include_usage else ""
        return said + DONE

    def _chunk(
        self, delta: dict[str, Any], reason: str | None = None, found: dict[str, Any] | None = None, **more: Any
    ) -> str:
        choice = {"index": self._wanted.choice, "delta": delta, "logprobs": found, "finish_reason": reason}
        return data_line({**self._base, "choices": [choice], **more})
