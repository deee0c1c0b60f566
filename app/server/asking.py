"""What all interfaces ask of the model in the same way: sampler values, the model's name, a request that holds."""

from __future__ import annotations

from typing import Any

from app.server import texts
from app.server.errors import ApiError, bad
from app.server.fields import BodyFields
from app.server.wire import ServedModel
from inference.forms.wanted import Form
from inference.params import GenerationRequest, SamplerParams
from inference.text.context import MOST_CHARACTERS_A_TOKEN

MOST_STOPS = 16
MOST_TEMPERATURE = 2.0
MAX_SEED = 2**63 - 1
ANY_NAMES = ("dewpoint", "default", "")


def check_model(fields: BodyFields, model: ServedModel, required: bool = False) -> str:
    """The name that a request asks for, as it wrote it.

    Raises:
        ApiError: It is another one's.
    """
    name = fields.text("model", None if required else "")
    check_name(name, model)
    return name or model.id


def check_name(name: str, model: ServedModel) -> None:
    """Refuse the name of another model than the one that is loaded.

    Raises:
        ApiError: It is one.
    """
    if name.removesuffix(":latest") not in (model.id, model.title, *ANY_NAMES):
        raise ApiError(404, texts.no_model(name, model.id), "model", "model_not_found")


def seed_of(fields: BodyFields) -> int | None:
    """The seed; a negative one, of which some clients think as "any", is any."""
    seed = fields.whole("seed", -(2**63), MAX_SEED)
    return None if seed is None or seed < 0 else seed


def sampler_of(fields: BodyFields, own_steps: bool = True) -> SamplerParams:
    """The sampler's values: a temperature of 1 is the model's own."""
    temperature = fields.number("temperature", 0.0, MOST_TEMPERATURE)
    steps = fields.whole("steps", 1, 1000) if own_steps else None
    return SamplerParams(temperature=temperature, max_denoising_steps=steps)


def stops_of(fields: BodyFields, form: Form | None, name: str = "stop") -> tuple[str, ...]:
    """Texts that end the answer.

    Raises:
        ApiError: There are too many, or the answer keeps a form, which they would cut.
    """
    stops = fields.texts(name, MOST_STOPS)
    if form is not None and any(stops):
        raise bad(texts.stop_and_form(fields.at(name)), fields.at(name), "unsupported_parameter")
    return stops


def limit_of(fields: BodyFields) -> int | None:
    """The most tokens of an answer, by its newer or its older name.

    Raises:
        ApiError: They say different things.
    """
    newer, older = (fields.whole(name, 1, 10**9) for name in ("max_completion_tokens", "max_tokens"))
    if newer is not None and older is not None and newer != older:
        raise bad(texts.TWO_LIMITS, "max_tokens")
    return newer or older


def request_of(model: ServedModel, asked_at: str = "messages", form_at: str = "", **asked: Any) -> GenerationRequest:
    """The request for the model; without a limit the answer may fill the context.

    Args:
        model: Which one.
        asked_at: Name of the field that what is asked stands in.
        form_at: The same of the form.
        asked: Fields of the request.

    Raises:
        ApiError: Its parts contradict each other.
    """
    asked["max_new_tokens"] = min(asked.get("max_new_tokens") or model.max_context, model.max_context)
    if asked.get("form") is not None and asked.get("thinking"):
        raise bad(texts.THINKING_AND_FORM, form_at, "unsupported_parameter")
    try:
        request = GenerationRequest(**asked)
    except ValueError as exc:
        raise bad(f"{exc}.") from exc
    declared = sum(len(tool.description) + len(tool.schema) for tool in request.tools)
    characters = declared + len(request.answer_start) + sum(turn.characters for turn in request.turns)
    check_length(model, characters, asked_at)
    return request


def check_length(model: ServedModel, characters: int, asked_at: str = "messages") -> None:
    """Refuse what is far too long for the context before anything of it reaches the model.

    Raises:
        ApiError: It is.
    """
    if model.backend and characters > MOST_CHARACTERS_A_TOKEN * model.max_context:
        raise bad(texts.PROMPT_TOO_LONG, asked_at, "context_length_exceeded")
