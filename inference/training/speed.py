"""How fast training is on this machine: processor time of a few steps with the recipe's model and batches."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from inference.training.train import TrainingPlan, TrainingRun


@dataclass(frozen=True, slots=True)
class Speed:
    """Per second of processor time; a step has one batch."""

    tokens: float
    answers: float
    seconds_a_step: float


def measure(folder: Path, steps: int, compiled: bool) -> Speed:
    """Steps of a new run with the tokenizer in `folder`, none of which is kept.

    Args:
        folder: Folder of a run, whose state is left alone.
        steps: How many steps are measured, after as many to warm up (at least 6 where layers are compiled).
        compiled: Whether layers are compiled.
    """
    run = TrainingRun(folder, replace(TrainingPlan(), compiled=compiled), fresh=True)
    run.prepare()
    for _ in range(max(steps, 6) if compiled else 1):
        run.advance()
    before = run.tokens, run.canvases, time.process_time()
    for _ in range(steps):
        run.advance()
    seconds = time.process_time() - before[2]
    return Speed((run.tokens - before[0]) / seconds, (run.canvases - before[1]) / seconds, seconds / steps)
