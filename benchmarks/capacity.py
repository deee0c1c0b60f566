"""What the experts' capacity costs: routers of several kinds of skew, and the slots that are computed for them.

    python benchmarks/capacity.py

A step over 256 tokens with 8 of 128 experts needs 16 slots an expert if routing is even; what is computed is 128 times
the capacity. Before each answer a prompt of 512 tokens is read. "kept for good" is how it was done before: one capacity
for prompt and canvas, which never shrank. No model, no GPU: arithmetic on drawn loads.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trt_engines.planning.shape import PUBLISHED
from trt_engines.runtime.capacity import Capacity

EXPERTS, TOP_K, CANVAS, PROMPT = PUBLISHED.experts, PUBLISHED.top_k, PUBLISHED.canvas_length, 512
LAYERS, ANSWERS, STEPS = len(PUBLISHED.layers), 12, 16
# Spread of the router's scores over experts, for canvases and for prompts: the larger, the hotter the hottest.
SKEWS = {"even": (0.0, 0.0), "mild": (0.5, 0.5), "skewed": (1.0, 1.0), "one hot prompt": (0.5, 2.0)}


Pass = tuple[int, bool, list[int]]  # tokens, whether they are a canvas, the largest load of each layer


class KeptForGood:
    """The policy before: what was needed once, anywhere, is kept."""

    def __init__(self) -> None:
        self.least, self.reruns = 0, 0

    def for_tokens(self, count: int, denoising: bool) -> int:
        """Slots."""
        fair = -(-(int(1.25 * count * TOP_K / EXPERTS) + 1) // 8) * 8
        return min(count, max(self.least, fair))

    def sufficed(self, load: int, capacity: int, count: int, denoising: bool) -> bool:
        """Whether it fitted."""
        if load <= capacity:
            return True
        self.reruns += 1
        self.least = -(-int(load * 1.1) // 8) * 8
        return False


def largest_loads(count: int, biases: NDArray[np.float64], random: np.random.Generator) -> list[int]:
    """Of each layer's experts: a token takes the best of its scores plus the layer's biases [layers, experts]."""
    found = []
    for bias in biases:
        scores = random.gumbel(size=(count, EXPERTS)) + bias
        chosen = np.argpartition(scores, -TOP_K, axis=1)[:, -TOP_K:]
        found.append(int(np.bincount(chosen.ravel(), minlength=EXPERTS).max()))
    return found


def drawn(skew: tuple[float, float], seed: int) -> list[Pass]:
    """Passes of some answers: tokens, whether it is a canvas, and the largest load of each layer."""
    random, found = np.random.default_rng(seed), []
    for number in range(ANSWERS):
        # The first prompt alone is hot where the skews differ.
        hot = skew[1] if number == 0 else skew[0]
        found.append((PROMPT, False, largest_loads(PROMPT, random.normal(0, hot, (LAYERS, EXPERTS)), random)))
        canvas = random.normal(0, skew[0], (LAYERS, EXPERTS))
        for _ in range(STEPS):
            canvas = 0.95 * canvas + 0.05 * random.normal(0, skew[0], canvas.shape)
            found.append((CANVAS, True, largest_loads(CANVAS, canvas, random)))
    return found


def computed(new: Callable[[], Any], passes: Sequence[Pass], segment: int) -> dict[str, float]:
    """Slots of the canvases over the ideal, runs again included, and how many passes ran again.

    `segment`: layers that share a policy and its capacity.
    """
    policies = [new() for _ in range(0, LAYERS, segment)]
    slots, steps, again = 0, 0, 0
    for count, denoising, layers in passes:
        loads = [max(layers[first : first + segment]) for first in range(0, LAYERS, segment)]
        steps += denoising
        while True:
            sizes = [policy.for_tokens(count, denoising) for policy in policies]
            slots += sum(sizes) if denoising else 0
            each = zip(policies, loads, sizes, strict=True)
            if all([policy.sufficed(load, size, count, denoising) for policy, load, size in each]):
                break
            again += 1
    ideal = CANVAS * TOP_K / EXPERTS
    return {"flops_over_ideal": round(slots / len(policies) / steps / ideal, 2), "passes_again": again}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(
        arguments
    )
    for name, skew in SKEWS.items():
        passes = drawn(skew, 1)
        canvas = [loads for _, denoising, loads in passes if denoising]
        row = {
            "router": name,
            "largest_prompt_load": max(max(loads) for _, denoising, loads in passes if not denoising),
            "largest_canvas_load": max(max(loads) for loads in canvas),
            "hottest_expert_over_ideal": round(float(np.mean(canvas)) / (CANVAS * TOP_K / EXPERTS), 2),
            "before": computed(KeptForGood, passes, LAYERS),
            "now": {f"segments of {n}": computed(lambda: Capacity(EXPERTS, TOP_K), passes, n) for n in (5, 2, 1)},
        }
        print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
