"""What the commands of `python -m inference` ask of a session, from their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias

from inference.backends.base import CancelFlag
from inference.errors import KnownError
from inference.events import Calibrated, Event
from inference.forms.wanted import Form
from inference.operations.calibration_files import (
    check_writable,
    read_calibration,
    read_examples,
    write_calibration,
)
from inference.operations.find import find_request
from inference.operations.infill import infill_request
from inference.operations.perform import perform
from inference.operations.requests import (
    MOST_READS,
    MOST_SCORE,
    MOST_VARIANTS,
    YES_NO,
    CalibrateRequest,
    DecideRequest,
    RewriteRequest,
    score_labels,
)
from inference.params import ChatTurn, GenerationRequest, SamplerParams
from inference.session import Session
from trt_engines.arguments import NO_TEXT, TextParser, is_text
from trt_engines.files import read_regular

_LARGEST_FILE = 16 << 20
Work = Callable[[Session, argparse.Namespace, CancelFlag], Iterator[Event]]


class WholeFrom(Protocol):
    """Makes the type of an option that is a whole number."""

    def __call__(self, least: int, most: int | None = None) -> Callable[[str], int]:
        """The type of numbers within bounds."""


Commands: TypeAlias = "argparse._SubParsersAction[TextParser]"


def add_commands(commands: Commands, whole_from: WholeFrom) -> None:
    """Add infill, rewrite, decide, calibrate and find; each sets its `work`.

    Args:
        commands: Where they go.
        whole_from: The type of whole numbers that are within bounds.
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
        "--variants", type=whole_from(1, MOST_VARIANTS), default=3, metavar="N", help=f"1 to {MOST_VARIANTS}, usually 3"
    )
    again.set_defaults(work=_rewrite)
    decided = commands.add_parser("decide", help="which of some labels answers a question; nothing is written")
    _add_text(decided, "what the question is about", required=False)
    decided.add_argument("--question", required=True, metavar="TEXT", help="the question")
    kinds = decided.add_mutually_exclusive_group()
    kinds.add_argument("--labels", default=",".join(YES_NO), metavar="A,B", help="2 to 26 answers (default: yes,no)")
    kinds.add_argument("--score", type=whole_from(2, MOST_SCORE), metavar="N", help="a number from 1 to N instead")
    _add_reads(decided, whole_from)
    decided.add_argument("--calibration", type=Path, metavar="FILE", help="what `calibrate` made of this model")
    decided.set_defaults(work=_decide)
    calibrated = commands.add_parser("calibrate", help="measure with known answers how far `decide` can be believed")
    calibrated.add_argument(
        "--examples", type=Path, required=True, metavar="FILE",
        help='a JSON object a line: "question" and "answer"; "text" and "labels" as for decide',
    )  # fmt: skip
    calibrated.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the calibration goes")
    _add_reads(calibrated, whole_from)
    calibrated.set_defaults(work=_calibrate, before=lambda options: check_writable(options.out))
    find = commands.add_parser("find", help="the words of a text that answer a question, as they stand there")
    _add_text(find, "the text")
    find.add_argument("--question", required=True, metavar="TEXT", help="the question")
    find.set_defaults(work=_find)


def _add_reads(parser: argparse.ArgumentParser, whole_from: WholeFrom) -> None:
    parser.add_argument(
        "--reads", type=whole_from(1, MOST_READS), default=4, metavar="N", help=f"1 to {MOST_READS} (default: 4)"
    )


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
    if kind in ("regex", "choice") and not is_text(text):
        raise argparse.ArgumentTypeError(NO_TEXT)
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
        traced=options.trace,
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
        options.variants, options.seed or 0, SamplerParams(max_denoising_steps=options.steps),
    )  # fmt: skip
    return perform(session, request, cancel)


def _decide(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    text = _text(options) if options.text is not None or options.file is not None else ""
    named = tuple(label.strip() for label in options.labels.split(","))
    labels = named if options.score is None else score_labels(options.score)
    known = None if options.calibration is None else read_calibration(options.calibration)
    request = DecideRequest(
        text, _question(options), labels, options.reads, options.seed or 0, options.score is not None, known
    )
    yield from perform(session, request, cancel)


def _calibrate(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    examples = read_examples(options.examples)
    for event in perform(session, CalibrateRequest(examples, options.reads, options.seed or 0), cancel):
        if isinstance(event, Calibrated):
            write_calibration(options.out, event.calibration)
        yield event


def _find(session: Session, options: argparse.Namespace, cancel: CancelFlag) -> Iterator[Event]:
    sampler = SamplerParams(max_denoising_steps=options.steps)
    request = find_request(_text(options), _question(options), seed=options.seed, sampler=sampler)
    return session.generate(request, cancel)


def _question(options: argparse.Namespace) -> str:
    if not options.question.strip():
        raise KnownError("The question is empty.", "Ask one with --question.")
    return str(options.question)


def _text(options: argparse.Namespace) -> str:
    text = _file_text(options.file) if options.file is not None else str(options.text)
    if not text:
        raise KnownError("The text is empty.", "Give one with --text or --file.")
    return text


def _file_text(file: Path) -> str:
    try:
        return read_regular(file, _LARGEST_FILE).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise KnownError(f"{file} is no text in UTF-8.", "Save it as UTF-8.") from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise KnownError(f"{file} cannot be read: {reason}.", "Check its name and rights.") from exc
