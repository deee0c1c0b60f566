"""What every interface has in common: what a client wants, and the parts that an answer comes in."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from inference.events import DraftUpdated, TokenLikelihood
from inference.params import GenerationRequest, ToolDeclared

EndReason = Literal["stop", "length", "tool_calls", "stop_sequence"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that answers.

    Attributes:
        id: Its name in requests.
        title: Its name for people.
        backend: What computes it.
        max_context: Longest prompt plus answer, in tokens.
        canvas_length: Tokens in a block.
        size: Bytes of its files; 0 if that is not known.
        loaded_at: When it was loaded, in seconds since 1970.
        calls_tools: Whether its template has a syntax of its own for calls of tools.
    """

    id: str
    title: str
    backend: str
    max_context: int
    canvas_length: int
    size: int = 0
    loaded_at: int = field(default_factory=lambda: int(time.time()))
    calls_tools: bool = False

    @property
    def fingerprint(self) -> str:
        """What an answer depends on beside the request: model and backend."""
        return f"{self.id}-{self.backend}"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The tools of a request.

    Attributes:
        tools: All of them.
        must: Whether one must be called.
        only: The one that must be called, "" for any.
        parallel: Whether several may be called at once.
    """

    tools: tuple[ToolDeclared, ...]
    must: bool = False
    only: str = ""
    parallel: bool = True

    def callable(self) -> tuple[ToolDeclared, ...]:
        """Those that may be called now."""
        return tuple(tool for tool in self.tools if self.only in ("", tool.name))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call: the arguments are JSON that the tool's schema allows."""

    name: str
    arguments: str
    id: str = field(default_factory=lambda: new_id("call_"))


@dataclass(frozen=True, slots=True)
class CallsMade:
    """The answer ends with calls."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class WantedAnswer:
    """What a client wants.

    Attributes:
        request: The same, for the model.
        stop: Texts that end the answer; they are not part of it.
        tail: What the answer is sure to end with, and what is no part of it.
        tools: Tools that may be called; None without any.
        told: A response that needs no answer of the model; None for all others.
        stream: Whether parts are sent as they come.
        drafts: Whether drafts are sent, too.
        include_usage: Whether a stream ends with the usage.
        choices: How many answers are wanted; each is a `WantedAnswer` of its own in the queue.
        choice: Which of them this is, from 0.
        most: How many tokens of text are given at the most; None where `request` says it all.
        most_context: The same of prompt and answer together.
        hides_logprobs: Whether the request has log-probabilities only so that its tokens can be counted.
        asked_at: Name of the field that what is asked stands in.
        form_at: The same of the form, "" without any.
        label: What the window shows of it: the path, and the client's own name.
        details: What only its interface knows.
    """

    request: GenerationRequest
    stop: tuple[str, ...] = ()
    tail: str = ""
    tools: ToolUse | None = None
    told: dict[str, Any] | None = None
    stream: bool = False
    drafts: bool = False
    include_usage: bool = True
    choices: int = 1
    choice: int = 0
    most: int | None = None
    most_context: int | None = None
    hides_logprobs: bool = False
    asked_at: str = "messages"
    form_at: str = ""
    label: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def logprobs(self) -> int | None:
        """How many likeliest tokens the client wants beside each one; None without log-probabilities."""
        return None if self.hides_logprobs else self.request.logprobs


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request.

    Attributes:
        prompt: Of the prompt.
        cached: Those of them whose keys and values were still there.
        answer: Of the answer, thinking included; padding and what a stop text cut off in its block count not.
        thinking: Those of them that are thinking.
        blocks: Blocks of the answer.
        steps: Denoising steps of all of them.
    """

    prompt: int = 0
    cached: int = 0
    answer: int = 0
    thinking: int = 0
    blocks: int = 0
    steps: int = 0

    @property
    def total(self) -> int:
        """Prompt and answer."""
        return self.prompt + self.answer

    def with_other(self, other: Usage) -> Usage:
        """That of two answers to one prompt."""
        return Usage(
            self.prompt, self.cached, self.answer + other.answer, self.thinking + other.thinking,
            self.blocks + other.blocks, self.steps + other.steps,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Begun:
    """The prompt is read."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """Nothing has come for a while; `place` is that in the queue, 0 while the answer is written."""

    place: int


@dataclass(frozen=True, slots=True)
class Written:
    """Text that was committed, and is final; and how likely its tokens are, if that is wanted."""

    text: str = ""
    thinking: str = ""
    likelihoods: tuple[TokenLikelihood, ...] = ()


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft of the block that is being written."""

    draft: DraftUpdated


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """A complete answer.

    Attributes:
        text: The answer.
        thinking: The thinking channel.
        reason: Why it ended.
        stop: The text that ended it, "" if none did.
        usage: Its tokens.
        seed: The seed that gives it again.
        calls: The calls that it ends with.
        likelihoods: Of its tokens, if they are wanted.
        seconds: Of prompt, answer and both with the wait.
    """

    text: str
    thinking: str
    reason: EndReason
    stop: str
    usage: Usage
    seed: int
    calls: tuple[ToolCall, ...] = ()
    likelihoods: tuple[TokenLikelihood, ...] = ()
    prompt_seconds: float = 0.0
    answer_seconds: float = 0.0
    seconds: float = 0.0


Part = Begun | StillWaiting | Written | Drafted | WholeAnswer


def new_id(prefix: str) -> str:
    """A fresh id, such as "chatcmpl-5f..."."""
    return prefix + secrets.token_hex(12)
