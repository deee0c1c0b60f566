"""A canvas that keeps a form: in every step its tokens come from distributions that are conditioned on the form.

1. One pass gives the logits of the tokens that the form allows anywhere; those of a class are looked at together.
2. Forward and backward over the automaton: the distribution of each place given that the whole canvas has the form.
   Places that the form leaves no choice have no entropy, and settle at no cost.
3. One joint sample is what the sampler may accept; the likeliest canvas is what would be committed. Both have the form.
4. Self-conditioning is told the conditioned distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.backends.base import Backend, DenoiseStep, Floats, Ids
from inference.denoising.plan import FREE
from inference.denoising.sampler import Draws
from inference.forms.canvas import Conditioned, Ending, best_path, ending
from inference.forms.errors import FormError
from inference.forms.live import ClassView, LiveTokens, view_of
from inference.forms.tokens_dfa import TokenDfa

_RULED_OUT = np.float32(-1e4)  # a logit; further from all others than any temperature makes them


@dataclass(frozen=True, slots=True, eq=False)
class FormTask:
    """A form on one canvas.

    Attributes:
        form: The automaton.
        live: Its tokens.
        start: Its state before the first place.
        left: Tokens that may follow the canvas; 0 wants the end on it.
    """

    form: TokenDfa
    live: LiveTokens
    start: int
    left: int


class FormedCanvas:
    """Proposes tokens for one canvas that keeps a form; see the module."""

    def __init__(self, backend: Backend, task: FormTask, draws: Draws, fixed: Ids | None = None) -> None:
        """Prepare a canvas.

        Args:
            backend: The model.
            task: The form.
            draws: Where chance comes from; one draw more than usual is taken in each step.
            fixed: int64 [C], tokens that are held, -1 where a place is free.
        """
        self._backend, self._task, self._draws = backend, task, draws
        self._fixed = None if fixed is None or not (fixed != FREE).any() else fixed
        self._end = ending(task.form, task.start, task.left)
        self._best: np.ndarray[Any, np.dtype[np.float64]] | None = None
        self._tempered: Floats | None = None
        self.states: Ids = np.full(draws.places + 1, task.start)

    def propose(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One step; see `Backend.denoise`. `argmax` is the likeliest canvas with the form.

        Raises:
            FormError: A held place does not fit the form.
        """
        task = self._task
        # 1.
        raw = self._backend.logits(canvas, state, task.live.ids)
        thought = task.live.ids[raw.argmax(axis=1)]
        tempered = self._with_held(raw / np.float32(temperature))
        seen = view_of(task.live, tempered)
        # 2.
        given = Conditioned(task.form, seen.logs, self._end)
        marginals = given.marginals
        logs = np.log(np.maximum(marginals, 1e-300))
        entropy = (marginals * (seen.inner - logs)).sum(axis=1)
        # 3.
        classes, _ = given.sample(uniforms)
        sampled = self._drawn(seen, classes, self._draws.uniforms())
        self._best, self._tempered = seen.best, tempered
        argmax, self.states = self._likeliest(self._end)
        if self._fixed is not None and (argmax != self._fixed)[self._fixed != FREE].any():
            raise FormError("A held place does not fit the form.", "Hold it elsewhere, or nothing.")
        # 4.
        counts = np.diff(task.live.starts)
        shares = seen.shares * np.repeat(marginals.astype(np.float32), counts, axis=1)
        told = self._backend.conditioned(state, len(canvas), np.arange(len(canvas)), task.live.ids, shares)
        kept = shares[np.arange(len(canvas)), task.live.places[argmax]]
        return DenoiseStep(
            argmax, sampled, np.maximum(entropy, 0.0).astype(np.float32), argmax[:, None], kept[:, None], told, thought
        )

    def ended_here(self) -> Ids | None:
        """The likeliest canvas of the newest step that is the form's end; None if there is none of this length."""
        end = ending(self._task.form, self._task.start, 0)
        try:
            argmax, self.states = self._likeliest(end)
        except ValueError:
            return None
        return argmax

    def _likeliest(self, end: Ending) -> tuple[Ids, Ids]:
        assert self._best is not None
        assert self._tempered is not None
        classes, states = best_path(self._task.form, self._best, end)
        starts = self._task.live.starts
        places = np.empty(len(classes), dtype=np.int64)
        for place, (first, last) in enumerate(zip(starts[classes].tolist(), starts[classes + 1].tolist(), strict=True)):
            places[place] = first if last == first + 1 else first + int(self._tempered[place, first:last].argmax())
        return self._task.live.ids[places], states

    def _drawn(self, seen: ClassView, classes: Ids, uniforms: Floats) -> Ids:
        """A token of each place's class."""
        starts = self._task.live.starts
        places = starts[classes]
        for place, (first, last) in enumerate(zip(places.tolist(), starts[classes + 1].tolist(), strict=True)):
            if last > first + 1:
                summed = np.cumsum(seen.shares[place, first:last], dtype=np.float64)
                found = int(np.searchsorted(summed, uniforms[place] * summed[-1], side="right"))
                places[place] = first + min(found, last - first - 1)
        return self._task.live.ids[places]

    def _with_held(self, tempered: Floats) -> Floats:
        if self._fixed is None:
            return tempered
        held = np.flatnonzero(self._fixed != FREE)
        where = self._task.live.places[self._fixed[held]]
        tempered[held] = _RULED_OUT
        tempered[held[where >= 0], where[where >= 0]] = 0.0
        return tempered


def shortest_end(task: FormTask, state: int) -> list[int]:
    """Tokens that bring a form to its end from a state by the shortest way, the end-of-text token among them."""
    form, found = task.form, list[int]()
    while state != form.ended:
        low, high = np.searchsorted(form.sources, (state, state + 1))
        near = int(low) + int(form.shortest[form.targets[low:high]].argmin())
        found.append(int(task.live.ids[task.live.starts[form.moved[near]]]))
        state = int(form.targets[near])
    return found
