"""`python -m app bench`: how fast a model answers on this computer, by every backend and preset there is."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.files import named_target, write_whole
from app.base.paths import named_path, starter_model_folder
from app.commands.arguments import whole
from app.commands.console import new_reporter, say_object
from app.commands.models_choice import chosen_model, new_services
from app.library.services import LibraryServices
from app.library.texts import NO_SUCH_MODEL_HINT, STARTER_MODEL_NAME, no_such_model
from app.machine.bench import texts
from app.machine.bench.plot import svg
from app.machine.bench.prompts import PROMPTS
from app.machine.bench.report import as_object, markdown
from app.machine.bench.server import server_address
from app.machine.bench.service import Asked, whole_benchmark
from app.machine.bench.values import BACKENDS, LENGTHS, PRESETS, BenchPlan, BenchReport, BenchStep
from trt_engines.arguments import TextParser
from trt_engines.ctrl_c import ends_at_ctrl_c

MOST_SEEDS = 100
_EPILOG = (
    "Exit codes: 0 measured, 1 nothing measured, 2 wrong usage, 130 stopped by Ctrl+C (what was measured until then is "
    "printed and written). Nothing is sent anywhere, but with --against the prompts to that server."
)


def main(arguments: Sequence[str]) -> int:
    """Run `bench` with its own arguments; returns the exit status."""
    options = _parser().parse_args(arguments)
    services = new_services()
    asked = _asked(options, services)
    reporter = new_reporter(False, wipes=True)
    report = None
    with ends_at_ctrl_c() as cancel, closing(whole_benchmark(asked, services, cancel)) as news:
        for event in news:
            match event:
                case BenchStep(side, done, of) if not options.json:
                    reporter.progress("progress", event, texts.progress(side, done, of), side)
                case BenchReport():
                    report = event
    reporter.end_line()
    if report is None:
        raise KeyboardInterrupt  # taken for a stop above; now there is nothing to print
    if options.json:
        say_object(as_object(report), indent=1)
    else:
        reporter.note(markdown(report))
    _write(options.out, options.plot, report)
    return 130 if report.stopped else 0


def _parser() -> argparse.ArgumentParser:
    parser = TextParser(
        prog="dewpoint bench", description="Measure how fast a model answers on this computer.", epilog=_EPILOG
    )
    parser.add_argument("--model", metavar="MODEL", help="name or folder of a model; the starter model if left out")
    parser.add_argument("--backends", metavar="A,B", help=f"of {', '.join(BACKENDS)}; all that are there if left out")
    parser.add_argument("--presets", metavar="A,B", help=f"of {', '.join(PRESETS)}; all if left out")
    parser.add_argument("--lengths", metavar="A,B", help="of short, 256, 1024 (tokens); all if left out")
    parser.add_argument("--prompts", type=whole(texts.FEW_PROMPTS, 2, PROMPTS), default=PROMPTS, metavar="N")
    parser.add_argument("--seeds", type=whole(texts.FEW_SEEDS, 1, MOST_SEEDS), default=3, metavar="N")
    parser.add_argument("--compare", action="store_true", help="transformers on the same weights, too (needs torch)")
    parser.add_argument("--against", metavar="ADDRESS", help="an OpenAI-compatible server, too: http://127.0.0.1:1234")
    parser.add_argument("--against-model", default="", metavar="NAME", help="which of its models")
    parser.add_argument("--against-key", default="", metavar="VARIABLE", help="environment variable that holds its key")
    parser.add_argument("--json", action="store_true", help="print one JSON object (docs/bench.schema.json)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there: .json, or Markdown")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a picture there")
    return parser


def _asked(options: argparse.Namespace, services: LibraryServices) -> Asked:
    """What is to be measured.

    Raises:
        KnownAppError: One of the words means nothing.
    """
    folder, name = _model(options.model, services)
    lengths = _chosen("--lengths", options.lengths, tuple(length.name for length in LENGTHS))
    plan = BenchPlan(
        options.prompts,
        options.seeds,
        tuple(length for length in LENGTHS if length.name in lengths),
        _chosen("--presets", options.presets, PRESETS),
    )
    against = None
    if options.against is not None:
        against = server_address(options.against, options.against_model, options.against_key)
    backends = _chosen("--backends", options.backends, BACKENDS)
    return Asked(folder, name, backends, options.compare, against, plan)


def _model(named: str | None, services: LibraryServices) -> tuple[Path, str]:
    if named is None:
        return starter_model_folder(), STARTER_MODEL_NAME
    folder = named_path(named)
    if named and os.path.isdir(folder):
        return folder, folder.name
    model = chosen_model(services, named)
    if model.folder is None:
        raise KnownAppError(no_such_model(named), NO_SUCH_MODEL_HINT)
    return model.folder, model.title


def _chosen(option: str, named: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The known ones that are named, in their own order; all if none is.

    Raises:
        KnownAppError: One is not known.
    """
    if named is None:
        return known
    words = [word.strip().lower().replace(",", "") for word in named.split(",") if word.strip()]
    for word in words:
        if word not in known:
            raise KnownAppError(texts.no_such_choice(option, word, known))
    if not words:
        raise KnownAppError(texts.no_such_choice(option, named, known))
    return tuple(name for name in known if name in words)


def _write(out: Path | None, plot: Path | None, report: BenchReport) -> None:
    files = []
    if out is not None:
        as_json = out.suffix.lower() == ".json"
        files.append((out, json.dumps(as_object(report), indent=1) if as_json else markdown(report)))
    if plot is not None:
        files.append((plot, svg(report)))
    for path, text in files:
        try:
            write_whole(named_target(path), (text.rstrip() + "\n").encode("utf-8"))
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise KnownAppError(texts.not_written(path, reason), texts.NOT_WRITTEN_HINT) from exc
