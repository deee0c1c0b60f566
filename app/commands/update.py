"""`python -m app update`: whether there is a newer Dewpoint; with --download, its package too. Nothing is installed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app import __version__
from app.commands.console import new_reporter
from app.commands.models_choice import new_services
from app.commands.models_download import follow_transfer
from app.transfers import texts as transfer_texts
from app.updates import texts
from app.updates.service import UpdateService
from app.updates.values import Found
from trt_engines.arguments import TextParser
from trt_engines.streams import INTERRUPTED


def main(arguments: Sequence[str]) -> int:
    """Run `update` with its own arguments; returns the exit status.

    Raises:
        KnownAppError: It cannot be asked or fetched, in one sentence; what is fetched is kept.
    """
    parser = TextParser(
        prog="dewpoint update", description="Ask whether there is a newer Dewpoint. Nothing is installed."
    )
    parser.add_argument("--download", action="store_true", help="fetch and check its package, say how it is installed")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    options = parser.parse_args(arguments)
    updates = UpdateService(new_services())
    found = updates.ask()
    package: Path | None = None
    report = new_reporter(options.json, buffered=True)
    if found is not None and options.download:
        try:
            follow_transfer(updates.fetch(found, threading.Event()), report)
        except KeyboardInterrupt:
            report.end_line()
            report.tell("stopped", {"text": transfer_texts.STOPPED}, transfer_texts.STOPPED)
            return INTERRUPTED
        finally:
            report.end_line()
        package = updates.placed(found)
    report.tell("update", {"text": _text(found, None), **_facts(found, package)}, _text(found, package))
    return 0


def _text(found: Found | None, package: Path | None) -> str:
    if found is None:
        return texts.newest(__version__)
    lines = [texts.newer(found.release.version, found.release.date, __version__)]
    lines += [f"  \u2022 {change}" for change in found.release.changes]
    if found.file is None:
        lines.append(texts.no_package(found.release.version))
    lines.append(found.page)
    if package is not None and found.kind is not None:
        command = texts.install_command(found.kind, package)
        lines += ["", texts.what_to_do(found.kind, package), command or str(package), texts.CHATS_STAY]
    return "\n".join(lines)


def _facts(found: Found | None, package: Path | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"version": __version__, "newer": None}
    if found is not None:
        facts["newer"] = {
            "version": found.release.version,
            "date": found.release.date,
            "changes": found.release.changes,
            "page": found.page,
            "file": found.file.name if found.file is not None else None,
            "package": str(package) if package is not None else None,
            "install": texts.install_command(found.kind or "", package) if package is not None else None,
        }
    return facts
