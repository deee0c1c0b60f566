"""A loaded model that answers: the outer loop over blocks.

The world of this file is one backend with one KV cache, and the ids that this cache holds. `generate` yields frozen
events and raises errors; nothing here calls upward. One session is used by one thread; only the cancel flag may be
set from another one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.asked import AskedCanvases, Room, vocabulary_of, warm_enough
from inference.backends.base import (
    Backend,
    Beliefs,
    CancelFlag,
    Compiling,
    DenoiseStep,
    Floats,
    Ids,
    Interruptible,
    Shelving,
    SteppingFlag,
)
from inference.committed import committed_event
from inference.denoising.controls import NO_CONTROLS, Controls
from inference.denoising.denoise import CanvasStep, denoise_canvas, unchanged
from inference.denoising.pace import NOISE_SECONDS, Pace
from inference.denoising.sampler import Draws
from inference.denoising.short_canvas import SHORT_STEPS, short_settings
from inference.denoising.words_first import WordsFirst
from inference.errors import ContextFullError, PassStoppedError, SystemPromptTooLongError
from inference.events import (
    BlockCommitted,
    DraftUpdated,
    Event,
    Finished,
    FinishReason,
    ModelReady,
    NoiseDrawn,
    NothingWritten,
    PromptEncoded,
    PromptMeasured,
)
from inference.forms.compiling import CompiledForm, FormCompiler
from inference.forms.kept import KeptForms
from inference.forms.wanted import Form
from inference.likelihood import likelihoods
from inference.model_config import ModelConfig, SamplerDefaults
from inference.params import ChatTurn, GenerationRequest, fresh_seed
from inference.stats import RunStats, cancelled_before
from inference.text.answer import AnswerBuilder, BlockText
from inference.text.chat_template import ChatTemplate
from inference.text.context import (
    FittedPrompt,
    beginnings,
    check_characters,
    common_prefix,
    fit_turns,
    newest_alone,
    room_wanted,
    tokenisable,
)
from inference.text.draft_text import is_readable
from inference.text.passes import Passes
from inference.text.prompt import PromptEncoder
from inference.text.shelf import LEAST_TOKENS, Shelf
from inference.text.thinking import SplitText
from inference.text.tokenizer import TextTokenizer, first_index
from inference.traces.record import AnswerTraces

DEFAULT_BLOCKS = 4
# A prompt is encoded in parts, so that a cancel need not wait for the whole of it.
PREFILL_TOKENS = 512


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same while one request is answered.

    Attributes:
        prompt: Its ids.
        likeliest: How many likeliest tokens stand beside each committed one; None for no log-probabilities.
        passes: Where those began that read its context.
        goes_on: Whether the answer has text already; then it may end at once.
        again: Whether this is the second try.
    """

    prompt: tuple[int, ...]
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
    traces: AnswerTraces
    likeliest: int | None
    passes: Passes
    again: bool = False

    def finished(self, reason: FinishReason) -> Finished:
        text, tokens = self.answer.text, self.answer.tokens
        steps = self.settings.max_denoising_steps
        end = self.stats.finished(reason, self.answer.shown, text.thinking, self.draws.seed, steps, tokens)
        return dataclasses.replace(end, trace=self.traces.take())


class Session:
    """One model, its tokenizer and template, and one KV cache that lives on from answer to answer.

    Attributes:
        name: What the window calls the model.
        tokenizer: Ids to text and back.
    """

    def __init__(
        self,
        backend: Backend,
        tokenizer: TextTokenizer,
        template: ChatTemplate,
        name: str,
        short_canvas: int = 0,
        forms: KeptForms | None = None,
    ) -> None:
        """Take over a loaded backend; `close` frees it. Answers are first tried on `short_canvas` places; 0: not."""
        self.name = name
        self.tokenizer = tokenizer
        self._backend = backend
        self._short_canvas = short_canvas
        self._prompt = PromptEncoder(template, tokenizer)
        known = functools.partial(vocabulary_of, tokenizer, backend.config.vocab_size, self._prompt.calls)
        self._forms = FormCompiler(known, forms)
        # None: a call failed half-way, and nobody knows what the KV cache holds.
        self._held: list[int] | None = None if backend.length else []
        self._shelf = Shelf()

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
        backend, sizes = self._backend, (self._backend.config.canvas_length, self._backend.config.max_context)
        rebuilt, why = bool(getattr(backend, "graph_rebuilt", False)), str(getattr(backend, "why", ""))
        rest = getattr(backend, "work", None), self._prompt.calls is not None
        return ModelReady(self.name, backend.name, backend.device, *sizes, seconds, rebuilt, why, *rest)

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

    def beliefs(self, canvas: Ids, places: Ids, ids: Ids, count: int) -> Beliefs:
        """What a pass over int64 [C] on what the KV cache holds says of some places (see `Backend.beliefs`)."""
        return self._backend.beliefs(canvas, None, places, ids, count)

    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The self-conditioning state in which some places are told what they hold (see `Backend.conditioned`)."""
        return self._backend.conditioned(state, count, places, ids, shares)

    def read(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> int:
        """Bring the KV cache to a request's prompt and the given beginning of its answer; nothing is written.

        Returns:
            Tokens of both.

        Raises:
            PassStoppedError: It was cancelled.
            KnownError: See `generate`.
        """
        ids = self._fit(request, self.config.canvas_length).ids
        if not self._prefill(ids, self._reuse(ids), cancel or threading.Event(), Passes()):
            raise PassStoppedError
        return len(ids)

    def close(self) -> None:
        """Free the model; the session cannot be used afterwards."""
        self._shelf.clear()
        self._backend.close()

    def compiled(self, form: Form) -> CompiledForm:
        """The automaton of a form over this model's tokens.

        Raises:
            FormError: It cannot be kept; the sentence says why.
        """
        return self._forms.compiled(form)

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
        with self.stoppable(cancel):
            yield from self._answer(request, cancel, controls)

    @contextlib.contextmanager
    def stoppable(self, cancel: CancelFlag | None) -> Iterator[None]:
        """Within it, passes are given up soon after `cancel` is set, where the backend can: `PassStoppedError`."""
        self._stop_when(cancel or threading.Event())
        try:
            yield
        finally:
            self._stop_when(threading.Event())

    def _stop_when(self, cancel: CancelFlag) -> None:
        if isinstance(self._backend, Interruptible):
            self._backend.stop_when(cancel.within_pass if isinstance(cancel, SteppingFlag) else cancel)

    def rest(self) -> None:
        """Nobody has asked anything for a while: the backend may do what it put off."""
        if isinstance(self._backend, Compiling):
            self._backend.keep_compiled()

    def _answer(self, request: GenerationRequest, cancel: CancelFlag, controls: Controls) -> Iterator[Event]:
        stats = RunStats()
        # 1.
        for later in request.later_forms:
            if cancel.is_set():
                yield cancelled_before()
                return
            self._forms.check(later)
        form = None if request.form is None else self.compiled(request.form)
        canvas_length = min(request.canvas_length or self.config.canvas_length, self.config.canvas_length)
        wanted = request.max_new_tokens or DEFAULT_BLOCKS * self.config.canvas_length
        blocks = -(-wanted // canvas_length)
        fitted = self._fit(request, room_wanted(wanted, canvas_length, DEFAULT_BLOCKS * self.config.canvas_length))
        # 2.
        settings = self.config.sampler.merged(request.sampler)
        settings = settings if form is None else warm_enough(settings)
        seed = fresh_seed() if request.seed is None else request.seed
        draws = Draws(seed, self.config.vocab_size, canvas_length)
        calls = self._prompt.calls if form is not None or request.tools else None
        answer = functools.partial(AnswerBuilder, self.tokenizer, fitted.ids, wanted, form is not None, calls)
        fits = min(blocks, (self.config.max_context - len(fitted.ids)) // canvas_length)
        room = Room(canvas_length, fits, wanted, settings.max_denoising_steps, self.config.pad_id)
        asked = AskedCanvases(self._backend, request, form, room)
        pace, goes_on = Pace(request.step_seconds, request.rest), bool(request.answer_start) or form is not None
        traces = AnswerTraces(request.traced, self.tokenizer.token_bytes, self.tokenizer.eos_ids)
        run = _Run(
            fitted.ids, settings, draws, blocks, answer(), stats, cancel, pace, goes_on, asked, controls, traces,
            request.logprobs, Passes(),
        )  # fmt: skip
        # 3.
        reused = self._reuse(fitted.ids)
        began = stats.seconds()
        if not self._prefill(fitted.ids, reused, cancel, run.passes):
            yield run.finished("cancelled")
            return
        total = len(fitted.ids)
        yield PromptEncoded(total, total - reused, reused, fitted.dropped_turns, stats.seconds() - began)
        # 4.
        controls.begin_block()
        reason: FinishReason | None = None
        begun: Ids | None = None
        if self._short_canvas and not run.goes_on and not request.thinking and not request.asks_of_canvases:
            short = dataclasses.replace(run, answer=answer())
            reason, begun = yield from self._write_short(short)
            run = run if begun is None else short
        if reason is None:
            reason = yield from self._write_blocks(run, begun)
        if reason is None:
            asked = AskedCanvases(self._backend, request, form, room)
            run = dataclasses.replace(run, answer=answer(), asked=asked, again=True)
            reason = (yield from self._write_blocks(run)) or "end_of_text"
        # 5.
        if reason not in ("cancelled", "tool_call") and not run.answer.readable and not run.goes_on:
            yield NothingWritten()
        yield run.finished(reason)

    def measure(self, request: GenerationRequest, whole: bool = False) -> PromptMeasured:
        """How long the newest message is, as `generate` would refuse it or not, or the whole prompt; nothing is done.

        Of a message that is far too long a beginning is measured, and the length is about right.

        Raises:
            ModelFolderError: The template refuses the turns.
            ContextFullError: The whole prompt is far too long to be measured.
            FormError: A later form cannot be kept.
        """
        for form in request.later_forms:
            self._forms.check(form)
        turns: Sequence[ChatTurn] = request.turns if whole else newest_alone(request.turns)
        most = self.config.max_context
        if whole:
            check_characters(sum(turn.characters for turn in turns) + len(request.answer_start), most)
        turns, share = (turns, 1.0) if whole else beginnings(turns, most)
        tokens = len(self._prompt.ids(turns, request.thinking, tools=request.tools))
        if whole:
            tokens += len(self._prompt.start(request))
        if share < 1.0:
            tokens = max(int(tokens / share), most + 1)
        return PromptMeasured(tokens, max(0, most - self.config.canvas_length))

    def measure_chat(self, request: GenerationRequest) -> PromptMeasured:
        """What of a chat `generate` would read, and how long that is; of a message that is too long, its own length."""
        length, longest = self.config.canvas_length, self.config.max_context
        wanted = room_wanted(request.max_new_tokens or DEFAULT_BLOCKS * length, length, DEFAULT_BLOCKS * length)
        try:
            fitted = self._fit(request, wanted)
        except ContextFullError as exc:
            return dataclasses.replace(self.measure(request), system_too_long=isinstance(exc, SystemPromptTooLongError))
        most = longest - (wanted if len(fitted.ids) <= longest - wanted else length)
        return PromptMeasured(len(fitted.ids), most, fitted.dropped_turns)

    def _fit(self, request: GenerationRequest, wanted_tokens: int) -> FittedPrompt:
        def encode(turns: Sequence[ChatTurn]) -> list[int]:
            return self._prompt.ids(turns, request.thinking, tools=request.tools)

        config = self.config
        turns = tokenisable(request.turns, config.max_context)
        check_characters(len(request.answer_start), config.max_context)
        start = self._prompt.start(request)
        fitted = fit_turns(turns, encode, config.max_context, wanted_tokens, config.canvas_length, start)
        return dataclasses.replace(fitted, dropped_turns=fitted.dropped_turns + len(request.turns) - len(turns))

    def _reuse(self, prompt: Sequence[int]) -> int:
        """Cut the KV cache back to what it shares with the prompt; returns the number of tokens kept.

        Ids are compared, not text: an answer whose text tokenises differently from what was generated is simply
        computed again from the first difference on. Where the cache belongs to another conversation it is laid aside,
        and one that was laid aside is taken back, if it has more in common with the prompt.
        """
        held = self._known()
        shared = common_prefix(held, prompt)
        if shared < len(held) and isinstance(self._backend, Shelving):
            held, shared = self._changed_places(self._backend, held, shared, prompt)
        if shared < len(held):
            self._held = None
            if shared == 0 or self._backend.truncate(shared) != shared:
                self.reset()
                return 0
            self._held = held[:shared]
        return shared

    def _changed_places(
        self, backend: Shelving, held: list[int], shared: int, prompt: Sequence[int]
    ) -> tuple[list[int], int]:
        """Lay the cache aside and take another back where that helps; what is held now, and shared with the prompt."""
        other = self._shelf.take(prompt, shared)
        lost = len(held) - shared
        if lost >= LEAST_TOKENS and (other is not None or 2 * shared < len(held)):
            self._held = None
            self._shelf.put(held, backend.lay_aside(0 if other is not None else shared))
            held = held[: self._backend.length]
            shared = len(held)
        if other is not None:
            self._held = None
            backend.take_back(other.kept)
            held, shared = other.ids, common_prefix(other.ids, prompt)
        self._held = held
        return held, shared

    def _known(self) -> list[int]:
        """Ids in the KV cache; it is emptied where a failed call left it in an unknown state."""
        if self._held is None:
            self.reset()
        return self._held or []

    def _prefill(self, ids: Sequence[int], begin: int, cancel: CancelFlag, passes: Passes) -> bool:
        """Encode the rest of a context from a place on, in parts; False if cancelled."""
        for start, stop in passes.parts(begin, len(ids), PREFILL_TOKENS):
            if cancel.is_set():
                return False
            try:
                self.encode(ids[start:stop])
            except PassStoppedError:
                return False
        return True

    def _write_short(self, run: _Run) -> Generator[Event, None, tuple[FinishReason | None, Ids | None]]:
        """Write the whole answer on a short canvas.

        The draws are those of the same seed; a whole canvas that follows gets its own as if it were the first. What is
        said to it meanwhile, other than to settle it, is said to that one.

        Returns:
            Why the answer ended, and the committed canvas; no reason where it was settled by word without an end: it
            goes on behind it. None of both if its end is not there soon, and nothing of it counts.
        """
        began, config, places = run.stats.seconds(), self.config, self._short_canvas
        settings = short_settings(run.settings, places, config.canvas_length)
        draws = Draws(run.draws.seed, config.vocab_size, places)
        canvas = denoise_canvas(self._backend, settings, draws, run.cancel, controls=run.controls)
        run.traces.begin(0, run.answer.pending)
        last = yield from self._drafts(run, 0, itertools.islice(canvas, SHORT_STEPS))
        if last is None or not (last.settled or last.by_you):
            return None, None
        ids = last.argmax.tolist()
        has_end = first_index(ids, self.tokenizer.eos_ids) < len(ids)
        if not has_end and not last.by_you:
            return None, None
        text = run.answer.add(ids, last=has_end)
        if not run.answer.readable or (text.ended is None and not last.by_you):
            return None, None
        run.stats.note_block(last.step)
        yield self._committed(run, 0, last, text, began)
        return text.ended, last.argmax

    def _write_blocks(self, run: _Run, begun: Ids | None = None) -> Generator[Event, None, FinishReason | None]:
        """Write blocks until the answer ends; returns why it did, None if a first try came to nothing.

        1. Bring the KV cache to the prompt and the canvases committed before, whole, so that the new block can read
           them: another answer may have been written meanwhile, and what is gone is read again by the same passes.
           (The last canvas is not encoded: the next prompt holds it as text, perhaps in other tokens.)
        2. Denoise a canvas; every step is a draft.
        3. Commit the argmax canvas (not the sampled one): its text, its event. A first canvas without a word, or that
           ends the answer without one, is not committed at the first try: what follows it would be no better.
           An answer that goes on may end so.
        4. End at an end-of-text id, at a canvas of nothing, at the limit of new tokens, or where the context is full.
           An answer with a form that is stopped gets the canvases that close it.

        `begun` is a short canvas that is committed already, as the first block.
        """
        adjust = WordsFirst(self.tokenizer.has_words) if run.again else unchanged
        first, before = (0, 0) if begun is None else (1, len(begun))
        room = (self.config.max_context - len(run.prompt) - before) // run.draws.places
        blocks = first + min(run.blocks, room)
        read = [*run.prompt, *(() if begun is None else begun.tolist())]
        for block in range(first, blocks):
            began = run.stats.seconds()
            # 1.
            if run.cancel.is_set():
                return (yield from self._closed(run, block, None, began))
            self._stop_when(run.cancel)
            with run.stats.decoding():
                kept = self._reuse(read[: run.passes.kept(self._reuse(read))])
                if not self._prefill(read, kept, run.cancel, run.passes):
                    return (yield from self._closed(run, block, None, began))
            # 2.
            if block > 0:
                run.controls.begin_block()
            plan = run.asked.plan(run.draws)
            run.traces.begin(block, run.answer.pending, plan.held)
            steps = denoise_canvas(
                self._backend, run.settings, run.draws, run.cancel, adjust if block == 0 else unchanged, plan,
                run.controls,
            )  # fmt: skip
            last = yield from self._drafts(run, block, steps)
            if last is None or not last.final:
                return (yield from self._closed(run, block, last, began))
            # 3.
            read += last.argmax.tolist()
            run.asked.committed()
            text = run.answer.add(last.argmax.tolist(), last=block + 1 == blocks)
            thinks_on = text.ended == "tool_call" or (text.ended is None and is_readable(text.text.thinking))
            if block == 0 and not run.goes_on and not run.answer.readable and not thinks_on:
                if not run.again:
                    return None
                text = dataclasses.replace(
                    text, text=SplitText(thinking=text.text.thinking), ended=text.ended or "end_of_text"
                )
            run.stats.note_block(last.step)
            yield self._committed(run, block, last, text, began)
            # 4.
            if text.ended is not None:
                return text.ended
        return "max_new_tokens" if blocks == first + run.blocks else "context_full"

    def _committed(self, run: _Run, block: int, last: CanvasStep, text: BlockText, began: float) -> BlockCommitted:
        event = committed_event(block, last, text, run.stats, began, run.traces.take())
        if run.likeliest is None:
            return event
        found = likelihoods(self._backend, self.tokenizer, last.argmax, text.said, run.likeliest)
        return dataclasses.replace(event, likelihoods=found)

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
                text.tokens, text.thinking_tokens,
                run.traces.take(canvas),
            )  # fmt: skip
        return "cancelled"

    def _drafts(self, run: _Run, block: int, steps: Iterator[CanvasStep]) -> Generator[Event, None, CanvasStep | None]:
        """What a canvas begins with, long enough to be seen, and a draft for each step.

        Returns:
            The last step, None if there was none.
        """
        last: CanvasStep | None = None
        for last in run.stats.decoded(steps):
            run.stats.note_step(last.model_seconds)
            run.traces.add(last)
            if last.step == 1:
                began = last.read.tolist()
                pieces = self.tokenizer.pieces(began, run.answer.pending)
                yield NoiseDrawn(block, last.max_steps, tuple(began), pieces)
                run.pace.hold(NOISE_SECONDS)
            run.pace.wait(run.cancel)
            ids = last.argmax.tolist()
            yield DraftUpdated(
                block=block,
                step=last.step,
                max_steps=last.max_steps,
                token_ids=tuple(ids),
                pieces=self.tokenizer.pieces(ids, run.answer.pending),
                entropy=tuple(last.entropy.tolist()),
                accepted=tuple(last.accepted.tolist()),
            )
            if not last.final:
                run.pace.rest(run.stats.step_seconds[-1], run.cancel)
        return last
