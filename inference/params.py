"""What a caller asks of the model: turns, sampler parameters, request.

`None` always means "the checkpoint's own value" (generation_config.json).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from inference.forms.wanted import Form

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


def fresh_seed() -> int:
    """A seed that nobody chose: 32 random bits, short enough to read out and type again."""
    return secrets.randbits(32)


def _require(field: str, value: float | None, least: float, allowed: str) -> None:
    if value is not None and not value >= least:
        raise ValueError(f"{field} must be {allowed}, not {value!r}")


@dataclass(frozen=True, slots=True)
class ToolDeclared:
    """A tool that may be called.

    Attributes:
        name: Its name.
        description: What it does.
        schema: JSON schema of its arguments, as JSON.
        strict: Whether the schema must be kept whole, or the request be refused.
    """

    name: str
    description: str
    schema: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A call that was made; the arguments are JSON, as a rule an object."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One turn of a chat.

    Attributes:
        role: "system", "user", "assistant", or "tool" for the result of a call.
        text: What is said.
        calls: Tools that an assistant calls behind its text.
        tool: The tool whose result this is.
    """

    role: Role
    text: str
    calls: tuple[CalledTool, ...] = ()
    tool: str = ""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, not {self.role!r}")

    @property
    def characters(self) -> int:
        """Of everything in it."""
        return len(self.text) + len(self.tool) + sum(len(call.name) + len(call.arguments) for call in self.calls)


@dataclass(frozen=True, slots=True)
class SamplerParams:
    """Parameters of the denoise loop; a field left at None is taken from the checkpoint.

    Attributes:
        max_denoising_steps: Upper limit of denoising steps a canvas, 1 or more.
        t_max: Temperature of the first step (> t_min).
        t_min: Temperature towards which it falls (never quite reached), 0 or more.
        entropy_bound: Joint budget of entropy, in nats, of the positions accepted in one step (> 0).
        stability_threshold: How many earlier argmax canvases must equal the newest one; 0 switches the check off.
        confidence_threshold: Mean entropy, in nats, under which a stable canvas counts as settled (> 0).
        steps_divisor: The checkpoint's own limit of steps is divided by this (1 or more), where no other is given.
        confidence_divisor: The same for its own confidence threshold (> 0). Whoever asks need not know a checkpoint's
            values to want a part of them.
        temperature: What both of the schedule's temperatures are multiplied by, 0 or more: 1 is the checkpoint's own,
            0 all but greedy.
    """

    max_denoising_steps: int | None = None
    t_max: float | None = None
    t_min: float | None = None
    entropy_bound: float | None = None
    stability_threshold: int | None = None
    confidence_threshold: float | None = None
    steps_divisor: int | None = None
    confidence_divisor: float | None = None
    temperature: float | None = None

    def __post_init__(self) -> None:
        _require("max_denoising_steps", self.max_denoising_steps, 1, "a whole number of 1 or more")
        _require("t_min", self.t_min, 0.0, "0 or more")
        _require("entropy_bound", self.entropy_bound, 1e-9, "more than 0")
        _require("stability_threshold", self.stability_threshold, 0, "0 or more")
        _require("confidence_threshold", self.confidence_threshold, 1e-9, "more than 0")
        _require("steps_divisor", self.steps_divisor, 1, "a whole number of 1 or more")
        _require("temperature", self.temperature, 0.0, "0 or more")
        _require("confidence_divisor", self.confidence_divisor, 1e-9, "more than 0")
        if self.t_max is not None and self.t_min is not None and self.t_max <= self.t_min:
            raise ValueError(f"t_max must be more than t_min ({self.t_min}), not {self.t_max}")


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """A place of the first canvas, from 0, that has this token in every step and in the end."""

    place: int
    token: int

    def __post_init__(self) -> None:
        _require("place", self.place, 0, "0 or more")
        _require("token", self.token, 0, "0 or more")


@dataclass(frozen=True, slots=True)
class CanvasStart:
    """What the first canvas starts with instead of noise.

    Attributes:
        token_ids: One for each place.
        level: Share of noise in it, and how early in the schedule it begins: 0 changes nearly nothing, 1 everything.
        kept: Whether each place stays as it is, which the model is told; then all others are noise, whatever the level.
            Empty: each is noise with the chance `level`.
    """

    token_ids: tuple[int, ...]
    level: float = 0.5
    kept: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.level <= 1.0:
            raise ValueError(f"level must be within 0..1, not {self.level!r}")
        if self.kept and len(self.kept) != len(self.token_ids):
            raise ValueError(f"kept must have one entry a token, not {len(self.kept)} for {len(self.token_ids)}")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer that is asked for.

    Attributes:
        turns: The chat so far, oldest first; the last one is the user's, or a tool's.
        seed: Seed of all random draws; None draws one and reports it in `Finished.seed`.
        sampler: Overrides of the checkpoint's sampler parameters.
        max_new_tokens: Upper limit of new tokens; None means "as many blocks as fit the context, 4 at the most".
        thinking: Ask the chat template for a thinking channel (for checkpoints that have one).
        step_seconds: Least time from one draft to the next, so that it can be watched; 0 is full speed.
        rest: After each step but the last of a block nothing is computed for so many times as long as it took; 0 is
            full power.
        answer_start: Beginning of the answer, which is given and goes on; events and limits count only what is new.
        form: What the whole answer is a text of, without exception; None for any text.
        form_is_new: Whether the form is of what is new alone, and not of the given beginning, too.
        held: Places of the first canvas that are given.
        start: What the first canvas starts with; None for noise.
        logprobs: How many likeliest tokens stand beside each committed one, with their log-probabilities (0 for it
            alone); None for no log-probabilities, which take one pass more for each block.
        canvas_length: Places of a canvas, at most the model's; None for as many as the model has.
        later_forms: Forms that answers after this one will keep: one that cannot be kept is refused now.
        traced: Record each block's steps (`BlockCommitted.trace`).
        tools: Tools that the template declares; an answer without a form ends where it begins a call of one. Only for
            models whose template has a syntax of its own for calls (`ModelReady.calls_tools`), as for the next three.
        thought: Thinking that is given, before `answer_start`.
        called: Calls that are given behind `answer_start`.
        calling: The tool whose call begins behind those; "" for none.
    """

    turns: tuple[ChatTurn, ...]
    seed: int | None = None
    sampler: SamplerParams = SamplerParams()
    max_new_tokens: int | None = None
    thinking: bool = False
    step_seconds: float = 0.0
    rest: float = 0.0
    answer_start: str = ""
    form: Form | None = None
    form_is_new: bool = False
    held: tuple[HeldPlace, ...] = ()
    start: CanvasStart | None = None
    canvas_length: int | None = None
    logprobs: int | None = None
    later_forms: tuple[Form, ...] = ()
    traced: bool = False
    tools: tuple[ToolDeclared, ...] = ()
    thought: str = ""
    called: tuple[CalledTool, ...] = ()
    calling: str = ""

    @property
    def asks_of_canvases(self) -> bool:
        """Whether canvases have more to keep to than the chat: held places, a start, a size of their own, a form."""
        return bool(self.held) or (self.form, self.start, self.canvas_length) != (None, None, None)

    def __post_init__(self) -> None:
        if not self.turns:
            raise ValueError("turns must hold at least one turn")
        if self.turns[-1].role not in ("user", "tool"):
            raise ValueError(f"the last turn must be the user's, not {self.turns[-1].role!r}")
        _require("seed", self.seed, 0, "0 or more")
        _require("max_new_tokens", self.max_new_tokens, 1, "1 or more")
        _require("step_seconds", self.step_seconds, 0.0, "0 or more")
        _require("rest", self.rest, 0.0, "0 or more")
        _require("logprobs", self.logprobs, 0, "0 or more")
        _require("canvas_length", self.canvas_length, 1, "1 or more")
        if self.form is not None and self.thinking and not self.thought:
            raise ValueError("an answer that keeps a form has no thinking channel")
