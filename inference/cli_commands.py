"""What the commands of `python -m inference` ask of a session, from their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from inference.backends.base import CancelFlag
from inference.errors import KnownError
from inference.events import Event
from inference.forms.wanted import Form
from inference.operations.decide import MOST_READS, YES_NO, decide
from inference.operations.find import find_request
from inference.operations.infill import infill_request
from inference.operations.rewrite import MOST_VARIANTS, RewriteRequest, rewrite
from inference.params import ChatTurn, GenerationRequest, SamplerParams
from inference.session import Session
from trt_engines.files import read_regular

_LARGEST_FILE = 16 << 20
Work = Callable[[Session, argparse.Namespace, CancelFlag], Iterator[Event]]
Whole = Callable[[str], int]


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_commands(commands: Commands, whole_from: Callable[[int], Whole]) -> None:
    """Add infill, rewrite, decide and find; each sets its `work`.

    Args:
        commands: Where they go.
        whole_from: The type of whole numbers that are at least something.
    """
    infill = commands.add_parser("infill", help="fill the blanks of a text; all else comes back as it was")
    _add_text(infill, "the text: ___, {word}, {date}, {2-5 words}, {a|b} and {/expression/} are blanks")
    infill.add_argument("--wish", default="", metavar="TEXT", help="what shall stand there")
    infill.set_defaults(work=_infill)
    again = commands.add_parser("rewrite", help="write a part of an answer anew; all else stays as it is")
    _add_text(again, "the answer")
    again.add_argument("--prompt", required=True, metavar="TEXT", help="the question that it answers")
    again.add_argument("--part", required=True, metavar="TEXT", help="the part (where it first stands)")
    again.add_argument("--wish", default="", metavar="TEXT", help="what shall be different")
    again.add_argument(
        "--variants", type=whole_from(1), default=3, metavar="N", help=f"1 to {MOST_VARIANTS}, usually 3"
    )
    again.set_defaults(work=_rewrite)
    decided = commands.add_parser("decide", help="which of some labels answers a question; nothing is written")
    _add_text(decided, "what the question is about", required=False)
    decided.add_argument("--question", required=True, metavar="TEXT", help="the question")
    decided.add_argument("--labels", default=",".join(YES_NO), metavar="A,B", help="2 to 26 answers (default: yes,no)")
    decided.add_argument("--reads", type=whole_from(1), default=4, metavar="N", help=f"1 to {MOST_READS} (default: 4)")
    decided.set_defaults(work=_decide)
    find = commands.add_parser("find", help="the words of a text that answer a question, as they stand there")
    _add_text(find, "the text")
    find.add_argument("--question", required=True, metavar="TEXT", help="the question")
    find.set_defaults(work=_find)


def _add_text(parser: argparse.ArgumentParser, what: str, required: bool = True) -> None:
    given = parser.add_mutually_exclusive_group(required=required)
    given.add_argument("--text", metavar="TEXT", help=what)
    given.add_argument("--file", type=Path, metavar="FILE", help="a file that holds it, in UTF-8")


def form_name(text: str) -> str:
    """The text of `--form`, if it names one: json, json:FILE, regex:EXPRESSION, choice:A,B or template:FILE.

    Raises:
        argparse.ArgumentTypeError: It names none.
    """
    kind, colon, _ = text.partition(":")
    if kind not in ("json", "regex", "choice", "template") or (kind != "json" and not colon):
        ways = "json, json:SCHEMA_FILE, regex:EXPRESSION, choice:A,B or template:FILE"
        raise argparse.ArgumentTypeError(f"must be {ways}, not {text!r}")
    return text


def _form(text: str) -> Form:
    kind, _, rest = text.partition(":")
    match kind:
        case "json":
            return Form("schema", _file_text(Path(rest))) if rest else Form("json")
        case "regex":
            return Form("regex", rest)
        case "choice":
            return Form("choice", texts=tuple(rest.split(",")))
        case _:
            return Form("template", _file_text(Path(rest)))


def answered(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    """The work of `generate`."""
    turns: tuple[ChatTurn, ...] = (ChatTurn("user", options.prompt),)
    if options.system is not None:
        turns = (ChatTurn("system", options.system), *turns)
    form = None if options.form is None else _form(options.form)
    if options.hold:
        form = Form("words", texts=tuple(options.hold))
    request = GenerationRequest(
        turns=turns,
        seed=options.seed,
        sampler=SamplerParams(max_denoising_steps=options.steps),
        max_new_tokens=options.max_new_tokens,
        thinking=options.thinking,
        answer_start=options.answer_start,
        form=form,
    )
    return session.generate(request, cancel)


def _infill(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    sampler = SamplerParams(max_denoising_steps=options.steps)
    request = infill_request(_text(options), options.wish, seed=options.seed, sampler=sampler)
    options.beginning = request.answer_start  # what is written goes on from it
    return session.generate(request, cancel)


def _rewrite(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    answer = _text(options)
    first = answer.find(options.part)
    if first < 0 or not options.part:
        raise KnownError("The answer does not hold this part.", "Give it as it stands there.")
    request = RewriteRequest(
        (ChatTurn("user", options.prompt),), answer, first, first + len(options.part), options.part, options.wish,
        min(options.variants, MOST_VARIANTS), options.seed or 0, SamplerParams(max_denoising_steps=options.steps),
    )  # fmt: skip
    return rewrite(session, request, cancel)


def _decide(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    text = _text(options) if options.text is not None or options.file is not None else ""
    labels, reads = options.labels.split(","), min(options.reads, MOST_READS)
    yield decide(session, text, options.question, labels, reads=reads, seed=options.seed or 0)


def _find(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    sampler = SamplerParams(max_denoising_steps=options.steps)
    return session.generate(find_request(_text(options), options.question, seed=options.seed, sampler=sampler), cancel)


def _text(options: argparse.Namespace) -> str:
    return _file_text(options.file) if options.file is not None else str(options.text)


def _file_text(file: Path) -> str:
    try:
        return read_regular(file, _LARGEST_FILE).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise KnownError(f"{file} is no text in UTF-8.", "Save it as UTF-8.") from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise KnownError(f"{file} cannot be read: {reason}.", "Check its name and rights.") from exc
