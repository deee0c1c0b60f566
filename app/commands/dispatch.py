"""Finds the command that the arguments name, runs it, and says in one sentence what went wrong."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.base import texts
from app.base.errors import AppError
from app.base.paths import BASE_DIR_OPTION, BASE_DIR_VARIABLE, AppPaths, split_base_dir
from app.commands.console import visible
from app.commands.settings import settings_read
from app.gpu.start import start_addon
from inference.engines import ENGINES_VARIABLE
from inference.errors import InferenceError
from trt_engines.errors import EngineError
from trt_engines.planning.probe import name_card

if TYPE_CHECKING:
    from pathlib import Path

    from app.chats.lock.keys import DataKey
    from app.chats.messages import RecoveryReport

_CHANGES_NOTHING = frozenset({"doctor"})


def run_command(arguments: Sequence[str]) -> int:
    """Run a command: the first argument, but for `--base-dir DIR`, names it; returns the exit status."""
    base, (name, *others) = split_base_dir(arguments)
    known = texts.COMMANDS | texts.CORE_COMMANDS  # each of the former is a module of this package
    if name not in known:
        sys.stderr.write(texts.no_command(name, tuple(known)) + "\n")
        return 2
    if BASE_DIR_OPTION in others or base == "":
        sys.stderr.write(texts.BASE_DIR_MISSING + "\n")
        return 2
    if not _in_a_folder():
        sys.stderr.write(f"{texts.CURRENT_FOLDER_GONE} {texts.CURRENT_FOLDER_GONE_HINT}\n")
        return 1
    before = os.environ.get(BASE_DIR_VARIABLE)
    if base:
        os.environ[BASE_DIR_VARIABLE] = base  # processes that the command starts work on the same folder
    try:
        return _run(name, others)
    finally:
        if base:
            os.environ.pop(BASE_DIR_VARIABLE)
            os.environ.update({} if before is None else {BASE_DIR_VARIABLE: before})


def _run(name: str, arguments: Sequence[str]) -> int:
    try:
        paths = AppPaths.resolve()
        start_addon(paths.gpu)
        with settings_read(paths.settings_file) as settings:
            if settings.card:
                name_card(settings.card)
            if name in texts.CORE_COMMANDS:
                os.environ.setdefault(ENGINES_VARIABLE, str(paths.engines))
                return _core([name, *arguments])
            command: Callable[[Sequence[str]], int] = importlib.import_module(f"app.commands.{name}").main
            from app.chats.lock.keys import asking
            from app.chats.opening import recoveries_told  # SQLite's tools, which others do without

            with recoveries_told(_say_recovered), asking(_no_password if name in _CHANGES_NOTHING else _password):
                return command(arguments)
    except (AppError, EngineError, InferenceError) as exc:
        sys.stderr.write(visible(f"{exc.user_text} {exc.hint}".strip()) + "\n")
        return 1
    except BrokenPipeError:
        raise  # the reader has seen enough: nothing to complain about
    except OSError as exc:
        reason = f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)
        sys.stderr.write(f"{texts.file_trouble(reason)} {texts.FILE_TROUBLE_HINT}\n")
        return 1


def _password(key_file: Path) -> DataKey | None:
    from app.commands.chats_password import ask_for_password  # only where the chats are locked

    return ask_for_password(key_file)


def _no_password(_: Path) -> None:
    """A command that looks, and asks nobody."""


def _say_recovered(report: RecoveryReport) -> None:
    """A chat file was damaged or gone, and something may be lost: never without a word, whatever was asked for."""
    sys.stderr.write(visible(f"{report.user_text} {report.hint}".strip()) + "\n")


def _core(arguments: Sequence[str]) -> int:
    from inference.cli import main  # the model's libraries take a while

    return main(arguments)


def _in_a_folder() -> bool:
    """Whether the current folder is there: without it no path but a whole one means anything, and no process starts."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True
