"""How large a block's trace is, and how long it takes to write and to read one.

    python benchmarks/trace_size.py [--answers 12] [--blocks 20]

First answers of the starter, whose blocks settle in a few steps; then the same made to take 20. Then blocks as a large
model would denoise them, drawn at random: 256 places, 262,144 tokens, 20 steps; each place settles at a step of its own
and until then changes its token in more than half of the steps, with entropies that wander. Last, blocks that never
settle. Ends with 1 if a block of 20 steps that settle takes more than 12 KB.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.denoising.denoise import CanvasStep  # noqa: E402
from inference.events import BlockCommitted  # noqa: E402
from inference.opening import open_model  # noqa: E402
from inference.params import ChatTurn, GenerationRequest, SamplerParams  # noqa: E402
from inference.traces.record import TraceRecorder  # noqa: E402
from inference.traces.trace import read_trace  # noqa: E402

STARTER = ROOT / "resources" / "starter"
QUESTIONS = ("What is dew?", "Tell me a story.", "What is 3 + 4?", "Say something about a river.")
PLACES, VOCABULARY, STEPS, MOST = 256, 262_144, 20, 12_000


def main() -> int:
    """Print sizes and times; 1 if a block is too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=12)
    parser.add_argument("--blocks", type=int, default=20)
    options = parser.parse_args()
    large = 0
    with open_model(STARTER) as model:
        for name, sampler in (
            ("starter", SamplerParams()),
            ("starter, 20 steps", SamplerParams(max_denoising_steps=STEPS, confidence_threshold=1e-9)),
        ):
            found = []
            for number in range(options.answers):
                turns = (ChatTurn("user", QUESTIONS[number % len(QUESTIONS)]),)
                request = GenerationRequest(turns, seed=number, traced=True, canvas_length=PLACES, sampler=sampler)
                events = list(model.generate(request))
                found += [event.trace for event in events if isinstance(event, BlockCommitted)]
            large += report(name, found)
    for name, settles in (("as of a large model", True), ("never settling", False)):
        rng, found, times = np.random.default_rng(1), [], []
        for _ in range(options.blocks):
            steps = drawn_block(rng, settles)
            began = time.process_time()
            recorder = TraceRecorder(0, b"")
            for step in steps:
                recorder.add(step)
            found.append(recorder.encoded(text_of, {1}))
            times.append(time.process_time() - began)
        large += report(name, found) if settles else 0 * report(name, found)
        print(f"  written in {statistics.median(times) * 1e3:.1f} ms of processor time")
    return int(large > 0)


def report(name: str, traces: list[bytes]) -> int:
    """Print one line; how many are too large."""
    began = time.process_time()
    steps = [len(read_trace(trace).steps) - 1 for trace in traces]
    took = (time.process_time() - began) / len(traces)
    sizes = sorted(map(len, traces))
    print(
        f"{name}: {len(traces)} blocks of {statistics.median(steps):.0f} steps, median {statistics.median(sizes):.0f} "
        f"bytes, largest {sizes[-1]}; read in {took * 1e3:.1f} ms"
    )
    return sum(size > MOST for size in sizes)


def text_of(token: int) -> bytes:
    """A made-up text of a token: one to nine letters."""
    rng = random.Random(token)
    return bytes(rng.choices(b" etaoinshrdlu", k=rng.randint(1, 9)))


def drawn_block(rng: np.random.Generator, settles: bool) -> list[CanvasStep]:
    """Steps of one block."""
    until = rng.integers(1, STEPS - 1, PLACES) if settles else np.full(PLACES, STEPS + 1)
    common = rng.zipf(1.2, (STEPS + 1, PLACES, 8)) % VOCABULARY  # most tokens of a draft are frequent ones
    canvas, steps = common[0, :, 0], []
    entropy = rng.uniform(2.0, 8.0, PLACES)
    noise = rng.integers(0, VOCABULARY, PLACES)
    for step in range(1, STEPS + 1):
        free = until >= step
        moves = free & (rng.random(PLACES) < 0.55)
        canvas = np.where(moves, common[step, :, 0], canvas)
        entropy = np.where(free, np.abs(entropy + rng.normal(0, 1.0, PLACES)), entropy * 0.3)
        sharp = np.exp(-np.outer(6.0 / (entropy + 0.1), np.arange(8)))  # the surer a place, the fewer candidates
        shares = (sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32)
        top = np.column_stack([canvas, common[step, :, 1:]])
        steps.append(
            CanvasStep(
                step, canvas, entropy.astype(np.float32), entropy < 0.1, False, step == STEPS, until, False, STEPS,
                canvas, noise, top, shares, 0.5,
            )
        )  # fmt: skip
    return steps


if __name__ == "__main__":
    sys.exit(main())
