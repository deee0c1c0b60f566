"""What makes a form too large, in words: the largest count in it, and where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from inference.forms.errors import FormSizeError
from inference.forms.wanted import Form

_COUNTS = ("minItems", "maxItems", "minLength", "maxLength")
_LISTS = ("enum", "properties", "prefixItems", "required")
_REPEATED = re.compile(r"\{(\d*),?(\d*)\}|\{(?:\d+-)?(\d+) (?:word|character)s?\}")
_WORTH_NAMING = 16  # smaller counts are not what makes a form too large


def explained(error: FormSizeError, form: Form) -> FormSizeError:
    """The same error, with the largest count in the form named if there is one."""
    count, place = max(_found(form), key=lambda each: each[0], default=(0, ""))
    if count < _WORTH_NAMING:
        return error
    return FormSizeError(f"{error.user_text} The largest count in it is {count}, {place}.", error.hint)


def _found(form: Form) -> Iterator[tuple[int, str]]:
    """Every count in a form, and where it stands."""
    match form.kind:
        case "schema" | "arguments":
            yield from _in_schema(json.loads(form.text))
        case "regex":
            yield from ((count, "in a repetition of the expression") for count in _repeated(form.text))
        case "template":
            yield from ((count, "in a blank") for count in _repeated(form.text))
        case "choice":
            yield len(form.texts), "the number of its texts"
            yield max(map(len, form.texts), default=0), "the length of a text in characters"
        case _:
            pass


def _repeated(pattern: str) -> Iterator[int]:
    for found in _REPEATED.finditer(pattern):
        yield from (int(digits[:12]) for digits in found.groups() if digits)


def _in_schema(root: Any) -> Iterator[tuple[int, str]]:
    waiting = [(root, "#")]
    while waiting:
        part, place = waiting.pop()
        if isinstance(part, list):
            waiting += [(each, f"{place}/{number}") for number, each in enumerate(part)]
        elif isinstance(part, dict):
            for name, value in part.items():
                at = f"{place}/{name.replace('~', '~0').replace('/', '~1')}"
                waiting.append((value, at))
                if name in _COUNTS and isinstance(value, int) and not isinstance(value, bool):
                    yield value, f"the schema's {at}"
                elif name in _LISTS and isinstance(value, dict | list):
                    yield len(value), f"the length of the schema's {at}"
                elif name == "pattern" and isinstance(value, str):
                    yield from ((count, f"in a repetition of the schema's {at}") for count in _repeated(value))
