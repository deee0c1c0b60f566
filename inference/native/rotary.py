"""Rotary tables in numpy; the formula of inference/model/layers.py, which needs torch."""

from __future__ import annotations

import numpy as np

from inference.model_config import LayerSpec
from inference.native.matrices import Floats


def rotary_angles(spec: LayerSpec, start: int, count: int) -> tuple[Floats, Floats]:
    """cos and sin, float32 [count, head_dim / 2], of positions start, start + 1, ..."""
    rotating = int(spec.rope_proportion * spec.head_dim // 2)
    frequencies = np.zeros(spec.head_dim // 2, np.float32)
    steps = np.arange(0, 2 * rotating, 2, dtype=np.float64) / spec.head_dim
    frequencies[:rotating] = 1.0 / np.float64(spec.rope_theta) ** steps
    angles = np.arange(start, start + count, dtype=np.float32)[:, None] * frequencies
    return np.cos(angles), np.sin(angles)
