"""OpenAI's older completions and their like: text that goes on, and a gap that is filled from both sides.

`POST /v1/completions` answers in its own way, `POST /v1/fim/completions` as a chat does. What stands behind the gap is
held at its end as far as a canvas has room for it, so the two sides meet where they should.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from collections.abc import Sequence
from typing import Any

from app.server import texts
from app.server.asking import check_model, limit_of, request_of, sampler_of, seed_of, stops_of
from app.server.errors import bad
from app.server.fields import BodyFields
from app.server.openai_chat import (
    EFFORTS,
    MOST_CHOICES,
    MOST_LOGPROBS,
    draft_of,
    extras_of,
    refuse_others,
    stream_of,
    usage_of,
)
from app.server.said_tokens import token_texts
from app.server.sse import DONE, data_line
from app.server.wire import Drafted, Part, ServedModel, StillWaiting, Usage, WantedAnswer, WholeAnswer, Written, new_id
from inference.events import TokenLikelihood
from inference.forms.wanted import Form
from inference.params import ChatTurn, GenerationRequest, SamplerParams

_GO_ON = "Go on with this text. Write nothing but the text."
_FILL = "Fill in the gap ___ of this text:\n\n{before}___{behind}"
_SHOWN = 8000  # characters of either side that are shown in the question; the whole beginning is read anyway
_HELD = 120  # characters behind the gap that are held
_REASONS = {"stop": "stop", "stop_sequence": "stop", "length": "length", "tool_calls": "stop"}


def read_completion(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """What a completion wants.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    name = check_model(fields, model, required=True)
    prompt, suffix = _prompt(fields), fields.text("suffix", "")
    limit = fields.whole("max_tokens", 1, 10**9)
    choices = fields.whole("n", 1, MOST_CHOICES) or 1
    stream, usage = stream_of(fields)
    refuse_others(fields)
    fields.only("best_of", 1, choices)
    fields.only("echo", False)
    request, tail = gap_request(model, prompt, suffix, limit, seed_of(fields), sampler_of(fields))
    request, counted = with_counted(request, tail, limit, model, fields.whole("logprobs", 0, MOST_LOGPROBS))
    stop, drafts = stops_of(fields, None), fields.flag("diffusing")
    fields.finish()
    return WantedAnswer(
        request, stop, tail, stream=stream, drafts=drafts, include_usage=usage, choices=choices, asked_at="prompt",
        details={"model": name, "id": new_id("cmpl-")}, **counted,
    )  # fmt: skip


def read_fim(fields: BodyFields, model: ServedModel) -> WantedAnswer:
    """What Mistral's completion of a gap wants.

    Raises:
        ApiError: A field is wrong or not supported.
    """
    name = check_model(fields, model, required=True)
    prompt, suffix = _prompt(fields), fields.text("suffix", "")
    limit = limit_of(fields)
    fields.only("min_tokens", 0)
    fields.only("n", 1)
    stream, usage = stream_of(fields)
    refuse_others(fields)
    fields.one_of("reasoning_effort", EFFORTS[:2], "none")
    seed = fields.whole("random_seed", 0, 2**63 - 1)
    request, tail = gap_request(
        model, prompt, suffix, limit, seed_of(fields) if seed is None else seed, sampler_of(fields)
    )
    request, counted = with_counted(request, tail, limit, model, None)
    stop, drafts = stops_of(fields, None), fields.flag("diffusing")
    fields.finish()
    return WantedAnswer(
        request, stop, tail, stream=stream, drafts=drafts, include_usage=usage, asked_at="prompt",
        details={"model": name, "id": new_id("fim-")}, **counted,
    )  # fmt: skip


def gap_request(
    model: ServedModel, before: str, behind: str, limit: int | None, seed: int | None, sampler: SamplerParams
) -> tuple[GenerationRequest, str]:
    """The request for what stands between two texts, and what its answer ends with beside that.

    Raises:
        ApiError: There is nothing to begin from.
    """
    if not before and not behind:
        raise bad(texts.missing("prompt"), "prompt", "missing_required_parameter")
    held = _held(behind)
    asked = _FILL.format(before=before[-_SHOWN:], behind=behind[:_SHOWN]) if behind else _GO_ON
    form = Form("regex", r"[\s\S]*" + re.escape(held)) if held else None
    request = request_of(
        model,
        turns=(ChatTurn("user", asked),),
        answer_start=before,
        seed=seed,
        sampler=sampler,
        max_new_tokens=None if limit is None else limit + len(held.encode()),
        form=form,
        form_is_new=True,
        asked_at="prompt",
    )
    return request, held


def with_counted(
    request: GenerationRequest, tail: str, limit: int | None, model: ServedModel, logprobs: int | None
) -> tuple[GenerationRequest, dict[str, Any]]:
    """The request with its log-probabilities, and what else a `WantedAnswer` has for it.

    What is held behind a gap is written with the answer, and is none of it: the answer's own tokens are counted by
    their likelihoods, also where the client wants none.
    """
    if not tail:
        return dataclasses.replace(request, logprobs=logprobs), {}
    return dataclasses.replace(request, logprobs=logprobs or 0), {
        "most": limit or model.max_context,
        "hides_logprobs": logprobs is None,
    }


def _held(behind: str) -> str:
    """The beginning of what stands behind: whole lines, as far as they go, or as much as is held."""
    if len(behind) <= _HELD:
        return behind
    cut = behind[:_HELD]
    line = cut.rfind("\n", 1)
    return cut[: line + 1] if line > 0 else cut


def _prompt(fields: BodyFields) -> str:
    value = fields.any("prompt")
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        (text,) = fields.texts("prompt", 1)
        return text
    return fields.text("prompt", "" if fields.has("suffix") else None)


def older_logprobs(found: Sequence[TokenLikelihood], begin: int) -> dict[str, Any]:
    """Log-probabilities, as completions have them: lists of the same length.

    Args:
        found: The tokens.
        begin: Characters of the answer before the first of them.
    """
    names = token_texts(found)
    return {
        "tokens": names,
        "token_logprobs": [each.log_probability for each in found],
        "top_logprobs": [{text.decode("utf-8", "replace"): p for text, p in each.likeliest} for each in found],
        "text_offset": list(itertools.accumulate(map(len, names), initial=begin))[:-1],
    }


def whole_completion(wanted: WantedAnswer, model: ServedModel, answer: WholeAnswer) -> dict[str, Any]:
    """The whole response."""
    choice = {
        "index": wanted.choice,
        "text": answer.text,
        "logprobs": None if wanted.logprobs is None else older_logprobs(answer.likelihoods, 0),
        "finish_reason": _REASONS[answer.reason],
    }
    return {
        "id": wanted.details["id"],
        "object": "text_completion",
        "created": int(time.time()),
        "model": wanted.details["model"],
        "system_fingerprint": model.fingerprint,
        "choices": [choice],
        "usage": usage_of(answer.usage),
        "dewpoint": extras_of(answer),
    }


class CompletionStream:
    """A completion that comes in chunks."""

    media_type = "text/event-stream"

    def __init__(self, wanted: WantedAnswer, model: ServedModel) -> None:
        self._wanted, self._given = wanted, 0  # characters
        self._base = {
            "id": wanted.details["id"],
            "object": "text_completion",
            "created": int(time.time()),
            "model": wanted.details["model"],
            "system_fingerprint": model.fingerprint,
        }

    def part(self, part: Part) -> str:
        """What is sent of a part of the answer."""
        match part:
            case StillWaiting():
                return ": waiting\n\n"
            case Drafted():
                return self._chunk("", dewpoint={"draft": draft_of(part)})
            case Written():
                plain = self._wanted.logprobs is None
                found = None if plain else older_logprobs(part.likelihoods, self._given)
                self._given += len(part.text)
                return self._chunk(part.text, found=found) if part.text else ""
            case WholeAnswer():
                return self._chunk("", _REASONS[part.reason], dewpoint=extras_of(part))
            case _:
                return ""

    def end(self, usage: Usage) -> str:
        """What is sent behind all choices."""
        said = data_line({**self._base, "choices": [], "usage": usage_of(usage)}) if self._wanted.include_usage else ""
        return said + DONE

    def failed(self, error: dict[str, Any]) -> str:
        """The answer failed in its midst."""
        return data_line(error)

    def _chunk(self, text: str, reason: str | None = None, found: dict[str, Any] | None = None, **more: Any) -> str:
        choice = {"index": self._wanted.choice, "text": text, "logprobs": found, "finish_reason": reason}
        return data_line({**self._base, "choices": [choice], **more})
