"""Filters, methods and formats that a chat template may use, each with the size of what it would make.

Only a few of Jinja's filters and of Python's methods can make more than they are given; those say how much before they
are called. What no chat template needs (HTML, bytes, tables of characters) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from inference.text.template_limits import TOO_LARGE, TemplateLimitError

# Filters for web pages; some of them take quadratic time.
UNNEEDED_FILTERS = ("filesizeformat", "pprint", "striptags", "urlize", "xmlattr")
_MOST_PARTS, _MOST_DIGITS, _WIDEST_INDENT = 100_000, 400, 64
_PLAIN_TEXT = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "index",
        "isalnum",
        "isalpha",
        "isascii",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isprintable",
        "isspace",
        "istitle",
        "isupper",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "rfind",
        "rindex",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
    ]
)
_METHODS: tuple[tuple[type, frozenset[str]], ...] = (
    (dict, frozenset(("copy", "get", "items", "keys", "values"))),
    (list, frozenset(("copy", "count", "index"))),
    (tuple, frozenset(("count", "index"))),
    (float, frozenset(("is_integer",))),
)
_SPEC = re.compile(r"%(?:\(([^()]*)\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
_NUMBER = re.compile(r"\d+")


def _number(value: Any, usual: int = 0) -> int:
    return value if isinstance(value, int) else usual


def _padded(text: str, width: Any = 0, fill: Any = "") -> int:
    return _number(width)


def _spread(text: str, tabsize: Any = 8) -> int:
    return len(text) + text.count("\t") * max(0, _number(tabsize))


def replaced_size(text: str, old: Any, new: Any, count: Any = None) -> int:
    """Characters of `text` with `old` replaced by `new`; `count` is not looked at."""
    if not isinstance(old, str) or not isinstance(new, str):
        return 0
    return len(text) + text.count(old) * len(new)  # an empty text is found between all characters


_GROWING: dict[str, Callable[..., int]] = {
    "center": _padded, "ljust": _padded, "rjust": _padded, "zfill": _padded, "expandtabs": _spread,
    "replace": replaced_size,
}  # fmt: skip


def method_size(owner: object, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """Characters that a method of a value would make; 0 if no more than it is given.

    Raises:
        TemplateLimitError: Chat templates have no use for this method.
    """
    if isinstance(owner, str):
        if name in _GROWING:
            return _GROWING[name](owner, *args, **kwargs)
        if name in _PLAIN_TEXT:
            return 0
    elif any(isinstance(owner, kind) and name in names for kind, names in _METHODS):
        return 0
    raise TemplateLimitError(f"it calls {type(owner).__name__}.{name}, which no chat template needs")


def percent_size(text: str, values: Any) -> int:
    """Characters of `text % values`, at least; widths and precisions must be written out."""
    named = isinstance(values, Mapping)
    size = len(text)
    for found in _SPEC.finditer(text):
        if "*" in (found[2], found[3]):
            raise TemplateLimitError("it leaves the width of a format open")
        size += sum(int(number[:10]) for number in (found[2], found[3]) if number)
        if named and found[1]:
            size += len(str(values.get(found[1], "")))
    if named:
        return size
    return size + sum(len(str(each)) for each in (values if isinstance(values, tuple) else (values,)))


def spec_size(spec: str) -> int:
    """Characters that a format specification asks for."""
    return sum(int(number[:10]) for number in _NUMBER.findall(spec))


def check_indent(indent: Any) -> None:
    """Indentation of JSON, a number or a text.

    Raises:
        TemplateLimitError: It is wider than a screen.
    """
    if (len(indent) if isinstance(indent, str) else _number(indent)) > _WIDEST_INDENT:
        raise TemplateLimitError("it indents too far")


def _lines(text: Any) -> int:
    return str(text).count("\n") + 1


def _indent(text: Any, width: Any = 4, first: bool = False, blank: bool = False) -> int:
    return len(str(text)) + (_lines(text) + 1) * (len(width) if isinstance(width, str) else _number(width))


def _wordwrap(
    text: Any, width: Any = 79, break_long_words: bool = True, wrapstring: Any = None, break_on_hyphens: bool = True
) -> int:
    return len(str(text)) * (1 + len(str(wrapstring or "")))


def _parts(value: Any, count: Any, fill_with: Any = None) -> int:
    if _number(count) > _MOST_PARTS:
        raise TemplateLimitError(TOO_LARGE)
    return 0


def _round(value: Any, precision: Any = 0, method: str = "common") -> int:
    if abs(_number(precision)) > _MOST_DIGITS:
        raise TemplateLimitError("it rounds too finely")
    return 0


def _sum(iterable: Iterable[Any], attribute: Any = None, start: Any = 0) -> int:
    if not isinstance(start, int | float):
        raise TemplateLimitError("it adds what are no numbers")
    return 0


# How much a filter would make, for those that can make more than they are given.
FILTER_SIZES: dict[str, Callable[..., int]] = {
    "batch": _parts,
    "center": lambda value, width=80: _number(width),
    "format": lambda value, *args, **kwargs: percent_size(str(value), kwargs or args),
    "indent": _indent,
    "replace": lambda text, old, new, count=None: replaced_size(str(text), str(old), str(new)),
    "round": _round,
    "slice": _parts,
    "sum": _sum,
    "truncate": lambda text, length=255, killwords=False, end="...", leeway=None: len(str(end)),
    "wordwrap": _wordwrap,
}
