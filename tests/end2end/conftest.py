"""The real window with a real model process, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication

from app.base.paths import AppPaths
from app.main import Parts, build
from tests.helpers.patience import hurried, patient_threads
from tests.helpers.waiting import WAIT_SECONDS

__all__ = ["hurried", "patient_threads"]
ROOT = Path(__file__).resolve().parents[2]
OpenWindow = Callable[[str], Parts]
StartProgram = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def open_window(qapp: QApplication, dewpoint_home: Path) -> Iterator[OpenWindow]:
    """Open a window with a backend; after closing it, calling again is a restart."""
    with ExitStack() as stack:

        def make(backend: str) -> Parts:
            parts = build(qapp, AppPaths.resolve(), stack, backend=backend)
            stack.callback(parts.window.deleteLater)
            stack.callback(parts.window.close)
            parts.window.show()
            parts.controller.start(parts.preferences.settings.last_chat)
            return parts

        yield make


@pytest.fixture
def start_program(tmp_path: Path) -> Iterator[StartProgram]:
    """Start `python -m app` with some arguments; what still runs in the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=ROOT,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=WAIT_SECONDS)


def engine_children(pid: int) -> list[psutil.Process]:
    """Model processes below a window's process."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []
