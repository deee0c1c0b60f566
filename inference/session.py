"""A loaded model that answers: the outer loop over blocks.

The world of this file is one backend with one KV cache, and the ids that this cache holds. `generate` yields frozen
events and raises errors; nothing here calls upward. One session is used by one thread; only the cancel flag may be
set from another one.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.asked import AskedCanvases, Room
from inference.backends.base import Backend, CancelFlag, Compiling, DenoiseStep, Floats, Ids, Interruptible
from inference.denoising.controls import NO_CONTROLS, Controls
from inference.denoising.denoise import CanvasStep, denoise_canvas, unchanged
from inference.denoising.pace import Pace
from inference.denoising.sampler import Draws, fresh_seed
from inference.denoising.short_canvas import SHORT_STEPS, short_settings
from inference.denoising.words_first import WordsFirst
from inference.errors import PassStoppedError
from inference.events import (
    BlockCommitted,
    DraftUpdated,
    Event,
    Finished,
    FinishReason,
    ModelReady,
    NothingWritten,
    PromptEncoded,
    PromptMeasured,
)
from inference.forms.compiling import CompiledForm, FormCompiler
from inference.forms.vocabulary import Vocabulary, vocabulary
from inference.forms.wanted import Form
from inference.model_config import ModelConfig, SamplerDefaults
from inference.params import ChatTurn, GenerationRequest
from inference.stats import RunStats
from inference.text.answer import AnswerBuilder, BlockText
from inference.text.chat_template import ChatTemplate
from inference.text.context import FittedPrompt, common_prefix, fit_turns, newest_alone
from inference.text.draft_text import is_readable
from inference.text.prompt import PromptEncoder
from inference.text.thinking import SplitText
from inference.text.tokenizer import TextTokenizer, first_index

DEFAULT_BLOCKS = 4
# A prompt is encoded in parts, so that a cancel need not wait for the whole of it.
PREFILL_TOKENS = 512


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same while one request is answered.

    Attributes:
        goes_on: Whether the answer has text already; then it may end at once.
        again: Whether this is the second try.
    """

    settings: SamplerDefaults
    draws: Draws
    blocks: int
    answer: AnswerBuilder
    stats: RunStats
    cancel: CancelFlag
    pace: Pace
    goes_on: bool
    asked: AskedCanvases
    controls: Controls
    again: bool = False

    def finished(self, reason: FinishReason) -> Finished:
        text, tokens = self.answer.text, self.answer.tokens
        steps = self.settings.max_denoising_steps
        answer = text.answer if self.answer.readable else ""
        return self.stats.finished(reason, answer, text.thinking, self.draws.seed, steps, tokens)


class Session:
    """One model, its tokenizer and template, and one KV cache that lives on from answer to answer.

    Attributes:
        name: What the window calls the model.
        tokenizer: Ids to text and back.
    """

    def __init__(
        self, backend: Backend, tokenizer: TextTokenizer, template: ChatTemplate, name: str, short_canvas: int = 0
    ) -> None:
        """Take over a loaded backend; `close` frees it. Answers are first tried on `short_canvas` places; 0: not."""
        self.name = name
        self.tokenizer = tokenizer
        self._backend = backend
        self._short_canvas = short_canvas
        self._prompt = PromptEncoder(template, tokenizer)
        self._forms = FormCompiler(self._vocabulary)
        # None: a call failed half-way, and nobody knows what the KV cache holds.
        self._held: list[int] | None = None if backend.length else []

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def config(self) -> ModelConfig:
        """The checkpoint's configuration."""
        return self._backend.config

    @property
    def length(self) -> int:
        """Tokens in the KV cache."""
        return self._backend.length

    def ready_event(self, seconds: float) -> ModelReady:
        """The event that says what was loaded, in so many seconds."""
        backend, config = self._backend, self._backend.config
        rebuilt, why = bool(getattr(backend, "graph_rebuilt", False)), str(getattr(backend, "why", ""))
        return ModelReady(
            self.name, backend.name, backend.device, config.canvas_length, config.max_context, seconds, rebuilt, why
        )

    def reset(self) -> None:
        """Empty the KV cache."""
        self._held = None
        self._backend.reset()
        self._held = []

    def encode(self, token_ids: NDArray[np.int64] | Sequence[int]) -> None:
        """Append int64 [n] known tokens to the KV cache."""
        held, self._held = self._known(), None
        ids = np.asarray(token_ids, dtype=np.int64)
        try:
            self._backend.encode(ids)
        except PassStoppedError:  # what was encoded before counts
            self._held = held + ids[: self._backend.length - len(held)].tolist()
            raise
        self._held = held + ids.tolist()

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One denoising step over int64 [C] on what the KV cache holds (see `Backend.denoise`)."""
        return self._backend.denoise(canvas, state, temperature, uniforms)

    def logits(self, canvas: Ids, state: Any = None, ids: Ids | None = None) -> Floats:
        """Logits of a pass over int64 [C] on what the KV cache holds, float32 [C, n] (see `Backend.logits`)."""
        return self._backend.logits(canvas, state, ids)

    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The self-conditioning state in which some places are told what they hold (see `Backend.conditioned`)."""
        return self._backend.conditioned(state, count, places, ids, shares)

    def read(self, request: GenerationRequest) -> None:
        """Bring the KV cache to a request's prompt and the given beginning of its answer; nothing is written.

        Raises:
            KnownError: See `generate`.
        """
        ids = self._fit(request, self.config.canvas_length).ids
        self._prefill(ids[self._reuse(ids) :], threading.Event())

    def close(self) -> None:
        """Free the model; the session cannot be used afterwards."""
        self._backend.close()

    def compiled(self, form: Form) -> CompiledForm:
        """The automaton of a form over this model's tokens.

        Raises:
            FormError: It cannot be kept; the sentence says why.
        """
        return self._forms.compiled(form)

    def _vocabulary(self) -> Vocabulary:
        tokenizer = self.tokenizer
        texts = [tokenizer.token_bytes(token_id) for token_id in range(self.config.vocab_size)]
        return vocabulary(texts, tokenizer.eos_ids, tokenizer.pad_id)

    def generate(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, controls: Controls = NO_CONTROLS
    ) -> Iterator[Event]:
        """Answer a request.

        1. Render and tokenise the chat, and behind it the given start of the answer; leave out the oldest exchanges if
           it is too long. Refuse a form that cannot be kept.
        2. Settle seed, sampler values and the number of blocks.
        3. Bring the KV cache to the prompt; what it already holds of it is not computed again.
        4. Where short canvases suit the model, try whether the answer fits one (`_write_short`). Else write block after
           block (`_write_blocks`). If nothing comes of it, try once more with other draws and with words in the first
           places; the same seed leads to the same second try.
        5. Report why it ended, the whole text, and times; and first, if there is still nothing to read.

        A cancel takes effect between denoising steps (or parts of the prompt), or within them where the backend can
        stop there; then committed blocks alone count. An answer with a form is brought to an end that has the form.

        Args:
            request: What is asked.
            cancel: Looked at between steps; a `threading.Event`, for example.
            controls: What else can be said meanwhile.

        Yields:
            PromptEncoded, then for each block DraftUpdated after each step and BlockCommitted, at last Finished; before
            that, NothingWritten where it applies. Drafts of a try that came to nothing have no BlockCommitted.

        Raises:
            KnownError: The environment is to blame (ContextFullError, OutOfMemoryError, ...).
            FormError: The form cannot be kept, or needs more tokens than there may be.
            ValueError: Sampler values contradict each other or the seed is negative.
        """
        cancel = cancel or threading.Event()
        if not isinstance(self._backend, Interruptible):
            yield from self._answer(request, cancel, controls)
            return
        self._backend.stop_when(cancel)
        try:
            yield from self._answer(request, cancel, controls)
        finally:
            self._backend.stop_when(threading.Event())

    def rest(self) -> None:
        """Nobody has asked anything for a while: the backend may do what it put off."""
        if isinstance(self._backend, Compiling):
            self._backend.keep_compiled()

    def _answer(self, request: GenerationRequest, cancel: CancelFlag, controls: Controls) -> Iterator[Event]:
        stats = RunStats()
        # 1.
        form = None if request.form is None else self.compiled(request.form)
        canvas_length = min(request.canvas_length or self.config.canvas_length, self.config.canvas_length)
        wanted = request.max_new_tokens or DEFAULT_BLOCKS * self.config.canvas_length
        blocks = -(-wanted // canvas_length)
        # Old turns make room for the usual answer, not for the longest one that is allowed.
        fitted = self._fit(request, min(blocks * canvas_length, DEFAULT_BLOCKS * self.config.canvas_length))
        # 2.
        settings = self.config.sampler.merged(request.sampler)
        seed = fresh_seed() if request.seed is None else request.seed
        draws = Draws(seed, self.config.vocab_size, canvas_length)
        answer = AnswerBuilder(self.tokenizer, fitted.ids, wanted, form is not None)
        fits = min(blocks, (self.config.max_context - len(fitted.ids)) // canvas_length)
        room = Room(canvas_length, fits, wanted, settings.max_denoising_steps, self.config.pad_id)
        asked = AskedCanvases(self._backend, request, form, room)
        pace, goes_on = Pace(request.step_seconds), bool(request.answer_start) or form is not None
        run = _Run(settings, draws, blocks, answer, stats, cancel, pace, goes_on, asked, controls)
        # 3.
        reused = self._reuse(fitted.ids)
        began = stats.seconds()
        if not self._prefill(fitted.ids[reused:], cancel):
            yield run.finished("cancelled")
            return
        total = len(fitted.ids)
        yield PromptEncoded(total, total - reused, reused, fitted.dropped_turns, stats.seconds() - began)
        # 4.
        reason: FinishReason | None = None
        if self._short_canvas and not run.goes_on and not request.thinking and not request.asks_of_canvases:
            short = dataclasses.replace(run, answer=AnswerBuilder(self.tokenizer, fitted.ids, wanted))
            reason = yield from self._write_short(short)
            run = run if reason is None else short
        if reason is None:
            reason = yield from self._write_blocks(run)
        if reason is None:
            again = AnswerBuilder(self.tokenizer, fitted.ids, wanted)
            asked = AskedCanvases(self._backend, request, form, room)
            run = dataclasses.replace(run, answer=again, asked=asked, again=True)
            reason = (yield from self._write_blocks(run)) or "end_of_text"
        # 5.
        if reason != "cancelled" and not run.answer.readable and not run.goes_on:
            yield NothingWritten()
        yield run.finished(reason)

    def measure(self, request: GenerationRequest) -> PromptMeasured:
        """How long the newest message is, as `generate` would refuse it or not; nothing is computed.

        Raises:
            ModelFolderError: The template refuses the turns.
        """
        tokens = len(self._prompt.ids(newest_alone(request.turns), thinking=request.thinking))
        return PromptMeasured(tokens, max(0, self.config.max_context - self.config.canvas_length))

    def _fit(self, request: GenerationRequest, wanted_tokens: int) -> FittedPrompt:
        def encode(turns: Sequence[ChatTurn]) -> list[int]:
            return self._prompt.ids(turns, thinking=request.thinking)

        start = self.tokenizer.encode_parts([request.answer_start])
        config = self.config
        return fit_turns(request.turns, encode, config.max_context, wanted_tokens, config.canvas_length, start)

    def _reuse(self, prompt: Sequence[int]) -> int:
        """Cut the KV cache back to what it shares with the prompt; returns the number of tokens kept.

        Ids are compared, not text: an answer whose text tokenises differently from what was generated is simply
        computed again from the first difference on.
        """
        held = self._known()
        shared = common_prefix(held, prompt)
        if shared < len(held):
            self._held = None
            if shared == 0 or self._backend.truncate(shared) != shared:
                self.reset()
                return 0
            self._held = held[:shared]
        return shared

    def _known(self) -> list[int]:
        """Ids in the KV cache; it is emptied where a failed call left it in an unknown state."""
        if self._held is None:
            self.reset()
        return self._held or []

    def _prefill(self, ids: Sequence[int], cancel: CancelFlag) -> bool:
        """Encode the rest of the prompt in parts; False if cancelled."""
        for start in range(0, len(ids), PREFILL_TOKENS):
            if cancel.is_set():
                return False
            try:
                self.encode(ids[start : start + PREFILL_TOKENS])
            except PassStoppedError:
                return False
        return True

    def _write_short(self, run: _Run) -> Generator[Event, None, FinishReason | None]:
        """Write the whole answer on a short canvas; None if its end is not there soon, and nothing of it counts.

        The draws are those of the same seed; a whole canvas that follows gets its own as if it were the first.
        """
        began, config, places = run.stats.seconds(), self.config, self._short_canvas
        settings = short_settings(run.settings, places, config.canvas_length)
        draws = Draws(run.draws.seed, config.vocab_size, places)
        last: CanvasStep | None = None
        steps = itertools.islice(denoise_canvas(self._backend, settings, draws, run.cancel), SHORT_STEPS)
        for last in run.stats.decoded(steps):
            run.stats.note_step()
            run.pace.wait(run.cancel)
            yield self._draft(run, 0, last)
        if last is None or not last.settled:
            return None
        ids = last.argmax.tolist()
        if first_index(ids, self.tokenizer.eos_ids) == len(ids):
            return None
        text = run.answer.add(ids, last=True)
        if not run.answer.readable or text.ended is None:
            return None
        run.stats.note_block(last.step)
        yield _committed_event(0, last, text, run.stats.seconds() - began)
        return text.ended

    def _write_blocks(self, run: _Run) -> Generator[Event, None, FinishReason | None]:
        """Write blocks until the answer ends; returns why it did, None if a first try came to nothing.

        1. Encode the canvas committed before, whole, so that the new block can read it. (The last one is not
           encoded: the next prompt holds it as text, perhaps in other tokens.)
        2. Denoise a canvas; every step is a draft.
        3. Commit the argmax canvas (not the sampled one): its text, its event. A first canvas without a word, or that
           ends the answer without one, is not committed at the first try: what follows it would be no better.
           An answer that goes on may end so.
        4. End at an end-of-text id, at a canvas of nothing, at the limit of new tokens, or where the context is full.
           An answer with a form that is stopped gets the canvases that close it.
        """
        adjust = WordsFirst(self.tokenizer.has_words) if run.again else unchanged
        room = (self.config.max_context - self.length) // run.draws.places
        blocks = min(run.blocks, room)
        committed: Ids | None = None
        for block in range(blocks):
            began = run.stats.seconds()
            # 1.
            if run.cancel.is_set():
                return (yield from self._closed(run, block, None, began))
            if committed is not None:
                with run.stats.decoding():
                    if not self._prefill(committed.tolist(), run.cancel):
                        return (yield from self._closed(run, block, None, began))
            # 2.
            last: CanvasStep | None = None
            run.controls.begin_block()
            steps = denoise_canvas(
                self._backend, run.settings, run.draws, run.cancel, adjust if block == 0 else unchanged,
                run.asked.plan(run.draws), run.controls,
            )  # fmt: skip
            for last in run.stats.decoded(steps):
                run.stats.note_step()
                run.pace.wait(run.cancel)
                yield self._draft(run, block, last)
            if last is None or not last.final:
                return (yield from self._closed(run, block, last, began))
            # 3.
            committed = last.argmax
            run.asked.committed()
            text = run.answer.add(committed.tolist(), last=block + 1 == blocks)
            thinks_on = text.ended is None and is_readable(text.text.thinking)
            if block == 0 and not run.goes_on and not run.answer.readable and not thinks_on:
                if not run.again:
                    return None
                text = BlockText(SplitText(thinking=text.text.thinking), text.ended or "end_of_text")
            run.stats.note_block(last.step)
            yield _committed_event(block, last, text, run.stats.seconds() - began)
            # 4.
            if text.ended is not None:
                return text.ended
        return "max_new_tokens" if blocks == run.blocks else "context_full"

    def _closed(
        self, run: _Run, block: int, last: CanvasStep | None, began: float
    ) -> Generator[Event, None, FinishReason]:
        """Commit what brings a stopped answer to an end that has its form; nothing without one."""
        canvases = run.asked.closing(last)
        for number, canvas in enumerate(canvases):
            text = run.answer.add(canvas.tolist(), last=number + 1 == len(canvases))
            run.stats.note_block(0 if last is None else last.step)
            even, everywhere = (0.0,) * len(canvas), (0 if last is None else last.step,) * len(canvas)
            yield BlockCommitted(
                block + number, tuple(canvas.tolist()), text.text.answer, text.text.thinking, everywhere[0],
                run.settings.max_denoising_steps, False, even, everywhere, run.stats.seconds() - began, "you",
            )  # fmt: skip
        return "cancelled"

    def _draft(self, run: _Run, block: int, step: CanvasStep) -> DraftUpdated:
        ids = step.argmax.tolist()
        return DraftUpdated(
            block=block,
            step=step.step,
            max_steps=step.max_steps,
            token_ids=tuple(ids),
            pieces=self.tokenizer.pieces(ids, run.answer.pending),
            entropy=tuple(step.entropy.tolist()),
            accepted=tuple(step.accepted.tolist()),
        )


def _committed_event(block: int, step: CanvasStep, text: BlockText, seconds: float) -> BlockCommitted:
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
        seconds=seconds,
        ended="settled" if step.settled else "you" if step.by_you else "limit",
    )
