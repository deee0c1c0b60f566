"""`python -m app doctor`: what Dewpoint needs on this computer, and what it found; 1 if something fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from app import __version__
from app.base.paths import AppPaths
from app.commands.console import say, say_object
from app.gpu.service import GpuService
from app.library.services import LibraryServices
from app.machine.checks import checks, report
from trt_engines.arguments import TextParser


def main(arguments: Sequence[str]) -> int:
    """Run `doctor` with its own arguments; returns the exit status."""
    parser = TextParser(prog="dewpoint doctor", description="Check what Dewpoint needs on this computer.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    services = LibraryServices.open(AppPaths.resolve(), offline=True)
    found = [check for check in checks(services, GpuService(services.paths, services.network)) if check is not None]
    passed = all(check.status != "fail" for check in found)
    facts = {"version": __version__, "passed": passed, "checks": [dataclasses.asdict(check) for check in found]}
    if options.json:
        say_object(facts, indent=1)
    else:
        say(report(found))
    return 0 if passed else 1
