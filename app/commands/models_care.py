"""`models verify`, `import`, `remove`, `move` and `token`: what the user has already, and what is done with it."""

from __future__ import annotations

import argparse
import getpass
import sys
import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.base import texts as base_texts
from app.base.errors import KnownAppError
from app.base.graphemes import shortened
from app.base.paths import named_path
from app.commands.arguments import folder
from app.commands.console import TextReporter, agreed, new_reporter, say, visible
from app.commands.models_choice import chosen_model, chosen_record, new_services
from app.commands.models_download import follow_transfer
from app.library import adding, care, texts
from app.library.records import ModelRecord
from app.library.values import Removal, Step
from trt_engines.streams import INTERRUPTED

MOST_NAMES = 200  # of files that go or stay, before a removal


def add_verify(commands: Any) -> None:
    """The command's own arguments."""
    verify = commands.add_parser("verify", help="hash every file of a model again")
    verify.add_argument("model", metavar="MODEL", help="its name in `list`, repository, title or folder")
    verify.add_argument("--json", action="store_true", help="print JSON, one object a line")
    verify.set_defaults(command=verify_model)


def add_import(commands: Any) -> None:
    """The command's own arguments."""
    bring = commands.add_parser(
        "import", help="take a checkpoint folder into the list, or merge an adapter into a model"
    )
    bring.add_argument("folder", metavar="FOLDER", type=folder, help="in Hugging Face layout; it is used where it lies")
    bring.add_argument("--base", metavar="MODEL", help="for an adapter (LoRA): the model that it was made for")
    bring.add_argument("--title", metavar="TEXT", help="name of the merged model; the adapter's folder if left out")
    bring.set_defaults(command=import_model)


def add_remove(commands: Any) -> None:
    """The command's own arguments."""
    remove = commands.add_parser(
        "remove", help="delete a model's files and engines; your own folders are only forgotten"
    )
    remove.add_argument("model", metavar="MODEL", help="its name in `list`, repository, title or folder")
    remove.add_argument("--keep-engines", action="store_true", help="leave its engines")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(command=remove_model)


def add_move(commands: Any) -> None:
    """The command's own arguments."""
    move = commands.add_parser("move", help="bring a model's folder to another drive")
    move.add_argument("model", metavar="MODEL", help="its name in `list`, repository, title or folder")
    move.add_argument("parent", metavar="FOLDER", type=folder, help="the folder that it goes into")
    move.set_defaults(command=move_model)


def add_token(commands: Any) -> None:
    """The command's own arguments."""
    token = commands.add_parser("token", help="keep your access token for gated models in the system's keyring")
    token.add_argument("--remove", action="store_true", help="forget it")
    token.set_defaults(command=keep_token)


def verify_model(options: argparse.Namespace) -> int:
    """Hash every file; 1 if one is wrong.

    Raises:
        KnownAppError: There is no such model, or its hashes are not known.
    """
    services = new_services()
    record = chosen_record(services, options.model)
    report = new_reporter(options.json, buffered=True)
    try:
        damaged = follow_transfer(care.verify(services, record, threading.Event()), report)
    finally:
        report.end_line()
    if damaged:
        text = " ".join(texts.files_damaged(len(damaged)))
        report.tell("damaged", {"text": text, "files": damaged}, text)
        return 1
    report.tell("verified", {"text": texts.ALL_RIGHT}, texts.ALL_RIGHT)
    return 0


def import_model(options: argparse.Namespace) -> int:
    """Use a folder where it lies, or merge an adapter.

    Raises:
        AppError, InferenceError, EngineError: It is nothing that runs here, in one sentence.
    """
    services, place = new_services(), options.folder
    if options.base is None:
        found = adding.look_into(services, place)
        record = adding.add_found(services, found)
        say(" ".join(filter(None, (texts.added(visible(record.title), visible(record.folder)), found.note))))
        return 0
    base = chosen_model(services, options.base)
    if base.folder is None or not base.usable:
        raise KnownAppError(texts.not_here(base.title), texts.NOT_HERE_HINT)
    title = options.title or texts.merged_title(base.title, adding.look_into(services, place).facts.title)
    merged = _followed(adding.merge(services, place, base.folder, title, threading.Event()))
    if merged is None:
        return INTERRUPTED
    say(texts.added(visible(merged.title), visible(merged.folder)))
    return 0


def remove_model(options: argparse.Namespace) -> int:
    """Say what goes, ask, remove.

    Raises:
        AppError: A file cannot be deleted.
    """
    services = new_services()
    record = chosen_record(services, options.model)
    removal = care.removal(services, chosen_model(services, record.id))
    say(_summary(removal, not options.keep_engines))
    if not options.yes and not agreed(base_texts.REMOVE_QUESTION):
        say(base_texts.NOT_REMOVED)
        return 1
    say(texts.freed(care.remove(services, removal, not options.keep_engines)))
    return 0


def move_model(options: argparse.Namespace) -> int:
    """Move a model's folder.

    Raises:
        AppError: It cannot be moved; it stays where it is.
    """
    services = new_services()
    record = chosen_record(services, options.model)
    parent = named_path(options.parent).resolve()
    _followed(care.move(services, record, parent, threading.Event()))
    say(texts.added(visible(record.title), visible(services.library.find(record.id).folder)))
    return 0


def keep_token(options: argparse.Namespace) -> int:
    """Read a token without showing it."""
    services = new_services()
    if options.remove:
        services.tokens.remove()
        say(texts.TOKEN_REMOVED)
        return 0
    token = getpass.getpass(texts.TOKEN_QUESTION) if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        raise KnownAppError(texts.NO_TOKEN)
    if not services.tokens.set(token):
        raise KnownAppError(texts.NO_KEYRING, texts.NO_KEYRING_HINT)
    say(texts.TOKEN_KEPT)
    return 0


def _followed(steps: Generator[Step, None, ModelRecord | None]) -> ModelRecord | None:
    """Show a line that is rewritten on a terminal; returns what the generator does."""
    report = TextReporter(buffered=True)
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                report.end_line()
                return end.value if isinstance(end.value, ModelRecord) else None
            for note in step.notes:
                report.note(note)
            report.progress("step", step, f"{step.fraction:4.0%} {shortened(step.detail, 60):60}", subject="")


def _names(head: str, files: tuple[Path, ...]) -> list[str]:
    if not files:
        return []
    shown = [f"  {visible(file)}" for file in files[:MOST_NAMES]]
    return [head, *shown, *([texts.removal_more(len(files) - MOST_NAMES)] if len(files) > MOST_NAMES else [])]


def _summary(removal: Removal, with_engines: bool) -> str:
    lines = [
        texts.removal_line(
            visible(removal.model.title), len(removal.files), removal.size, removal.model.kind == "folder"
        )
    ]
    if with_engines and removal.engines:
        lines.append(texts.removal_engines(len(removal.engines), removal.engine_size))
    lines += _names(texts.REMOVAL_GOES, removal.files)
    lines += _names(texts.REMOVAL_STAYS, removal.kept)
    return "\n".join(lines)
