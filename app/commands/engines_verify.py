"""`engines verify`: run the self-test of engines on the card, and print what each part is off by."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from app.base.errors import KnownAppError
from app.commands.console import TextReporter
from app.commands.engines_build import check_facts, check_text, verdict
from app.commands.engines_choice import COMPLETE, add_choice_arguments, chosen, finished, new_service
from app.engines import texts
from trt_engines.streams import INTERRUPTED

if TYPE_CHECKING:
    from trt_engines.building.state import Check


def add_verify(commands: Any) -> None:
    """The command's own arguments."""
    verify = commands.add_parser("verify", help="test engines on the card")
    add_choice_arguments(verify)
    verify.set_defaults(command=verify_engines)


def verify_engines(options: argparse.Namespace) -> int:
    """Print every check and the verdict; exit status 1 if one failed.

    Raises:
        AppError, EngineError: There is nothing to test, or nothing to test it with.
    """
    service = new_service()
    status, offer = chosen(options, service, finished)
    if offer.state.name not in COMPLETE:
        raise KnownAppError(texts.NOT_BUILT, texts.NOT_BUILT_HINT)
    if not status.here:
        raise KnownAppError(texts.TESTED_ELSEWHERE)
    checks: list[Check] = []
    report = TextReporter()  # with --json there is one object, at the end
    try:
        with closing(service.verify(status, offer)) as events:
            for check in events:
                if check is None:
                    continue
                checks.append(check)
                if not options.json:
                    report.note(check_text(check, offer))
    except KeyboardInterrupt:
        report.note(json.dumps({"passed": None}) if options.json else texts.STOPPED_TEST)
        return INTERRUPTED
    passed = bool(checks) and all(check.passed for check in checks)
    facts = {"passed": passed, "checks": [check_facts(check) for check in checks]}
    report.note(json.dumps(facts) if options.json else verdict(checks, offer))
    return 0 if passed else 1
