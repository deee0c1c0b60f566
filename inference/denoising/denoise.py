"""Inner loop: one canvas from noise to text.

The world of this file is one canvas of C positions over a KV cache that does not change. It yields every step and
never calls upward.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.backends.base import Backend, CancelFlag, DenoiseStep, Floats, Ids
from inference.denoising.controls import NO_CONTROLS, Controls
from inference.denoising.plan import FREE, PLAIN, CanvasPlan, HeldPlaces
from inference.denoising.sampler import Draws, Mask, accept_mask, accept_tokens, renoise_tokens
from inference.denoising.schedule import step_temperature
from inference.denoising.stopping import StableAndConfident
from inference.errors import GraphError, PassStoppedError
from inference.model_config import SamplerDefaults

Proposing = Callable[[Ids, Any, float, Floats], DenoiseStep]


@dataclass(frozen=True, slots=True)
class CanvasStep:
    """One denoising step of a canvas.

    Attributes:
        step: Steps done in this canvas, from 1.
        argmax: int64 [C], most likely tokens; those of the last step are what is committed.
        entropy: float32 [C], nats.
        accepted: bool [C], positions that the sampler kept.
        settled: True if the stopping criterion is met.
        final: True if this is the canvas's last step (settled, the limit is reached, or somebody said so).
        settled_step: int64 [C], the step since which each position's argmax has not changed.
        by_you: True if it is the last one because somebody said so.
        max_steps: Most steps of this canvas, as things stand.
        thought: int64 [C], what the model would have put if nothing were asked of the canvas.
        read: int64 [C], the canvas that the step read: noise, or what was kept of the step before.
        top_ids: int64 [C, k], the likeliest tokens of each place; see `DenoiseStep`.
        top_probs: float32 [C, k], their shares at the step's temperature.
        temperature: Of the step.
        model_seconds: What the model's pass took.
    """

    step: int
    argmax: Ids
    entropy: Floats
    accepted: Mask
    settled: bool
    final: bool
    settled_step: Ids
    by_you: bool
    max_steps: int
    thought: Ids
    read: Ids
    top_ids: Ids
    top_probs: Floats
    temperature: float
    model_seconds: float = 0.0


def unchanged(step: DenoiseStep) -> DenoiseStep:
    """The step as the model gave it."""
    return step


def denoise_canvas(
    backend: Backend,
    settings: SamplerDefaults,
    draws: Draws,
    cancel: CancelFlag,
    adjust: Callable[[DenoiseStep], DenoiseStep] = unchanged,
    plan: CanvasPlan = PLAIN,
    controls: Controls = NO_CONTROLS,
) -> Iterator[CanvasStep]:
    """Denoise one canvas over what the backend's KV cache holds.

    1. Draw the starting canvas: pure noise, or what the plan starts with; held places have their tokens.
    2. For each step, N remaining down to 1, unless cancelled:
        a. Run the model on the canvas at the step's temperature, with the state of the step before (self-conditioning),
           and `adjust` what it proposes. Steps that are added go on at the last temperature.
        b. Accept the most certain positions within the entropy bound, put new noise everywhere else but on held places.
        c. Ask the stopping criterion about the free places; yield the step; end if settled, or if somebody says so.

    A cancel ends the generator without a step whose `final` is true; in the midst of a step, if the backend can.

    Raises:
        GraphError: The backend returned entropies that are not numbers.
    """
    # 1.
    fixed = np.full(draws.places, FREE, dtype=np.int64) if plan.fixed is None else plan.fixed
    held = fixed != FREE
    canvas = np.where(held, fixed, draws.noise() if plan.start is None else plan.start)
    if held.all():
        yield _all_held(fixed)
        return
    propose = _timed(_proposer(backend, plan, held, adjust))
    stopping = StableAndConfident(settings.stability_threshold, settings.confidence_threshold)
    state, newest, settled_step = plan.state, fixed, np.ones(canvas.shape, dtype=np.int64)
    # 2.
    limit, step = settings.max_denoising_steps - plan.first_step + 1, 0
    while not cancel.is_set():
        step += 1
        # a.
        temperature = _temperature(limit - step + 1, settings)
        try:
            result, passed = propose(canvas, state, temperature, draws.uniforms())
        except PassStoppedError:
            return
        _check_numbers(result.entropy)
        # b.
        read, accepted = canvas, accept_mask(result.entropy, settings.entropy_bound)
        renoised = renoise_tokens(accept_tokens(canvas, result.sampled, accepted), draws.noise(), accepted)
        canvas = np.where(held, fixed, renoised)
        # c.
        settled_step = np.where(result.argmax == newest, settled_step, step)
        settled = stopping.update(result.argmax, result.entropy[~held], result.thought)
        most = limit + controls.added_steps()
        final = (by_you := not settled and controls.take_settle()) or settled or step >= most
        yield CanvasStep(
            step, result.argmax, result.entropy, accepted, settled, final, settled_step, by_you, most,
            _thought(result), read, result.top_ids, result.top_probs, temperature, passed,
        )  # fmt: skip
        if final:
            return
        state, newest = result.state, result.argmax


def _timed(propose: Proposing) -> Callable[[Ids, Any, float, Floats], tuple[DenoiseStep, float]]:
    """The same, and the seconds that it took."""

    def run(canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> tuple[DenoiseStep, float]:
        began = time.perf_counter()
        return propose(canvas, state, temperature, uniforms), time.perf_counter() - began

    return run


def _temperature(left: int, settings: SamplerDefaults) -> float:
    return step_temperature(max(1, left), settings.max_denoising_steps, settings.t_min, settings.t_max)


def _thought(step: DenoiseStep) -> Ids:
    return step.argmax if step.thought is None else step.thought


def _proposer(
    backend: Backend, plan: CanvasPlan, held: Mask, adjust: Callable[[DenoiseStep], DenoiseStep]
) -> Proposing:
    if plan.proposer is not None:
        return plan.proposer.propose
    if plan.fixed is not None and held.any():
        return HeldPlaces(backend, plan.fixed, adjust).propose
    return lambda *inputs: adjust(backend.denoise(*inputs))


def _all_held(fixed: Ids) -> CanvasStep:
    everywhere, certain = np.ones(fixed.shape, dtype=np.int64), np.zeros(fixed.shape, dtype=np.float32)
    sure = np.ones((len(fixed), 1), dtype=np.float32)
    return CanvasStep(
        1, fixed, certain, everywhere.astype(np.bool_), True, True, everywhere, False, 1, fixed, fixed, fixed[:, None],
        sure, 1.0,
    )  # fmt: skip


def _check_numbers(entropy: Floats) -> None:
    # NaN sorts last and is never accepted: without this check a broken model "answers" 48 steps of noise.
    if not bool(np.isfinite(entropy).all()):
        raise GraphError(
            "The model computed values that are not numbers.", "Its files may be damaged: download the model again."
        )
