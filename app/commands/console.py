"""What every command prints with and asks with: sentences for people, objects for programs, and one way to ask.

A command hands each piece of news to a reporter in both forms: `TextReporter` prints the sentence, `JsonReporter` the
object, one a line, each with an "event". Questions are asked only where somebody can answer them.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from typing import Any, TypeAlias

from app.base.graphemes import shortened
from trt_engines.streams import escaped

Facts: TypeAlias = Any  # the fields of an object: a dictionary, or a dataclass that has them

YES = ("y", "yes")


def say(text: str) -> None:
    """A line, or several."""
    sys.stdout.write(escaped(text) + "\n")


def visible(name: object) -> str:
    """A name that anybody chose, in one line: a line break in it would look like a line of ours."""
    return escaped(str(name), kept="")


def say_object(value: object, indent: int | None = None) -> None:
    """A value as JSON; what JSON does not know (a path) as its text."""
    say(json.dumps(value, indent=indent, default=str))


class TextReporter:
    """For people: a line that is rewritten on a terminal, a line for each subject elsewhere; and sentences.

    Args:
        buffered: Whether sentences may wait for the next line, or for the end of the program.
        wipes: Whether the line that is rewritten is wiped when something else comes, rather than left standing.
    """

    def __init__(self, buffered: bool = False, wipes: bool = False) -> None:
        self._buffered = buffered
        self._wipes = wipes
        self._terminal = sys.stdout.isatty()
        self._shown = 0
        self._last = ""

    def progress(self, event: str, facts: Facts, text: str, subject: str) -> None:
        """How far something is.

        Args:
            event: Name of the object.
            facts: Its fields.
            text: The line.
            subject: What it is about: elsewhere than on a terminal, its first line is the only one; "" has none.
        """
        text = visible(text)
        if self._terminal:
            text = shortened(text, shutil.get_terminal_size().columns - 1)
            sys.stdout.write(("" if self._wipes else "\r") + text.ljust(self._shown))
            sys.stdout.flush()
            self._shown = len(text)
        elif subject != self._last:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        self._last = subject

    def tell(self, event: str, facts: Facts, text: str) -> None:
        """Something happened: an object, or a sentence; without a sentence it is for programs alone."""
        if text:
            self.note(text)

    def note(self, text: str) -> None:
        """A sentence that is for people alone."""
        self.end_line()
        sys.stdout.write(escaped(text) + "\n")
        if not self._buffered:
            sys.stdout.flush()

    def end_line(self) -> None:
        """Leave the line that is rewritten: whatever comes next stands on a line of its own."""
        if self._shown:
            sys.stdout.write("\r" + " " * self._shown + "\r" if self._wipes else "\n")
            self._shown = 0


class JsonReporter:
    """For programs: one object a line."""

    def progress(self, event: str, facts: Facts, text: str, subject: str) -> None:
        """The object."""
        self.tell(event, facts, text)

    def tell(self, event: str, facts: Facts, text: str) -> None:
        """The object."""
        say_object({"event": event, **_fields(facts)})
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Nothing: there is an object that says it."""

    def end_line(self) -> None:
        """Nothing: every object stands on a line of its own."""


Reporter: TypeAlias = TextReporter | JsonReporter


def new_reporter(as_json: bool, buffered: bool = False, wipes: bool = False) -> Reporter:
    """The reporter that a command's `--json` chooses."""
    return JsonReporter() if as_json else TextReporter(buffered, wipes)


# -- asking ----------------------------------------------------------------------------------------------------------


def agreed(question: str, seen: bool = True) -> bool:
    """Ask for a yes; without anybody at a keyboard the answer is no.

    Args:
        question: With the space behind it.
        seen: Whether what was printed before reaches the one who answers.
    """
    return sys.stdin.isatty() and seen and _answer(question) in YES


def accepted(question: str, licence_text: str) -> bool:
    """Ask whether a licence is accepted, and show it to whoever answers "r"."""
    if not sys.stdin.isatty():
        return False
    while True:
        answer = _answer(question)
        if answer != "r":
            return answer in YES
        say("\n".join(licence_text.rstrip().splitlines()))


def _answer(question: str) -> str:
    sys.stdout.write(question)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower()


def _fields(facts: Facts) -> dict[str, Any]:
    return dict(facts) if isinstance(facts, dict) else dataclasses.asdict(facts)
