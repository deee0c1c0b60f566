"""`python -m app gpu status | install | trial | remove`: TensorRT for RTX in the data folder, without a window."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from app.base import texts as base_texts
from app.base.errors import KnownAppError
from app.commands.console import Reporter, accepted, agreed, new_reporter
from app.commands.models_choice import new_services
from app.gpu import texts
from app.gpu.service import GpuService
from app.gpu.values import GpuState, GpuStatus, GpuStep
from trt_engines.arguments import TextParser
from trt_engines.errors import EngineError
from trt_engines.streams import INTERRUPTED
from trt_engines.tensorrt.card_report import TRIAL, TrialStep


def main(arguments: Sequence[str]) -> int:
    """Run `gpu` with its own arguments; returns the exit status.

    Raises:
        AppError: What went wrong, in one sentence.
    """
    parser = TextParser(prog="dewpoint gpu", description="TensorRT for RTX, for NVIDIA RTX cards.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="say whether it is installed, whole and works")
    status.add_argument("--verify", action="store_true", help="hash every file, and try it")
    install = commands.add_parser("install", help="fetch and install it, or install it again")
    install.add_argument("--accept-licence", action="store_true", help="you have read NVIDIA's licence; do not ask")
    trial = commands.add_parser("trial", help="run a small engine on the card in every way, and keep a report")
    remove = commands.add_parser("remove", help="delete it")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    for command, function in (
        (status, show_status),
        (install, install_addon),
        (trial, try_card),
        (remove, remove_addon),
    ):
        command.add_argument("--json", action="store_true", help="print JSON, one object a line; asks nothing")
        command.set_defaults(command=function)
    options = parser.parse_args(arguments)
    return int(options.command(options, new_addon()))


def new_addon() -> GpuService:
    """The add-on of the data folder, as offline as the settings say."""
    services = new_services()
    return GpuService(services.paths, services.network)


def show_status(options: argparse.Namespace, addon: GpuService) -> int:
    """Print how it is; 1 if it is damaged or does not work."""
    report, status = _reporter(options), addon.status()
    if options.verify and status.state is not GpuState.ABSENT:
        wrong = _followed(addon.verify(), report)
        if wrong:
            status = dataclasses.replace(status, state=GpuState.DAMAGED, damaged=wrong)
        elif status.state is not GpuState.DAMAGED:
            _followed(addon.tried(), report)
            status = addon.status()
    report.tell("status", status, _text(status))
    return 1 if status.state in (GpuState.DAMAGED, GpuState.BROKEN) else 0


def install_addon(options: argparse.Namespace, addon: GpuService) -> int:
    """Say what it takes, ask, install; 1 if it was not accepted, or is installed and does not work.

    Raises:
        AppError: It cannot be installed; what was there before is there.
    """
    report, offer = _reporter(options), addon.offer()
    report.note(texts.offer_line(offer.version, offer.download, offer.installed, offer.free_disk, offer.folder))
    report.note(texts.licence_line())
    if offer.problem is not None:
        raise KnownAppError(offer.problem.text, offer.problem.hint)
    if not options.accept_licence and (options.json or not accepted(texts.ACCEPT_QUESTION, offer.licence_text)):
        sys.stderr.write(texts.NOT_ACCEPTED + "\n")
        return 1
    try:
        _followed(addon.install(threading.Event()), report)
    except KeyboardInterrupt:
        report.tell("stopped", {"text": texts.STOPPED}, texts.STOPPED)
        return INTERRUPTED
    status = addon.status()
    works = status.state is GpuState.INSTALLED
    text = texts.installed_new(status.version, status.size) if works else _text(status)
    report.tell("installed", {"text": text, **dataclasses.asdict(status)}, text)
    if status.can_try:
        with contextlib.suppress(EngineError):  # that is no failure of the installation
            try_card(options, addon)
    return 0 if works else 1


def try_card(options: argparse.Namespace, addon: GpuService) -> int:
    """Print what each step found; 1 if models cannot run on the card.

    Raises:
        EngineError: There is no card, its driver is too old, or TensorRT does not load.
    """
    report, works = _reporter(options), False
    with closing(addon.try_card()) as events:
        for event in events:
            if isinstance(event, TrialStep):
                line = texts.step_line(event.worked, event.name, event.text, event.seconds)
                report.tell("step", event, line)
            elif event is not None:
                works = event.runs_models
                report.tell("tried", event, texts.tried_card(event, addon.engines / TRIAL))
    return 0 if works else 1


def remove_addon(options: argparse.Namespace, addon: GpuService) -> int:
    """Ask, remove.

    Raises:
        AppError: There is none, or it cannot be removed.
    """
    status = addon.status()
    if status.state is GpuState.ABSENT:
        raise KnownAppError(texts.NOTHING_TO_REMOVE)
    report = _reporter(options)
    report.note(_text(status))
    if status.others:
        report.note(base_texts.left_in(status.folder, status.others, asked=True))
    if not options.yes and (options.json or not agreed(base_texts.REMOVE_QUESTION)):
        sys.stderr.write(base_texts.NOT_REMOVED + "\n")
        return 1
    freed = addon.remove()
    text = texts.removed(freed.count, freed.stays, addon.folder)
    report.tell("removed", {"freed": freed.count, "stays": freed.stays}, text)
    return 0


def _reporter(options: argparse.Namespace) -> Reporter:
    return new_reporter(options.json, wipes=True)


def _followed(steps: Generator[GpuStep, None, Any], report: Reporter) -> Any:
    """Report every step; returns what the generator does."""
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            finally:
                report.end_line()
            report.progress("step", step, texts.stage(step.stage, step.fraction), step.stage)


def _text(status: GpuStatus) -> str:
    match status.state:
        case GpuState.ABSENT if status.elsewhere:
            return texts.ELSEWHERE
        case GpuState.ABSENT:
            return texts.not_installed(status.card, status.download, status.needs)
        case GpuState.DAMAGED:
            return f"{texts.damaged(status.damaged)} {texts.DAMAGED_HINT}"
        case GpuState.BROKEN if status.report is not None:
            return f"{texts.broken(status.report.text)} {status.report.hint or texts.BROKEN_HINT}"
    return f"{texts.installed(status.version, status.size, status.installed)}\n{status.folder}"
