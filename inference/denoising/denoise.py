"""Inner loop: one canvas from noise to text.

The world of this file is one canvas of C positions over a KV cache that does not change. It yields every step and
never calls upward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from inference.backends.base import Backend, CancelFlag, DenoiseStep, Floats, Ids
from inference.denoising.sampler import Draws, Mask, accept_mask, accept_tokens, renoise_tokens
from inference.denoising.schedule import step_temperature
from inference.denoising.stopping import StableAndConfident
from inference.errors import GraphError, PassStoppedError
from inference.model_config import SamplerDefaults


@dataclass(frozen=True, slots=True)
class CanvasStep:
    """One denoising step of a canvas.

    Attributes:
        step: Steps done in this canvas, from 1.
        argmax: int64 [C], most likely tokens; those of the last step are what is committed.
        entropy: float32 [C], nats.
        accepted: bool [C], positions that the sampler kept.
        settled: True if the stopping criterion is met.
        final: True if this is the canvas's last step (settled, or the limit is reached).
        settled_step: int64 [C], the step since which each position's argmax has not changed.
    """

    step: int
    argmax: Ids
    entropy: Floats
    accepted: Mask
    settled: bool
    final: bool
    settled_step: Ids


def unchanged(step: DenoiseStep) -> DenoiseStep:
    """The step as the model gave it."""
    return step


def denoise_canvas(
    backend: Backend,
    settings: SamplerDefaults,
    draws: Draws,
    cancel: CancelFlag,
    adjust: Callable[[DenoiseStep], DenoiseStep] = unchanged,
) -> Iterator[CanvasStep]:
    """Denoise one canvas over what the backend's KV cache holds.

    1. Draw the starting canvas: pure noise.
    2. For each step, N remaining down to 1, unless cancelled:
        a. Run the model on the canvas at the step's temperature, with the state of the step before (self-conditioning),
           and `adjust` what it proposes.
        b. Accept the most certain positions within the entropy bound, put new noise everywhere else.
        c. Ask the stopping criterion; yield the step; end if settled.

    A cancel ends the generator without a step whose `final` is true; in the midst of a step, if the backend can.

    Raises:
        GraphError: The backend returned entropies that are not numbers.
    """
    # 1.
    canvas = draws.noise()
    stopping = StableAndConfident(settings.stability_threshold, settings.confidence_threshold)
    previous: DenoiseStep | None = None
    settled_step = np.ones(canvas.shape, dtype=np.int64)
    # 2.
    for cur_step in range(settings.max_denoising_steps, 0, -1):
        if cancel.is_set():
            return
        step = settings.max_denoising_steps - cur_step + 1
        # a.
        temperature = step_temperature(cur_step, settings.max_denoising_steps, settings.t_min, settings.t_max)
        state = None if previous is None else previous.state
        try:
            result = adjust(backend.denoise(canvas, state, temperature, draws.uniforms()))
        except PassStoppedError:
            return
        _check_numbers(result.entropy)
        # b.
        accepted = accept_mask(result.entropy, settings.entropy_bound)
        canvas = renoise_tokens(accept_tokens(canvas, result.sampled, accepted), draws.noise(), accepted)
        # c.
        if previous is not None:
            settled_step = np.where(result.argmax == previous.argmax, settled_step, step)
        settled = stopping.update(result.argmax, result.entropy)
        final = settled or cur_step == 1
        yield CanvasStep(step, result.argmax, result.entropy, accepted, settled, final, settled_step)
        if final:
            return
        previous = result


def _check_numbers(entropy: Floats) -> None:
    # NaN sorts last and is never accepted: without this check a broken model "answers" 48 steps of noise.
    if not bool(np.isfinite(entropy).all()):
        raise GraphError(
            "The model computed values that are not numbers.", "Its files may be damaged: download the model again."
        )
