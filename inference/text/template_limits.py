"""How much a chat template may make and how long it may take, counted while it runs.

A template is a program of a stranger. It may not fill the memory (a value that is too large is refused before it is
made, many values by what the process holds), nor go on for ever (turns of loops, calls and operations are counted; a
clock ends what is slow in other ways), nor nest values so deeply or share them so often that writing, comparing or
hashing one would take either.
"""

from __future__ import annotations

import sys
import time
from collections.abc import MappingView, Sequence
from typing import Any, TypeVar

import jinja2.exceptions
import psutil

TOO_LARGE = "an expression makes a value that is too large"
Value = TypeVar("Value")
# Characters of one value or prompt, and turns: so many, and so many for each character of the chat.
_LONGEST, _LONGEST_A_CHARACTER = 4_000_000, 16
_MOST_ITEMS = 200_000  # in one value, and as many as the chat has characters
_MOST_TURNS, _TURNS_A_CHARACTER = 1_000_000, 20
_MOST_SECONDS = 10.0
_MOST_MEMORY = 512 << 20
_MOST_BITS = 100_000  # of a whole number; it can be written up to 4,300 digits
_DEEPEST = 100
# The clock is looked at after so many turns, clock and memory after so many bytes that were made.
_TURNS_A_LOOK, _BYTES_A_LOOK = 256, 16 << 20


class TemplateLimitError(jinja2.exceptions.SecurityError):
    """A template asks for more than any chat needs."""


class Budget:
    """What one run of a template may still take.

    Attributes:
        longest: Characters of one value, with everything that is in it.
    """

    def __init__(self, characters: int = 0, given: Sequence[Any] = ()) -> None:
        """Begin to count.

        Args:
            characters: Length of the chat.
            given: Lists and dictionaries that the template is given; they are weighed once.
        """
        self.longest = _LONGEST + _LONGEST_A_CHARACTER * characters
        self._most_items = _MOST_ITEMS + characters
        self._turns = _MOST_TURNS + _TURNS_A_CHARACTER * characters
        self._end = time.monotonic() + _MOST_SECONDS
        self._process = psutil.Process()
        self._most_memory = self._process.memory_info().rss + _MOST_MEMORY + 4 * _LONGEST_A_CHARACTER * characters
        self._made = 0
        self._given: dict[int, int] = {}
        for each in given:
            self._given[id(each)] = self._weight(each)

    def turn(self) -> None:
        """One turn of a loop, one call, one operation.

        Raises:
            TemplateLimitError: There were too many, or it takes too long.
        """
        self._turns -= 1
        if self._turns < 0:
            raise TemplateLimitError("it does not come to an end")
        if self._turns % _TURNS_A_LOOK == 0:
            self._look()

    def check(self, size: int) -> None:
        """Whether a value of `size` may be made.

        Raises:
            TemplateLimitError: It would be too large.
        """
        if size > self.longest:
            raise TemplateLimitError(TOO_LARGE)

    def made(self, value: Value) -> Value:
        """Count a value that was made, and give it back.

        Raises:
            TemplateLimitError: It, or everything together, is too large.
        """
        if isinstance(value, str):
            self.check(len(value))
            self._count(sys.getsizeof(value))
        elif isinstance(value, list | tuple | dict):
            self._count(sys.getsizeof(value) + 8 * self._weight(value))
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise TemplateLimitError(TOO_LARGE)
        return value

    def _count(self, size: int) -> None:
        self._made += size
        if self._made > _BYTES_A_LOOK:
            self._made = 0
            self._look()

    def _look(self) -> None:
        if time.monotonic() > self._end:
            raise TemplateLimitError("it does not come to an end")
        if self._process.memory_info().rss > self._most_memory:
            raise TemplateLimitError("it fills the memory")

    def _weight(self, value: Any) -> int:
        """Characters and items in a value, what is in it several times counted as often.

        Raises:
            TemplateLimitError: It is too large, or nested too deeply.
        """
        total, items = 0, 0
        level: list[Any] = [value]
        for _ in range(_DEEPEST):
            inner: list[Any] = []
            for each in level:
                known = self._given.get(id(each))
                total += known if known is not None else _own_weight(each)
                if known is None and isinstance(each, list | tuple | dict | MappingView):
                    inner += _items(each)
                self.check(total)
                if items + len(inner) > self._most_items:
                    raise TemplateLimitError(TOO_LARGE)
            if not inner:
                return total
            level, items = inner, items + len(inner)
        raise TemplateLimitError("it nests values too deeply")


def _own_weight(value: Any) -> int:
    if isinstance(value, str):
        return len(value) + 1
    return 1 + value.bit_length() // 3 if isinstance(value, int) else 1


def _items(value: Any) -> list[Any]:
    return [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
