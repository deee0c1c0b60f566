"""Attempts on the card that end badly make later ones careful, until driver or TensorRT is another one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from inference.errors import LoadStoppedError
from trt_engines.building.names import ATTEMPT
from trt_engines.runtime.safe_mode import SAFE_VARIABLE, Attempt, take_back

MACHINE = "581.15 tensorrt_rtx 1.7.1"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SAFE_VARIABLE, raising=False)


def attempt(folder: Path, works: bool, machine: str = MACHINE) -> bool:
    """Open a model; it gets to its first step, or the process dies before. Whether it was careful."""
    made = Attempt(folder, machine)
    made.__enter__()
    if works:
        made.__exit__(None, None, None)
        made.succeeded()
    return made.safe


def unasked(folder: Path) -> bool:
    """Open a model and ask it nothing, however the process ends then. Whether it was careful."""
    made = Attempt(folder, MACHINE)
    with made:
        pass
    return made.safe


def test_what_works_leaves_nothing_behind(tmp_path: Path) -> None:
    assert [attempt(tmp_path, works=True) for _ in range(3)] == [False] * 3
    assert not (tmp_path / ATTEMPT).exists()


def test_one_bad_end_makes_the_next_attempt_careful_and_then_it_is_tried_again(tmp_path: Path) -> None:
    assert not attempt(tmp_path, works=False)
    assert attempt(tmp_path, works=True)
    assert not attempt(tmp_path, works=True)
    assert not (tmp_path / ATTEMPT).exists()


def test_two_bad_ends_make_all_that_follow_careful(tmp_path: Path) -> None:
    ends = [attempt(tmp_path, works=safe) for safe in (False, True, False, True, True, True)]
    assert ends == [False, True, False, True, True, True]
    assert not attempt(tmp_path, works=True, machine="590 tensorrt_rtx 1.7.1")


def test_a_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SAFE_VARIABLE, "1")
    assert attempt(tmp_path, works=True)
    monkeypatch.setenv(SAFE_VARIABLE, "0")
    assert [attempt(tmp_path, works=False) for _ in range(4)] == [False] * 4


WRONG = json.dumps({"unfinished": "9", "pending": True, "machine": MACHINE})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"unfinished": 9}', WRONG])
def test_a_damaged_note_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ATTEMPT).write_text(text)
    assert not attempt(tmp_path, works=True)


def test_a_note_of_an_older_version_counts(tmp_path: Path) -> None:
    (tmp_path / ATTEMPT).write_text(json.dumps({"unfinished": 2, "pending": True, "machine": MACHINE}))
    assert attempt(tmp_path, works=True)


def test_opening_without_a_question_is_no_crash(tmp_path: Path) -> None:
    assert [unasked(tmp_path) for _ in range(4)] == [False] * 4
    assert [unasked(tmp_path), attempt(tmp_path, works=True)] * 3 == [False] * 6
    assert not (tmp_path / ATTEMPT).exists()


def test_opening_without_a_question_leaves_the_note_of_before(tmp_path: Path) -> None:
    attempt(tmp_path, works=False)
    noted = json.loads((tmp_path / ATTEMPT).read_text())
    assert [unasked(tmp_path) for _ in range(3)] == [True] * 3, "nothing tells yet that the card works"
    left = json.loads((tmp_path / ATTEMPT).read_text())
    assert [left[name] for name in ("unfinished", "pending", "machine")] == [1, True, MACHINE]
    assert noted["pid"] == os.getpid()


def test_a_first_pass_that_kills_the_process_counts(tmp_path: Path) -> None:
    made = Attempt(tmp_path, MACHINE)
    with made:
        pass
    made.__enter__()
    assert Attempt(tmp_path, MACHINE).safe


@pytest.mark.parametrize(
    ("error", "careful"), [(RuntimeError, True), (KeyboardInterrupt, False), (LoadStoppedError, False)]
)
def test_an_error_counts_and_giving_up_does_not(tmp_path: Path, error: type[BaseException], careful: bool) -> None:
    made = Attempt(tmp_path, MACHINE)
    with pytest.raises(error), made:
        raise error
    take_back(tmp_path.parent, os.getpid())
    assert Attempt(tmp_path, MACHINE).safe == careful


def test_what_was_ended_on_purpose_does_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    attempt(folder, works=False)
    take_back(tmp_path, os.getpid() + 1)
    assert Attempt(folder, MACHINE).safe, "another process"
    take_back(tmp_path, os.getpid())
    assert not (folder / ATTEMPT).exists()
    take_back(tmp_path / "gone", os.getpid())


def test_what_was_ended_on_purpose_leaves_the_note_of_before(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for works in (False, True):
        attempt(folder, works)
    before = (folder / ATTEMPT).read_bytes()
    attempt(folder, works=False)
    assert (folder / ATTEMPT).read_bytes() != before
    take_back(tmp_path, os.getpid())
    assert (folder / ATTEMPT).read_bytes() == before


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert not attempt(tmp_path / "gone", works=True)
