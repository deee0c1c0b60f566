"""What the experts' capacity costs: routers of several kinds of skew, and the slots that are computed for them.

    python benchmarks/capacity.py

A step over 256 tokens with 8 of 128 experts needs 16 slots an expert if routing is even; what is computed is 128 times
the capacity. Before each answer a prompt of 512 tokens is read. "kept for good" is how it was done before: one capacity
for prompt and canvas, which never shrank. "overflow" is what computing hot experts apart would give: every expert
has the slots of an even spread and a quarter more; what exceeds them is computed in a second batch, in blocks of 16
tokens of one expert each. Its weights would be gathered, which TensorRT for RTX 1.7.1 does not do with quantised ones
(it refuses the graph: tests/trt_engines/graphs/test_refused.py), so they would be copied in fp16: the last figure. No
model, no GPU: arithmetic on drawn loads.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trt_engines.planning.shape import PUBLISHED
from trt_engines.runtime.capacity import MARGIN, REMEMBERED, Capacity

EXPERTS, TOP_K, CANVAS, PROMPT = PUBLISHED.experts, PUBLISHED.top_k, PUBLISHED.canvas_length, 512
LAYERS, ANSWERS, STEPS = len(PUBLISHED.layers), 12, 16
# Spread of the router's scores over experts, for canvases and for prompts: the larger, the hotter the hottest.
SKEWS = {"even": (0.0, 0.0), "mild": (0.5, 0.5), "skewed": (1.0, 1.0), "one hot prompt": (0.5, 2.0)}


Pass = tuple[int, bool, NDArray[np.int64]]  # tokens, whether they are a canvas, loads [layers, experts]
BLOCK = 16  # tokens of one expert in the second batch
EXPERT_BYTES = PUBLISHED.expert_parameters // EXPERTS * 2  # gathered, in fp16


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


def drawn_loads(count: int, biases: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
    """Of each layer's experts, [layers, experts]: a token takes the best of its scores plus the layer's biases."""
    found = []
    for bias in biases:
        scores = random.gumbel(size=(count, EXPERTS)) + bias
        chosen = np.argpartition(scores, -TOP_K, axis=1)[:, -TOP_K:]
        found.append(np.bincount(chosen.ravel(), minlength=EXPERTS))
    return np.array(found)


def drawn(skew: tuple[float, float], seed: int) -> list[Pass]:
    """Passes of some answers: tokens, whether it is a canvas, and the loads."""
    random, found = np.random.default_rng(seed), []
    for number in range(ANSWERS):
        # The first prompt alone is hot where the skews differ.
        hot = skew[1] if number == 0 else skew[0]
        found.append((PROMPT, False, drawn_loads(PROMPT, random.normal(0, hot, (LAYERS, EXPERTS)), random)))
        canvas = random.normal(0, skew[0], (LAYERS, EXPERTS))
        for _ in range(STEPS):
            canvas = 0.95 * canvas + 0.05 * random.normal(0, skew[0], canvas.shape)
            found.append((CANVAS, True, drawn_loads(CANVAS, canvas, random)))
    return found


def computed(new: Callable[[], Any], passes: Sequence[Pass], segment: int) -> dict[str, float]:
    """Slots of the canvases over the ideal, runs again included, and how many passes ran again.

    `segment`: layers that share a policy and its capacity.
    """
    policies = [new() for _ in range(0, LAYERS, segment)]
    slots, steps, again = 0, 0, 0
    for count, denoising, layers in passes:
        loads = [int(layers[first : first + segment].max()) for first in range(0, LAYERS, segment)]
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


def with_overflow(passes: Sequence[Pass], segment: int) -> dict[str, float]:
    """The same, with a second batch for what exceeds an even spread and a quarter; blocks are expected as lately."""
    ideal = CANVAS * TOP_K / EXPERTS
    blocks: list[deque[int]] = [deque(maxlen=REMEMBERED) for _ in range(0, LAYERS, segment)]
    slots, steps, again, gathered = 0.0, 0, 0, 0.0
    for _, denoising, loads in passes:
        if not denoising:
            continue
        base, steps = Capacity(EXPERTS, TOP_K).for_tokens(CANVAS, True), steps + 1
        over = -(-np.maximum(loads - base, 0) // BLOCK)  # blocks of each expert
        for number, known in enumerate(blocks):
            first = number * segment
            needed = int(over[first : first + segment].sum(axis=1).max())
            room = -(-int(MARGIN * max(known, default=4)) // 4) * 4
            for size in (room,) if needed <= room else (room, -(-int(MARGIN * needed) // 4) * 4):
                slots += base * EXPERTS + size * BLOCK
                gathered += size * EXPERT_BYTES * segment
            again += needed > room
            known.append(needed)
    return {
        "flops_over_ideal": round(slots / EXPERTS / len(blocks) / steps / ideal, 2),
        "segments_again": again, "gathered_gb_a_step": round(gathered / steps / 1e9, 2),
    }  # fmt: skip


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
            "largest_prompt_load": max(int(loads.max()) for _, denoising, loads in passes if not denoising),
            "largest_canvas_load": max(int(loads.max()) for loads in canvas),
            "hottest_expert_over_ideal": round(
                float(np.mean([loads.max(axis=1) for loads in canvas])) / (CANVAS * TOP_K / EXPERTS), 2
            ),
            "before": computed(KeptForGood, passes, LAYERS),
            "overflow": {f"segments of {n}": with_overflow(passes, n) for n in (5, 2, 1)},
            "now": {f"segments of {n}": computed(lambda: Capacity(EXPERTS, TOP_K), passes, n) for n in (5, 2, 1)},
        }
        print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
