"""Regular expressions and schemas: exactly Python's language, and nothing that a schema forbids."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import numpy as np
import pytest

from benchmarks.forms import random_pattern
from inference.forms.bytes_dfa import ByteDfa, compile_bytes, utf8_ranges
from inference.forms.errors import FormError
from inference.forms.nodes import NOTHING, choice, literal
from inference.forms.regex import regex
from inference.forms.schema import any_json, schema

_LETTERS = ("a", "b", "c", "é", "漢", "1", "\n", "z", "🦊", "x", "ab", "", "²")


def test_a_pattern_means_what_it_means_to_python() -> None:
    rng = random.Random(1)
    for _ in range(300):
        pattern = random_pattern(rng, rng.randint(0, 5))
        made, python = compile_bytes(regex(pattern)), re.compile(pattern)
        for _ in range(30):
            text = "".join(rng.choice(_LETTERS) for _ in range(rng.randint(0, 6)))
            assert made.matches(text.encode()) == (python.fullmatch(text) is not None), (pattern, text)


def test_ranges_of_characters_are_their_utf8_encodings_and_no_others() -> None:
    rng = random.Random(2)
    borders = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF, 0x3042, 0x1F98A]
    for _ in range(60):
        low, high = sorted(rng.choice(borders) + rng.choice((0, 0, 1, 5)) for _ in range(2))
        high = min(high, 0x10FFFF)
        sequences = list(utf8_ranges(low, high))
        for code in {low, high, (low + high) // 2, *(rng.randint(0, 0x10FFFF) for _ in range(40))}:
            data = chr(code).encode("utf-8", "surrogatepass")
            found = any(
                len(s) == len(data) and all(a <= b <= z for b, (a, z) in zip(data, s, strict=True)) for s in sequences
            )
            assert found == (low <= code <= high), (hex(low), hex(high), hex(code))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a)\\1", "refers back"),
        ("(?=a)b", "looks ahead"),
        ("(?<!a)b", "looks ahead or back"),
        ("a\\bb", "within it"),
        ("(?i)a", "flags"),
        ("(?i:a)", "flags"),
        ("a**", "cannot be read"),
        ("(", "cannot be read"),
        ("a" * 30_000, "characters"),
        ("(?:a{1000}){1000}", "more than 4096 states"),
        ("(?>a)b", "atomic"),
        ("a++", "possessive"),
    ],
)
def test_what_no_form_can_keep_is_refused_by_name(pattern: str, said: str) -> None:
    with pytest.raises(FormError, match=said):
        compile_bytes(regex(pattern))


def test_anchors_at_the_edges_change_nothing() -> None:
    assert compile_bytes(regex("^ab$")).matches(b"ab")
    assert not compile_bytes(regex("^ab$")).matches(b"abc")


def test_a_form_without_texts_is_refused() -> None:
    with pytest.raises(FormError, match="No text has this form"):
        compile_bytes(NOTHING)


def test_choices_are_exactly_their_texts() -> None:
    made = compile_bytes(choice(["yes", "no", "näh"]))
    assert [made.matches(text.encode()) for text in ("yes", "no", "näh", "n", "yesno")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert compile_bytes(literal("")).matches(b"")


def random_text(made: ByteDfa, rng: random.Random, most: int = 60) -> bytes:
    """A text of the language: random at first, then the shortest way to an end."""
    far = 10**9
    distance = np.where(made.accepts, 0, far)
    for _ in range(len(distance)):
        following = np.where(made.step >= 0, distance[made.step], far).min(axis=1) + 1
        if (np.minimum(distance, following) == distance).all():
            break
        distance = np.minimum(distance, following)
    text, state = bytearray(), 0
    while not (made.accepts[state] and (rng.random() < 0.3 or len(text) >= most or not (made.step[state] >= 0).any())):
        options = np.flatnonzero(made.step[state] >= 0).tolist()
        near = min(options, key=lambda byte: distance[made.step[state, byte]])
        byte = near if len(text) >= most else rng.choice(options)
        text.append(byte)
        state = int(made.step[state, byte])
    return bytes(text)


SCHEMAS: list[Any] = [
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 3, "maximum": 120},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 3},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    {"type": "integer", "minimum": -57, "maximum": 1234},
    {"type": "integer", "exclusiveMinimum": 9, "exclusiveMaximum": 101},
    {"type": "number", "minimum": 0, "maximum": 10},
    {"type": "number", "exclusiveMinimum": -2.5},
    {"type": "string", "pattern": '^a+"b$'},
    {"type": "string", "pattern": "x\\d"},
    {"type": "string", "minLength": 2, "maxLength": 4},
    {
        "$defs": {
            "n": {
                "type": "object",
                "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}},
                "required": ["v", "next"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/n",
    },
    {"type": ["string", "null"], "maxLength": 5},
    {"const": {"a": [1, 'é"\n']}},
    {"enum": [1, "two", None, [True]]},
    {"type": "object", "additionalProperties": {"type": "boolean"}},
    {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "items": {"type": "null"},
        "minItems": 1,
        "maxItems": 4,
    },
    {"type": "string", "format": "date-time"},
    {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"]},
        ]
    },
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    True,
]


@pytest.mark.parametrize("wanted", SCHEMAS, ids=lambda wanted: json.dumps(wanted)[:40])
def test_every_text_of_a_schemas_language_is_json_that_it_allows(wanted: Any) -> None:
    validate = pytest.importorskip("jsonschema").validate
    made, rng = compile_bytes(schema(wanted)), random.Random(3)
    for _ in range(150):
        validate(json.loads(random_text(made, rng).decode()), wanted)


def test_bounds_of_whole_numbers_are_exact() -> None:
    rng = random.Random(4)
    for _ in range(40):
        low, high = sorted(rng.randint(-300, 300) for _ in range(2))
        made = compile_bytes(schema({"type": "integer", "minimum": low, "maximum": high}))
        assert {n for n in range(-330, 331) if made.matches(str(n).encode())} == set(range(low, high + 1))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"type": "string", "not": {}}, "#/not"),
        ({"type": "array", "uniqueItems": True}, "#/uniqueItems"),
        ({"$ref": "http://x"}, "#/\\$ref"),
        ({"type": "foo"}, "#/type"),
        ({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}, "#/oneOf"),
        ({"properties": {"a/b": {"if": {}}}}, "#/properties/a~1b/if"),
        ({"type": "string", "minLength": -1}, "#/minLength"),
        ({"type": "integer", "multipleOf": 3}, "#/multipleOf"),
        ({"enum": []}, "#/enum"),
        ({"$ref": "#/nowhere"}, "points to nothing"),
        ([], "is no schema"),
    ],
)
def test_what_a_schema_asks_that_cannot_be_kept_is_refused_with_its_place(wanted: Any, said: str) -> None:
    with pytest.raises(FormError, match=said):
        schema(wanted)


def test_any_json_is_json() -> None:
    made, rng = compile_bytes(any_json()), random.Random(5)
    for _ in range(100):
        json.loads(random_text(made, rng).decode())
    for text in ('{"a": [1, {"b": null}]}', "[]", '"x"', "-1.5e+3", "true"):
        assert made.matches(text.encode())
    for text in ("{a: 1}", "[1,]", "01", '"\n"', "nul"):
        assert not made.matches(text.encode())
