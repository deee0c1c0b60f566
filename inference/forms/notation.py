"""How the values of a schema are written: as JSON, or as arguments of a call in a template's own syntax.

Own syntax, as Gemma's templates write it: no spaces, keys without quotes and in the template's order, texts as they are
between two tokens of their own, which nothing within can be; numbers, true, false and null as in JSON.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from inference.calls import KEY, QUOTE, SIGNS, key_order
from inference.forms.errors import FormError
from inference.forms.nodes import (
    MOST_CODE_POINT,
    Alt,
    Chars,
    InOrder,
    Node,
    Ranges,
    Repeat,
    Seq,
    Several,
    chars,
    joined,
    literal,
    optional,
    sign,
)

_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
_SPACE = optional(literal(" "))


class Notation(Protocol):
    """How values are written."""

    def __hash__(self) -> int: ...

    @property
    def comma(self) -> Node:
        """What stands between two entries."""

    @property
    def colon(self) -> Node:
        """What stands between a key and its value."""

    @property
    def any_key(self) -> Node:
        """Any key."""

    def key(self, name: str) -> Node:
        """One key.

        Raises:
            FormError: It cannot be written.
        """

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        """Keys in the order in which they are written."""

    def quoted(self, text: Node) -> Node:
        """Texts out of a language of characters."""

    def text(self, least: int, most: int | None) -> Node:
        """Any text of so many characters."""

    def value(self, value: Any) -> Node:
        """One value.

        Raises:
            FormError: It cannot be written.
        """


class _Json:
    comma, colon = Seq((literal(","), _SPACE)), Seq((literal(":"), _SPACE))

    @property
    def any_key(self) -> Node:
        return self.text(0, None)

    def key(self, name: str) -> Node:
        return self.value(name)

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        return names

    def quoted(self, text: Node) -> Node:
        return Seq((literal('"'), _rewritten(text, _json_chars), literal('"')))

    @functools.lru_cache(maxsize=64)  # noqa: B019 (there is one)
    def text(self, least: int, most: int | None) -> Node:
        return self.quoted(Repeat(chars([(0, MOST_CODE_POINT)]), least, most))

    def value(self, value: Any) -> Node:
        if isinstance(value, dict):
            pairs = tuple(Seq((self.key(str(key)), self.colon, self.value(each))) for key, each in value.items())
            return Seq((literal("{"), joined(pairs, self.comma), literal("}")))
        if isinstance(value, list):
            return Seq((literal("["), joined(tuple(map(self.value, value)), self.comma), literal("]")))
        return literal(json.dumps(value, ensure_ascii=False))


class _Own:
    comma, colon = literal(","), literal(":")
    any_key = Seq(
        (
            chars([(65, 90), (95, 95), (97, 122)]),
            Repeat(chars([(48, 57), (65, 90), (95, 95), (97, 122)]), 0, None),
        )
    )

    def key(self, name: str) -> Node:
        if not re.fullmatch(KEY, name):
            raise FormError(
                f"A call in this model's own syntax cannot name an argument {name!r}.", "Name it by letters."
            )
        return literal(name)

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        return sorted(names, key=key_order)

    def quoted(self, text: Node) -> Node:
        return Seq((sign(SIGNS.index(QUOTE)), _rewritten(text, _own_chars), sign(SIGNS.index(QUOTE))))

    @functools.lru_cache(maxsize=64)  # noqa: B019 (there is one)
    def text(self, least: int, most: int | None) -> Node:
        return self.quoted(Repeat(chars([(0, MOST_CODE_POINT)]), least, most))

    def value(self, value: Any) -> Node:
        match value:
            case dict():
                pairs = [Seq((self.key(name), self.colon, self.value(value[name]))) for name in self.ordered([*value])]
                return Seq((literal("{"), joined(pairs, self.comma), literal("}")))
            case list():
                return Seq((literal("["), joined(tuple(map(self.value, value)), self.comma), literal("]")))
            case str():
                if any(not any(low <= ord(char) <= high for low, high in _WRITABLE) for char in value):
                    raise FormError(f"A call in this model's own syntax cannot hold {value!r}.", "Leave it out.")
                return self.quoted(literal(value))
        return literal(json.dumps(value))


def _rewritten(text: Node, each: Callable[[Ranges], Node]) -> Node:
    """A language of characters, each of them as it is written within a text."""
    match text:
        case Chars(ranges):
            return each(ranges)
        case Seq(parts):
            return Seq(tuple(_rewritten(part, each) for part in parts))
        case Alt(ways):
            return Alt(tuple(_rewritten(way, each) for way in ways))
        case Repeat(part, least, most):
            return Repeat(_rewritten(part, each), least, most)
        case Several(part, between):
            return Several(_rewritten(part, each), _rewritten(between, each))
        case InOrder(parts, between):
            written = tuple((_rewritten(part, each), required) for part, required in parts)
            return InOrder(written, _rewritten(between, each))


def _json_chars(ranges: Ranges) -> Node:
    """Some of them as escapes."""
    plain = [part for low, high in ranges for part in _plain_parts(low, high)]
    escapes = [literal(_ESCAPES[code]) for code in _ESCAPES if any(a <= code <= b for a, b in ranges)]
    made = [chars(plain)] if plain else []
    return Alt((*made, *escapes))


def _plain_parts(low: int, high: int) -> list[tuple[int, int]]:
    """What of a range a JSON string holds as it is: no controls, no quote, no backslash."""
    parts, start = [], max(low, 32)
    for code in (34, 92):
        if start <= code <= high:
            parts.append((start, code - 1))
            start = code + 1
    return [(first, last) for first, last in (*parts, (start, high)) if first <= last]


# Characters of texts in own syntax: line breaks and tabs are the only controls, and what stands for control tokens
# when an answer is read is none.
_WRITABLE = ((9, 10), (13, 13), (32, ord(SIGNS[0]) - 1), (ord(SIGNS[-1]) + 1, MOST_CODE_POINT))


def _own_chars(ranges: Ranges) -> Node:
    return chars(
        (max(low, first), min(high, last))
        for low, high in ranges
        for first, last in _WRITABLE
        if max(low, first) <= min(high, last)
    )


JSON: Notation = _Json()
OWN: Notation = _Own()
