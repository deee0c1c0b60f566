"""A start where the model of last time lies on a drive that fails, hangs, or is not there."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from app.base.paths import AppPaths, starter_model_folder
from app.base.settings import Settings
from app.base.settings_file import SettingsFile
from app.library import answering
from app.main import Parts, build
from app.ui.chat import words
from tests.app.ui.conftest import discard
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import NEVER_SECONDS

STAT = os.stat


@pytest.fixture
def place(dewpoint_home: Path, tmp_path: Path) -> Path:
    """The folder of last time."""
    folder = tmp_path / "drive" / "mine"
    folder.mkdir(parents=True)
    paths = AppPaths(dewpoint_home).ensure()
    SettingsFile(paths.settings_file).save(Settings(model_folder=str(folder)))
    return folder


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def started(qapp: QApplication, stack: ExitStack) -> Parts:
    parts = build(qapp, AppPaths.resolve(), stack, factory=lambda choice: ScriptedModelProcess())
    stack.callback(discard, parts)
    return parts


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG, errno.ELOOP])
def test_a_drive_that_fails(
    qapp: QApplication, stack: ExitStack, place: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if str(path) == str(place):
            raise OSError(number, os.strerror(number), str(path))
        return STAT(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", fail)
    parts = started(qapp, stack)
    assert parts.controller.model.choice.folder == starter_model_folder()
    assert parts.window.pane.notice.text == words.unreadable_model(str(place), os.strerror(number))


def test_a_folder_that_is_gone(qapp: QApplication, stack: ExitStack, place: Path) -> None:
    place.rmdir()
    parts = started(qapp, stack)
    assert parts.controller.model.choice.folder == starter_model_folder()
    assert parts.window.pane.notice.text == words.REMOVED_MODEL


def test_a_drive_that_hangs_is_waited_for_by_the_model_process(
    qapp: QApplication, stack: ExitStack, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    stack.callback(answers.set)

    def hang(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if str(path) == str(place):
            answers.wait(NEVER_SECONDS)
        return STAT(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", hang)
    monkeypatch.setattr(answering, "MOMENT_SECONDS", 0.01)
    parts = started(qapp, stack)
    assert parts.controller.model.choice.folder == place
    assert parts.window.pane.notice.text == ""


def test_one_that_is_there(qapp: QApplication, stack: ExitStack, place: Path) -> None:
    parts = started(qapp, stack)
    assert parts.controller.model.choice.folder == place
    assert parts.controller.model.choice.name == "mine"
    assert parts.library.services.looks.pid is None
