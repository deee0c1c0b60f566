"""Calls of tools, which the core keeps to the schemas of their arguments.

1. Tools are declared, called and answered in the template's own syntax where it has one, else in words and in JSON
   (`tools_in_json`).
2. Where a call must be made, or the model begins one by itself, it is written under forms: first the name, one of
   those that were declared; then the arguments, by that tool's schema. So a call is never malformed.
3. In its own syntax a model begins a call by a control token, which ends its text. Beside that, lines that may be a
   call in any other syntax, as a fine-tune may write it, are held back, and the call is written anew under forms.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from app.server.structured import ANY_OBJECT
from app.server.tools_in_json import JsonCalls
from app.server.wire import CallsMade, ToolCall, ToolUse, WantedAnswer
from inference.calls import read_arguments, read_name
from inference.events import BlockCommitted, Event, Failed, Finished, PromptEncoded
from inference.forms.wanted import Form
from inference.params import CalledTool, GenerationRequest, ToolDeclared

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag

Generate = Callable[[GenerationRequest, "CancelFlag", bool], Iterator[Event]]

MOST_CALLS = 8
# What the beginning of a call looks like: ours, in a fence or not, in a list, or the template's own.
_BEGINNING = re.compile(
    r"""^[ \t]*(?:```\w*\s*)?(?:\[\s*)?\{\s*"(?:name|tool|function)"\s*:\s*"(?P<json>[^"\n]*)"
    |<\|?tool_call\|?>|^[ \t]*call:(?P<own>[\w.-]+)\s*[({]""",
    re.VERBOSE | re.MULTILINE,
)
_MAY_BEGIN = re.compile(r"^[ \t]*[`{\[c<]|<\|?t?\w*$", re.MULTILINE)
_DECIDED = 200  # characters behind which it is one, or none


class CallSyntax(Protocol):
    """How calls are asked for and read.

    Attributes:
        arguments_form: The kind of the form that arguments keep.
    """

    arguments_form: Literal["schema", "arguments"]

    def which(self, request: GenerationRequest, calls: Sequence[CalledTool], names: Sequence[str]) -> GenerationRequest:
        """What asks for the next tool, or, behind a call, for the end."""

    def named(self, text: str, names: Sequence[str]) -> str:
        """The tool that was chosen, "" for the end."""

    def arguments(
        self, request: GenerationRequest, calls: Sequence[CalledTool], name: str, schema: str
    ) -> GenerationRequest:
        """What asks for the arguments of a call."""

    def read(self, text: str) -> str:
        """The arguments as JSON."""


class OwnCalls:
    """Calls in the template's own syntax (`inference.calls`)."""

    arguments_form: Literal["schema", "arguments"] = "arguments"

    def which(self, request: GenerationRequest, calls: Sequence[CalledTool], names: Sequence[str]) -> GenerationRequest:
        """The beginning of a call, or nothing."""
        form = Form("call", texts=(*names, *([""] if calls else [])))
        return dataclasses.replace(request, form=form, form_is_new=True, called=tuple(calls))

    def named(self, text: str, names: Sequence[str]) -> str:
        """The name as it stands there."""
        return read_name(text)

    def arguments(
        self, request: GenerationRequest, calls: Sequence[CalledTool], name: str, schema: str
    ) -> GenerationRequest:
        """The rest of a call."""
        form = Form("arguments", schema)
        return dataclasses.replace(request, form=form, form_is_new=True, called=tuple(calls), calling=name)

    def read(self, text: str) -> str:
        """The same values as JSON."""
        return read_arguments(text)


@dataclass(slots=True)
class HeldText:
    """Text of an answer, of which what may be a call is held back.

    Attributes:
        tools: What can be called.
        seen: All text so far.
        given: How much of it was given out.
        call: Where a call begins, None if there is none.
    """

    tools: ToolUse
    seen: str = ""
    given: int = 0
    call: int | None = None

    def feed(self, text: str, last: bool) -> str:
        """What can be given out now."""
        self.seen += text
        names = {tool.name for tool in self.tools.tools}
        for found in _BEGINNING.finditer(self.seen, self.given):
            name = found["json"] or found["own"]
            if name is None or name in names:
                self.call = found.start()
                break
        end = self.call if self.call is not None else len(self.seen) if last else self._sure()
        given, self.given = self.seen[self.given : end], max(self.given, end)
        return given

    def _sure(self) -> int:
        """How much of the text is no beginning of a call."""
        for found in _MAY_BEGIN.finditer(self.seen, self.given):
            if len(self.seen) - found.start() < _DECIDED:
                return found.start()
        return len(self.seen)


class _Either:
    """A cancel flag that is set by one more."""

    def __init__(self, other: CancelFlag) -> None:
        self._other, self._set = other, False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set or self._other.is_set()


def answered(generate: Generate, wanted: WantedAnswer, cancel: CancelFlag) -> Iterator[Event | CallsMade]:
    """The events of an answer, or of its text and the calls behind it; the last is Finished, CallsMade or Failed."""
    tools = wanted.tools
    if tools is None:
        yield from generate(wanted.request, cancel, wanted.drafts)
        return
    begun = False
    syntax: CallSyntax = OwnCalls() if wanted.request.tools else JsonCalls()
    strict = tuple(Form(syntax.arguments_form, tool.schema) for tool in tools.callable() if tool.strict)
    request = dataclasses.replace(wanted.request, later_forms=strict)
    if tools.must:
        events = _called(generate, dataclasses.replace(request, thinking=False), tools, syntax, cancel)
    else:
        events = _by_itself(generate, request, wanted.drafts, tools, syntax, cancel)
    for event in events:
        if not (begun and isinstance(event, PromptEncoded)):  # prompts behind the first hold what was written since
            yield event
        begun = begun or isinstance(event, PromptEncoded)


def _by_itself(
    generate: Generate,
    request: GenerationRequest,
    drafts: bool,
    tools: ToolUse,
    syntax: CallSyntax,
    cancel: CancelFlag,
) -> Iterator[Event | CallsMade]:
    held, stop, block = HeldText(tools, request.answer_start, len(request.answer_start)), _Either(cancel), -1
    thought = ""
    for event in generate(request, stop, drafts):
        match event:
            case BlockCommitted():
                block, thought = event.block, thought + event.thinking
                yield dataclasses.replace(event, answer=held.feed(event.answer, last=False))
            case Failed():
                yield event
                return
            case Finished(reason="tool_call"):
                yield _rest_of_text(block, held.feed("", last=True))
                held.call = len(held.seen) if held.call is None else held.call
            case Finished() if held.call is None:
                yield _rest_of_text(block, held.feed("", last=True))
                yield event
            case _ if held.call is None:
                yield event
            case _:
                pass
        if held.call is not None:
            stop.set()
    if held.call is not None:
        before = dataclasses.replace(
            request, answer_start=held.seen[: held.call], thought=thought.strip("\n"), thinking=bool(thought.strip())
        )
        yield from _called(generate, before, tools, syntax, cancel)


def _rest_of_text(block: int, text: str) -> BlockCommitted:
    """What was held back and is no call: no block of its own."""
    return BlockCommitted(block, (), text, "", 0, 0, True, (), (), 0.0)


def _called(
    generate: Generate, request: GenerationRequest, tools: ToolUse, syntax: CallSyntax, cancel: CancelFlag
) -> Iterator[Event | CallsMade]:
    """Calls under forms, one after another; each is read as the beginning of the answer that the next one goes on."""
    calls: list[CalledTool] = []
    known = {tool.name: tool for tool in tools.callable()}
    while len(calls) < (MOST_CALLS if tools.parallel else 1):
        name = next(iter(known))
        if len(known) > 1 or calls:
            written = yield from _written(generate, syntax.which(request, calls, tuple(known)), cancel)
            if not isinstance(written, str):
                yield written
                return
            name = syntax.named(written, tuple(known))
        if not name:
            break
        arguments = yield from _arguments(generate, request, calls, known[name], syntax, cancel)
        if not isinstance(arguments, str):
            yield arguments
            return
        calls.append(CalledTool(name, syntax.read(arguments)))
    yield CallsMade(tuple(ToolCall(call.name, call.arguments) for call in calls))


def _arguments(
    generate: Generate,
    request: GenerationRequest,
    calls: Sequence[CalledTool],
    tool: ToolDeclared,
    syntax: CallSyntax,
    cancel: CancelFlag,
) -> Generator[Event, None, str | Failed | Finished]:
    """The arguments of a call; a schema that cannot be kept whole is kept as far as it is an object, unless strict."""
    written = yield from _written(generate, syntax.arguments(request, calls, tool.name, tool.schema), cancel)
    if isinstance(written, Failed) and written.refused == "form" and not tool.strict:
        written = yield from _written(generate, syntax.arguments(request, calls, tool.name, ANY_OBJECT), cancel)
    return written


def _written(
    generate: Generate, asked: GenerationRequest, cancel: CancelFlag
) -> Generator[Event, None, str | Failed | Finished]:
    """What was written; its events have no text. What ended it otherwise, where it was stopped or failed."""
    for event in generate(asked, cancel, False):
        match event:
            case Failed() | Finished(reason="cancelled"):
                return event
            case Finished():
                return event.answer
            case BlockCommitted():
                yield dataclasses.replace(event, answer="", thinking="")
            case _:
                yield event
    return Failed("", "", known=False)
