"""Regular expressions and schemas: exactly Python's language, and nothing that a schema forbids."""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from benchmarks.forms import random_pattern
from inference.forms import bytes_dfa, compiling
from inference.forms.bytes_dfa import ByteDfa, compile_bytes, utf8_ranges
from inference.forms.compiling import byte_form
from inference.forms.errors import FormError
from inference.forms.nodes import NOTHING, choice, literal
from inference.forms.regex import regex
from inference.forms.schema import any_json, schema
from inference.forms.wanted import Form

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
        ("(?:a{1000}){1000}", "at least 1000000 characters"),
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


def test_bounds_of_decimal_numbers_are_exact() -> None:
    rng = random.Random(5)
    for _ in range(60):
        places = rng.randint(0, 3)
        low, high = (Decimal(rng.randint(-3000, 3000)).scaleb(-places) for _ in range(2))
        if low > high:
            low, high = high, low
        below, above = rng.choice(["minimum", "exclusiveMinimum"]), rng.choice(["maximum", "exclusiveMaximum"])
        if low == high:
            below, above = "minimum", "maximum"
        made = compile_bytes(schema({"type": "number", below: float(low), above: float(high)}))
        tried = [edge + Decimal(step).scaleb(-places - 2) for edge in (low, high) for step in range(-150, 150, 7)]
        for value in [*tried, low, high, (low + high) / 2]:
            inside = (low < value if below[0] == "e" else low <= value) and (
                value < high if above[0] == "e" else value <= high
            )
            for text in {f"{value:f}", f"{value:f}0" if "." in f"{value:f}" else f"{value:f}.0"}:
                wanted = inside and not (value == 0 and text.startswith("-"))
                assert made.matches(text.encode()) == wanted, (low, high, below, above, text)


def test_numbers_within_narrow_bounds_keep_them_for_readers_of_doubles() -> None:
    for low, high in ((0, 1e-9), (0.25, 0.5), (-0.5, -0.25), (99.9, 100), (0.1, 0.30000000000000004), (-1e-7, 0)):
        made = compile_bytes(schema({"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high}))
        rng = random.Random(6)
        assert all(low < json.loads(random_text(made, rng)) < high for _ in range(100))


def test_a_text_too_long_to_look_in_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytes_dfa, "_Nfa", None)
    with pytest.raises(FormError, match="has 24999 bytes"):
        byte_form(Form("part", "word " * 5000))


@pytest.mark.parametrize("required", [[], ["b"], ["a", "c"]])
def test_an_object_has_its_properties_in_their_order_and_optional_ones_or_not(required: list[str]) -> None:
    wanted = {"properties": {name: {"const": 1} for name in "abc"}, "required": required, "type": "object"}
    made = compile_bytes(schema({**wanted, "additionalProperties": False}))
    for order in (order for count in range(4) for order in itertools.permutations("abc", count)):
        text = json.dumps(dict.fromkeys(order, 1))
        assert made.matches(text.encode()) == (list(order) == sorted(order) and set(required) <= set(order)), text


def test_many_optional_properties_are_few_states() -> None:
    many = {"type": "object", "properties": {f"p{number}": {"type": "boolean"} for number in range(60)}}
    assert len(compile_bytes(schema(many)).step) < 1000


@pytest.mark.parametrize("pattern", ["a{5000}", "(?:a{1000}){1000}", "x" + "a" * 6000])
def test_a_form_of_long_texts_alone_is_refused_before_it_is_built(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytes_dfa, "_Nfa", None)
    with pytest.raises(FormError, match=r"at least [0-9]+ characters"):
        compile_bytes(regex(pattern))


def test_counted_repetitions_are_told_apart_without_looking_at_all_states_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    split = bytes_dfa._split

    def counted(*given: Any) -> Any:
        looked.append(len(given[4]))
        return split(*given)

    monkeypatch.setattr(bytes_dfa, "_split", counted)
    made = compile_bytes(regex("[ab]{0,900}"))
    assert len(made.step) == 901
    assert sum(looked) < 4 * 901
    assert made.matches(b"ab" * 450)
    assert not made.matches(b"ab" * 450 + b"a")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("[ab]{0,5000}", "more than 4096 states"),
        ("(?:(?:a{0,20}){0,20}){0,20}", "more than 4096 states"),
        ("(?:a{0,50}b{0,50}){0,50}", "in too many ways at once"),
    ],
)
def test_too_large_a_repetition_is_refused_before_much_is_done(
    pattern: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closures: list[int] = []
    closure = bytes_dfa._closure

    def counted(*given: Any) -> Any:
        found = closure(*given)
        closures.append(found[1])
        return found

    monkeypatch.setattr(bytes_dfa, "_closure", counted)
    monkeypatch.setattr(bytes_dfa, "_MOST_WORK", 200_000)
    with pytest.raises(FormError, match=said):
        compile_bytes(regex(pattern))
    assert sum(closures) <= bytes_dfa._MOST_WORK + 10_000


@pytest.mark.parametrize(
    "pattern",
    ["(?:a{0,3}){2,3}b", "(?:a{1,3}){2,5}", "(?:a*){0}b", "(?:a{0})*b", "(?:(?:ab){1,2}){0,2}c", "(?:a{2,3}){2}"],
)
def test_repetitions_of_repetitions_mean_what_they_mean_to_python(pattern: str) -> None:
    made, python = compile_bytes(regex(pattern)), re.compile(pattern)
    for length in range(12):
        for text in ("a" * length, "a" * length + "b", "ab" * length + "c"):
            assert made.matches(text.encode()) == bool(python.fullmatch(text)), text


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        ({"const": 1, "type": ["string", "integer"]}, [1]),
        ({"const": 7, "enum": [1, 7.0]}, [7]),
        ({"enum": [1, 7, 9, "a"], "minimum": 5, "exclusiveMaximum": 9}, [7, "a"]),
        ({"anyOf": [{"const": 1, "type": "string"}, {"const": 2}]}, [2]),
        ({"allOf": [{"const": "abc"}, {"maxLength": 3}, {"pattern": "b"}]}, ["abc"]),
        ({"enum": [10**400, True, 1.5], "type": "integer"}, [10**400]),
        ({"oneOf": [{"const": 1}, {"type": "string", "enum": ["a", 2]}]}, [1, "a"]),
    ],
)
def test_named_values_are_those_that_the_keywords_beside_them_allow(wanted: Any, values: list[Any]) -> None:
    made = compile_bytes(schema(wanted))
    assert [value for value in [1, 2, 7, 9, 1.5, True, "a", "abc", 10**400] if made.matches(written(value))] == values


def written(value: Any) -> bytes:
    return str(value).encode() if isinstance(value, int) and value > 1 else json.dumps(value).encode()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"const": 1, "type": "string"}, "No text has this form"),
        ({"const": "abc", "pattern": "^x"}, "No text has this form"),
        ({"const": "a", "maxLength": 0}, "No text has this form"),
        ({"oneOf": [{"const": "a"}, {"type": "string"}]}, "#/oneOf"),
        ({"oneOf": [{"const": 1}, {"const": 1.0}]}, "#/oneOf"),
        ({"type": "number", "minimum": 1e-200, "maximum": 1e-100}, "minimum \\(1e-200\\) and maximum \\(1e-100"),
        ({"type": "number", "minimum": 3, "maximum": 2}, "No text has this form"),
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
        ({"allOf": [{"properties": {"a": {}}}], "additionalProperties": {"type": "null"}}, "#/allOf/0/additionalProp"),
        ({"allOf": [{"prefixItems": [{}]}, {"items": False}]}, "#/allOf/1/items"),
        ({"items": {"$ref": "#name"}, "$defs": {"a": {"$anchor": "name"}}}, "points to a name"),
        ({"items": {"$ref": "#/$defs/a/$defs/b"}, "$defs": {"a": {"$id": "b", "$defs": {"b": {}}}}}, "an \\$id of its"),
        ({"items": {"$id": "b", "type": "null"}}, "#/items/\\$id"),
        ({"allOf": [{"const": 1}, {"const": True}]}, "#/allOf/1/const"),
        ({"allOf": [{"$ref": "#"}]}, "schema's # refers to itself"),
        ({"$ref": "#"}, "No text has this form: the schema's # refers to itself without an end"),
        ({"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"}, "# refers to itself"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
            "#/\\$defs/a refers",
        ),
        (
            {
                "properties": {"a": {"$ref": "#"}, "b": {"const": 1, "type": "null"}},
                "required": ["b"],
                "type": "object",
            },
            "parts contradict",
        ),
    ],
)
def test_what_a_schema_asks_that_cannot_be_kept_is_refused_with_its_place(wanted: Any, said: str) -> None:
    with pytest.raises(FormError) as failed:
        compile_bytes(schema(wanted))
    assert re.search(said, f"{failed.value.user_text} {failed.value.hint}")


def test_a_schema_that_is_nested_without_end_is_a_sentence() -> None:
    wanted = '{"items": ' * 900 + "{}" + "}" * 900
    with pytest.raises(FormError, match=r"nested too deeply|more than"):
        byte_form(Form("schema", wanted))


def test_any_json_is_json() -> None:
    made, rng = compile_bytes(any_json()), random.Random(5)
    for _ in range(100):
        json.loads(random_text(made, rng).decode())
    for text in ('{"a": [1, {"b": null}]}', "[]", '"x"', "-1.5e+3", "true"):
        assert made.matches(text.encode())
    for text in ("{a: 1}", "[1,]", "01", '"\n"', "nul"):
        assert not made.matches(text.encode())


_PROPERTIES = {f"name{number}": {"type": "string"} for number in range(20_000)}


@pytest.mark.parametrize(
    "form",
    [
        Form("schema", json.dumps({"type": "object", "properties": _PROPERTIES})),
        Form("schema", json.dumps({"type": "object", "required": list(_PROPERTIES)})),
        Form("schema", json.dumps({"enum": [f"v{number}" for number in range(90_000)]})),
        Form("schema", json.dumps({"oneOf": [{"const": f"v{number}"} for number in range(20_000)]})),
        Form("schema", json.dumps({"items": {"type": "null"}, "maxItems": 10**6})),
        Form("choice", texts=tuple(f"v{number}" for number in range(100_000))),
        Form("template", "word " * 100_000),
    ],
    ids=["properties", "required", "enum", "ways", "items", "choice", "template"],
)
def test_what_is_too_large_is_refused_before_it_is_built(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytes_dfa, "_Nfa", None)
    monkeypatch.setattr(compiling, "compile_bytes", None)  # not even that far
    with pytest.raises(FormError, match="more than"):
        byte_form(form)


def test_looking_at_a_large_form_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, closure = 0, bytes_dfa._closure

    def counted(*given: Any) -> Any:
        nonlocal looked
        found = closure(*given)
        looked += found[1]
        return found

    monkeypatch.setattr(bytes_dfa, "_closure", counted)
    monkeypatch.setattr(bytes_dfa, "_MOST_WORK", 50_000)
    properties = dict(itertools.islice(_PROPERTIES.items(), 300))
    with pytest.raises(FormError):
        byte_form(Form("schema", json.dumps({"type": "object", "properties": properties})))
    assert looked < 60_000


@pytest.mark.parametrize("wanted", [{"const": "\ud800"}, {"properties": {"\ud800": {}}}, {"required": [["a"]]}])
def test_what_no_json_can_hold_is_said(wanted: Any) -> None:
    with pytest.raises(FormError, match=r"half a character|is no text"):
        schema(wanted)


def test_elements_that_there_cannot_be_count_for_nothing() -> None:
    made = compile_bytes(schema({"type": "array", "items": False, "maxItems": 10**6}))
    assert made.matches(b"[]")
    assert not made.matches(b"[1]")


def test_something_else_does_not_say_the_same_words_again() -> None:
    made = functools.lru_cache(lambda text, unlike, behind: byte_form(Form("otherwise", text, (" ", behind, unlike))))

    def fits(text: str, part: str, unlike: str = "", behind: str = ", and so on.") -> bool:
        return bool(made(text, unlike, behind).matches(f" {part}{behind}".encode()))

    for same in ("black cat", "Black Cat", "black  cat,", "(black) cat", "blackcat", " black-cat\n", "BLACK CAT!"):
        assert not fits("black cat", same), same
    for other in ("black cats", "black ca", "a black cat", "black cat and dog", "dogs", "\u00e9l\u00e8ve", "cat black"):
        assert fits("black cat", other), other
    assert [fits("black cat", part) for part in ("cat", "a, b, c", "abcd", "", ", ...")] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert [fits("black cat", part, "bT") for part in ("blue cat", "The cat", "a cat now")] == [False, False, True]
    assert [fits("...", part) for part in ("...", "..", "so")] == [False, False, True]
    assert [fits("\u6f22\u5b57", part) for part in ("\u6f22\u5b57", "\u6f22 \u5b57\u3002", "\u5b57\u6f22")] == [
        False,
        False,
        True,
    ]
    assert [fits("and", part, behind=" and and") for part in ("and", "and and", "or")] == [False, True, True]
    long = "The small river runs past the old mill and the children who live there swim in it"
    begun = long[: long.index("who")]
    assert not fits(long, f"{begun}who laugh a lot and never come home")
    assert fits(long, f"{begun[:40]}walls of the town, where nobody lives any more")
    with pytest.raises(ValueError, match="three texts"):
        Form("otherwise", "a", ("", ""))


@pytest.mark.parametrize(
    "piece", [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"[^\d]", r"[^\W]", r"[^\S]", r"[\d\sx]", r"[^\w-]"]
)
def test_a_schemas_pattern_is_kept_for_python_and_for_ecmascript(piece: str) -> None:
    """JSON Schema names ECMA-262, where a digit is one of ten; Python's validators count those of all scripts."""
    made, python = compile_bytes(regex(piece, ecma=True)), re.compile(piece)
    spaces = "\t\n\v\f\r \u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
    classes = {"d": "0-9", "w": "A-Za-z0-9_", "s": re.escape(spaces)}
    ecma = piece
    for name, members in classes.items():
        outside = piece[0] != "["
        ecma = ecma.replace(f"\\{name}", f"[{members}]" if outside else members)
        ecma = ecma.replace(f"\\{name.upper()}", f"[^{members}]")
    if piece in (r"[^\W]", r"[^\S]"):  # a class within a class, which Python has not
        ecma = f"[{classes[piece[3].lower()]}]"
    letters = "aZ_09\u06f0\u00b2\u00e9\u0400\u6f22\x1c\x85\u200b-x\U0001f98a" + spaces
    for letter in letters:
        both = python.fullmatch(letter) is not None and re.fullmatch(ecma, letter) is not None
        assert made.matches(letter.encode()) == both, (piece, ecma, hex(ord(letter)))


def test_a_digit_of_another_script_is_none_in_a_schema() -> None:
    made = compile_bytes(schema({"type": "string", "pattern": r"^\d$"}))
    assert made.matches(b'"7"')
    assert not made.matches('"\u06f0"'.encode())


def test_addresses_of_mail_are_some() -> None:
    made = compile_bytes(schema({"type": "string", "format": "email"}))
    for good in ("a@b.co", "first.last@some-host.example.org", "x_1+y@ab.cd"):
        assert made.matches(json.dumps(good).encode()), good
    for odd in ("a..b@c.de", ".a@b.co", "a.@b.co", "a@-b.co", "a@b-.co", "a@b..co", "a@b", "@b.co"):
        assert not made.matches(json.dumps(odd).encode()), odd


@pytest.mark.parametrize(
    "more",
    [
        {"type": "integer", "multipleOf": 1},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": False},
        {"type": "object", "minProperties": 0, "patternProperties": {}, "unevaluatedProperties": True},
    ],
)
def test_keywords_that_allow_everything_are_no_trouble(more: dict[str, Any]) -> None:
    compile_bytes(schema(more))


@pytest.mark.parametrize(
    "kept_not",
    [
        {"type": "number", "multipleOf": 1},
        {"type": "array", "uniqueItems": True},
        {"type": "integer", "multipleOf": True},
    ],
)
def test_the_same_keywords_are_refused_where_they_say_something(kept_not: dict[str, Any]) -> None:
    with pytest.raises(FormError, match="cannot be kept"):
        schema(kept_not)
