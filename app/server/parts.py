"""From a model's events to the parts of an answer: stop texts are cut out, what may become one is held back."""

from __future__ import annotations

import time
from collections.abc import Iterator

from app.server import texts
from app.server.errors import ApiError
from app.server.said_tokens import SaidTokens
from app.server.wire import (
    Begun,
    CallsMade,
    Drafted,
    EndReason,
    Part,
    ToolCall,
    Usage,
    WantedAnswer,
    WholeAnswer,
    Written,
)
from inference.events import (
    BlockCommitted,
    DraftUpdated,
    Event,
    Failed,
    Finished,
    NothingWritten,
    PromptEncoded,
    TokenLikelihood,
)


class StopCutter:
    """Finds the first of some texts in one that grows."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        """Empty stop texts are none."""
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found = ""

    def feed(self, text: str) -> str:
        """What of the text so far is sure not to be part of a stop text, and was not given out before."""
        text, self._held = self._held + text, ""
        places = [(text.find(stop), -len(stop), stop) for stop in self._stops if stop in text]
        if places:
            place, _, self.found = min(places)
            return text[:place]
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> str:
        """Nothing follows: what was held back."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text are the beginning of a stop text."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0


class TailCutter:
    """Leaves out what a text is sure to end with."""

    def __init__(self, tail: str) -> None:
        self._tail, self._held = tail, ""

    def feed(self, text: str) -> str:
        """What is sure to stand before it."""
        self._held += text
        sure = max(0, len(self._held) - len(self._tail))
        given, self._held = self._held[:sure], self._held[sure:]
        return given

    def finish(self) -> str:
        """Nothing follows: what was held back and is not the tail."""
        return "" if self._held == self._tail else self._held


class PartReader:
    """One answer's events, as its parts.

    Attributes:
        ended: Whether the answer is complete; then its request is to be cancelled, if it goes on.
    """

    def __init__(self, wanted: WantedAnswer) -> None:
        self._wanted = wanted
        self._cutter, self._tail = StopCutter(wanted.stop), TailCutter(wanted.tail)
        self._text = self._thinking = self._kept = ""  # what is kept is the beginning of a token
        self._tokens_said = None if wanted.request.logprobs is None else SaidTokens()
        self._said: list[TokenLikelihood] = []
        self._prompt = PromptEncoded(0, 0, 0, 0, 0.0)
        self._blocks = self._steps = self._tokens = self._thinking_tokens = 0
        self._began = time.monotonic()
        self._most, self._full = wanted.most, False  # tokens of text that may be given; whether there were more
        self.ended = False

    def parts(self, event: Event | CallsMade) -> Iterator[Part]:
        """What an event adds.

        Raises:
            ApiError: The answer failed, or the prompt does not fit.
        """
        match event:
            case PromptEncoded():
                if event.dropped_turns:
                    raise ApiError(400, texts.PROMPT_TOO_LONG, self._wanted.asked_at, "context_length_exceeded")
                self._prompt = event
                self._make_room(event.prompt_tokens)
                yield Begun(self._usage())
            case DraftUpdated() if self._wanted.drafts:
                yield Drafted(event)
            case BlockCommitted():
                yield from self._committed(event)
            case CallsMade():
                yield from self._write(self._cutter.finish(), "", last=True)
                yield self._whole("tool_calls", None, event.calls)
            case NothingWritten():
                raise ApiError(500, f"{event.user_text} {event.hint}", code="nothing_written")
            case Finished():
                yield from self._finished(event)
            case Failed():
                raise failure(event, self._wanted)
            case _:
                pass

    def _make_room(self, prompt: int) -> None:
        """What the client's own context leaves for the answer."""
        most = self._wanted.most_context
        if most is not None and most <= prompt:
            raise ApiError(400, texts.context_full(most, prompt), "options.num_ctx", "context_length_exceeded")
        self._most = self._most if most is None else most - prompt

    def _committed(self, event: BlockCommitted) -> Iterator[Part]:
        self._blocks += event.steps > 0
        self._steps += event.steps
        if self._tokens_said is not None:
            self._tokens_said.come(event.likelihoods)
        self._tokens += event.tokens
        self._thinking_tokens += event.thinking_tokens
        text = self._cutter.feed(self._tail.feed(event.answer))
        yield from self._write(text, event.thinking, last=bool(self._cutter.found))
        if self._full:
            yield self._whole("length", None)
        elif self._cutter.found:
            yield self._whole("stop_sequence", None)

    def _finished(self, event: Finished) -> Iterator[Part]:
        if event.reason == "cancelled":
            raise ApiError(499, texts.STOPPED, code="stopped")
        text = "" if self._cutter.found else self._cutter.feed(self._tail.finish())
        yield from self._write(text + self._cutter.finish(), "", last=True)
        if self._cutter.found and not self._full:
            yield self._whole("stop_sequence", event.seed)
            return
        ended = event.reason == "end_of_text" and not self._full
        yield self._whole("stop" if ended else "length", event.seed)

    @property
    def tokens(self) -> int:
        """Tokens of the answer so far."""
        return self._tokens

    def _write(self, text: str, thinking: str, last: bool = False) -> Iterator[Part]:
        said: tuple[TokenLikelihood, ...] = ()
        if self._tokens_said is not None:
            text = self._kept + text
            given, said = self._tokens_said.take(text, last)
            self._kept, text = text[len(given) :], given
            text, said = self._at_most(text, said)
        self._text += text
        self._thinking += thinking
        if text or thinking:
            self._said += said
            yield Written(text, thinking, said)

    def _at_most(self, text: str, said: tuple[TokenLikelihood, ...]) -> tuple[str, tuple[TokenLikelihood, ...]]:
        """As much of it as may be given."""
        left = None if self._most is None else self._most - len(self._said) - self._thinking_tokens
        if left is None or len(said) <= left:
            return text, said
        if self._wanted.request.form is not None and not self._wanted.tail:
            raise ApiError(400, texts.CONTEXT_AND_FORM, "options.num_ctx", "context_length_exceeded")
        self._full = True
        said = said[: max(0, left)]
        return b"".join(each.text for each in said).decode("utf-8", "ignore"), said

    def _whole(self, reason: EndReason, seed: int | None, calls: tuple[ToolCall, ...] = ()) -> WholeAnswer:
        self.ended = True
        seed = self._wanted.request.seed or 0 if seed is None else seed  # every choice has one, see `AnswerQueue`
        seconds = time.monotonic() - self._began
        return WholeAnswer(
            self._text, self._thinking, reason, self._cutter.found, self._usage(), seed, calls, tuple(self._said),
            self._prompt.seconds, max(0.0, seconds - self._prompt.seconds), seconds,
        )  # fmt: skip

    def _usage(self) -> Usage:
        prompt = self._prompt
        tokens = self._tokens if self._most is None else len(self._said) + self._thinking_tokens
        return Usage(
            prompt.prompt_tokens, prompt.reused_tokens, tokens, self._thinking_tokens, self._blocks, self._steps
        )


def failure(event: Failed, wanted: WantedAnswer | None = None) -> ApiError:
    """What a client is told of an answer that failed: never a trace."""
    text = f"{event.user_text} {event.hint}".strip()
    declared = wanted is not None and wanted.tools is not None
    if event.refused == "length":
        more = f" {texts.TOOLS_COUNT}" if declared else ""
        return ApiError(400, text + more, wanted.asked_at if wanted else "", "context_length_exceeded")
    if event.refused:
        return ApiError(400, text, wanted.form_at or "tools" * declared if wanted else "", "invalid_value")
    if event.known:
        return ApiError(503 if event.engine_lost else 500, text, code="model_failed")
    return ApiError(500, texts.BUG, code="internal_error")
