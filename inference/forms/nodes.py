"""A regular language as a tree: what regular expressions, choices, templates and schemas are made into."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Inclusive ranges of code points, ascending, none touching the next.
Ranges = tuple[tuple[int, int], ...]
MOST_CODE_POINT = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_HALF = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of some."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Seq:
    """One after another; none is the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """One of several; none is no text at all."""

    ways: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Several times the same.

    Attributes:
        part: What.
        least: How often at least.
        most: How often at most; None for as often as you like.
    """

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Several:
    """One or more of the same with something between each two: written once in the automaton, however many there are.

    Attributes:
        part: What.
        between: What stands between two.
    """

    part: Node
    between: Node


@dataclass(frozen=True, slots=True)
class InOrder:
    """Parts in their order, each of which may be missing unless it is required, with something between those there.

    Written once in the automaton, however many may be missing.

    Attributes:
        parts: Each with whether it is required.
        between: What stands between two.
    """

    parts: tuple[tuple[Node, bool], ...]
    between: Node


Node = Chars | Seq | Alt | Repeat | Several | InOrder
EMPTY = Seq(())
NOTHING = Alt(())


def chars(ranges: Iterable[tuple[int, int]]) -> Chars:
    """One character of these inclusive ranges, in any order; surrogates are no characters."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(_without_surrogates(ranges)):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return Chars(tuple(merged))


def _without_surrogates(ranges: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    first, last = _SURROGATES
    for low, high in ranges:
        if low < first:
            yield low, min(high, first - 1)
        if high > last:
            yield max(low, last + 1), high


def other_chars(ranges: Ranges) -> Chars:
    """One character of none of these."""
    found, start = [], 0
    for low, high in ranges:
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    if start <= MOST_CODE_POINT:
        found.append((start, MOST_CODE_POINT))
    return chars(found)


ANY = other_chars(())


def sign(number: int) -> Node:
    """A control token that the form names by a number, 0 to 7; no language of characters has one."""
    return Chars(((MOST_CODE_POINT + 1 + number, MOST_CODE_POINT + 1 + number),))


def half_character(text: str) -> bool:
    """Whether a text has half of a surrogate pair, which is no character."""
    return _HALF.search(text) is not None


def literal(text: str) -> Node:
    """This text and no other."""
    return Seq(tuple(map(_one, text)))


@functools.lru_cache(maxsize=4096)
def _one(char: str) -> Chars:
    return chars([(ord(char), ord(char))])


def choice(texts: Sequence[str]) -> Node:
    """One of these texts."""
    return Alt(tuple(literal(text) for text in texts))


def optional(part: Node) -> Node:
    """It, or nothing."""
    return Repeat(part, 0, 1)


def joined(parts: Sequence[Node], between: Node) -> Node:
    """One after another, with something between each two."""
    made: list[Node] = []
    for part in parts:
        made += [between, part] if made else [part]
    return Seq(tuple(made))
