"""Looks in the process of the test: no time for starting one, and what a test patches holds for them, too."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeVar

from inference.look.answer import answer, answers
from inference.look.client import Looks
from inference.look.questions import LookQuestion

A = TypeVar("A")


def answered_here(looks: Looks, question: LookQuestion[A], cancel: threading.Event | None = None) -> A:
    """In the place of `Looks.ask`."""
    return answer(question)


def followed_here(looks: Looks, question: LookQuestion[A], cancel: threading.Event) -> Generator[A, None, None]:
    """In the place of `Looks.follow`; notes come before the progress that they stand behind."""
    told: list[Any] = []
    with closing(answers(question, told.append)) as found:
        for each in found:
            if cancel.is_set():
                return
            yield from told
            told.clear()
            yield each
