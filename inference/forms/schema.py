"""JSON schemas as regular languages: every text of the language is a JSON text that the schema allows.

Not every text that a schema allows is in its language: an answer only has to be one of them. So objects hold their
declared properties in their order (optional ones may be missing), numbers have a bounded count of digits, and
recursion goes as deep as `DEPTH`. What cannot be promised is refused, with its JSON pointer, before anything is
written. How texts, keys and lists are written is the notation's matter (`inference.forms.notation`): JSON, or the
arguments of a call in a template's own syntax, which stand for the same values.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any
from urllib.parse import unquote

from inference.forms import numbers
from inference.forms.bytes_dfa import MOST_STATES, compile_bytes, too_large
from inference.forms.errors import FormError
from inference.forms.nodes import (
    EMPTY,
    MOST_CODE_POINT,
    NOTHING,
    Alt,
    Chars,
    InOrder,
    Node,
    Repeat,
    Seq,
    Several,
    chars,
    half_character,
    joined,
    literal,
    optional,
)
from inference.forms.notation import JSON, Notation
from inference.forms.numbers import BOUNDS, bound_at, bounds, refused
from inference.forms.regex import regex

DEPTH = 4  # how often a reference may be entered again within itself
ANY_DEPTH = 3  # of objects and lists where anything is allowed
_MOST_PARTS = 4096  # schemas within a schema, each counted as often as it is referred to
_MOST_CHARACTERS = 100_000  # of the values that one list names
_MOST_WAYS = 256  # that are compared with one another
_MOST_MISSING = 100  # of first items, which stand within one another
_LARGEST_COUNT = 10**9  # nobody tells larger ones apart
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
_LENGTHS = ("minLength", "maxLength", "minItems", "maxItems")
_KEYWORDS: dict[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": frozenset(BOUNDS),
    "number": frozenset(BOUNDS),
    "boolean": frozenset(),
    "null": frozenset(),
}
_TYPES = tuple(_KEYWORDS)
FORMATS = {
    "date": r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
    "time": r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
    "date-time": r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
    "email": r"[A-Za-z0-9_+-]{1,32}(\.[A-Za-z0-9_+-]{1,16}){0,2}"
    r"@[A-Za-z0-9]{1,24}(-[A-Za-z0-9]{1,12}){0,2}(\.[A-Za-z0-9]{1,12}(-[A-Za-z0-9]{1,12}){0,1}){0,2}\.[A-Za-z]{2,10}",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "ipv4": r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}",
}  # fmt: skip


def schema(root: Any, notation: Notation = JSON) -> Node:
    """The language of a JSON schema (draft 2020-12, in the parts that a regular language has), in a notation.

    Raises:
        FormError: A part cannot be kept; the sentence names it by its JSON pointer.
    """
    builder = _Builder(root, notation)
    made = builder.value(root, "#", ())
    if builder.endless and _is_none(made) and not _is_none(_Builder(root, notation, any_json()).value(root, "#", ())):
        raise FormError(
            f"No text has this form: the schema's {builder.endless} refers to itself without an end.",
            "Give it a way that ends, such as null, an empty list, or a property that is not required.",
        )
    return made


def any_json(notation: Notation = JSON) -> Node:
    """Any JSON value, objects and lists at most `ANY_DEPTH` deep in one another."""
    return _anything(ANY_DEPTH, notation)


def _is_none(node: Node) -> bool:
    """Whether no text at all is in this language."""
    match node:
        case Chars(ranges):
            return not ranges
        case Seq(parts):
            return any(map(_is_none, parts))
        case Alt(ways):
            return all(map(_is_none, ways))
        case Repeat(part, least, _):
            return least > 0 and _is_none(part)
        case Several(part, _):
            return _is_none(part)
        case InOrder(parts, _):
            return any(needed and _is_none(part) for part, needed in parts)


class _Builder:
    """Walks a schema; `place` is the JSON pointer of where it is, `entered` the references it is within."""

    def __init__(self, root: Any, notation: Notation, end: Node = NOTHING) -> None:
        """`end` stands where a reference is entered too often; `endless` is the first such reference."""
        self._root, self._as, self._end = root, notation, end
        self.endless = ""
        self._parts = 0

    def _ended(self, target: str) -> Node:
        self.endless = self.endless or target
        return self._end

    def _spend(self, parts: int) -> None:
        """Count parts of the schema, before they are looked at."""
        self._parts += parts
        if self._parts > _MOST_PARTS:
            raise FormError(f"The JSON schema has more than {_MOST_PARTS} parts.", "Give a smaller one.")

    def value(self, found: Any, place: str, entered: tuple[str, ...]) -> Node:
        self._spend(1)
        if found is True or found == {}:
            return any_json(self._as)
        if found is False:
            return NOTHING
        if not isinstance(found, dict):
            raise refused(place, "is no schema")
        if "$id" in found and found is not self._root and place != "#":
            raise refused(f"{place}/$id", "stands within a schema, whose references would mean something else")
        if "$ref" in found:
            return self._reference(found, place, entered)
        if "const" in found or "enum" in found:
            return self._values(found, place)
        for name in ("anyOf", "oneOf"):
            if name in found:
                return self._ways(found, name, place, entered)
        if "allOf" in found:
            return self._all_of(found, place, entered)
        return self._typed(found, place, entered)

    def _reference(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        _only(found, {"$ref"}, place)
        target = found["$ref"]
        meant = self._at(target, place)
        if entered.count(target) >= DEPTH:
            return self._ended(target)
        return self.value(meant, target, (*entered, target))

    def _at(self, pointer: Any, place: str) -> Any:
        """What a reference points to: a JSON pointer within the schema, past no part that has an address of its own."""
        if not isinstance(pointer, str) or not pointer.startswith("#"):
            raise refused(f"{place}/$ref", "points outside of the schema")
        if pointer != "#" and not pointer.startswith("#/"):
            raise refused(f"{place}/$ref", "points to a name; write a path (#/$defs/...)")
        found = self._root
        for part in unquote(pointer[1:]).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if found is not self._root and isinstance(found, dict) and "$id" in found:
                raise refused(f"{place}/$ref", "points into a part that has an $id of its own")
            try:
                found = found[int(name)] if isinstance(found, list) else found[name]
            except (KeyError, IndexError, ValueError, TypeError) as exc:
                raise refused(f"{place}/$ref", f"points to nothing: {pointer}") from exc
        return found

    def _values(self, found: Mapping[str, Any], place: str) -> Node:
        """The values that const and enum name, as far as what stands beside them allows them."""
        beside = {"type", "const", "enum", "pattern"}.union(BOUNDS, _LENGTHS)
        _only(found, beside, place)
        values = found.get("enum", [found.get("const")])
        if not isinstance(values, list) or not values:
            raise refused(f"{place}/enum", "is no list of values")
        _refuse_odd(values, f"{place}/enum" if "enum" in found else f"{place}/const")
        if "const" in found:
            _refuse_odd([found["const"]], f"{place}/const")
            values = [found["const"]] if any(_key(value) == _key(found["const"]) for value in values) else []
        return Alt(tuple(map(self._as.value, _kept(values, found, place))))

    def _ways(self, found: Mapping[str, Any], name: str, place: str, entered: tuple[str, ...]) -> Node:
        rest = {key: value for key, value in found.items() if key != name and key not in _ANNOTATIONS}
        ways = found[name]
        if not isinstance(ways, list) or not ways:
            raise refused(f"{place}/{name}", "is no list of schemas")
        self._spend(len(ways))
        merged = [_merged(rest, way, f"{place}/{name}/{number}") for number, way in enumerate(ways)]
        if name == "oneOf" and not _exclusive(merged):
            raise refused(f"{place}/oneOf", "has ways that may hold together; say anyOf")
        return Alt(tuple(self.value(way, f"{place}/{name}/{number}", entered) for number, way in enumerate(merged)))

    def _all_of(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        merged = {key: value for key, value in found.items() if key != "allOf"}
        parts = found["allOf"]
        if not isinstance(parts, list) or not parts:
            raise refused(f"{place}/allOf", "is no list of schemas")
        for number, part in enumerate(parts):
            at = f"{place}/allOf/{number}"
            if isinstance(part, dict) and "$ref" in part and len(part) == 1:
                target = part["$ref"]
                part = self._at(target, at)
                if entered.count(target) >= DEPTH:
                    return self._ended(target)
                entered = (*entered, target)
            merged = _merged(merged, part, at)
        return self.value(merged, place, entered)

    def _typed(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        types = _types(found, place)
        allowed = {"type"}.union(*(_KEYWORDS[kind] for kind in types))
        _only(found, allowed, place)
        builders: dict[str, Callable[[], Node]] = {
            "object": lambda: self._object(found, place, entered),
            "array": lambda: self._array(found, place, entered),
            "string": lambda: _string(found, place, self._as),
            "integer": lambda: numbers.integer(found, place),
            "number": lambda: numbers.number(found, place),
            "boolean": lambda: Alt((literal("true"), literal("false"))),
            "null": lambda: literal("null"),
        }
        return Alt(tuple(builders[kind]() for kind in types))

    def _object(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        properties = found.get("properties", {})
        required = found.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise refused(place, "has properties or required of another kind")
        self._spend(len(properties) + len(required))
        if not all(isinstance(name, str) for name in required):
            raise refused(f"{place}/required", "names a property by something that is no text")
        _refuse_odd([*properties, *required], f"{place}/properties")
        required = dict.fromkeys(required)
        other = found.get("additionalProperties", True)
        for name in required:
            if name not in properties and other is False:
                return NOTHING
        names = [*properties, *(name for name in required if name not in properties)]
        if not names and other is not False:
            value = self.value(other, f"{place}/additionalProperties", entered)
            pair = Seq((self._as.any_key, self._as.colon, value))
            return Seq((literal("{"), optional(Several(pair, self._as.comma)), literal("}")))
        pairs = []
        for name in self._as.ordered(names):
            inner = properties.get(name, other)
            value = self.value(inner, f"{place}/properties/{_escaped(name)}", entered)
            pairs.append((Seq((self._as.key(name), self._as.colon, value)), name in required))
        return Seq((literal("{"), InOrder(tuple(pairs), self._as.comma), literal("}")))

    def _array(self, found: Mapping[str, Any], place: str, entered: tuple[str, ...]) -> Node:
        first = found.get("prefixItems", [])
        least, most = _count(found, "minItems", place, 0), _count(found, "maxItems", place, None)
        if not isinstance(first, list):
            raise refused(f"{place}/prefixItems", "is no list of schemas")
        heads = [self.value(one, f"{place}/prefixItems/{number}", entered) for number, one in enumerate(first)]
        rest = self.value(found.get("items", True), f"{place}/items", entered)
        return Seq((literal("["), _items(heads, rest, least or 0, most, self._as.comma), literal("]")))


# -- lists and objects -----------------------------------------------------------------------------------------------


def _items(heads: Sequence[Node], rest: Node, least: int, most: int | None, comma: Node) -> Node:
    """Elements with commas between: the first ones have schemas of their own.

    Only first ones that may be missing stand within one another: however many items there are, nothing is nested.
    """
    if most is not None and rest == NOTHING:
        most = min(most, len(heads))
    if most is not None and most < least:
        return NOTHING
    if max(least, len(heads) if most is None else most) > MOST_STATES:  # a state behind each
        raise too_large()
    if not heads and most is None and least <= 1:
        return Several(rest, comma) if least else optional(Several(rest, comma))
    if most == 0:
        return EMPTY
    heads = heads[:most] or [rest]
    further = None if most is None else most - len(heads)
    beyond = Repeat(Seq((comma, rest)), max(0, least - len(heads)), further)
    needed = min(least, len(heads))
    if len(heads) - needed > _MOST_MISSING:
        raise too_large()
    after: Node = beyond
    for number in range(len(heads) - 1, max(0, needed - 1), -1):
        after = optional(Seq((comma, heads[number], after)))
    first = joined([heads[number] for number in range(max(1, needed))], comma)
    return Seq((first, after)) if needed else optional(Seq((first, after)))


@functools.cache
def _anything(depth: int, notation: Notation) -> Node:
    plain = (
        notation.text(0, None), numbers.number({}, "#"), literal("true"), literal("false"), literal("null"),
    )  # fmt: skip
    if depth == 0:
        return Alt(plain)
    inner = _anything(depth - 1, notation)
    pair = Seq((notation.any_key, notation.colon, inner))
    listed = Seq((literal("["), optional(Several(inner, notation.comma)), literal("]")))
    mapped = Seq((literal("{"), optional(Several(pair, notation.comma)), literal("}")))
    return Alt((*plain, listed, mapped))


# -- strings ---------------------------------------------------------------------------------------------------------


def _string(found: Mapping[str, Any], place: str, notation: Notation) -> Node:
    least, most = _count(found, "minLength", place, 0) or 0, _count(found, "maxLength", place, None)
    bounded = "minLength" in found or "maxLength" in found
    if "format" in found:
        name = found["format"]
        if name not in FORMATS:
            raise refused(f"{place}/format", f"is {name!r}, which is not known")
        if bounded or "pattern" in found:
            raise refused(f"{place}/format", "stands beside a pattern or a length")
        return notation.quoted(regex(FORMATS[name]))
    if "pattern" in found:
        if bounded:
            raise refused(f"{place}/pattern", "stands beside a length")
        return notation.quoted(_searched(found["pattern"], f"{place}/pattern"))
    if most is not None and most < least:
        return NOTHING
    return notation.text(least, most)


def _searched(pattern: Any, place: str) -> Node:
    """A pattern is found anywhere in the text, unless it is anchored."""
    if not isinstance(pattern, str):
        raise refused(place, "is no text")
    try:
        node, items = regex(pattern, ecma=True), list(_parser.parse(pattern))
    except FormError as exc:
        raise FormError(f"{place} cannot be kept: {exc.user_text}", exc.hint) from exc
    starts = bool(items) and items[0] == (_constants.AT, _constants.AT_BEGINNING)
    ends = bool(items) and items[-1] == (_constants.AT, _constants.AT_END)
    free = Repeat(chars([(0, MOST_CODE_POINT)]), 0, None)
    return Seq((EMPTY if starts else free, node, EMPTY if ends else free))


# -- small things ----------------------------------------------------------------------------------------------------


def _refuse_odd(values: Sequence[Any], place: str) -> None:
    """Refuse values that no JSON text can hold, and more than can be looked at."""
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    except ValueError as exc:
        raise refused(place, "holds a number that is too large") from exc
    if half_character(text):
        raise refused(place, "holds half a character (a lone surrogate), which no text can hold")
    if len(text) > _MOST_CHARACTERS:
        raise refused(place, f"has more than {_MOST_CHARACTERS} characters in all")


def _types(found: Mapping[str, Any], place: str) -> tuple[str, ...]:
    """The types that a schema allows; where it names none, those that its keywords are about, or any."""
    named = found.get("type")
    if named is None:
        about = [kind for kind in _TYPES if _KEYWORDS[kind] & set(found)]
        return tuple(kind for kind in about if kind != "integer") or _TYPES
    names = named if isinstance(named, list) else [named]
    if not names or any(name not in _KEYWORDS for name in names):
        raise refused(f"{place}/type", f"is {named!r}, which is no type")
    return tuple(dict.fromkeys(names))


def _says_nothing(found: Mapping[str, Any], name: str) -> bool:
    """Whether a keyword allows everything, so that it need not be kept."""
    value = found[name]
    match name:
        case "uniqueItems":
            return value is False
        case "multipleOf":
            return bool(value == 1) and value is not True and found.get("type") == "integer"
        case "minProperties" | "minContains":
            return bool(value == 0) and value is not False
        case "patternProperties" | "dependentRequired" | "dependentSchemas":
            return bool(value == {})
        case "unevaluatedProperties" | "unevaluatedItems" | "propertyNames" | "additionalItems":
            return value is True or bool(value == {})
    return False


def _only(found: Mapping[str, Any], allowed: set[str] | frozenset[str], place: str) -> None:
    for name in found:
        if name not in allowed and name not in _ANNOTATIONS and not _says_nothing(found, name):
            raise refused(f"{place}/{_escaped(name)}", "is a keyword that cannot be kept here")


def _count(found: Mapping[str, Any], name: str, place: str, default: int | None) -> int | None:
    value = found.get(name, default)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise refused(f"{place}/{name}", "is no whole number of 0 or more")
    return min(value, _LARGEST_COUNT)


def _merged(one: Mapping[str, Any], two: Any, place: str) -> dict[str, Any]:
    """Both schemas at once, where that is only putting them together."""
    if two is True:
        return dict(one)
    if not isinstance(two, dict):
        raise refused(place, "cannot be put together with what stands beside it")
    made = {key: value for key, value in one.items() if key not in _ANNOTATIONS or key in ("$defs", "definitions")}
    for name, beside in (("additionalProperties", "properties"), ("items", "prefixItems")):
        # Each is about what its own neighbour leaves: beside another one's neighbour it would mean something else.
        for own, other in ((one, two), (two, one)):
            if own.get(name, True) is not True and _names_more(other.get(beside), own.get(beside)):
                raise refused(f"{place}/{name}", "cannot be put together with what stands beside it")
    for key, value in two.items():
        if key in _ANNOTATIONS or key not in made or _same(made[key], value):
            made[key] = value
        elif key == "properties" and not set(value) & set(made[key]):
            made[key] = {**made[key], **value}
        elif key == "required":
            made[key] = [*made[key], *(name for name in value if name not in made[key])]
        else:
            raise refused(f"{place}/{_escaped(key)}", "cannot be put together with what stands beside it")
    return made


def _names_more(others: Any, own: Any) -> bool:
    """Whether properties or first items name some that are not among one's own."""
    if isinstance(others, dict):
        return not set(others) <= set(own if isinstance(own, dict) else ())
    return isinstance(others, list) and len(others) > len(own if isinstance(own, list) else ())


def _same(one: Any, two: Any) -> bool:
    """Whether both are the same JSON; to Python, 1 and true are."""
    return json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)


def _exclusive(ways: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no value can be of two ways: their constants or types differ, or a property that all must have."""
    named = [_named(way) for way in ways]
    if None not in named:
        keys = [{_key(value) for value in values or ()} for values in named]
        return len(set().union(*keys)) == sum(map(len, keys))
    if len(ways) > _MOST_WAYS:
        return False
    if all(_differ(ways[one], ways[two]) for one in range(len(ways)) for two in range(one)):
        return True
    tags = [
        {
            name: _key(inner["const"])
            for name, inner in way.get("properties", {}).items()
            if isinstance(inner, dict) and ("const" in inner) and name in way.get("required", [])
        }
        for way in ways
    ]
    shared = set(tags[0]).intersection(*tags[1:]) if tags else set()
    return any(len({tag[name] for tag in tags}) == len(tags) for name in shared)


def _kinds(way: Mapping[str, Any]) -> set[str]:
    """The types of which a way allows values."""
    values = _named(way)
    named = way.get("type", list(_TYPES))
    names = set(named if isinstance(named, list) else [named])
    if values is not None:
        names = {kind for kind in names if any(_is_of(value, str(kind)) for value in values)}
    return {"number" if name == "integer" else str(name) for name in names}


def _named(way: Mapping[str, Any]) -> list[Any] | None:
    """The values that a way names, None if it names none."""
    if "const" in way:
        return [way["const"]]
    return way["enum"] if isinstance(way.get("enum"), list) else None


def _differ(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether no value can be of both ways, by their types or the values that they name."""
    first, second = _named(one), _named(two)
    if first is not None and second is not None:
        return {_key(value) for value in first}.isdisjoint(_key(value) for value in second)
    return _kinds(one).isdisjoint(_kinds(two))


def _key(value: Any) -> str:
    """A mark that two values share if they are the same JSON: 1 and 1.0 are, 1 and true are not."""
    match value:
        case float() if value.is_integer():
            return str(int(value))
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{_key(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(_key, value)) + "]"
    return json.dumps(value)


def _kept(values: Sequence[Any], found: Mapping[str, Any], place: str) -> list[Any]:
    """Those of some values that the keywords beside them allow."""
    kinds = _types(found, place) if "type" in found else _TYPES
    low, high = bounds(found, place)
    lengths = {name: _count(found, name, place, 0) or 0 for name in _LENGTHS if name in found}
    pattern = compile_bytes(_searched(found["pattern"], f"{place}/pattern")) if "pattern" in found else None

    def allowed(value: Any) -> bool:
        if not any(_is_of(value, kind) for kind in kinds):
            return False
        if _is_of(value, "number"):
            itself = bound_at(value, False)
            return (low is None or low.leaves_any(itself)) and (high is None or itself.leaves_any(high))
        for name, length in lengths.items():
            if isinstance(value, str if name.endswith("Length") else list):
                sized = len(value)
                if sized < length if name.startswith("min") else sized > length:
                    return False
        return not isinstance(value, str) or pattern is None or pattern.matches(value.encode("utf-8", "surrogatepass"))

    return [value for value in values if allowed(value)]


def _is_of(value: Any, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
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
