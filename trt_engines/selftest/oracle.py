"""Logits that the published model gave elsewhere, and how far the engines of this card are from them.

Everything else in the self-test compares an engine with ONNX Runtime on the same weights; this compares the whole
chain, from the checkpoint's bytes to the logits, with numbers that nobody here computed.

Source: github.com/huggingface/transformers, tests/models/diffusion_gemma/test_modeling_diffusion_gemma.py,
`test_diffusion_gemma_forward_text_only` (Apache-2.0): google/diffusiongemma-26B-A4B-it in bfloat16, one denoising step
without self-conditioning over a canvas that holds the tokens 0, 1, 2 ..., behind the chat "Write a long essay about
Portugal."; the first 10 positions and 12 tokens of the logits, after their cap. Not yet compared on a card.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.building.state import Oracle
from trt_engines.planning.shape import ModelShape
from trt_engines.runtime.runner import ModelRunner
from trt_engines.selftest.reference import Reference

# By the checkpoint's own template, with the empty thought of a chat that does not think.
# fmt: off
PROMPT = (
    2, 105, 2364, 107, 6974, 496, 1440, 20494, 1003, 23613, 236761, 106, 107, 105, 4368, 107, 100, 45518, 107, 101,
)
LOGITS = (
    (4.12986, 20.66659, 6.75712, 4.16051, 13.11567, 3.59206, 3.46879, 3.86896, 3.14466, 2.47871, 4.43599, 4.77164),
    (3.20646, 22.52680, 7.78648, 2.71133, 14.73280, 4.55818, 4.16051, 3.03644, 3.91505, 1.58446, 4.52765, 4.46655),
    (4.77164, 23.55075, 5.80103, 3.65365, 15.66179, 4.19116, 5.01499, 2.92815, 4.55818, 2.92815, 5.28794, 7.87384),
    (4.64972, 24.27903, 6.01130, 3.66904, 15.57065, 3.17556, 5.25766, 3.40711, 4.95421, 4.28304, 5.71073, 8.10610),
    (5.16674, 24.27903, 6.42998, 3.36083, 16.89585, 4.49710, 5.77094, 4.40542, 5.22736, 4.12986, 7.05306, 8.68215),
    (5.28794, 24.36471, 7.58208, 3.53044, 17.31760, 4.49710, 5.31822, 4.40542, 4.98461, 3.88432, 7.46494, 8.33733),
    (5.10607, 24.27903, 7.17104, 3.34540, 16.55124, 3.96111, 4.09920, 4.25242, 4.34425, 4.46655, 5.71073, 8.27962),
    (6.81643, 24.19219, 8.56748, 5.37873, 17.15010, 5.80103, 5.86117, 4.25242, 6.34048, 4.49710, 7.61133, 9.36425),
    (6.99399, 24.44924, 8.96760, 5.34848, 16.81030, 5.77094, 4.95421, 4.49710, 5.68061, 4.68022, 6.93486, 8.85363),
    (7.93200, 23.83296, 7.81561, 6.51937, 17.72932, 5.98130, 5.83111, 5.43920, 6.60863, 5.28794, 7.66977, 9.86893),
)
# fmt: on
# Mean difference of a logit (they go up to 30) that is expected at most. Theirs went through 30 layers in bfloat16, in
# steps of 0.03 to 0.13; rounding experts to 8 and to 4 bits adds to that. Estimates, until a card was tried.
TOLERANCES = {"bf16": 0.5, "fp16": 0.5, "fp8": 1.0, "int4": 2.0, "nvfp4": 2.0}


def compare(runner: ModelRunner, reference: Reference, precision: str, stored: str) -> Oracle:
    """Run the model from an empty cache, and compare.

    Args:
        runner: The engines of a checkpoint that was published.
        reference: The last norm and the products with the first tokens, in float32.
        precision: Of the engines.
        stored: Precision in which the checkpoint holds its experts.

    Raises:
        EngineError: The card failed, or there is not enough memory.
    """
    runner.truncate(0)
    runner.encode(np.array(PROMPT, np.int64))
    canvas = np.arange(runner.canvas, dtype=np.int64)
    hidden = runner.hidden_states(canvas, None, denoising=True)
    return judged(
        reference.logits(hidden[: len(LOGITS)], len(LOGITS[0])), max(precision, stored, key=TOLERANCES.__getitem__)
    )


def judged(found: NDArray[Any], precision: str) -> Oracle:
    """How far logits [10, 12] are from those of the original."""
    truth = np.array(LOGITS)
    away = np.abs(found.astype(np.float64) - truth)
    same = bool((found.argmax(axis=1) == truth.argmax(axis=1)).all())
    return Oracle(float(away.mean()), float(away.max()), TOLERANCES[precision], same)


def stored_precision(count: int, shape: ModelShape) -> str:
    """In what a checkpoint of `count` bytes holds its experts, by its bytes a parameter."""
    share = count / shape.parameters
    return "bf16" if share > 1.5 else "fp8" if share > 0.85 else "nvfp4"
