"""A regular language as a tree: what regular expressions, choices, templates and schemas are made into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Inclusive ranges of code points, ascending, none touching the next.
Ranges = tuple[tuple[int, int], ...]
MOST_CODE_POINT = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


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


Node = Chars | Seq | Alt | Repeat | Several
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


def literal(text: str) -> Node:
    """This text and no other."""
    return Seq(tuple(chars([(ord(char), ord(char))]) for char in text))


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
