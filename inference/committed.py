"""A committed canvas as the event that says so."""

from __future__ import annotations

from inference.denoising.denoise import CanvasStep
from inference.events import BlockCommitted
from inference.stats import RunStats
from inference.text.answer import BlockText


def committed_event(
    block: int, step: CanvasStep, text: BlockText, stats: RunStats, began: float, trace: bytes
) -> BlockCommitted:
    """The event of a canvas's last step; `began` is when its block did, in the run's seconds."""
    return BlockCommitted(
        block=block,
        token_ids=tuple(step.argmax.tolist()),
        answer=text.text.answer,
        thinking=text.text.thinking,
        steps=step.step,
        max_steps=step.max_steps,
        settled=step.settled,
        entropy=tuple(step.entropy.tolist()),
        settled_step=tuple(step.settled_step.tolist()),
        seconds=stats.seconds() - began,
        ended="settled" if step.settled else "you" if step.by_you else "limit",
        step_seconds=tuple(stats.step_seconds),
        model_seconds=stats.model_seconds,
        tokens=text.tokens,
        thinking_tokens=text.thinking_tokens,
        trace=trace,
    )
