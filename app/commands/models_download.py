"""`models download`, and the progress bar that `models verify` has, too; Ctrl+C stops, and what is fetched is kept."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Generator
from contextlib import closing
from typing import Any

from app.base import units
from app.base.errors import KnownAppError
from app.commands.arguments import number
from app.commands.console import Reporter, accepted, new_reporter, say
from app.commands.models_choice import find_model, new_services
from app.library import download, texts
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.library.values import DownloadOffer, ModelState
from app.transfers import texts as transfer_texts
from app.transfers.values import (
    FileDamaged,
    FileFinished,
    Progress,
    TransferEvent,
    TransferFinished,
    TransferStopped,
    Verifying,
    Waiting,
)
from trt_engines.streams import INTERRUPTED

BAR = 24
MOST_LIMIT = 10_000  # MB/s
# What programs read: these names stay, whatever the classes are called.
EVENT_NAMES: dict[type, str] = {
    Progress: "progress",
    Verifying: "verifying",
    FileFinished: "filefinished",
    FileDamaged: "filedamaged",
    Waiting: "waiting",
    TransferFinished: "finished",
    TransferStopped: "stopped",
}


def add_download(commands: Any) -> None:
    """The command's own arguments."""
    fetch = commands.add_parser("download", help="download a model, or go on with a download")
    fetch.add_argument("model", metavar="MODEL", help="a name of `list`, or a repository: owner/name")
    fetch.add_argument("--revision", metavar="NAME", help="branch, tag or commit; the main branch if left out")
    fetch.add_argument("--accept-licence", action="store_true", help="you have read the licence; do not ask")
    fetch.add_argument(
        "--limit", metavar="MB/S", type=number("--limit", 0, MOST_LIMIT), help="the most it takes of your line"
    )
    fetch.add_argument("--json", action="store_true", help="print JSON, one object a line; asks nothing")
    fetch.set_defaults(command=download_model)


def download_model(options: argparse.Namespace) -> int:
    """Ask, show the licence, fetch.

    Raises:
        AppError: It cannot be downloaded, in one sentence; what is fetched is kept.
    """
    services = new_services(options.limit)
    report = new_reporter(options.json, buffered=True)
    record = _record(services, options)
    if record is None:
        return 1
    cancel = threading.Event()
    try:
        follow_transfer(download.download(services, record, cancel), report)
    except KeyboardInterrupt:
        report.end_line()
        report.tell("stopped", {"text": transfer_texts.STOPPED}, transfer_texts.STOPPED)
        return INTERRUPTED
    finally:
        report.end_line()
    text = texts.installed(record.title, record.folder)
    report.tell("installed", {"text": text, "folder": str(record.folder)}, text)
    return 0


def follow_transfer(events: Generator[TransferEvent, None, None], report: Reporter) -> list[str]:
    """Report every event of a transfer; returns the files that were found wrong."""
    damaged: list[str] = []
    with closing(events):
        for event in events:
            name = EVENT_NAMES[type(event)]
            match event:
                case Progress():
                    left = units.time_left(event.rate, event.seconds_left)
                    line = f"{_bar(event.done, event.total)} {units.amount(event.done, event.total)} {left}"
                    report.progress(name, event, line, event.file)
                case Verifying():
                    line = f"{_bar(event.done, event.total)} {texts.checking(event.path)}"
                    report.progress(name, event, line, event.path)
                case Waiting():
                    report.progress(name, event, event.text, event.text)
                case FileDamaged():
                    damaged.append(event.path)
                    report.tell(name, event, f"{event.path}: {event.reason}")
                case _:
                    report.tell(name, event, "")
    return damaged


def _record(services: LibraryServices, options: argparse.Namespace) -> ModelRecord | None:
    """What to download: what is on its way or damaged already, else what the user accepts now; None if not."""
    model = find_model(services, options.model)
    if model is not None and model.kind == "starter":
        raise KnownAppError(texts.STARTER_IS_HERE)
    if model is not None and model.kind == "download" and options.revision is None:
        if model.state == ModelState.ELSEWHERE:
            raise KnownAppError(texts.DOWNLOADED_ELSEWHERE, texts.DOWNLOADED_ELSEWHERE_HINT)
        return services.library.find(model.id)
    offer = download.offer(
        services, model.repo if model is not None and model.repo else options.model, options.revision
    )
    if not options.json:
        _show(offer)
    if offer.problem is not None:
        raise KnownAppError(offer.problem.text, offer.problem.hint)
    if not options.accept_licence and (options.json or not accepted(texts.ACCEPT_QUESTION, offer.licence_text)):
        sys.stderr.write(texts.NOT_ACCEPTED + "\n")
        return None
    return download.accept(services, offer)


def _show(offer: DownloadOffer) -> None:
    remote = offer.remote
    lines = [
        offer.title,
        texts.download_line(remote.repo, remote.revision, len(remote.files), offer.missing, offer.free_disk),
        f"{offer.fit.text} {offer.fit.hint}".rstrip(),
        texts.licence_line(remote.licence, offer.terms),
    ]
    say("\n".join(lines))


def _bar(done: int, total: int) -> str:
    filled = round(BAR * done / total) if total else BAR
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {units.percent(done / total if total else 1):>5}"
