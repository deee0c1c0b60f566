"""What is asked of one canvas beyond a plain run: places that are held, where it starts, what proposes its tokens.

Held places follow two rules, each of which alone is not enough. Their token has all probability *before* entropies are
looked at, so they cost nothing of the bound; and it is written back after every renoise. The model is told of them,
too: in the self-conditioning state they have their token with probability 1, from the first step on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Backend, DenoiseStep, Floats, Ids
from inference.denoising.sampler import Draws

FREE = -1


class Proposer(Protocol):
    """What proposes tokens for a canvas: a backend's pass, or one that keeps a form."""

    def propose(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One step over int64 [C]; see `Backend.denoise`."""


@dataclass(frozen=True, slots=True, eq=False)
class CanvasPlan:
    """What one canvas has to keep to.

    Attributes:
        fixed: int64 [C], the token of each place that is held, -1 where it is free; None holds nothing.
        start: int64 [C], where it starts instead of noise; None for noise.
        first_step: Step of the schedule that it begins with, from 1; a later one is colder and changes a start less.
        proposer: What proposes tokens; None for the backend itself.
        state: Self-conditioning state of the first step; None tells it nothing.
    """

    fixed: Ids | None = None
    start: Ids | None = None
    first_step: int = 1
    proposer: Proposer | None = None
    state: Any = None

    @property
    def held(self) -> NDArray[np.bool_] | None:
        """bool [C], the places that are held; None for none."""
        return None if self.fixed is None else self.fixed != FREE


PLAIN = CanvasPlan()


class HeldPlaces:
    """A proposer whose held places have their token, whatever the model would put there."""

    def __init__(self, backend: Backend, fixed: Ids, adjust: Callable[[DenoiseStep], DenoiseStep]) -> None:
        """Hold what is not -1 in `fixed`; `adjust` is done to what the model proposes."""
        self._backend, self._fixed, self._adjust = backend, fixed, adjust
        self._places = np.flatnonzero(fixed != FREE)
        self._ids, number = np.unique(fixed[self._places], return_inverse=True)
        self._shares = np.zeros((len(self._places), len(self._ids)), np.float32)
        self._shares[np.arange(len(self._places)), number] = 1.0
        self._begun = False

    def propose(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One step; what the first one is told is added here."""
        if not self._begun:
            state, self._begun = self._told(state, len(canvas)), True
        step = self._adjust(self._backend.denoise(canvas, state, temperature, uniforms))
        held = self._fixed != FREE
        return dataclasses.replace(
            step,
            argmax=np.where(held, self._fixed, step.argmax),
            sampled=np.where(held, self._fixed, step.sampled),
            entropy=np.where(held, np.float32(0.0), step.entropy),
            state=self._told(step.state, len(canvas)),
            thought=step.argmax,
        )

    def _told(self, state: Any, count: int) -> Any:
        return self._backend.conditioned(state, count, self._places, self._ids, self._shares)


def noised(ids: Ids, level: float, draws: Draws, kept: Sequence[bool] = ()) -> Ids:
    """A start in which each place is noise with the chance `level`, as the model saw it in training.

    Args:
        ids: int64 [C], a text.
        level: 0 for the text itself, 1 for noise alone.
        draws: Where chance comes from; two draws are taken.
        kept: Places that stay as they are; where there are some, all others are noise.
    """
    noise, chance = draws.noise(), draws.uniforms()
    fresh = ~np.array(kept, dtype=np.bool_) if len(kept) else chance < np.float32(level)
    return np.where(fresh, noise, ids)


def first_step_of(level: float, steps: int) -> int:
    """The step of the schedule, from 1, at which a canvas of this noise level stands."""
    return 1 + min(steps - 1, int((1.0 - level) * steps + 1e-6))
