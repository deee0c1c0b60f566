"""Numbers of a JSON schema as regular languages: exactly those within its bounds, to some many decimals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from inference.forms.errors import FormError
from inference.forms.nodes import EMPTY, NOTHING, Alt, Node, Repeat, Seq, chars, literal, optional

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_DIGITS = 15
_MOST_DECIMALS = 40
_HINT = "Leave it out, or say the same with other keywords."


def integer(found: Mapping[str, Any], place: str) -> Node:
    """Whole numbers within a schema's bounds."""
    low, high = bounds(found, place)
    return _whole(None if low is None else low.scaled(0, 1), None if high is None else high.scaled(0, -1))


def number(found: Mapping[str, Any], place: str) -> Node:
    """Decimal numbers; within bounds, exactly those of some many decimals."""
    low, high = bounds(found, place)
    if low is None and high is None:
        fraction = optional(Seq((literal("."), Repeat(_digit(), 1, _DIGITS))))
        exponent = optional(
            Seq((chars([(69, 69), (101, 101)]), optional(chars([(43, 43), (45, 45)])), Repeat(_digit(), 1, 2)))
        )
        return Seq((_whole(None, None), fraction, exponent))
    decimals = _decimals([bound for bound in (low, high) if bound is not None])
    most = 10 ** (_DIGITS + decimals) - 1
    first, last = -most if low is None else low.scaled(decimals, 1), most if high is None else high.scaled(decimals, -1)
    if first <= last:
        return _decimal_between(first, last, decimals)
    if low is not None and high is not None and low.leaves_any(high):
        names = " and ".join(f"{name} ({found[name]!r})" for name in BOUNDS if name in found)
        raise refused(place, f"leaves no number of at most {decimals} decimals between its bounds: {names}")
    return NOTHING


@dataclass(frozen=True, slots=True)
class Bound:
    """What a number may not go beyond, and whether not even reach."""

    value: Fraction
    excluded: bool
    decimals: int  # of it as it is written
    exact: int  # decimals up to which no two numbers around it are the same double

    def scaled(self, decimals: int, step: int) -> int:
        """The first number of so many decimals that is allowed, in units of the last one; `step` leads inwards."""
        whole = self.value * int(10**decimals)
        found = math.ceil(whole) if step > 0 else math.floor(whole)
        return found + step if self.excluded and whole == found else found

    def leaves_any(self, high: Bound) -> bool:
        """Whether any number lies between this and an upper bound."""
        return self.value < high.value or (self.value == high.value and not self.excluded and not high.excluded)


def bound_at(value: float, excluded: bool) -> Bound:
    """A bound as it was written, a finite number: the shortest decimal number that is read as the same double."""
    written = Decimal(repr(value))
    exponent = int(written.as_tuple().exponent)
    exact = _MOST_DECIMALS if not written else _DIGITS - 1 - written.adjusted()
    return Bound(Fraction(written), excluded, max(0, -exponent), exact)


def _decimals(bounds: Sequence[Bound]) -> int:
    """How many decimals numbers within bounds have at most: an excluded bound must differ for readers of doubles."""
    wanted = max(_DIGITS, *(bound.decimals for bound in bounds), *(bound.exact for bound in bounds if bound.value))
    told_apart = (bound.exact for bound in bounds if bound.excluded)
    return max(0, min(wanted, _MOST_DECIMALS, *told_apart))


def bounds(found: Mapping[str, Any], place: str) -> tuple[Bound | None, Bound | None]:
    """A schema's tightest bounds, from below and from above.

    Raises:
        FormError: One is no number, or has too many digits.
    """
    low = high = None
    for name in BOUNDS:
        if name not in found:
            continue
        value = found[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 10.0**_DIGITS:
            raise refused(f"{place}/{name}", f"is no number of at most {_DIGITS} digits")
        bound = bound_at(value, name.startswith("exclusive"))
        if name.lower().endswith("minimum"):
            low = bound if low is None else max(low, bound, key=lambda each: (each.value, each.excluded))
        else:
            high = bound if high is None else min(high, bound, key=lambda each: (each.value, not each.excluded))
    return low, high


def _decimal_between(low: int, high: int, decimals: int) -> Node:
    """Numbers low..high, in units of the last decimal, with any of their trailing zeros; no -0."""
    ways: list[Node] = []
    if high >= 0:
        ways.append(_positive_between(max(0, low), high, decimals))
    if low < 0:
        ways.append(Seq((literal("-"), _positive_between(max(1, -high), -low, decimals))))
    return Alt(tuple(ways))


def _positive_between(low: int, high: int, decimals: int) -> Node:
    (first, begin), (last, end) = divmod(low, 10**decimals), divmod(high, 10**decimals)
    if not decimals:
        return _between(first, last)
    zeros, nines = "0" * decimals, "9" * decimals
    lowest, highest = f"{begin:0{decimals}}", f"{end:0{decimals}}"
    if first == last:
        return Seq((literal(str(first)), _tail(lowest, highest, ".")))
    ways: list[Node] = [
        Seq((literal(str(first)), _tail(lowest, nines, "."))),
        Seq((literal(str(last)), _tail(zeros, highest, "."))),
    ]
    if first + 1 < last:
        ways.append(Seq((_between(first + 1, last - 1), _tail(zeros, nines, "."))))
    return Alt(tuple(ways))


def _tail(low: str, high: str, before: str = "") -> Node:
    """Decimals, behind `before`, that are within low..high if filled up with zeros; none, if that is."""
    if not low:
        return EMPTY
    if not low.strip("0") and not high.strip("9"):
        return optional(Seq((literal(before), Repeat(_digit(), 1, len(low)))))
    zeros, nines = "0" * (len(low) - 1), "9" * (len(low) - 1)
    first, last = ord(low[0]), ord(high[0])
    ways: list[Node] = []
    if first == last:
        ways.append(Seq((literal(low[0]), _tail(low[1:], high[1:]))))
    else:
        ways.append(Seq((literal(low[0]), _tail(low[1:], nines))))
        ways.append(Seq((literal(high[0]), _tail(zeros, high[1:]))))
        if first + 1 < last:
            ways.append(Seq((chars([(first + 1, last - 1)]), _tail(zeros, nines))))
    decimals = Seq((literal(before), Alt(tuple(ways))))
    return decimals if low.strip("0") else Alt((EMPTY, decimals))


def _whole(low: int | None, high: int | None) -> Node:
    """Whole numbers in low..high."""
    least, most = -(10**_DIGITS) + 1 if low is None else low, 10**_DIGITS - 1 if high is None else high
    if least > most:
        return NOTHING
    ways: list[Node] = []
    if most >= 0:
        ways.append(_between(max(0, least), most))
    if least < 0:
        ways.append(Seq((literal("-"), _between(max(1, -most), -least))))
    return Alt(tuple(ways))


def _between(low: int, high: int) -> Node:
    """Numbers low..high, both 0 or more, without leading zeros."""
    ways: list[Node] = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first, last = 10 ** (digits - 1) if digits > 1 else 0, 10**digits - 1
        ways.append(_same_length(str(max(low, first)), str(min(high, last))))
    return Alt(tuple(ways))


def _same_length(low: str, high: str) -> Node:
    if not low:
        return EMPTY
    if low == "0" * len(low) and high == "9" * len(high):
        return Repeat(_digit(), len(low), len(low))
    if low[0] == high[0]:
        return Seq((literal(low[0]), _same_length(low[1:], high[1:])))
    rest = len(low) - 1
    ways: list[Node] = [
        Seq((literal(low[0]), _same_length(low[1:], "9" * rest))),
        Seq((literal(high[0]), _same_length("0" * rest, high[1:]))),
    ]
    if ord(low[0]) + 1 < ord(high[0]):
        ways.append(Seq((chars([(ord(low[0]) + 1, ord(high[0]) - 1)]), Repeat(_digit(), rest, rest))))
    return Alt(tuple(ways))


def _digit() -> Node:
    return chars([(48, 57)])


def refused(place: str, what: str) -> FormError:
    """The error of a part of a schema that cannot be kept, by its JSON pointer."""
    return FormError(f"The schema's {place} {what}.", _HINT)
