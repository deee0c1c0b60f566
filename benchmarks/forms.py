"""Do answers keep their form: random schemas, by what they use; what is refused.

    python benchmarks/forms.py [--schemas 300] [--patterns 0] [--stops 0] [--seed 1]
    python benchmarks/forms.py --suite jsonschema-4.26.0.tar.gz [--table]

The second takes the schemas of the JSON Schema Test Suite (draft 2020-12, without its optional part) by feature, which
is the suite's file, from the source package of `jsonschema` (pip download --no-deps --no-binary jsonschema
jsonschema==4.26.0); `--table` prints them as a table of Markdown. Else each schema is made at random out of one feature
and its neighbours. Its answer is written by the fake backend, parsed, and validated by jsonschema. Each pattern is a
random regular expression of depth up to 5, and its answer is checked by `re`. `--stops` stops so many at every step of
their run, and checks each answer the same.
Ends with 1 if an answer is not what it has to be.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.backends.fake import FakeBackend  # noqa: E402
from inference.backends.fake_model import fake_config, fake_template, fake_tokenizer  # noqa: E402
from inference.events import Finished  # noqa: E402
from inference.forms.errors import FormError  # noqa: E402
from inference.forms.wanted import Form  # noqa: E402
from inference.params import ChatTurn, GenerationRequest, SamplerParams  # noqa: E402
from inference.session import Session  # noqa: E402

_SUITE = re.compile(r"/json/tests/draft2020-12/(\w+)\.json$")
ATOMS = ("a", "b", "c", "é", "漢", "[a-c]", "[^a]", r"\d", ".", "[b-é]", "ab", "🦊", "x?")
COUNTS = ("*", "+", "?", "{2}", "{1,3}", "{0,2}?")
FEATURES = (
    "boolean", "integer", "integer bounds", "number", "number bounds", "string", "string length", "pattern",
    "format", "enum", "const", "array", "array items", "tuple", "object", "optional", "additional", "anyOf", "oneOf",
    "allOf", "ref", "recursion", "null", "any", "not", "uniqueItems", "multipleOf", "if", "patternProperties",
    "dependentRequired",
)  # fmt: skip


def main() -> int:
    """Print what was kept and refused; 1 if anything was neither."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schemas", type=int, default=300)
    parser.add_argument("--patterns", type=int, default=0)
    parser.add_argument("--stops", type=int, default=0, help="runs that are stopped at each of their steps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--suite", type=Path, help="source package of jsonschema")
    parser.add_argument("--table", action="store_true", help="features as a table")
    options = parser.parse_args()
    rng, wrong = random.Random(options.seed), 0
    backend = FakeBackend("Some words here.", config=fake_config(64, 4096))
    session = Session(backend, fake_tokenizer(), fake_template(), "fake")
    kept, refused = Counter[str](), Counter[str]()
    made = ((FEATURES[number % len(FEATURES)], number) for number in range(options.schemas))
    ours = ((feature, of_feature(feature, rng, 2)) for feature, _ in made)
    for number, (feature, schema) in enumerate(ours if options.suite is None else suite(options.suite)):
        answer = written(session, Form("schema", json.dumps(schema)), number)
        if answer is None:
            refused[feature] += 1
            continue
        kept[feature] += 1
        if said := fault(answer.answer, schema):
            wrong += 1
            print(f"WRONG: {json.dumps(schema)} gave {answer.answer!r}: {said}")
    report(kept, refused, options.table)
    wrong += sum(stopped(session, random_pattern(rng, rng.randint(0, 5)), number) for number in range(options.stops))
    checked = 0
    for number in range(options.patterns):
        pattern = random_pattern(rng, rng.randint(0, 5))
        answer = written(session, Form("regex", pattern), number)
        checked += answer is not None
        if answer is not None and not re.fullmatch(pattern, answer.answer):
            wrong += 1
            print(f"WRONG: {pattern!r} gave {answer.answer!r}")
    sums = sum(kept.values()), sum(refused.values())
    print(f"schemas: {sums[0]} kept, {sums[1]} refused; patterns: {checked} kept; wrong: {wrong}")
    return int(wrong > 0)


def suite(package: Path) -> Iterator[tuple[str, Any]]:
    """The schemas of the JSON Schema Test Suite and the feature that each is about, each schema once."""
    seen = set[str]()
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            if (found := _SUITE.search(member.name)) is None or (file := archive.extractfile(member)) is None:
                continue
            for case in json.load(file):
                if (text := json.dumps(case["schema"], sort_keys=True)) not in seen:
                    seen.add(text)
                    yield found[1], case["schema"]


def fault(answer: str, schema: Any) -> str:
    """What is wrong with an answer; "" if nothing."""
    try:
        found = json.loads(answer)
        kind = jsonschema.Draft202012Validator
        kind(schema, format_checker=kind.FORMAT_CHECKER).validate(found)
    except (ValueError, jsonschema.ValidationError) as exc:
        return str(exc).splitlines()[0]
    return ""


def report(kept: Counter[str], refused: Counter[str], table: bool) -> None:
    """Print what became of each feature."""
    if table:
        print("| feature | schemas | answered | refused |\n|---|---|---|---|")
    for feature in dict.fromkeys([*kept, *refused]):
        numbers = kept[feature] + refused[feature], kept[feature], refused[feature]
        if table:
            print(f"| `{feature}` | {numbers[0]} | {numbers[1]} | {numbers[2] / numbers[0]:.0%} |")
        else:
            print(f"{feature}: {numbers[1]} of {numbers[0]} kept, {numbers[2]} refused")


class StopAfter:
    """A cancel flag that is set at the nth look."""

    def __init__(self, looks: int) -> None:
        """`looks` from 1."""
        self._left = looks

    def is_set(self) -> bool:
        """One more look."""
        self._left -= 1
        return self._left <= 0


def stopped(session: Session, pattern: str, seed: int) -> int:
    """How often an answer in a form that was stopped is not what it has to be: at each look until it ends by itself."""
    python, wrong = re.compile(pattern), 0
    for looks in itertools.count(1):
        answer = written(session, Form("regex", pattern), seed, StopAfter(looks), steps=6)
        if answer is None:
            return wrong
        if answer.steps_per_block and not python.fullmatch(answer.answer):
            wrong += 1
            print(f"WRONG: {pattern!r} stopped at look {looks} gave {answer.answer!r}")
        if answer.reason != "cancelled":
            return wrong
    return wrong


def written(
    session: Session, form: Form, seed: int, cancel: StopAfter | None = None, steps: int = 2
) -> Finished | None:
    """The answer in a form, None if it is refused."""
    request = GenerationRequest(
        (ChatTurn("user", "Hi"),),
        seed=seed,
        form=form,
        max_new_tokens=512,
        sampler=SamplerParams(max_denoising_steps=steps),
    )
    try:
        last = list(session.generate(request, cancel))[-1]
    except FormError:
        return None
    assert isinstance(last, Finished)
    return last


def of_feature(feature: str, rng: random.Random, depth: int) -> dict[str, Any]:
    """A schema that uses a feature, among others."""
    low, high = sorted(rng.randint(-200, 400) for _ in range(2))
    few, many = sorted(rng.randint(0, 4) for _ in range(2))
    inner = any_schema(rng, depth - 1)
    plain: dict[str, dict[str, Any]] = {
        "boolean": {"type": "boolean"},
        "integer": {"type": "integer"},
        "integer bounds": {"type": "integer", "minimum": low, "maximum": high},
        "number": {"type": "number"},
        "number bounds": {"type": "number", "minimum": low},
        "string": {"type": "string"},
        "string length": {"type": "string", "minLength": few, "maxLength": many + 3},
        "pattern": {"type": "string", "pattern": f"^[a-c]{{{few},{many + 1}}}x$"},
        "format": {"type": "string", "format": rng.choice(("date", "email", "uuid", "ipv4", "date-time"))},
        "enum": {"enum": [1, "two", None, [True], {"é": 1.5}][: many + 1]},
        "const": {"const": rng.choice((1, "é\n", None, {"a": []}))},
        "array": {"type": "array"},
        "array items": {"type": "array", "items": inner, "minItems": few, "maxItems": many},
        "tuple": {"type": "array", "prefixItems": [inner, {"type": "null"}], "minItems": 2, "maxItems": 2},
        "object": {"type": "object", "properties": {"a": inner, "b": {"type": "null"}}, "required": ["a", "b"]},
        "optional": {
            "type": "object",
            "properties": {"a": inner, "b": {"type": "null"}},
            "additionalProperties": False,
        },
        "additional": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "anyOf": {"anyOf": [inner, {"type": "null"}]},
        "oneOf": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "allOf": {"allOf": [_object({"a": inner}), {"properties": {"c": {"type": "null"}}}]},
        "ref": {
            "$defs": {"it": inner},
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/it"}},
            "required": ["a"],
        },
        "recursion": {
            "$defs": {"n": _object({"next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}})},
            "$ref": "#/$defs/n",
        },
        "null": {"type": "null"},
        "any": {},
        "not": {"type": "string", "not": {"const": "a"}},
        "uniqueItems": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        "multipleOf": {"type": "integer", "multipleOf": many + 2},
        "if": {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        "patternProperties": {"type": "object", "patternProperties": {"^a": {"type": "null"}}},
        "dependentRequired": {"type": "object", "properties": {"a": inner}, "dependentRequired": {"a": ["b"]}},
    }
    return plain[feature]


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def any_schema(rng: random.Random, depth: int) -> dict[str, Any]:
    """One of the simpler ones, or one within another."""
    simple = ("boolean", "integer", "integer bounds", "number bounds", "string length", "pattern", "enum", "null")
    nested = ("array items", "object", "optional", "anyOf", "tuple")
    if depth < 0:
        return {"type": "null"}
    return of_feature(rng.choice(simple if depth == 0 else (*simple, *nested)), rng, depth)


def random_pattern(rng: random.Random, depth: int) -> str:
    """A regular expression of at most this depth."""
    draw = rng.random()
    if depth == 0 or draw < 0.3:
        return rng.choice(ATOMS)
    if draw < 0.5:
        return random_pattern(rng, depth - 1) + random_pattern(rng, depth - 1)
    if draw < 0.7:
        return f"(?:{random_pattern(rng, depth - 1)}|{random_pattern(rng, depth - 1)})"
    return f"(?:{random_pattern(rng, depth - 1)}){rng.choice(COUNTS)}"


if __name__ == "__main__":
    sys.exit(main())
