"""What a caller asks of the model: turns, sampler parameters, request.

`None` always means "the checkpoint's own value" (generation_config.json).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inference.forms.wanted import Form

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")


def _require(field: str, value: float | None, least: float, allowed: str) -> None:
    if value is not None and not value >= least:
        raise ValueError(f"{field} must be {allowed}, not {value!r}")


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One turn of a chat; `role` is "system", "user" or "assistant"."""

    role: Role
    text: str

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, not {self.role!r}")


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
    """

    max_denoising_steps: int | None = None
    t_max: float | None = None
    t_min: float | None = None
    entropy_bound: float | None = None
    stability_threshold: int | None = None
    confidence_threshold: float | None = None
    steps_divisor: int | None = None
    confidence_divisor: float | None = None

    def __post_init__(self) -> None:
        _require("max_denoising_steps", self.max_denoising_steps, 1, "a whole number of 1 or more")
        _require("t_min", self.t_min, 0.0, "0 or more")
        _require("entropy_bound", self.entropy_bound, 1e-9, "more than 0")
        _require("stability_threshold", self.stability_threshold, 0, "0 or more")
        _require("confidence_threshold", self.confidence_threshold, 1e-9, "more than 0")
        _require("steps_divisor", self.steps_divisor, 1, "a whole number of 1 or more")
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
    """

    token_ids: tuple[int, ...]
    level: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.level <= 1.0:
            raise ValueError(f"level must be within 0..1, not {self.level!r}")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer that is asked for.

    Attributes:
        turns: The chat so far, oldest first; the last one is the user's.
        seed: Seed of all random draws; None draws one and reports it in `Finished.seed`.
        sampler: Overrides of the checkpoint's sampler parameters.
        max_new_tokens: Upper limit of new tokens; None means "as many blocks as fit the context, 4 at the most".
        thinking: Ask the chat template for a thinking channel (for checkpoints that have one).
        step_seconds: Least time from one draft to the next, so that it can be watched; 0 is full speed.
        answer_start: Beginning of the answer, which is given and goes on; events and limits count only what is new.
        form: What the whole answer is a text of, without exception; None for any text.
        held: Places of the first canvas that are given.
        start: What the first canvas starts with; None for noise.
        canvas_length: Places of a canvas, at most the model's; None for as many as the model has.
    """

    turns: tuple[ChatTurn, ...]
    seed: int | None = None
    sampler: SamplerParams = SamplerParams()
    max_new_tokens: int | None = None
    thinking: bool = False
    step_seconds: float = 0.0
    answer_start: str = ""
    form: Form | None = None
    held: tuple[HeldPlace, ...] = ()
    start: CanvasStart | None = None
    canvas_length: int | None = None

    @property
    def asks_of_canvases(self) -> bool:
        """Whether canvases have more to keep to than the chat: held places, a start, a size of their own, a form."""
        return bool(self.held) or (self.form, self.start, self.canvas_length) != (None, None, None)

    def __post_init__(self) -> None:
        if not self.turns:
            raise ValueError("turns must hold at least one turn")
        if self.turns[-1].role != "user":
            raise ValueError(f"the last turn must be the user's, not {self.turns[-1].role!r}")
        _require("seed", self.seed, 0, "0 or more")
        _require("max_new_tokens", self.max_new_tokens, 1, "1 or more")
        _require("step_seconds", self.step_seconds, 0.0, "0 or more")
        _require("canvas_length", self.canvas_length, 1, "1 or more")
        if self.form is not None and self.thinking:
            raise ValueError("an answer that keeps a form has no thinking channel")
