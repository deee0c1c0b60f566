"""A question whose answer stands in a text: the answer is a run of its words by construction."""

from __future__ import annotations

from inference.forms.wanted import Form
from inference.params import ChatTurn, GenerationRequest, SamplerParams


def find_request(
    text: str, question: str, *, seed: int | None = None, sampler: SamplerParams | None = None
) -> GenerationRequest:
    """What to ask for the words of a text that answer a question."""
    return GenerationRequest(
        turns=(ChatTurn("user", f"{text}\n\n{question} Answer with words of the text."),),
        seed=seed,
        sampler=sampler or SamplerParams(),
        form=Form("part", text),
    )
