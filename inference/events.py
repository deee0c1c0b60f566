"""What a session reports while it works: frozen dataclasses, yielded upward.

They are the only thing that crosses from the model process to the window, and the only thing that
`python -m inference generate --events` prints. All of them are plain values (tuples, numbers, text) that
pickle and turn into JSON without numpy.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

BlockEnd = Literal["settled", "limit", "you"]
FinishReason = Literal["end_of_text", "max_new_tokens", "context_full", "cancelled"]


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """Loading goes on. `fraction` is in 0..1 and never falls; `stage` is a short phrase for the user."""

    stage: str
    fraction: float


@dataclass(frozen=True, slots=True)
class ModelReady:
    """The model can be asked.

    Attributes:
        name: What the window calls the model.
        backend: "onnx", "torch", "tensorrt" or "fake".
        device: Where it runs, in words ("CPU, 2 threads").
        canvas_length: Tokens in a block.
        max_context: Longest prompt plus answer, in tokens.
        seconds: Wall time of loading.
        graph_rebuilt: True if graphs had to be made anew.
        why: Why it does not run on a graphics card; "" where it does, or nobody asked.
    """

    name: str
    backend: str
    device: str
    canvas_length: int
    max_context: int
    seconds: float
    graph_rebuilt: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class PromptEncoded:
    """The KV cache holds the whole prompt.

    Attributes:
        prompt_tokens: Tokens of the rendered chat.
        prefilled_tokens: Those of them that had to be computed now.
        reused_tokens: Those whose KV cache was still there from the last answer.
        dropped_turns: Oldest turns that were left out because the context is full.
        seconds: Wall time of the prefill.
    """

    prompt_tokens: int
    prefilled_tokens: int
    reused_tokens: int
    dropped_turns: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PromptMeasured:
    """How long a message is, to be known before it is asked.

    Attributes:
        tokens: Tokens of the rendered system turns and the newest message, without which there is no prompt.
        most: The most that leave room for a block of answer.
    """

    tokens: int
    most: int


@dataclass(frozen=True, slots=True)
class DraftUpdated:
    """One denoising step is done; every tuple has one entry per canvas position.

    Attributes:
        block: Number of the block, from 0.
        step: Denoising steps done in this block, from 1.
        max_steps: Upper limit of steps for this block.
        token_ids: The argmax canvas. Read by who reads `python -m inference generate --events` and by tests; the
            window's canvas will read it, too.
        pieces: Text of each position, fit to show: text to append verbatim (it may begin with a space or hold line
            breaks), a neutral glyph for what has no text, and "" for everything after the end of the answer.
        entropy: Entropy of each position in nats (of the tempered distribution).
        accepted: Whether the sampler accepted the position in this step; read by the same as `token_ids`.
    """

    block: int
    step: int
    max_steps: int
    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    entropy: tuple[float, ...]
    accepted: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class BlockCommitted:
    """A canvas is final.

    Attributes:
        block: Number of the block, from 0.
        token_ids: The committed canvas, whole.
        answer: Text that this block adds to the answer (may be empty; never ends in half a character).
        thinking: Text that this block adds to the thinking channel.
        steps: Denoising steps that it took.
        max_steps: Upper limit of steps.
        settled: True if the stopping criterion ended it, False if the limit did.
        entropy: Final entropy of each position in nats.
        settled_step: The step, from 1, since which each position's argmax no longer changed.
        seconds: Wall time of the block.
        ended: What ended it: it had settled, the limit of steps, or you (settled at your word, or closed at a stop).
    """

    block: int
    token_ids: tuple[int, ...]
    answer: str
    thinking: str
    steps: int
    max_steps: int
    settled: bool
    entropy: tuple[float, ...]
    settled_step: tuple[int, ...]
    seconds: float
    ended: BlockEnd = "settled"


@dataclass(frozen=True, slots=True)
class VariantWritten:
    """A part of an answer is written anew.

    Attributes:
        number: Of the variant, from 0; those that were there already are left out.
        answer: The whole answer with the new part in it.
        part: The new part.
        score: Mean log-probability, in nats, of what follows it on the canvas (of the part itself where nothing does).
        seed: The seed that gives this variant again.
    """

    number: int
    answer: str
    part: str
    score: float
    seed: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A question with a few possible answers is decided.

    Attributes:
        question: The question.
        labels: The answers that were possible.
        shares: How the model divides its belief between them; adds up to 1. No measured frequency of being right.
        label: The likeliest.
        entropy: Of the shares, in nats; 0 is certain.
        reads: How many reads the shares are the mean of.
    """

    question: str
    labels: tuple[str, ...]
    shares: tuple[float, ...]
    label: str
    entropy: float
    reads: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else a place could hold: a token, its text fit to show, and its log-probability at temperature 1."""

    token: int
    piece: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class NothingWritten:
    """The answer holds nothing that can be read, also after a second try; `Finished` follows.

    Attributes:
        user_text: One sentence: what happened.
        hint: One sentence: what to do.
    """

    user_text: str = "The model wrote nothing that can be read, also at a second try."
    hint: str = "It may not know this language or script: ask in other words, or in English."


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete (or was stopped).

    Attributes:
        reason: Why it ended.
        answer: The whole answer; after a cancel, the committed blocks only.
        thinking: The whole thinking channel.
        seed: The seed that gives this answer again.
        steps_per_block: Denoising steps of each committed block.
        max_steps: Upper limit of steps a block.
        answer_tokens: Tokens of the answer, end-of-text and padding left out.
        tokens_per_step: `answer_tokens` by all denoising steps.
        time_to_first_draft: Seconds from the request to the first draft, None if there was none.
        time_to_first_block: Seconds from the request to the first committed block, None if there was none.
        wall_seconds: Seconds from the request to the end, prefill and loading included.
        decode_seconds: Seconds spent in denoising and committing alone.
        wall_tokens_per_second: `answer_tokens` by `wall_seconds`.
        decode_tokens_per_second: `answer_tokens` by `decode_seconds`.
    """

    reason: FinishReason
    answer: str
    thinking: str
    seed: int
    steps_per_block: tuple[int, ...]
    max_steps: int
    answer_tokens: int
    tokens_per_step: float
    time_to_first_draft: float | None
    time_to_first_block: float | None
    wall_seconds: float
    decode_seconds: float
    wall_tokens_per_second: float
    decode_tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer could not be made; what was committed before stays valid.

    Attributes:
        user_text: One sentence: what happened.
        hint: One sentence: what to do.
        known: False if this is a bug of ours.
        detail: Traceback or log lines for a report; of known errors what a library said, if it said something.
        engine_lost: True if the model process is gone and the next request starts a new one.
    """

    user_text: str
    hint: str
    known: bool
    detail: str = ""
    engine_lost: bool = False


Event = (
    ModelLoading
    | ModelReady
    | PromptEncoded
    | PromptMeasured
    | DraftUpdated
    | BlockCommitted
    | VariantWritten
    | Decided
    | NothingWritten
    | Finished
    | Failed
)


def event_as_dict(event: Event) -> dict[str, Any]:
    """The event as a dict for JSON, with its class name under "event"."""
    return {"event": type(event).__name__, **dataclasses.asdict(event)}
