"""Calls of tools in a chat template's own syntax, as Gemma's templates write it.

    <|tool_call>call:get_weather{city:<|"|>Rome<|"|>,days:2}<tool_call|>

The markers are control tokens. Where such a call is a text (in an answer that has the form of one), each stands as a
character of its own out of those that Unicode sets apart as no characters, which the texts of a call never hold; so
whatever a text spells, a call has one reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SIGNS = QUOTE, BEGIN, END = "\ufdd0", "\ufdd1", "\ufdd2"
MARKERS = {'<|"|>': QUOTE, "<|tool_call>": BEGIN, "<tool_call|>": END}
RESULT_MARKER = "<|tool_response>"
HEAD = "call:"
KEY = r"[^\s:,{}\[\]\"<>|\x00-\x1f\ufdd0-\ufdd2]+"
_PLAIN = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")
_KEY = re.compile(KEY)
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class CallTokens:
    """Ids of the markers in a checkpoint's vocabulary.

    Attributes:
        signs: The sign of each marker, by its id.
        begin: What begins a call.
        result: What begins a tool's result, which no model should write; None if there is no such token.
    """

    signs: Mapping[int, str]
    begin: int
    result: int | None

    @property
    def in_order(self) -> tuple[int, ...]:
        """Ids in the order of `SIGNS`."""
        ids = {char: token_id for token_id, char in self.signs.items()}
        return tuple(ids[char] for char in SIGNS)


def key_order(name: str) -> str:
    """What Jinja's `dictsort` sorts keys by."""
    return name.lower()


def written_call(arguments: str) -> str:
    """Arguments that were read out of a call (`read_arguments`), as they stood there, markers as signs."""
    return _written(json.loads(arguments))


def _written(value: Any) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{name}:{_written(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case str():
            return f"{QUOTE}{value}{QUOTE}"
    return json.dumps(value)


def read_name(text: str) -> str:
    """The tool that the beginning of a call names."""
    return text.removeprefix(BEGIN).removeprefix(HEAD)


def read_arguments(text: str) -> str:
    """The arguments of a call as JSON; `text` is what follows the tool's name, to the end of the call.

    Numbers are taken over as they are written.

    Raises:
        ValueError: It is no such text.
    """
    json_text, end = _value(text, 0, 0)
    if text[end:] != END or not json_text.startswith("{"):
        raise ValueError("it is no whole call")
    return json_text


def _value(text: str, start: int, depth: int) -> tuple[str, int]:
    """JSON of the value at `start`, and where it ends."""
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    first = text[start : start + 1]
    if first == QUOTE:
        end = text.index(QUOTE, start + 1)
        return json.dumps(text[start + 1 : end], ensure_ascii=False), end + 1
    if first and first in "{[":
        return _entries(text, start, depth)
    plain = _PLAIN.match(text, start)
    if plain is None:
        raise ValueError(f"there is no value at {start}")
    return plain[0], plain.end()


def _entries(text: str, start: int, depth: int) -> tuple[str, int]:
    closing, parts, place = "}" if text[start] == "{" else "]", list[str](), start + 1
    while not text.startswith(closing, place):
        if parts:
            if not text.startswith(",", place):
                raise ValueError(f"there is no comma at {place}")
            place += 1
        before = ""
        if closing == "}":
            key = _KEY.match(text, place)
            if key is None or not text.startswith(":", key.end()):
                raise ValueError(f"there is no key at {place}")
            before, place = json.dumps(key[0], ensure_ascii=False) + ": ", key.end() + 1
        inner, place = _value(text, place, depth + 1)
        parts.append(before + inner)
    return text[start] + ", ".join(parts) + closing, place + 1
