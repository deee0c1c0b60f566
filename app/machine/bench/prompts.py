"""The five prompts, as each length asks them, and the order of all answers: the same for every model and server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.machine.bench.values import BenchPlan, Length

PROMPTS = 5
_ASKED = {
    "short": (
        "What is a denoising step?",
        "Hello! How are you today?",
        "Tell me in two sentences a story about a lighthouse.",
        "How do I copy an answer?",
        "Why does a draft change while it is written?",
    ),
    "256": (
        "Explain in about 180 words how text is made out of noise, step by step.",
        "Tell me in about 180 words a story about a lamp.",
        "Describe in about 180 words what can be done with a chat program.",
        "Write about 180 words about a quiet morning by the sea.",
        "Explain in about 180 words why a settled word can melt again.",
    ),
    "1024": (
        "Explain in about 750 words how text is made out of noise, step by step, with examples.",
        "Tell me in about 750 words a story about a lighthouse and its keeper.",
        "Write a guide of about 750 words for somebody who uses a chat program for the first time.",
        "Tell me in about 750 words the story of a long journey by train.",
        "Discuss in about 750 words what is good and what is bad about writing a whole paragraph at once.",
    ),
}


@dataclass(frozen=True, slots=True)
class BenchQuestion:
    """One answer that is to be measured.

    Attributes:
        length: How long it may get.
        preset: Sampler values.
        prompt: Number of the prompt, from 0.
        seed: Seed of all draws, from 1.
    """

    length: Length
    preset: str
    prompt: int
    seed: int

    @property
    def text(self) -> str:
        """What is asked."""
        return _ASKED[self.length.name][self.prompt]


def questions(plan: BenchPlan) -> Iterator[BenchQuestion]:
    """All answers of one side, in order.

    No prompt comes twice in a row, since its beginning would be known still. Each line of the table gets its answers
    from the whole time that is measured, so that another program that is busy for a while does not make one of them.
    """
    for seed in range(1, plan.seeds + 1):
        for length in plan.lengths:
            for preset in plan.presets:
                for prompt in range(plan.prompts):
                    yield BenchQuestion(length, preset, prompt, seed)


def warm_up(plan: BenchPlan) -> Iterator[BenchQuestion]:
    """What is asked before anything counts: each length once, with a seed of its own."""
    for length in plan.lengths:
        yield BenchQuestion(length, plan.presets[0], plan.prompts - 1, 0)
