"""Looks in the process of the test: no time for starting one, and what a test patches holds for them, too."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeVar

from inference.look.answer import answer, answers
from inference.look.client import Looks
from inference.look.drives import DRIVE_SECONDS, too_slow
from inference.look.questions import LookQuestion

A = TypeVar("A")


def answered_here(looks: Looks, question: LookQuestion[A], cancel: threading.Event | None = None) -> A:
    """In the place of `Looks.ask`."""
    if question.place is not None and not looks.answers(question.place, cancel):
        raise too_slow(question.subject, DRIVE_SECONDS)
    return answer(question)


class _GivenUp(Exception):  # noqa: N818 - nobody is told of it
    """Nobody wants the rest."""


def followed_here(looks: Looks, question: LookQuestion[A], cancel: threading.Event) -> Generator[A, None, None]:
    """In the place of `Looks.follow`: in a thread that waits wherever the process would."""
    given: queue.SimpleQueue[Any] = queue.SimpleQueue()
    wanted, given_up, end = threading.Semaphore(0), threading.Event(), object()

    def send(value: Any) -> None:
        given.put(value)
        wanted.acquire()
        if given_up.is_set():
            raise _GivenUp

    def run() -> None:
        try:
            with closing(answers(question, send)) as found:
                for each in found:
                    send(each)
        except _GivenUp:
            pass
        except BaseException as exc:
            given.put(exc)
        given.put(end)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while (value := given.get()) is not end:
            if isinstance(value, BaseException):
                raise value
            if cancel.is_set():
                return
            yield value
            wanted.release()
    finally:
        given_up.set()
        wanted.release()
        thread.join()
