"""What makes a form too large, in words: the largest count in it, and where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from inference.forms.errors import FormLengthError, FormSizeError
from inference.forms.wanted import Form

_LEAST, _MOST = ("minItems", "minLength"), ("maxItems", "maxLength")
_LEAST_LISTS, _LISTS = ("required",), ("enum", "properties", "prefixItems")
_REPEATED = re.compile(r"\{(?P<least>\d*)(?:,(?P<most>\d*))?\}|\{(?:(?P<from>\d+)-)?(?P<to>\d+) (?:word|character)s?\}")
_WORTH_NAMING = 16  # smaller counts are not what makes a form too large


def explained(error: FormSizeError, form: Form) -> FormSizeError:
    """The same error, with the largest count in the form named if there is one.

    Where every text is too long, only a count that each of them has to reach can be the reason; elsewhere it may be,
    and stands beside a larger one that need not be reached.
    """
    least = max(_found(form, True), key=lambda each: each[0], default=(0, ""))
    largest = (
        least
        if isinstance(error, FormLengthError)
        else max(_found(form, False), key=lambda each: each[0], default=(0, ""))
    )
    if largest[0] < _WORTH_NAMING:
        return error
    said = f"The largest count in it is {largest[0]}, {largest[1]}."
    if _WORTH_NAMING <= least[0] < largest[0]:
        said += f" Every text has to reach {least[0]}, {least[1]}."
    return type(error)(f"{error.user_text} {said}", error.hint)


def _found(form: Form, least: bool) -> Iterator[tuple[int, str]]:
    """Every count in a form, and where it stands; with `least` those alone that every text has to reach."""
    match form.kind:
        case "schema" | "arguments":
            yield from _in_schema(json.loads(form.text), least)
        case "regex":
            yield from ((count, "in a repetition of the expression") for count in _repeated(form.text, least))
        case "template":
            yield from ((count, "in a blank") for count in _repeated(form.text, least))
        case "choice":
            lengths = list(map(len, form.texts))
            if not least:
                yield len(lengths), "the number of its texts"
            yield (min if least else max)(lengths, default=0), "the length of a text in characters"
        case _:
            pass


def _repeated(pattern: str, least: bool) -> Iterator[int]:
    for found in _REPEATED.finditer(pattern):
        low, high = found["least"] or found["from"] or "", found["most"] or found["to"] or ""
        exact = found["most"] is None and not found["from"]
        digits = (low or high) if exact else low
        yield from (int(each[:12]) for each in ((digits,) if least else (low, high)) if each)


def _in_schema(root: Any, least: bool) -> Iterator[tuple[int, str]]:
    counts = _LEAST if least else (*_LEAST, *_MOST)
    lists = _LEAST_LISTS if least else (*_LEAST_LISTS, *_LISTS)
    waiting = [(root, "#")]
    while waiting:
        part, place = waiting.pop()
        if isinstance(part, list):
            waiting += [(each, f"{place}/{number}") for number, each in enumerate(part)]
        elif isinstance(part, dict):
            for name, value in part.items():
                at = f"{place}/{name.replace('~', '~0').replace('/', '~1')}"
                waiting.append((value, at))
                if name in counts and isinstance(value, int) and not isinstance(value, bool):
                    yield value, f"the schema's {at}"
                elif name in lists and isinstance(value, dict | list):
                    yield len(value), f"the length of the schema's {at}"
                elif name == "pattern" and isinstance(value, str):
                    yield from ((count, f"in a repetition of the schema's {at}") for count in _repeated(value, least))
