"""Ollama's interface: `/api/version`, `/api/tags`, `/api/show`, `/api/ps`, `/api/chat`, `/api/generate`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from app import __version__
from app.server import texts
from app.server.asking import MAX_SEED, check_model, request_of, stops_of
from app.server.errors import ApiError, bad
from app.server.fields import BodyFields
from app.server.openai_chat import EFFORTS, NO_THINKING, draft_of, logprobs_wanted, tokens_of
from app.server.openai_completions import gap_request, with_counted
from app.server.sse import json_line
from app.server.structured import ollama_form
from app.server.toolbox import asked_turns, openai_tools
from app.server.turns import openai_turns, with_start
from app.server.wire import Drafted, Part, ServedModel, ToolCall, Usage, WantedAnswer, WholeAnswer, Written
from inference.events import TokenLikelihood
from inference.forms.wanted import Form
from inference.params import ChatTurn, GenerationRequest, SamplerParams

INTERFACE_VERSION = "0.12.6"  # of Ollama's interface that is answered; clients ask for features by it
_REASONS = {"stop": "stop", "stop_sequence": "stop", "length": "length", "tool_calls": "stop"}
_SPEED = (
    "num_batch", "num_gpu", "main_gpu", "use_mmap", "use_mlock", "num_thread", "num_keep", "low_vram", "numa",
    "penalize_newline", "repeat_last_n", "tfs_z",
)  # fmt: skip


def ollama_refusal(error: ApiError) -> dict[str, Any]:
    """An error as Ollama says it."""
    text = error.text if not error.param or error.param in error.text else f"{error.param}: {error.text}"
    return {"error": text}


def read_ollama_chat(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """What a chat wants; without messages it only asks that the model be loaded.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    name = check_model(fields, model, required=True)
    messages, tools = fields.objects("messages"), openai_tools(fields)
    turns, start = with_start(openai_turns(messages)) if messages else ((ChatTurn("user", ""),), "")
    form = ollama_form(fields)
    asked, stop, context = _options(fields, model, form)
    request = request_of(
        model, form_at="format", **asked_turns(turns, tools, model), answer_start=start, form=form, **asked
    )
    request, counted = _in_context(request, context)
    stream, drafts = fields.flag("stream", True), fields.flag("diffusing")
    fields.finish()
    told = None if messages else _loaded(name, chat=True)
    return WantedAnswer(
        request, stop, tools=tools, stream=stream, drafts=drafts, told=told, form_at="format" * (form is not None),
        details={"model": name, "chat": True}, **counted,
    )  # fmt: skip


def read_ollama_generate(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """What a prompt wants; an empty one only asks that the model be loaded.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    name = check_model(fields, model, required=True)
    prompt, suffix, system = fields.text("prompt", ""), fields.text("suffix", ""), fields.text("system", "")
    form, tail = ollama_form(fields), ""
    asked, stop, context = _options(fields, model, form)
    counted: dict[str, Any] = {}
    fields.only("raw", False)
    fields.only("template", "")
    fields.only("context", [])
    fields.only("images", [])
    if suffix:
        if form is not None:
            raise bad(texts.TWO_FORMS, "format")
        limit, seed = asked["max_new_tokens"], asked["seed"]
        request, tail = gap_request(model, prompt, suffix, limit, seed, asked["sampler"])
        request, counted = with_counted(request, tail, limit, model, asked["logprobs"])
    else:
        turns = ([ChatTurn("system", system)] if system else []) + [ChatTurn("user", prompt)]
        request = request_of(model, "prompt", "format", turns=tuple(turns), form=form, **asked)
    if context is not None:
        request, more = _in_context(request, context)
        counted = more | counted
    stream, drafts = fields.flag("stream", True), fields.flag("diffusing")
    fields.finish()
    told = None if prompt or suffix else _loaded(name, chat=False)
    return WantedAnswer(
        request, stop, tail, stream=stream, drafts=drafts, told=told, asked_at="prompt",
        form_at="format" * (form is not None), details={"model": name, "chat": False}, **counted,
    )  # fmt: skip


def _in_context(request: GenerationRequest, context: int | None) -> tuple[GenerationRequest, dict[str, Any]]:
    """The request, and what else a `WantedAnswer` has, where a client wants a smaller context than the model's."""
    if context is None:
        return request, {}
    hides = request.logprobs is None
    return dataclasses.replace(request, logprobs=request.logprobs or 0), {
        "most_context": context,
        "hides_logprobs": hides,
    }


def _options(
    fields: BodyFields, model: ServedModel, form: Form | None
) -> tuple[dict[str, Any], tuple[str, ...], int | None]:
    """Sampler, seed, limit and thinking; the texts that end the answer; the context, if it is not the model's own."""
    fields.note("keep_alive")  # the model stays loaded
    thinking = fields.any("think")
    if isinstance(thinking, str):
        thinking = fields.one_of("think", EFFORTS, "none") not in NO_THINKING
    elif not isinstance(thinking, bool | None):
        raise bad(texts.must_be("think", "true, false or an effort"), "think")
    options = fields.object("options") or BodyFields({}, "options")
    options.note(*_SPEED)
    context = options.whole("num_ctx", 1, model.max_context)
    options.only("top_p", 1)
    options.only("top_k", 0)
    options.only("min_p", 0)
    options.only("typical_p", 1)
    options.only("repeat_penalty", 1)
    options.only("presence_penalty", 0)
    options.only("frequency_penalty", 0)
    options.only("mirostat", 0)
    limit, seed = options.whole("num_predict", -2, 10**9), options.whole("seed", -MAX_SEED, MAX_SEED)
    sampler = SamplerParams(temperature=options.number("temperature", 0.0, 2.0))
    stop = stops_of(options, form)
    options.finish()
    asked = {
        "max_new_tokens": limit if limit and limit > 0 else None,
        "seed": seed if seed is not None and seed >= 0 else None,
        "sampler": sampler,
        "thinking": bool(thinking),
        "logprobs": logprobs_wanted(fields),
    }
    return asked, stop, None if context == model.max_context else context


def _loaded(name: str, chat: bool) -> dict[str, Any]:
    said = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
    return {"model": name, "created_at": _now(), **said, "done": True, "done_reason": "load"}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def whole_ollama(wanted: WantedAnswer, model: ServedModel, answer: WholeAnswer) -> dict[str, Any]:
    """The whole response."""
    piece = _piece(wanted, answer.text, answer.thinking, answer.calls, answer.likelihoods)
    return {**piece, **_end(answer)}


def _piece(
    wanted: WantedAnswer,
    text: str,
    thinking: str = "",
    calls: tuple[ToolCall, ...] = (),
    found: tuple[TokenLikelihood, ...] = (),
) -> dict[str, Any]:
    base: dict[str, Any] = {"model": wanted.details["model"], "created_at": _now()}
    if wanted.logprobs is not None:
        base["logprobs"] = tokens_of(found)
    if not wanted.details["chat"]:
        return {**base, "response": text, **({"thinking": thinking} if thinking else {}), "done": False}
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    return {**base, "message": message, "done": False}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": json.loads(call.arguments)}}


def _end(answer: WholeAnswer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "done": True,
        "done_reason": _REASONS[answer.reason],
        "total_duration": int(answer.seconds * 1e9),
        "load_duration": 0,
        "prompt_eval_count": usage.prompt,
        "prompt_eval_duration": int(answer.prompt_seconds * 1e9),
        "eval_count": usage.answer,
        "eval_duration": int(answer.answer_seconds * 1e9),
    }


class OllamaStream:
    """A response of one object a line."""

    media_type = "application/x-ndjson"

    def __init__(self, wanted: WantedAnswer, model: ServedModel) -> None:
        self._wanted = wanted

    def part(self, part: Part) -> str:
        """What is sent of a part of the answer; there are no comments in this form."""
        match part:
            case Drafted():
                return json_line({**_piece(self._wanted, ""), "dewpoint": {"draft": draft_of(part)}})
            case Written():
                return json_line(_piece(self._wanted, part.text, part.thinking, found=part.likelihoods))
            case WholeAnswer():
                calls = json_line(_piece(self._wanted, "", "", part.calls)) if part.calls else ""
                return calls + json_line({**_piece(self._wanted, ""), **_end(part)})
            case _:
                return ""

    def end(self, usage: Usage) -> str:
        """The last line says all."""
        return ""

    def failed(self, error: dict[str, Any]) -> str:
        """The answer failed in its midst."""
        return json_line(error)


def ollama_model(model: ServedModel) -> dict[str, Any]:
    """The model, as it is listed."""
    loaded = datetime.fromtimestamp(model.loaded_at, UTC).isoformat()
    return {
        "name": f"{model.id}:latest",
        "model": f"{model.id}:latest",
        "modified_at": loaded,
        "size": model.size,
        "digest": hashlib.sha256(model.fingerprint.encode()).hexdigest(),
        "details": _details(model),
    }


def running_model(model: ServedModel) -> dict[str, Any]:
    """The model, as it is loaded."""
    return {
        **ollama_model(model),
        "size_vram": 0,
        "context_length": model.max_context,
        "expires_at": "9999-12-31T23:59:59Z",
    }


def shown_model(model: ServedModel) -> dict[str, Any]:
    """What is known of the model."""
    info = {"general.architecture": "diffusiongemma", "diffusiongemma.context_length": model.max_context}
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(model),
        "model_info": info,
        "capabilities": ["completion", "tools", "insert", "thinking"],
        "modified_at": ollama_model(model)["modified_at"],
    }


def version() -> dict[str, Any]:
    """Of the interface, and ours."""
    return {"version": INTERFACE_VERSION, "dewpoint": __version__}


def _details(model: ServedModel) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "safetensors",
        "family": "diffusiongemma",
        "families": ["diffusiongemma"],
        "parameter_size": "",
        "quantization_level": "",
    }
