"""`engines build`: build and test the engines for a model; Ctrl+C stops it and keeps what is finished."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from app.commands.engines_choice import add_choice_arguments, chosen, new_service, recommended
from app.engines import texts
from app.engines.service import EngineEvent, EngineService
from app.engines.values import EngineOffer, EngineStatus

if TYPE_CHECKING:
    from trt_engines.building.builder import BuildProgress
    from trt_engines.building.state import Check

INTERRUPTED = 130


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
    report = JsonReport(offer) if options.json else TextReport(offer)
    report.begin(status)
    started = time.monotonic()
    try:
        with closing(service.build(status, offer)) as events:
            report.follow(events)
    except KeyboardInterrupt:
        report.stopped(*service.finished_parts(offer.request))
        return INTERRUPTED
    finally:
        report.end_line()
    report.built(status, service, time.monotonic() - started)
    return 0 if all(check.passed for check in report.checks) else 1


class Report:
    """Follows a build; what a subclass does not want to say it leaves empty."""

    def __init__(self, offer: EngineOffer) -> None:
        self.offer = offer
        self.checks: list[Check] = []
        self.complete = False

    def begin(self, status: EngineStatus) -> None:
        """What will be built."""

    def follow(self, events: Generator[EngineEvent, None, None]) -> None:
        """Show every event."""
        from trt_engines.building.builder import BuildProgress
        from trt_engines.building.state import Check

        for event in events:
            if isinstance(event, BuildProgress):
                self.complete = event.fraction >= 1
                self.progress(event)
            elif isinstance(event, Check):
                self.checks.append(event)
                self.check(event)

    def progress(self, progress: BuildProgress) -> None:
        """How far it is."""

    def check(self, check: Check) -> None:
        """One part was tested."""

    def end_line(self) -> None:
        """Whatever comes next stands on a line of its own."""

    def stopped(self, done: int, count: int) -> None:
        """The user stopped it."""

    def built(self, status: EngineStatus, service: EngineService, seconds: float) -> None:
        """All is done."""


class TextReport(Report):
    """For people: one line that is rewritten on a terminal, a line for each part elsewhere."""

    def __init__(self, offer: EngineOffer) -> None:
        super().__init__(offer)
        self._terminal = sys.stdout.isatty()
        self._part = ""
        self._shown = 0

    def begin(self, status: EngineStatus) -> None:
        """Model, precision and card."""
        card = status.card.gpu.name if status.card is not None else ""
        _say(texts.build_head(self.offer.request.model, self.offer.precision, card, self.offer.plan.context))

    def progress(self, progress: BuildProgress) -> None:
        """Segment, phase, percent, time left."""
        name = texts.part_name(progress.part, self.offer.request.identity.cuts)
        line = texts.build_line(progress.number, progress.count, name, progress.phase)
        line += f" \u00b7 {texts.progress_line(progress.fraction, progress.seconds_left)}"
        if self._terminal:
            line = line[: shutil.get_terminal_size().columns - 1]
            sys.stdout.write("\r" + line.ljust(self._shown))
            sys.stdout.flush()
            self._shown = len(line)
        elif progress.part != self._part and progress.fraction < 1:
            _say(line)
        self._part = progress.part

    def check(self, check: Check) -> None:
        """Its error and what is allowed."""
        self.end_line()
        _say(check_text(check, self.offer))

    def end_line(self) -> None:
        """Leave the line that is rewritten."""
        if self._shown:
            sys.stdout.write("\n")
            self._shown = 0

    def stopped(self, done: int, count: int) -> None:
        """Say what is kept."""
        self.end_line()
        _say(texts.STOPPED_TEST if self.complete else texts.kept(done, count))

    def built(self, status: EngineStatus, service: EngineService, seconds: float) -> None:
        """The verdict."""
        _say(texts.built(self.offer.request.model, self.offer.precision, seconds))
        if not status.here:
            _say(texts.TESTED_ELSEWHERE)
        elif self.checks:
            _say(verdict(self.checks, self.offer))


class JsonReport(Report):
    """For programs: one object a line, each with an "event"."""

    def progress(self, progress: BuildProgress) -> None:
        """All fields."""
        _say_json("progress", dataclasses.asdict(progress))

    def check(self, check: Check) -> None:
        """All fields."""
        _say_json("check", check_facts(check))

    def stopped(self, done: int, count: int) -> None:
        """What is kept."""
        _say_json("stopped", {"finished": done, "of": count})

    def built(self, status: EngineStatus, service: EngineService, seconds: float) -> None:
        """Where it lies."""
        folder = service.store.folder(self.offer.request.identity)
        passed = all(check.passed for check in self.checks) if self.checks else None
        _say_json("built", {"folder": str(folder), "seconds": round(seconds, 1), "passed": passed})


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
    return texts.test_failed(texts.part_name(bad.part, offer.request.identity.cuts), bad.error, bad.tolerance)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _say_json(event: str, facts: dict[str, Any]) -> None:
    _say(json.dumps({"event": event, **facts}))
