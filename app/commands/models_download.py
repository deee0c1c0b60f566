"""`models download` and `models verify`, with a progress bar; Ctrl+C stops either, and what is fetched is kept."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import threading
from collections.abc import Generator
from contextlib import closing
from typing import Any

from app.base import units
from app.base.errors import KnownAppError
from app.commands.models_choice import chosen_record, find_model, new_services
from app.library import care as keeping
from app.library import download as fetching
from app.library import texts
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.library.values import DownloadOffer, ModelState
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

INTERRUPTED = 130
BAR = 24
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
    download = commands.add_parser("download", help="download a model, or go on with a download")
    download.add_argument("model", metavar="MODEL", help="a name of `list`, or a repository: owner/name")
    download.add_argument("--revision", metavar="NAME", help="branch, tag or commit; the main branch if left out")
    download.add_argument("--accept-licence", action="store_true", help="you have read the licence; do not ask")
    download.add_argument("--limit", metavar="MB/S", type=float, help="the most it takes of your line")
    download.add_argument("--json", action="store_true", help="print JSON, one object a line; asks nothing")
    download.set_defaults(command=download_model)


def add_verify(commands: Any) -> None:
    """The command's own arguments."""
    verify = commands.add_parser("verify", help="hash every file of a model again")
    verify.add_argument("model", metavar="MODEL", help="its name in `list`, repository, title or folder")
    verify.add_argument("--json", action="store_true", help="print JSON, one object a line")
    verify.set_defaults(command=verify_model)


def download_model(options: argparse.Namespace) -> int:
    """Ask, show the licence, fetch.

    Raises:
        AppError: It cannot be downloaded, in one sentence; what is fetched is kept.
    """
    if options.limit is not None and not 0 <= options.limit <= 10_000:
        raise KnownAppError(texts.wrong_limit(options.limit))
    services = new_services(options.limit)
    report = JsonReport() if options.json else TextReport()
    record = _record(services, options)
    if record is None:
        return 1
    cancel = threading.Event()
    try:
        report.follow(fetching.download(services, record, cancel))
    except KeyboardInterrupt:
        report.end_line()
        report.say("stopped", texts.STOPPED_DOWNLOAD)
        return INTERRUPTED
    finally:
        report.end_line()
    report.say("installed", texts.installed(record.title, record.folder), folder=str(record.folder))
    return 0


def verify_model(options: argparse.Namespace) -> int:
    """Hash every file; 1 if one is wrong.

    Raises:
        KnownAppError: There is no such model, or its hashes are not known.
    """
    services = new_services()
    record = chosen_record(services, options.model)
    report = JsonReport() if options.json else TextReport()
    try:
        report.follow(keeping.verify(services, record, threading.Event()))
    except KeyboardInterrupt:
        report.end_line()
        return INTERRUPTED
    finally:
        report.end_line()
    if report.damaged:
        report.say("damaged", " ".join(texts.files_damaged(len(report.damaged))), files=report.damaged)
        return 1
    report.say("verified", texts.ALL_RIGHT)
    return 0


class TextReport:
    """For people: one line that is rewritten on a terminal, a line a file elsewhere."""

    def __init__(self) -> None:
        self.damaged: list[str] = []
        self._terminal = sys.stdout.isatty()
        self._shown = 0
        self._last = ""

    def follow(self, events: Generator[TransferEvent, None, None]) -> None:
        """Show every event."""
        with closing(events):
            for event in events:
                if isinstance(event, FileDamaged):
                    self.damaged.append(event.path)
                self.event(event)

    def event(self, event: TransferEvent) -> None:
        """Show one event."""
        match event:
            case Progress():
                left = units.time_left(event.rate, event.seconds_left)
                self._line(
                    f"{_bar(event.done, event.total)} {units.amount(event.done, event.total)} {left}", event.file
                )
            case Verifying():
                self._line(f"{_bar(event.done, event.total)} {texts.checking(event.path)}", event.path)
            case Waiting():
                self._line(event.text, event.text)
            case FileDamaged():
                self.end_line()
                sys.stdout.write(f"{event.path}: {event.reason}\n")

    def say(self, event: str, text: str, **facts: Any) -> None:
        """A sentence of its own."""
        sys.stdout.write(text + "\n")

    def end_line(self) -> None:
        """Leave the line that is rewritten."""
        if self._shown:
            sys.stdout.write("\n")
            self._shown = 0

    def _line(self, text: str, subject: str) -> None:
        if self._terminal:
            text = text[: shutil.get_terminal_size().columns - 1]
            sys.stdout.write("\r" + text.ljust(self._shown))
            sys.stdout.flush()
            self._shown = len(text)
        elif subject != self._last:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        self._last = subject


class JsonReport(TextReport):
    """For programs: one object a line, each with an "event"."""

    def event(self, event: TransferEvent) -> None:
        """All fields."""
        self._say(EVENT_NAMES[type(event)], dataclasses.asdict(event))

    def say(self, event: str, text: str, **facts: Any) -> None:
        """The same as an object."""
        self._say(event, {"text": text, **facts})

    def _say(self, event: str, facts: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()


def _record(services: LibraryServices, options: argparse.Namespace) -> ModelRecord | None:
    """What to download: what is on its way or damaged already, else what the user accepts now; None if not."""
    model = find_model(services, options.model)
    if model is not None and model.kind == "starter":
        raise KnownAppError(texts.STARTER_IS_HERE)
    if model is not None and model.kind == "download" and options.revision is None:
        if model.state == ModelState.ELSEWHERE:
            raise KnownAppError(texts.DOWNLOADED_ELSEWHERE, texts.DOWNLOADED_ELSEWHERE_HINT)
        return services.library.find(model.id)
    offer = fetching.offer(
        services, model.repo if model is not None and model.repo else options.model, options.revision
    )
    if not options.json:
        _show(offer)
    if offer.problem is not None:
        raise KnownAppError(offer.problem.text, offer.problem.hint)
    if not options.accept_licence and (options.json or not _agreed(offer)):
        sys.stderr.write(texts.NOT_ACCEPTED + "\n")
        return None
    return fetching.accept(services, offer)


def _show(offer: DownloadOffer) -> None:
    remote = offer.remote
    lines = [
        offer.title,
        texts.download_line(remote.repo, remote.revision, len(remote.files), offer.missing, offer.free_disk),
        f"{offer.fit.text} {offer.fit.hint}".rstrip(),
        texts.licence_line(remote.licence, offer.terms),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _agreed(offer: DownloadOffer) -> bool:
    """Show the licence on request, and ask."""
    if not sys.stdin.isatty():
        return False
    while True:
        sys.stdout.write(texts.ACCEPT_QUESTION)
        sys.stdout.flush()
        answer = sys.stdin.readline().strip().lower()
        if answer != "r":
            return answer in ("y", "yes")
        sys.stdout.write(offer.licence_text.rstrip() + "\n")


def _bar(done: int, total: int) -> str:
    filled = round(BAR * done / total) if total else BAR
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {done / total if total else 1:4.0%}"
