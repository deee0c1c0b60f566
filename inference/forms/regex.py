"""Python's regular expressions as regular languages; the whole text has to match, as with `re.fullmatch`.

Python's own parser reads them, so that a pattern means here what it means there. What no regular language has (groups
referred to, looking ahead or back, conditions, possessive and atomic parts) is refused by name, as are flags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from inference.forms.errors import FormError
from inference.forms.nodes import EMPTY, MOST_CODE_POINT, Alt, Chars, Node, Repeat, Seq, chars, other_chars

LONGEST = 20_000  # characters of a pattern
_HINT = "Write it with characters, classes, groups, | and counts alone."
_REFUSED = {
    "GROUPREF": "refers back to a group",
    "GROUPREF_EXISTS": "asks whether a group matched",
    "ASSERT": "looks ahead or back",
    "ASSERT_NOT": "looks ahead or back",
    "ATOMIC_GROUP": "has an atomic group",
    "POSSESSIVE_REPEAT": "has a possessive count",
}


def regex(pattern: str, ecma: bool = False) -> Node:
    """The language of a pattern.

    Args:
        pattern: As Python writes them.
        ecma: Classes such as `\\d` are what both Python and ECMA-262 mean, which JSON Schema names: ASCII alone.

    Raises:
        FormError: It is no pattern, too long, or needs more than a regular language has.
    """
    if len(pattern) > LONGEST:
        raise FormError(f"The regular expression has {len(pattern)} characters; {LONGEST} are the most.", _HINT)
    try:
        tree = _parser.parse(pattern)
    except (re.error, OverflowError) as exc:
        raise FormError(f"The regular expression cannot be read: {exc}.", _HINT) from exc
    except RecursionError as exc:
        raise FormError("The regular expression is nested too deeply.", _HINT) from exc
    if tree.state.flags & ~int(re.UNICODE):
        raise _refused("has flags")
    return _seq(_without_edges(list(tree)), ecma)


def _without_edges(items: list[Any]) -> list[Any]:
    """`^` at the start and `$` at the end say what holds anyway."""
    starts = (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING)
    ends = (_constants.AT_END, _constants.AT_END_STRING)
    while items and items[0][0] is _constants.AT and items[0][1] in starts:
        items = items[1:]
    while items and items[-1][0] is _constants.AT and items[-1][1] in ends:
        items = items[:-1]
    return items


def _seq(items: Sequence[Any], ecma: bool) -> Node:
    parts = [_node(kind, value, ecma) for kind, value in items]
    return parts[0] if len(parts) == 1 else Seq(tuple(parts)) if parts else EMPTY


def _node(kind: Any, value: Any, ecma: bool) -> Node:
    match str(kind):
        case "LITERAL":
            return chars([(value, value)])
        case "NOT_LITERAL":
            return other_chars(((value, value),))
        case "ANY":
            return other_chars(((10, 10),))
        case "IN":
            return _class(value, ecma)
        case "BRANCH":
            return Alt(tuple(_seq(list(way), ecma) for way in value[1]))
        case "SUBPATTERN":
            _, added, removed, items = value
            if added or removed:
                raise _refused("has flags")
            return _seq(list(items), ecma)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, items = value
            return Repeat(_seq(list(items), ecma), int(least), None if most is _constants.MAXREPEAT else int(most))
        case "AT":
            raise _refused("has ^, $ or \\b within it")
        case name:
            raise _refused(_REFUSED.get(name, f"has {name.lower()}"))


def _class(items: Sequence[Any], ecma: bool) -> Chars:
    negated, found = False, list[tuple[int, int]]()
    among = both if ecma else category  # what is left out of a class is what either means
    if ecma and any(kind is _constants.NEGATE for kind, _ in items):
        among = either
    for kind, value in items:
        match str(kind):
            case "NEGATE":
                negated = True
            case "LITERAL":
                found.append((value, value))
            case "RANGE":
                found.append(value)
            case "CATEGORY":
                found += among(str(value))
            case name:
                raise _refused(f"has {name.lower()} in a class")
    made = chars(found)
    return other_chars(made.ranges) if negated else made


_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip


@cache
def category(name: str) -> tuple[tuple[int, int], ...]:
    """What Python counts as a digit, a space or part of a word, in all of Unicode."""
    if name not in _CATEGORIES:
        raise _refused(f"has {name.lower()}")
    everything = "".join(map(chr, range(MOST_CODE_POINT + 1)))
    return tuple((found.start(), found.end() - 1) for found in re.finditer(_CATEGORIES[name] + "+", everything))


# The same in ECMA-262, where other letters and digits than those of ASCII are none.
_ECMA = {
    r"\d": "0-9", r"\D": "^0-9", r"\w": "A-Za-z0-9_", r"\W": "^A-Za-z0-9_",
    r"\s": "\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff",
    r"\S": "^\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff",
}  # fmt: skip


@cache
def both(name: str) -> tuple[tuple[int, int], ...]:
    """The characters of a class that Python and ECMA-262 agree on."""
    return _joint(name, "(?=[{ecma}]){python}")


@cache
def either(name: str) -> tuple[tuple[int, int], ...]:
    """The characters that one of them counts to a class."""
    return _joint(name, "(?:[{ecma}]|{python})")


def _joint(name: str, pattern: str) -> tuple[tuple[int, int], ...]:
    if name not in _CATEGORIES:
        raise _refused(f"has {name.lower()}")
    python = _CATEGORIES[name]
    one = re.compile(f"(?:{pattern.format(ecma=_ECMA[python], python=python)})+", re.DOTALL)
    everything = "".join(map(chr, range(MOST_CODE_POINT + 1)))
    return tuple((found.start(), found.end() - 1) for found in one.finditer(everything))


def _refused(what: str) -> FormError:
    return FormError(f"The regular expression {what}, which no form can keep.", _HINT)
