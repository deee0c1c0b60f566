"""Finds the command that the arguments name, runs it, and says in one sentence what went wrong."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

from app.base import texts
from app.base.errors import AppError
from app.base.paths import AppPaths
from app.gpu.start import start_addon
from inference.errors import InferenceError
from trt_engines.errors import EngineError

COMMANDS = ("doctor", "engines", "gpu", "models", "update")  # modules of this package


def run_command(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names; returns the exit status."""
    if arguments[0] not in COMMANDS:
        sys.stderr.write(texts.no_command(arguments[0], COMMANDS) + "\n")
        return 2
    try:
        start_addon(AppPaths.resolve().gpu)
        command: Callable[[Sequence[str]], int] = importlib.import_module(f"app.commands.{arguments[0]}").main
        return command(arguments[1:])
    except (AppError, EngineError, InferenceError) as exc:
        sys.stderr.write(f"{exc.user_text} {exc.hint}".strip() + "\n")
        return 1
    except BrokenPipeError:
        raise  # the reader has seen enough: nothing to complain about
    except OSError as exc:
        reason = f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)
        sys.stderr.write(f"{texts.file_trouble(reason)} {texts.FILE_TROUBLE_HINT}\n")
        return 1
