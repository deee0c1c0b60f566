"""Closing `Looks` while somebody asks: wherever the question is just then, it was stopped; nothing is wrong."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from inference.errors import LookError, LookStoppedError
from inference.look import asking
from inference.look.client import Looks
from inference.look.link import GoneError, OverdueError
from inference.look.process import OUT_OF_MEMORY, LookAnswered, LookRefused
from inference.look.questions import LookQuestion, MeasureProcessor, Merge, ReadConfig

QUESTION = ReadConfig(Path("/model"))
UP = LookAnswered(None, last=True)
FULL = LookRefused(OUT_OF_MEMORY, leaving=True)


class _Link:
    """A process that starts and answers, until something happens in its midst."""

    made: list[_Link]
    replies: list[Any]

    def __init__(self, memory: int, threads: bool = False) -> None:
        self.usable, self.pid, self.ended, self.tidied = False, 1, False, 0.0
        self.made.append(self)

    def start(self) -> None:
        self.usable = True

    def ask(self, question: object) -> None:
        pass

    def reply(self, deadline: float | None, cancel: threading.Event | None) -> Any:
        reply = self.replies.pop(0)
        if callable(reply):
            reply()
            raise GoneError(-9)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def kill(self) -> None:
        self.usable = False

    def leave(self, seconds: float) -> None:
        self.usable, self.ended, self.tidied = False, True, seconds


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    monkeypatch.setattr(_Link, "made", [], raising=False)
    monkeypatch.setattr(asking, "LookLink", _Link)
    return Looks()


@pytest.mark.parametrize(
    ("used", "before"),
    [(False, []), (False, [UP]), (True, []), (True, [FULL]), (True, [FULL, UP])],
    ids=["it starts", "it answers", "it answers again", "a full one starts anew", "it answers after that"],
)
def test_a_question_is_stopped(looks: Looks, monkeypatch: pytest.MonkeyPatch, used: bool, before: list[object]) -> None:
    monkeypatch.setattr(_Link, "replies", [UP, UP], raising=False)
    if used:
        looks.ask(QUESTION)
    monkeypatch.setattr(_Link, "replies", [*before, looks.close])
    with pytest.raises(LookStoppedError):
        looks.ask(QUESTION)
    assert not _Link.replies
    assert _Link.made[-1].ended


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (GoneError(-9), r"ended unexpectedly \(exit code -9\)"),
        (OverdueError(), "could not be looked at within"),
        (LookError("too large", ""), "too large"),
    ],
)
def test_what_goes_wrong_by_itself_is_an_error(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, reply: Exception, sentence: str
) -> None:
    monkeypatch.setattr(_Link, "replies", [UP, reply], raising=False)
    with pytest.raises(LookError, match=sentence) as error:
        looks.ask(QUESTION)
    assert not isinstance(error.value, LookStoppedError)


def test_whoever_waits_for_a_turn_is_stopped(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Link, "replies", [UP, UP], raising=False)
    looks.ask(QUESTION)
    asker = looks._asking
    assert asker is not None
    errors: list[Exception] = []

    def ask() -> None:
        try:
            looks.ask(QUESTION)
        except LookError as exc:
            errors.append(exc)

    waiting = threading.Thread(target=ask)
    with asker._turn:
        waiting.start()
        looks.close()
    waiting.join()
    assert [type(error) for error in errors] == [LookStoppedError]


def test_nothing_is_followed_any_more(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Link, "replies", [], raising=False)
    looks.close()
    assert not list(looks.follow(QUESTION, threading.Event()))
    assert not any(each.usable for each in _Link.made)


@pytest.mark.parametrize(
    ("question", "seconds"),
    [(MeasureProcessor(), 0.0), (Merge(Path("/model"), Path("/adapter"), Path("/new")), 10.0)],
    ids=["measured", "merged"],
)
def test_only_what_has_written_something_is_given_time_to_clear_up(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, question: LookQuestion[Any], seconds: float
) -> None:
    """A window that was closed while the processor was measured waited for seconds, and gave its thread up."""
    monkeypatch.setattr(_Link, "replies", [UP, LookStoppedError("")], raising=False)
    assert not list(looks.follow(question, threading.Event()))
    assert [each.tidied for each in _Link.made] == [seconds]
