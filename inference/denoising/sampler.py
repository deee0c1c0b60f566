"""Which tokens of a canvas are kept, and where every random number comes from.

The functions are pure numpy and take the random draws as arguments. `Draws` makes them, from one seeded generator
and in one documented order, so that the same seed gives the same tokens.
Source: `EntropyBoundSampler` in transformers `generation_diffusion_gemma.py` (arXiv 2505.24857).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Floats, Ids

Mask = NDArray[np.bool_]


class Draws:
    """All random draws of one answer, from one PCG64 generator.

    Order: for each block one `noise` (the starting canvas), then for each step one `uniforms` (sampling) followed
    by one `noise` (new noise for what was not accepted). A step draws both even where it turns out to be the last.

    Attributes:
        seed: What the generator was made from.
        places: Places of a canvas.
    """

    def __init__(self, seed: int, vocab_size: int, canvas_length: int) -> None:
        """Seed the generator.

        Raises:
            ValueError: `seed` is negative.
        """
        if seed < 0:
            raise ValueError(f"seed must be 0 or more, not {seed!r}")
        self.seed = seed
        self._vocab_size = vocab_size
        self.places = canvas_length
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def noise(self) -> Ids:
        """int64 [C]: tokens drawn uniformly from the whole vocabulary."""
        return self._generator.integers(0, self._vocab_size, size=self.places, dtype=np.int64)

    def uniforms(self) -> Floats:
        """float32 [C]: numbers in [0, 1) that pick each position's token from its distribution."""
        return self._generator.random(self.places, dtype=np.float32)


def accept_mask(entropy: Floats, entropy_bound: float) -> Mask:
    """Positions whose sampled token is kept: the most certain ones, within a joint budget of entropy.

    1. Sort the positions by entropy, lowest first; equal ones keep their order.
    2. Add up the entropies along that order.
    3. Accept while (sum - own entropy) <= bound: so the first position is always accepted.

    Args:
        entropy: float32 [C], nats, of the tempered distribution.
        entropy_bound: Joint budget in nats, more than 0.

    Returns:
        bool [C].
    """
    # 1.
    order = np.argsort(entropy, kind="stable")
    ordered = entropy[order].astype(np.float32)
    # 2. The reference's CPU kernel adds in float64 and rounds each partial sum to float32.
    summed = np.cumsum(ordered, dtype=np.float64).astype(np.float32)
    # 3. In float32 on both sides, as the reference compares a float32 tensor with the bound.
    accepted = np.zeros(entropy.shape, dtype=np.bool_)
    accepted[order] = summed - ordered <= np.float32(entropy_bound)
    return accepted


def accept_tokens(canvas: Ids, sampled: Ids, accepted: Mask) -> Ids:
    """int64 [C]: the sampled token where accepted, the canvas's own elsewhere."""
    return np.where(accepted, sampled, canvas)


def renoise_tokens(canvas: Ids, noise: Ids, accepted: Mask) -> Ids:
    """int64 [C]: new noise everywhere but on the accepted positions; tokens accepted earlier can melt again here."""
    return np.where(accepted, canvas, noise)
