"""Temperature of a denoising step.

Steps are counted as in the reference: `cur_step` is the number of steps *remaining*, from N (first) down to 1 (last).
Source: `LinearTemperatureScheduleLogitsProcessor` in transformers `generation_diffusion_gemma.py`.
"""

from __future__ import annotations

import numpy as np


def step_temperature(cur_step: int, max_steps: int, t_min: float, t_max: float) -> float:
    """Temperature t = t_min + (t_max - t_min) * (cur_step / max_steps).

    Computed in float32, because the reference divides a float32 tensor: the same value, bit for bit.

    Args:
        cur_step: Remaining steps, this one included: `max_steps` at the first step, 1 at the last.
        max_steps: Upper limit of steps a canvas, 1 or more. Another limit means another curve, not a shorter one.
        t_min: Temperature after the last step; never quite reached.
        t_max: Temperature of the first step.

    Raises:
        ValueError: `cur_step` is not within 1..max_steps.
    """
    if not 1 <= cur_step <= max_steps:
        raise ValueError(f"cur_step must be within 1..{max_steps}, not {cur_step!r}")
    share = np.float32(cur_step) / np.float32(max_steps)
    return float(np.float32(t_min) + np.float32(t_max - t_min) * share)
