"""When a canvas counts as settled.

Source: `StableAndConfidentStoppingCriteria` in transformers `generation_diffusion_gemma.py`. Where a form decides,
there is one rule more than there: see `StableAndConfident.update`.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from inference.backends.base import Floats, Ids
from inference.denoising.sampler import Mask


class StableAndConfident:
    """Settled = the argmax canvas stopped changing and the mean entropy is low.

    Attributes:
        stability_threshold: How many earlier argmax canvases must equal the newest: n needs n + 1 identical ones
            (1 needs two: one porter's off-by-one here lost the first token of short answers). 0 asks for none.
        confidence_threshold: Mean entropy in nats that must be undercut.
    """

    def __init__(self, stability_threshold: int, confidence_threshold: float) -> None:
        """Start with no history.

        Raises:
            ValueError: A threshold is out of range.
        """
        if stability_threshold < 0:
            raise ValueError(f"stability_threshold must be 0 or more, not {stability_threshold!r}")
        if not confidence_threshold > 0:
            raise ValueError(f"confidence_threshold must be more than 0, not {confidence_threshold!r}")
        self.stability_threshold = stability_threshold
        self.confidence_threshold = confidence_threshold
        self._earlier: deque[tuple[Ids, Mask]] = deque(maxlen=stability_threshold)

    def reset(self) -> None:
        """Forget the history: a new block begins."""
        self._earlier.clear()

    def update(self, argmax: Ids, entropy: Floats, thought: Ids | None = None) -> bool:
        """Take in one step and say whether the canvas has settled.

        1. Stable: all `stability_threshold` earlier canvases are there and equal this one. A place in which the model
           would have put something else both times does not count: there a tail of its belief has changed.
        2. Confident: the mean entropy is under the threshold.

        Args:
            argmax: int64 [C], most likely tokens of this step.
            entropy: float32, nats, of the tempered distribution, of the places that count.
            thought: int64 [C], what the model would have put if nothing were asked of the canvas; None for the same.
        """
        # 1.
        decided = np.zeros(argmax.shape, np.bool_) if thought is None else argmax != thought
        enough = len(self._earlier) == self.stability_threshold
        stable = enough and all(
            bool(((argmax == earlier) | (decided & before)).all()) for earlier, before in self._earlier
        )
        self._earlier.append((argmax.copy(), decided))
        # 2. Compared in float32, as the reference does.
        mean = np.float32(np.mean(entropy, dtype=np.float64))
        return bool(stable and mean < np.float32(self.confidence_threshold))
