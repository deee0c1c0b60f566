"""Drives that hang: asked at the same time, asked once, given up, and believed when they wake up."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.errors import LookError, LookStoppedError
from inference.look.client import Looks
from inference.look.drives import DRIVE_SECONDS, Drives
from inference.look.questions import LookAtFolder, ReadAdapterConfig, ReadConfig
from tests.helpers.waiting import NEVER_SECONDS, WAIT_SECONDS, wait_until


@pytest.fixture
def wake_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[threading.Event]:
    """Until it is set, everything below `tmp_path` hangs."""
    event, stat = threading.Event(), os.stat

    def hang(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(str(tmp_path)):
            event.wait(NEVER_SECONDS)
        return stat(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", hang)
        yield event
        event.set()


def never() -> bool:
    """Nobody stops it."""
    return False


@pytest.mark.parametrize("name", ["", "not there", "x" * 5000, "a\0b"])
def test_whatever_a_drive_says_is_an_answer(tmp_path: Path, name: str) -> None:
    assert Drives(WAIT_SECONDS).answers(tmp_path / name, never)


def test_one_that_hangs_is_asked_once_and_believed_later(tmp_path: Path, wake_up: threading.Event) -> None:
    drives, before = Drives(0.05), threading.active_count()
    for _ in range(3):
        assert not drives.answers(tmp_path, never)
        drives.wake(tmp_path)
    assert threading.active_count() == before + 1
    wake_up.set()
    wait_until(lambda: drives.answers(tmp_path, never))


def test_the_time_counts_from_the_question(tmp_path: Path, wake_up: threading.Event) -> None:
    drives = Drives(0.0)
    drives.wake(tmp_path)
    wait_until(lambda: not drives.answers(tmp_path, never))


def test_a_question_about_its_folder_is_answered_without_a_process(tmp_path: Path, wake_up: threading.Event) -> None:
    looks = Looks(seconds=0.05)
    with pytest.raises(LookError, match=r"could not be looked at within 0\.05 seconds"):
        looks.ask(LookAtFolder(tmp_path))
    with pytest.raises(LookError, match=str(tmp_path)):
        looks.ask(ReadConfig(tmp_path))
    assert looks.pid is None
    assert ReadAdapterConfig("owner/name", b"{}").place is None
    looks.close()


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_the_waiting_can_be_given_up(tmp_path: Path, wake_up: threading.Event, how: str) -> None:
    looks, cancel, ended = Looks(), threading.Event(), list[BaseException]()

    def ask() -> None:
        try:
            looks.ask(LookAtFolder(tmp_path), cancel)
        except LookStoppedError as exc:
            ended.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: looks._drives._calls)
    if how == "cancel":
        cancel.set()
    else:
        looks.close()
    thread.join(WAIT_SECONDS)
    assert ended
    assert DRIVE_SECONDS < WAIT_SECONDS or not thread.is_alive()
    looks.close()
