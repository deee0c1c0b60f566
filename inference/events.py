"""What a session reports while it works: frozen dataclasses, yielded upward.

They are the only thing that crosses from the model process to the window, and the only thing that
`python -m inference generate --events` prints. All of them are plain values (tuples, numbers, text) that
pickle and turn into JSON without numpy.
"""

from __future__ import annotations

import dataclasses
import math
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Literal

BlockEnd = Literal["settled", "limit", "you"]
Refusal = Literal["", "length", "form", "room"]
FinishReason = Literal["end_of_text", "max_new_tokens", "context_full", "cancelled", "tool_call"]


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """Loading goes on. `fraction` is in 0..1 and never falls; `stage` is a short phrase for the user."""

    stage: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Int8Work:
    """What a denoising step computes in products of int8 numbers, on the processor; a product and its sum are two.

    Attributes:
        place: Operations for each place of the canvas.
        seen: More of them for each place and each position that full layers see.
        sliding: The same of sliding layers.
        window: Positions before the canvas that those see.
    """

    place: float
    seen: float
    sliding: float
    window: int

    def operations(self, places: int, before: int) -> float:
        """Of a step over so many places, with so many positions before them."""
        full, sliding = places + before, places + min(before, self.window)
        return places * (self.place + self.seen * full + self.sliding * sliding)


@dataclass(frozen=True, slots=True)
class CardReads:
    """What a denoising step reads of a card's memory, and what that memory was measured to give.

    Attributes:
        weights: Bytes of weights and tables, as often as a step reads them.
        rate: Bytes a second, by a copy within the card before the model was loaded; 0 where that could not be measured.
    """

    weights: int
    rate: float


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
        work: What its steps take of what the processor or the card can do; None where nobody says.
        calls_tools: Whether its template has a syntax of its own for calls of tools.
    """

    name: str
    backend: str
    device: str
    canvas_length: int
    max_context: int
    seconds: float
    graph_rebuilt: bool = False
    why: str = ""
    work: Int8Work | CardReads | None = None
    calls_tools: bool = False


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
        tokens: Tokens of the rendered system turns and the newest message, without which there is no prompt; where the
            whole chat was asked about, and fits, of what would be read of it.
        most: The most that leave room for a block of answer; for a whole chat, for the answer that is asked for.
        dropped_turns: Oldest turns of the whole chat that would be left out.
        system_too_long: The message would fit, were it not for the system turns.
    """

    tokens: int
    most: int
    dropped_turns: int = 0
    system_too_long: bool = False


@dataclass(frozen=True, slots=True)
class NoiseDrawn:
    """What a block begins with: noise, or the text that it was to start with; its first draft follows.

    Attributes:
        block: Number of the block, from 0.
        max_steps: Upper limit of steps for this block.
        token_ids: One for each place.
        pieces: Text of each place, as of `DraftUpdated`.
    """

    block: int
    max_steps: int
    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]


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
class TokenLikelihood:
    """A committed token of the answer, and how likely the model finds it given the whole committed canvas.

    This is no probability from left to right: what stands behind it counts, too.

    Attributes:
        text: Its bytes; a character may be spread over several tokens.
        log_probability: At temperature 1, in nats.
        likeliest: The likeliest tokens of its place, most likely first: bytes and log-probabilities.
    """

    text: bytes
    log_probability: float
    likeliest: tuple[tuple[bytes, float], ...] = ()


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
        tokens: Tokens that it adds to the answer, thinking included; end-of-text and padding do not count.
        thinking_tokens: Those of them that are thinking, its markers included.
        trace: Its steps, if the request wanted them (`inference.traces.trace.read_trace`); at most 64 KB, else b"".
        step_seconds: Of each denoising step, without the time that whoever reads the events takes.
        model_seconds: Of all of them together, what the model's passes took; the rest is choosing tokens.
        likelihoods: Of the tokens of its answer, if the request wanted them.
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
    tokens: int = 0
    thinking_tokens: int = 0
    trace: bytes = b""
    step_seconds: tuple[float, ...] = ()
    model_seconds: float = 0.0
    likelihoods: tuple[TokenLikelihood, ...] = ()


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
        mean: Of a score: the mean of its numbers by their shares.
        confidence: The share of `label` under a calibration: of questions like its examples, those with this number
            were answered right about so often. None where nobody measured it.
        tokens: Of the prompt.
    """

    question: str
    labels: tuple[str, ...]
    shares: tuple[float, ...]
    label: str
    entropy: float
    reads: int
    mean: float | None = None
    confidence: float | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far a model's shares can be believed; see `inference.operations.calibrate`.

    Attributes:
        temperature: What log-shares are divided by.
        model: The name of the model that it was measured for.
        examples: How many known answers it was taken from.
        right: The share of them that the model answered right.
        error: Expected calibration error with it, on examples that it was not taken from.
        error_before: The same of the shares as they are.
    """

    temperature: float
    model: str
    examples: int
    right: float
    error: float
    error_before: float

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be more than 0, not {self.temperature!r}")


@dataclass(frozen=True, slots=True)
class Calibrated:
    """How far a model's shares can be believed is known."""

    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else a place could hold: a token, its text fit to show, and its log-probability at temperature 1."""

    token: int
    piece: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class AlternativesFound:
    """What a place of a committed canvas could hold.

    Attributes:
        place: From 0.
        token: What it holds.
        alternatives: The likeliest tokens, most likely first; `token` may be one of them.
    """

    place: int
    token: int
    alternatives: tuple[Alternative, ...]


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
        trace: Steps of the block that was being written when it was stopped, if the request wanted them; else b"".
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
    trace: bytes = b""


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer could not be made; what was committed before stays valid.

    Attributes:
        user_text: One sentence: what happened.
        hint: One sentence: what to do.
        known: False if this is a bug of ours.
        detail: Traceback or log lines for a report; of known errors what a library said, if it said something.
        engine_lost: True if the model process is gone and the next request starts a new one.
        refused: What of the request is to blame: "length" if it is too long for the model, "form" if its form cannot be
            kept; "" if nothing of it is.
    """

    user_text: str
    hint: str
    known: bool
    detail: str = ""
    engine_lost: bool = False
    refused: Refusal = ""


Event = (
    ModelLoading
    | ModelReady
    | PromptEncoded
    | PromptMeasured
    | NoiseDrawn
    | DraftUpdated
    | BlockCommitted
    | VariantWritten
    | Decided
    | Calibrated
    | AlternativesFound
    | NothingWritten
    | Finished
    | Failed
)
# What ends a request; every request is ended by exactly one.
Closing = ModelReady | PromptMeasured | Decided | Calibrated | AlternativesFound | Finished | Failed


def event_as_dict(event: Event) -> dict[str, Any]:
    """The event as a dict for JSON, with its class name under "event"; bytes are in Base64."""
    fields = dataclasses.asdict(event)
    plain = {name: b64encode(value).decode() if isinstance(value, bytes) else value for name, value in fields.items()}
    return {"event": type(event).__name__, **plain}
