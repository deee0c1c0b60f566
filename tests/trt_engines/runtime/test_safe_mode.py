"""Attempts on the card that end badly make later ones careful, until driver or TensorRT is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from trt_engines.runtime.safe_mode import NOTE, SAFE_VARIABLE, Attempt

MACHINE = "581.15 tensorrt_rtx 1.7.1"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SAFE_VARIABLE, raising=False)


def attempt(folder: Path, works: bool, machine: str = MACHINE) -> bool:
    """Open a model; it gets to its first step, or the process dies before. Whether it was careful."""
    made = Attempt(folder, machine)
    if works:
        made.succeeded()
    return made.safe


def test_what_works_leaves_nothing_behind(tmp_path: Path) -> None:
    assert [attempt(tmp_path, works=True) for _ in range(3)] == [False] * 3
    assert not (tmp_path / NOTE).exists()


def test_one_bad_end_makes_the_next_attempt_careful_and_then_it_is_tried_again(tmp_path: Path) -> None:
    assert not attempt(tmp_path, works=False)
    assert attempt(tmp_path, works=True)
    assert not attempt(tmp_path, works=True)
    assert not (tmp_path / NOTE).exists()


def test_two_bad_ends_make_all_that_follow_careful(tmp_path: Path) -> None:
    ends = [attempt(tmp_path, works=safe) for safe in (False, True, False, True, True, True)]
    assert ends == [False, True, False, True, True, True]
    assert not attempt(tmp_path, works=True, machine="590 tensorrt_rtx 1.7.1")


def test_a_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SAFE_VARIABLE, "1")
    assert attempt(tmp_path, works=True)
    monkeypatch.setenv(SAFE_VARIABLE, "0")
    assert [attempt(tmp_path, works=False) for _ in range(4)] == [False] * 4


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"unfinished": 9}'])
def test_a_damaged_note_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NOTE).write_text(text)
    assert not attempt(tmp_path, works=True)


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert not attempt(tmp_path / "gone", works=True)
