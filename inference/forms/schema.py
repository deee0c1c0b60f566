"""JSON schemas as regular languages: every text of the language is a JSON text that the schema allows.

Not every text that a schema allows is in its language: an answer only has to be one of them. So objects hold their
declared properties in their order (optional ones may be missing), numbers have a bounded count of digits, and
recursion goes as deep as `DEPTH`. What cannot be promised is refused, with its JSON pointer, before anything is
written. Space: at most one blank behind a colon or a comma.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from inference.forms.errors import FormError
from inference.forms.nodes import (
    EMPTY,
    MOST_CODE_POINT,
    NOTHING,
    Alt,
    Chars,
    Node,
    Repeat,
    Seq,
    Several,
    chars,
    literal,
    optional,
)
from inference.forms.regex import regex

DEPTH = 4  # how often a reference may be entered again within itself
ANY_DEPTH = 3  # of objects and lists where anything is allowed
_DIGITS = 15
_HINT = "Leave it out, or say the same with other keywords."
_ANNOTATIONS = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "$schema",
        "$id",
        "$comment",
        "$defs",
        "definitions",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$anchor",
        "contentMediaType",
        "contentEncoding",
    ]
)
_KEYWORDS: dict[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "boolean": frozenset(),
    "null": frozenset(),
}
_TYPES = tuple(_KEYWORDS)
_SPACE = optional(literal(" "))
_COMMA, _COLON = Seq((literal(","), _SPACE)), Seq((literal(":"), _SPACE))
_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
FORMATS = {
    "date": r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
    "time": r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
    "date-time": r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
    "email": r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,30}[A-Za-z0-9])?"
    r"@[A-Za-z0-9-]{1,30}(\.[A-Za-z0-9-]{1,20}){0,2}\.[A-Za-z]{2,10}",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "ipv4": r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}",
}  # fmt: skip


def schema(root: Any) -> Node:
    """The language of a JSON schema (draft 2020-12, in the parts that a regular language has).

    Raises:
        FormError: A part cannot be kept; the sentence names it by its JSON pointer.
    """
    return _Builder(root).value(root, "#", ())


def any_json() -> Node:
    """Any JSON text, objects and lists at most `ANY_DEPTH` deep in one another."""
    return _anything(ANY_DEPTH)


class _Builder:
    """Walks a schema; `place` is the JSON pointer of where it is, `entered` the references it is within."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def value(self, found: Any, place: str, entered: tuple[str, ...]) -> Node:
        if found is True or found == {}:
            return any_json()
        if found is False:
            return NOTHING
        if not isinstance(found, dict):
            raise _refused(place, "is no schema")
        if "$ref" in found:
            return self._reference(found, place, entered)
        for name, build in (("const", self._const), ("enum", self._enum)):
            if name in found:
                return build(found, place)
        for name in ("anyOf", "oneOf"):
            if name in found:
                return self._ways(found, name, place, entered)
        if "allOf" in found:
            return self._all_of(found, place, entered)
        return self._typed(found, place, entered)

    def _reference(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        _only(found, {"$ref"}, place)
        target = found["$ref"]
        if not isinstance(target, str) or not target.startswith("#"):
            raise _refused(f"{place}/$ref", "points outside of the schema")
        if entered.count(target) >= DEPTH:
            return NOTHING
        return self.value(self._at(target, place), target, (*entered, target))

    def _at(self, pointer: str, place: str) -> Any:
        found = self._root
        for part in pointer[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name)] if isinstance(found, list) else found[name]
            except (KeyError, IndexError, ValueError, TypeError) as exc:
                raise _refused(f"{place}/$ref", f"points to nothing: {pointer}") from exc
        return found

    def _const(self, found: Mapping[str, Any], place: str) -> Node:
        _only(found, {"const", "type"}, place)
        return _written(found["const"])

    def _enum(self, found: Mapping[str, Any], place: str) -> Node:
        _only(found, {"enum", "type"}, place)
        values = found["enum"]
        if not isinstance(values, list) or not values:
            raise _refused(f"{place}/enum", "is no list of values")
        types = _types(found, place) if "type" in found else _TYPES
        return Alt(tuple(_written(value) for value in values if any(_is_of(value, kind) for kind in types)))

    def _ways(self, found: Mapping[str, Any], name: str, place: str, entered: tuple[str, ...]) -> Node:
        rest = {key: value for key, value in found.items() if key != name and key not in _ANNOTATIONS}
        ways = found[name]
        if not isinstance(ways, list) or not ways:
            raise _refused(f"{place}/{name}", "is no list of schemas")
        merged = [_merged(rest, way, f"{place}/{name}/{number}") for number, way in enumerate(ways)]
        if name == "oneOf" and not _exclusive(merged):
            raise _refused(f"{place}/oneOf", "has ways that may hold together; say anyOf")
        return Alt(tuple(self.value(way, f"{place}/{name}/{number}", entered) for number, way in enumerate(merged)))

    def _all_of(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        merged = {key: value for key, value in found.items() if key != "allOf"}
        parts = found["allOf"]
        if not isinstance(parts, list) or not parts:
            raise _refused(f"{place}/allOf", "is no list of schemas")
        for number, part in enumerate(parts):
            at = f"{place}/allOf/{number}"
            if isinstance(part, dict) and "$ref" in part and len(part) == 1 and isinstance(part["$ref"], str):
                part = self._at(part["$ref"], at)
            merged = _merged(merged, part, at)
        return self.value(merged, place, entered)

    def _typed(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        types = _types(found, place)
        allowed = {"type"}.union(*(_KEYWORDS[kind] for kind in types))
        _only(found, allowed, place)
        builders: dict[str, Callable[[], Node]] = {
            "object": lambda: self._object(found, place, entered),
            "array": lambda: self._array(found, place, entered),
            "string": lambda: _string(found, place),
            "integer": lambda: _integer(found, place),
            "number": lambda: _number(found, place),
            "boolean": lambda: Alt((literal("true"), literal("false"))),
            "null": lambda: literal("null"),
        }
        return Alt(tuple(builders[kind]() for kind in types))

    def _object(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        properties = found.get("properties", {})
        required = found.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise _refused(place, "has properties or required of another kind")
        other = found.get("additionalProperties", True)
        for name in required:
            if name not in properties and other is False:
                return NOTHING
        names = [*properties, *(name for name in required if name not in properties)]
        if not names and other is not False:
            pair = Seq((_free_string(0, None), _COLON, self.value(other, f"{place}/additionalProperties", entered)))
            return Seq((literal("{"), optional(Several(pair, _COMMA)), literal("}")))
        pairs = []
        for name in names:
            inner = properties.get(name, other)
            value = self.value(inner, f"{place}/properties/{_escaped(name)}", entered)
            pairs.append((Seq((_written(name), _COLON, value)), name in required))
        return Seq((literal("{"), _in_order(pairs), literal("}")))

    def _array(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        first = found.get("prefixItems", [])
        least, most = _count(found, "minItems", place, 0), _count(found, "maxItems", place, None)
        if not isinstance(first, list):
            raise _refused(f"{place}/prefixItems", "is no list of schemas")
        heads = [self.value(one, f"{place}/prefixItems/{number}", entered) for number, one in enumerate(first)]
        rest = self.value(found.get("items", True), f"{place}/items", entered)
        return Seq((literal("["), _items(heads, rest, least or 0, most), literal("]")))


# -- lists and objects -----------------------------------------------------------------------------------------------


def _in_order(pairs: Sequence[tuple[Node, bool]]) -> Node:
    """Pairs in their order, commas between those that are there; `True` marks those that must be."""
    # From the back: what follows, if something stands before it, and if nothing does.
    after: Node = EMPTY
    alone: Node = EMPTY
    for pair, required in reversed(pairs):
        with_comma, without = Seq((_COMMA, pair, after)), Seq((pair, after))
        alone = without if required else Alt((without, alone))
        after = with_comma if required else Alt((with_comma, after))
    return alone


def _items(heads: Sequence[Node], rest: Node, least: int, most: int | None) -> Node:
    """Elements with commas between: the first ones have schemas of their own."""
    if most is not None and most < least:
        return NOTHING
    if not heads and most is None and least <= 1:
        return Several(rest, _COMMA) if least else optional(Several(rest, _COMMA))
    total = max(least, len(heads)) if most is None else most
    after: Node = EMPTY
    if most is None:
        after = Repeat(Seq((_COMMA, rest)), 0, None)
    for number in range(total - 1, -1, -1):
        item = heads[number] if number < len(heads) else rest
        here = Seq((_COMMA, item, after)) if number else Seq((item, after))
        after = here if number < least else Alt((here, EMPTY))
    return after


def _anything(depth: int) -> Node:
    plain = (
        _free_string(0, None), _number({}, "#"), literal("true"), literal("false"), literal("null"),
    )  # fmt: skip
    if depth == 0:
        return Alt(plain)
    inner = _anything(depth - 1)
    pair = Seq((_free_string(0, None), _COLON, inner))
    listed = Seq((literal("["), optional(Several(inner, _COMMA)), literal("]")))
    mapped = Seq((literal("{"), optional(Several(pair, _COMMA)), literal("}")))
    return Alt((*plain, listed, mapped))


# -- strings ---------------------------------------------------------------------------------------------------------


def _string(found: Mapping[str, Any], place: str) -> Node:
    least, most = _count(found, "minLength", place, 0) or 0, _count(found, "maxLength", place, None)
    bounded = "minLength" in found or "maxLength" in found
    if "format" in found:
        name = found["format"]
        if name not in FORMATS:
            raise _refused(f"{place}/format", f"is {name!r}, which is not known")
        if bounded or "pattern" in found:
            raise _refused(f"{place}/format", "stands beside a pattern or a length")
        return _quoted(regex(FORMATS[name]))
    if "pattern" in found:
        if bounded:
            raise _refused(f"{place}/pattern", "stands beside a length")
        return _quoted(_searched(found["pattern"], f"{place}/pattern"))
    if most is not None and most < least:
        return NOTHING
    return _free_string(least, most)


def _free_string(least: int, most: int | None) -> Node:
    every = _as_written(chars([(0, MOST_CODE_POINT)]))
    return Seq((literal('"'), Repeat(every, least, most), literal('"')))


def _quoted(text: Node) -> Node:
    return Seq((literal('"'), _as_written(text), literal('"')))


def _as_written(text: Node) -> Node:
    """A language of characters as it is written within a JSON string: some of them as escapes."""
    match text:
        case Chars(ranges):
            plain = [part for low, high in ranges for part in _plain_parts(low, high)]
            escapes = [literal(_ESCAPES[code]) for code in _ESCAPES if any(a <= code <= b for a, b in ranges)]
            made = [chars(plain)] if plain else []
            return Alt((*made, *escapes))
        case Seq(parts):
            return Seq(tuple(_as_written(part) for part in parts))
        case Alt(ways):
            return Alt(tuple(_as_written(way) for way in ways))
        case Repeat(part, least, most):
            return Repeat(_as_written(part), least, most)
        case Several(part, between):
            return Several(_as_written(part), _as_written(between))


def _plain_parts(low: int, high: int) -> list[tuple[int, int]]:
    """What of a range a JSON string holds as it is: no controls, no quote, no backslash."""
    parts, start = [], max(low, 32)
    for code in (34, 92):
        if start <= code <= high:
            parts.append((start, code - 1))
            start = code + 1
    return [(first, last) for first, last in (*parts, (start, high)) if first <= last]


def _searched(pattern: Any, place: str) -> Node:
    """A pattern is found anywhere in the text, unless it is anchored."""
    if not isinstance(pattern, str):
        raise _refused(place, "is no text")
    try:
        node, items = regex(pattern), list(_parser.parse(pattern))
    except FormError as exc:
        raise FormError(f"{place} cannot be kept: {exc.user_text}", exc.hint) from exc
    starts = bool(items) and items[0] == (_constants.AT, _constants.AT_BEGINNING)
    ends = bool(items) and items[-1] == (_constants.AT, _constants.AT_END)
    free = Repeat(chars([(0, MOST_CODE_POINT)]), 0, None)
    return Seq((EMPTY if starts else free, node, EMPTY if ends else free))


# -- numbers ---------------------------------------------------------------------------------------------------------


def _integer(found: Mapping[str, Any], place: str) -> Node:
    low, high = _bounds(found, place)
    return _whole(math.ceil(low) if low is not None else None, math.floor(high) if high is not None else None)


def _number(found: Mapping[str, Any], place: str) -> Node:
    """Decimal numbers; within bounds, those whose digits show that they are."""
    low, high = _bounds(found, place)
    fraction = optional(Seq((literal("."), Repeat(_digit(), 1, _DIGITS))))
    if low is None and high is None:
        exponent = optional(
            Seq((chars([(69, 69), (101, 101)]), optional(chars([(43, 43), (45, 45)])), Repeat(_digit(), 1, 2)))
        )
        return Seq((_whole(None, None), fraction, exponent))
    first = math.ceil(low) if low is not None else None
    last = math.floor(high) if high is not None else None
    whole = _whole(first, last)
    inner = _whole(max(0, first) if first is not None else 0, last - 1 if last is not None else None)
    return Alt((whole, Seq((inner, literal("."), Repeat(_digit(), 1, _DIGITS)))))


def _bounds(found: Mapping[str, Any], place: str) -> tuple[float | None, float | None]:
    low = high = None
    for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if name not in found:
            continue
        value = found[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 10.0**_DIGITS:
            raise _refused(f"{place}/{name}", f"is no number of at most {_DIGITS} digits")
        if name == "minimum":
            low = value if low is None else max(low, value)
        elif name == "maximum":
            high = value if high is None else min(high, value)
        elif name == "exclusiveMinimum":
            low = _beyond(value, 1) if low is None else max(low, _beyond(value, 1))
        else:
            high = _beyond(value, -1) if high is None else min(high, _beyond(value, -1))
    return low, high


def _beyond(value: float, step: int) -> float:
    """The next whole number on that side of a bound that is not itself allowed."""
    return math.floor(value) + 1 if step > 0 else math.ceil(value) - 1


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


# -- small things ----------------------------------------------------------------------------------------------------


def _written(value: Any) -> Node:
    """A value as JSON, with at most one blank behind colons and commas."""
    if isinstance(value, dict):
        pairs = tuple(Seq((_written(str(key)), _COLON, _written(each))) for key, each in value.items())
        return Seq((literal("{"), _joined(pairs), literal("}")))
    if isinstance(value, list):
        return Seq((literal("["), _joined(tuple(map(_written, value))), literal("]")))
    return literal(json.dumps(value, ensure_ascii=False))


def _joined(parts: Sequence[Node]) -> Node:
    made: list[Node] = []
    for part in parts:
        made += [_COMMA, part] if made else [part]
    return Seq(tuple(made))


def _types(found: Mapping[str, Any], place: str) -> tuple[str, ...]:
    """The types that a schema allows; where it names none, those that its keywords are about, or any."""
    named = found.get("type")
    if named is None:
        about = [kind for kind in _TYPES if _KEYWORDS[kind] & set(found)]
        return tuple(kind for kind in about if kind != "integer") or _TYPES
    names = named if isinstance(named, list) else [named]
    if not names or any(name not in _KEYWORDS for name in names):
        raise _refused(f"{place}/type", f"is {named!r}, which is no type")
    return tuple(dict.fromkeys(names))


def _only(found: Mapping[str, Any], allowed: set[str] | frozenset[str], place: str) -> None:
    for name in found:
        if name not in allowed and name not in _ANNOTATIONS:
            raise _refused(f"{place}/{_escaped(name)}", "is a keyword that cannot be kept here")


def _count(found: Mapping[str, Any], name: str, place: str, default: int | None) -> int | None:
    value = found.get(name, default)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _refused(f"{place}/{name}", "is no whole number of 0 or more")
    return value


def _merged(one: Mapping[str, Any], two: Any, place: str) -> dict[str, Any]:
    """Both schemas at once, where that is only putting them together."""
    if two is True:
        return dict(one)
    if not isinstance(two, dict):
        raise _refused(place, "cannot be put together with what stands beside it")
    made = {key: value for key, value in one.items() if key not in _ANNOTATIONS or key in ("$defs", "definitions")}
    for key, value in two.items():
        if key in _ANNOTATIONS or made.get(key, value) == value:
            made[key] = value
        elif key == "properties" and not set(value) & set(made[key]):
            made[key] = {**made[key], **value}
        elif key == "required":
            made[key] = [*made[key], *(name for name in value if name not in made[key])]
        else:
            raise _refused(f"{place}/{_escaped(key)}", "cannot be put together with what stands beside it")
    return made


def _exclusive(ways: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no value can be of two ways: their constants or types differ, or a property that all must have."""
    kinds = [_kinds(way) for way in ways]
    if all(kinds[one].isdisjoint(kinds[two]) for one in range(len(ways)) for two in range(one)):
        return True
    tags = [
        {
            name: json.dumps(inner.get("const", inner.get("enum")), sort_keys=True)
            for name, inner in way.get("properties", {}).items()
            if isinstance(inner, dict) and ("const" in inner) and name in way.get("required", [])
        }
        for way in ways
    ]
    shared = set(tags[0]).intersection(*tags[1:]) if tags else set()
    return any(len({tag[name] for tag in tags}) == len(tags) for name in shared)


def _kinds(way: Mapping[str, Any]) -> set[str]:
    """Types or constants that a way allows, as marks that differ where values do."""
    if "const" in way:
        return {json.dumps(way["const"], sort_keys=True)}
    if "enum" in way and isinstance(way["enum"], list):
        return {json.dumps(value, sort_keys=True) for value in way["enum"]}
    named = way.get("type")
    names = named if isinstance(named, list) else [named] if isinstance(named, str) else list(_TYPES)
    return {"number" if name == "integer" else name for name in names}


def _is_of(value: Any, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()
        case "number":
            return not isinstance(value, bool) and isinstance(value, int | float)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _escaped(name: Any) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def _refused(place: str, what: str) -> FormError:
    return FormError(f"The schema's {place} {what}.", _HINT)
