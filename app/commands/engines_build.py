"""`engines build`: build and test the engines for a model; Ctrl+C stops it and keeps what is finished."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.console import Reporter, new_reporter
from app.commands.engines_choice import add_choice_arguments, chosen, new_service, recommended
from app.engines import texts
from app.engines.service import EngineEvent
from app.engines.values import EngineOffer, EngineStatus
from trt_engines.streams import INTERRUPTED

if TYPE_CHECKING:
    from trt_engines.building.builder import BuildProgress
    from trt_engines.building.state import Check


def add_build(commands: Any) -> None:
    """The command's own arguments."""
    build = commands.add_parser("build", help="build engines for a model and a card, then test them")
    add_choice_arguments(build)
    build.set_defaults(command=build_engines)


def build_engines(options: argparse.Namespace) -> int:
    """Build what is missing, then test it if the card is here.

    Raises:
        AppError, EngineError: It cannot be built or tested; what is finished is kept.
    """
    service = new_service()
    status, offer = chosen(options, service, recommended)
    report = new_reporter(options.json)
    card = status.card.gpu.name if status.card is not None else ""
    report.note(texts.build_head(offer.request.model, offer.precision, card, offer.plan.context))
    run = _Run(offer, report)
    started = time.monotonic()
    try:
        with closing(service.build(status, offer)) as events:
            run.follow(events)
    except KeyboardInterrupt:
        done, count = service.finished_parts(offer.request)
        text = texts.STOPPED_TEST if run.complete else texts.kept(done, count)
        report.tell("stopped", {"finished": done, "of": count}, text)
        return INTERRUPTED
    finally:
        report.end_line()
    run.built(status, service.store.folder(offer.request.identity), time.monotonic() - started)
    return 0 if all(check.passed for check in run.checks) else 1


class _Run:
    """A build and its self-test, as they are reported."""

    def __init__(self, offer: EngineOffer, report: Reporter) -> None:
        self.checks: list[Check] = []
        self.complete = False
        self._offer = offer
        self._report = report
        self._part = ""

    def follow(self, events: Generator[EngineEvent, None, None]) -> None:
        """Report every event."""
        from trt_engines.building.builder import BuildProgress
        from trt_engines.building.state import Check

        for event in events:
            if isinstance(event, BuildProgress):
                self.complete = event.fraction >= 1
                self._progress(event)
            elif isinstance(event, Check):
                self.checks.append(event)
                self._report.tell("check", check_facts(event), check_text(event, self._offer))

    def built(self, status: EngineStatus, folder: Path, seconds: float) -> None:
        """All is done: where it lies, and the verdict."""
        passed = all(check.passed for check in self.checks) if self.checks else None
        facts = {"folder": str(folder), "seconds": round(seconds, 1), "passed": passed}
        self._report.tell("built", facts, texts.built(self._offer.request.model, self._offer.precision, seconds))
        if not status.here:
            self._report.note(texts.TESTED_ELSEWHERE)
        elif self.checks:
            self._report.note(verdict(self.checks, self._offer))

    def _progress(self, progress: BuildProgress) -> None:
        """Segment, phase, percent, time left."""
        name = texts.part_name(progress.part, self._offer.request.identity.cuts)
        line = texts.build_line(progress.number, progress.count, name, progress.phase)
        line += f" \u00b7 {texts.progress_line(progress.fraction, progress.seconds_left)}"
        if not self.complete:
            self._part = progress.part
        self._report.progress("progress", progress, line, self._part)


def check_text(check: Check, offer: EngineOffer) -> str:
    """One check as a line."""
    name = texts.part_name(check.part, offer.request.identity.cuts)
    return texts.check_line(name, check.error, check.tolerance, check.passed)


def check_facts(check: Check) -> dict[str, Any]:
    """One check for programs."""
    return {**dataclasses.asdict(check), "passed": check.passed}


def verdict(checks: list[Check], offer: EngineOffer) -> str:
    """What the checks say together."""
    bad = next((check for check in checks if not check.passed), None)
    if bad is None:
        return texts.PASSED
    part = texts.part_name(bad.part, offer.request.identity.cuts)
    return texts.test_failed(part, bad.error, bad.tolerance, bad.overflow)
