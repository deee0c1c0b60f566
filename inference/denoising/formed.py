"""A canvas that keeps a form: in every step its tokens come from distributions that are conditioned on the form.

1. One pass gives the logits of the tokens that the form allows anywhere; those of a class are looked at together.
2. Forward and backward over the automaton: the distribution of each place given that the whole canvas has the form.
   Places that the form leaves no choice have no entropy, and settle at no cost.
3. One joint sample is what the sampler may accept; the likeliest canvas is what would be committed. Both have the form.
4. Where the model would put something else than the likeliest canvas has, the form decides, not the model: what is left
   of the model's belief there is a tail of which more steps tell nothing. Such a place counts as sure, any other as no
   less sure than the model is by itself; and if there is one, the likeliest canvas is accepted instead of the sample.
5. Self-conditioning is told the conditioned distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.backends.base import Backend, DenoiseStep, Floats, Ids
from inference.denoising.form_step import Draw, form_step, likeliest_tokens
from inference.denoising.plan import FREE
from inference.denoising.sampler import Draws
from inference.errors import GraphError
from inference.forms.canvas import best_path, ending
from inference.forms.errors import FormError
from inference.forms.live import LiveTokens
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
        rows, likeliest = np.arange(len(canvas)), raw.argmax(axis=1)
        thought = task.live.ids[likeliest]
        if not np.isfinite(raw[rows, likeliest]).all():  # of a row with one that is no number, the first such
            raise GraphError(
                "The model computed values that are not numbers.", "Its files may be damaged: download the model again."
            )
        tempered = self._with_held(raw / np.float32(temperature))
        # 2. and 3.
        draw = Draw(uniforms, self._draws.uniforms())
        try:
            made = form_step(task.form, task.live, self._end, tempered, draw)
        except ValueError as exc:
            if self._fixed is None:
                raise
            raise FormError("A held place does not fit the form.", "Hold it elsewhere, or nothing.") from exc
        argmax, self.states = made.argmax, made.states
        self._best, self._tempered = made.best, tempered
        if self._fixed is not None and (argmax != self._fixed)[self._fixed != FREE].any():
            raise FormError("A held place does not fit the form.", "Hold it elsewhere, or nothing.")
        # 4.
        decided = likeliest != task.live.places[argmax]
        entropy = np.where(decided, np.float32(0), np.minimum(made.entropy, made.unasked))
        sampled = argmax if decided.any() else made.sampled
        # 5.
        told = self._backend.conditioned(state, len(canvas), rows, task.live.ids, made.shares)
        kept = made.shares[rows, task.live.places[argmax]]
        return DenoiseStep(argmax, sampled, entropy, argmax[:, None], kept[:, None], told, thought)

    def ended_here(self) -> Ids | None:
        """The likeliest canvas of the newest step that is the form's end; None if there is none of this length."""
        if self._best is None:
            return None
        try:
            path = best_path(self._task.form, self._best, ending(self._task.form, self._task.start, 0))
        except ValueError:
            return None
        assert self._tempered is not None
        classes, self.states = path
        return likeliest_tokens(self._task.live, self._tempered, classes)

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
