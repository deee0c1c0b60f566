"""Command line of the core: `python -m inference generate --prompt TEXT`, infill, rewrite, decide, find.

Exit codes: 0 the answer is there (where it was cut off at a limit, standard error says so); 1 it failed or was stopped,
and standard error says why in a sentence; 2 the command line is wrong; 141 the reader of the output has gone. Standard
output carries nothing but the answer or JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from inference.backends.registry import BACKEND_NAMES
from inference.cli_commands import add_commands, answered, form_name
from inference.errors import LoadStoppedError
from inference.events import (
    BlockCommitted,
    Calibrated,
    Decided,
    Event,
    Finished,
    ModelLoading,
    ModelReady,
    NothingWritten,
    PromptEncoded,
    VariantWritten,
    event_as_dict,
)
from inference.failures import failed_from_error
from inference.opening import open_model
from trt_engines.arguments import TextParser
from trt_engines.ctrl_c import ends_at_ctrl_c
from trt_engines.planning.probe import use_card

STARTER_FOLDER = Path(__file__).resolve().parent.parent / "resources" / "starter"

_MOST_DIGITS = 1000  # Python reads no number of more than 4,300
_CUT_OFF = {
    "max_new_tokens": "The answer was cut off at --max-new-tokens; --answer-start with this text lets it go on.",
    "context_full": "The answer was cut off: the model's memory is full; --answer-start with this text lets it go on.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code (see the head of this file)."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            # Windows consoles may be set to something that has no emoji.
            reconfigure(encoding="utf-8", errors="backslashreplace")
    kinds = {"rewrite": _VariantsWriter, "decide": _DecisionWriter, "calibrate": _DecisionWriter}
    plain = kinds.get(options.command, _PlainWriter)
    writer = _EventWriter(options) if options.events else _JsonWriter(options) if options.json else plain(options)
    try:
        with ends_at_ctrl_c() as cancel:
            for event in _generated(options, cancel, writer.take):
                writer.take(event)
        return writer.close()
    except BrokenPipeError:  # the reader (head, for example) has seen enough
        raise
    except Exception as error:  # the process's border
        failed = failed_from_error(error)
        if options.events:
            writer.take(failed)
        print(f"{failed.user_text} {failed.hint}".strip(), file=sys.stderr)
        if failed.detail:
            print(failed.detail, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = TextParser(prog="python -m inference", description="Text from a DiffusionGemma model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    generate = commands.add_parser(
        "generate", help="answer one prompt", epilog="Exit codes: 0 answered, 1 failed or stopped, 2 wrong usage."
    )
    generate.add_argument("--prompt", required=True, metavar="TEXT", help="what to ask")
    generate.add_argument("--system", metavar="TEXT", help="system turn before it")
    generate.add_argument("--max-new-tokens", type=_whole_from(1), metavar="N", help="default: 4 blocks")
    generate.add_argument(
        "--answer-start", default="", metavar="TEXT", help="beginning of the answer; only what follows it is written"
    )
    kept = generate.add_mutually_exclusive_group()
    kept.add_argument("--thinking", action="store_true", help="ask for a thinking channel")
    kept.add_argument(
        "--form", type=form_name, metavar="FORM",
        help="what the answer has to be: json, json:SCHEMA_FILE, regex:EXPRESSION, choice:A,B or template:FILE",
    )  # fmt: skip
    kept.add_argument("--hold", action="append", metavar="WORD", help="a word that the answer has to hold (up to 4)")
    generate.add_argument("--trace", action="store_true", help="with --events: the steps of each block, in Base64")
    generate.set_defaults(work=answered)
    add_commands(commands, _whole_from)
    for command in commands.choices.values():
        _add_common(command)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.set_defaults(beginning="", before=command.get_default("before"))
    command.add_argument(
        "--model",
        type=_named_folder,
        default=STARTER_FOLDER,
        metavar="DIR",
        help="model folder (default: the starter model)",
    )
    command.add_argument("--backend", default="auto", metavar="NAME", help=", ".join(BACKEND_NAMES))
    command.add_argument("--gpu", metavar="CARD", help="a card by name, number or UUID (default: the first)")
    command.add_argument("--seed", type=_whole_from(0), metavar="N", help="same seed, same answer (default: random)")
    command.add_argument("--steps", type=_whole_from(1), metavar="N", help="upper limit of denoising steps a block")
    output = command.add_mutually_exclusive_group()
    output.add_argument("--events", action="store_true", help="one JSON object an event, one event a line")
    output.add_argument("--json", action="store_true", help="one JSON object at the end")


def _named_folder(text: str) -> Path:
    if not text:  # else it would be the current folder
        raise argparse.ArgumentTypeError("must name a folder")
    return Path(text)


def _whole_from(least: int, most: int | None = None) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if len(text) > _MOST_DIGITS:
            raise argparse.ArgumentTypeError(f"must have at most {_MOST_DIGITS} digits, not {len(text)} characters")
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            bounds = f"{least} or more" if most is None else f"{least} to {most}"
            raise argparse.ArgumentTypeError(f"must be a whole number of {bounds}, not {text!r}")
        return value

    return parse


def _generated(
    options: argparse.Namespace, cancel: threading.Event, report: Callable[[Event], None]
) -> Iterator[Event]:
    """Load the model and answer; `report` gets the progress of loading, which comes from within a call."""
    if options.before is not None:
        options.before(options)
    if options.gpu is not None:
        use_card(options.gpu)
    began = time.perf_counter()

    def progress(stage: str, fraction: float) -> None:
        report(ModelLoading(stage, fraction))

    try:
        session = open_model(options.model, options.backend, progress, cancel=cancel)
    except LoadStoppedError:
        return
    with session:
        yield session.ready_event(time.perf_counter() - began)
        yield from options.work(session, options, cancel)


class _PlainWriter:
    """Prints the answer as its blocks are committed, behind its given beginning where a command has one."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._finished: Finished | None = None
        self._closed = False  # by an event that is no answer

    def take(self, event: Event) -> None:
        """One event has happened."""
        if isinstance(event, Finished):
            self._finished = event
        elif isinstance(event, Decided | Calibrated):
            self._closed = True
        elif isinstance(event, NothingWritten):
            print(f"{event.user_text} {event.hint}", file=sys.stderr)
        self._write(event)

    def close(self) -> int:
        """All events have happened; returns the exit code."""
        if self._closed:
            return 0
        if self._finished is None or self._finished.reason == "cancelled":
            print("Stopped before the answer was complete.", file=sys.stderr)
            return 1
        if self._finished.reason in _CUT_OFF:
            print(_CUT_OFF[self._finished.reason], file=sys.stderr)
        return 0

    def _write(self, event: Event) -> None:
        if isinstance(event, BlockCommitted):
            begun, self._options.beginning = self._options.beginning, ""
            print(begun + event.answer, end="", flush=True)
        elif isinstance(event, Finished):
            print(flush=True)


class _VariantsWriter(_PlainWriter):
    """Prints each new part on lines of its own, its score before it."""

    def _write(self, event: Event) -> None:
        if isinstance(event, VariantWritten):
            print(f"{event.score:.2f}\t{event.part}", flush=True)


class _DecisionWriter(_PlainWriter):
    """Prints each label with its share, the likeliest first; and a mean and a confidence, if there are."""

    def _write(self, event: Event) -> None:
        if isinstance(event, Decided):
            for share, label in sorted(zip(event.shares, event.labels, strict=True), reverse=True):
                print(f"{share:.3f}\t{label}")
            if event.mean is not None:
                print(f"{event.mean:.2f}\tmean")
            if event.confidence is not None:
                print(f"{event.confidence:.3f}\tcalibrated confidence in {event.label}")
            sys.stdout.flush()
        elif isinstance(event, Calibrated):
            known = event.calibration
            print(
                f"temperature {known.temperature:.2f} from {known.examples} examples, {known.right:.0%} of them right; "
                f"calibration error {known.error:.3f} on those held out ({known.error_before:.3f} without)",
                flush=True,
            )


class _EventWriter(_PlainWriter):
    """Prints each event as one line of JSON."""

    def _write(self, event: Event) -> None:
        print(json.dumps(event_as_dict(event)), flush=True)


class _JsonWriter(_PlainWriter):
    """Prints one object at the end: `Finished`, with the model, the prompt's counters and all committed ids."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._facts: dict[str, object] = {}
        self._ids: list[int] = []
        self._variants: list[dict[str, object]] = []

    def close(self) -> int:
        """All events have happened: what there are several answers of is printed now."""
        if self._options.command == "rewrite" and self._finished is not None:
            print(json.dumps({"variants": self._variants, **self._facts}), flush=True)
        return super().close()

    def _write(self, event: Event) -> None:
        match event:
            case ModelReady():
                self._facts["model"] = event_as_dict(event)
            case PromptEncoded():
                self._facts["prompt"] = event_as_dict(event)
            case BlockCommitted(token_ids=ids):
                self._ids.extend(ids)
            case VariantWritten():
                self._variants.append(event_as_dict(event))
            case Decided() | Calibrated():
                print(json.dumps({**event_as_dict(event), **self._facts}), flush=True)
            case Finished() if self._options.command != "rewrite":
                whole = {"text": self._options.beginning + event.answer} if self._options.beginning else {}
                print(json.dumps({**event_as_dict(event), **whole, **self._facts, "token_ids": self._ids}), flush=True)
            case _:
                pass
