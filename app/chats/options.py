"""What is chosen for one chat alone, and the library of system prompts."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from app.base.files import parse_json
from app.base.settings import Settings, preset_params
from inference.forms.wanted import Form
from inference.params import SamplerParams

STARTER_MODEL = "starter"  # in the place of a folder
PRESETS = ("", "fast", "balanced", "careful")
MOST_STEPS = 1_000
MOST_ANSWER_TOKENS = 65_536
FORMS = ("", "json", "schema", "choice")
LONGEST_FORM = 100_000  # characters
LONGEST_PROMPT = 100_000  # characters


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What holds for one chat; every default means "as in the settings" or "as the model has it".

    Attributes:
        system_prompt: What the model is told before the first message; "" for nothing.
        prompt_name: The name that it has in the library, for the window; "" where it is from none.
        preset: "fast", "balanced", "careful", or "" for the one of the settings.
        steps: Most denoising steps a block; 0 for what preset and model say.
        answer_tokens: Most tokens of an answer; 0 for what the settings say.
        thinking: Whether the model is asked to think before it answers.
        model: Folder of the model that answers here, or `STARTER_MODEL`; "" for the one that answers elsewhere.
        model_name: What that is called, for the window.
        form_text: The schema, or the answers to choose from, a line each.
        form: What every answer is: "json", "schema" or "choice"; "" for any text.
    """

    system_prompt: str = ""
    prompt_name: str = ""
    preset: str = ""
    steps: int = 0
    answer_tokens: int = 0
    thinking: bool = False
    model: str = ""
    model_name: str = ""
    form_text: str = ""
    form: str = ""  # behind its text: one does without the other

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {PRESETS}, not {self.preset!r}")
        if self.form not in FORMS or len(self.form_text) > LONGEST_FORM:
            raise ValueError(f"form must be one of {FORMS}, with a text of at most {LONGEST_FORM} characters")
        if (self.form == "schema" and not self.form_text) or (self.form == "choice" and not choices_of(self.form_text)):
            raise ValueError(f"the form {self.form!r} needs a text")
        if not 0 <= self.steps <= MOST_STEPS:
            raise ValueError(f"steps must be from 0 to {MOST_STEPS}, not {self.steps}")
        if not 0 <= self.answer_tokens <= MOST_ANSWER_TOKENS:
            raise ValueError(f"answer_tokens must be from 0 to {MOST_ANSWER_TOKENS}, not {self.answer_tokens}")

    def sampler(self, settings: Settings) -> SamplerParams:
        """The sampler's parameters in this chat."""
        params = preset_params(self.preset or settings.preset)
        return dataclasses.replace(params, max_denoising_steps=self.steps) if self.steps else params

    def most_new_tokens(self, settings: Settings) -> int | None:
        """Most tokens of an answer; None where the model decides."""
        return self.answer_tokens or settings.answer_tokens or None

    @property
    def wanted_form(self) -> Form | None:
        """What every answer is a text of; None for any text."""
        match self.form:
            case "json":
                return Form("json")
            case "schema":
                return Form("schema", self.form_text)
            case "choice":
                return Form("choice", texts=choices_of(self.form_text))
        return None

    def as_json(self) -> str:
        """For the database: what differs from the defaults."""
        return json.dumps({k: v for k, v in dataclasses.asdict(self).items() if v != getattr(NO_OPTIONS, k)})


def choices_of(text: str) -> tuple[str, ...]:
    """The answers to choose from: lines, without what is empty or there twice."""
    return tuple(dict.fromkeys(line.strip() for line in text.split("\n") if line.strip()))


NO_OPTIONS = ChatOptions()


def options_from_json(text: str) -> ChatOptions:
    """Options from the database; what is unknown or wrong is as in the settings."""
    if text == "{}":
        return NO_OPTIONS
    try:
        found = parse_json(text)
    except (ValueError, AttributeError):  # damaged, or no text at all
        return NO_OPTIONS
    options = NO_OPTIONS
    value: Any
    for field in dataclasses.fields(ChatOptions):
        value = found.get(field.name) if isinstance(found, dict) else None
        if type(value) is type(getattr(options, field.name)):
            try:
                options = dataclasses.replace(options, **{field.name: value})
            except ValueError:
                continue
    return options


@dataclass(frozen=True, slots=True)
class SystemPrompt:
    """One of the library of system prompts.

    Attributes:
        id: Sortable text id.
        name: One line.
        body: What the model is told.
    """

    id: str
    name: str
    body: str
