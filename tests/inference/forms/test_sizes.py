"""Forms that are too large say so, and what makes them so; lists are what the schema says, however many items."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from inference.forms import compiling
from inference.forms.compiling import byte_form
from inference.forms.errors import FormError, FormSizeError
from inference.forms.vocabulary import vocabulary
from inference.forms.wanted import Form

INTEGERS = {"type": "array", "items": {"type": "integer"}}
STRING: dict[str, Any] = {"type": "string"}


def compiled(schema: Any) -> Any:
    return byte_form(Form("schema", json.dumps(schema)))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({**INTEGERS, "minItems": 1000}, "1000, the schema's #/minItems"),
        ({**INTEGERS, "maxItems": 1000}, "1000, the schema's #/maxItems"),
        ({"type": "array", "minItems": 1000}, "1000, the schema's #/minItems"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 1000}, "at least 5001 characters"),
        ({"type": "array", "items": {"type": "null"}, "minItems": 10**12}, "1000000000000, the schema's #/minItems"),
        ({"properties": {"a/b": {**INTEGERS, "minItems": 700}}}, "700, the schema's #/properties/a~1b"),
        ({**STRING, "minLength": 5000}, "5000, the schema's #/minLength"),
        ({**STRING, "maxLength": 9000}, "9000, the schema's #/maxLength"),
        ({**STRING, "pattern": "^[ab]{0,5000}$"}, "5000, in a repetition of the schema's #/pattern"),
        ({"enum": [f"{number}" * 9 for number in range(999)]}, "999, the length of the schema's #/enum"),
        ({"type": "array", "prefixItems": [STRING] * 400}, "400, the length of the schema's #/prefixItems"),
        ({"type": "object", "required": [f"name {n}" for n in range(999)]}, "999, the length of the schema's #/req"),
    ],
)  # fmt: skip
def test_a_schema_that_is_too_large_names_what_makes_it_so(schema: Any, said: str) -> None:
    with pytest.raises(FormSizeError) as caught:
        compiled(schema)
    assert said in caught.value.user_text
    assert "nested" not in caught.value.user_text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Form("regex", "(?:ab|c){2000,3000}"), "3000, in a repetition of the expression"),
        (Form("regex", "[ab]{5000}"), "5000, in a repetition of the expression"),
        (Form("template", "{3-9999 words}"), "9999, in a blank"),
        (Form("choice", texts=("a" * 5000, "b")), "5000, the length of a text in characters"),
        (Form("choice", texts=tuple(f"{number} " * 9 for number in range(300))), "300, the number of its texts"),
    ],
)
def test_other_forms_do_so_too(form: Form, said: str) -> None:
    with pytest.raises(FormSizeError) as caught:
        byte_form(form)
    assert said in caught.value.user_text


@pytest.mark.parametrize(
    ("form", "said", "not_said"),
    [
        (Form("schema", json.dumps({**STRING, "minLength": 5000, "maxLength": 8000})), "5000, the schema's", "8000"),
        (Form("regex", "[ab]{5000,9000}"), "5000, in a repetition", "9000"),
    ],
)  # fmt: skip
def test_where_every_text_is_too_long_a_maximum_is_not_blamed(form: Form, said: str, not_said: str) -> None:
    with pytest.raises(FormSizeError) as caught:
        byte_form(form)
    assert "Every text of this form has at least" in caught.value.user_text
    assert said in caught.value.user_text
    assert not_said not in caught.value.user_text


def test_a_minimum_that_may_be_the_reason_stands_beside_a_larger_maximum() -> None:
    with pytest.raises(FormSizeError) as caught:
        compiled({**INTEGERS, "minItems": 3000, "maxItems": 9000})
    assert "The largest count in it is 9000, the schema's #/maxItems." in caught.value.user_text
    assert "Every text has to reach 3000, the schema's #/minItems." in caught.value.user_text


@pytest.mark.parametrize("heads", range(4))
def test_lists_are_those_of_the_schema(heads: int) -> None:
    for least, most, items in itertools.product(range(5), (None, *range(5)), ({"type": "null"}, False)):
        schema = {
            "type": "array", "prefixItems": [{"const": head} for head in range(heads)], "items": items,
            "minItems": least, **({} if most is None else {"maxItems": most}),
        }  # fmt: skip
        try:
            automaton = compiled(schema)
        except FormError:
            automaton = None
        for count in range(7):
            text = json.dumps([place if place < heads else None for place in range(count)])
            allowed = count >= least and (most is None or count <= most) and (items is not False or count <= heads)
            assert (automaton is not None and automaton.matches(text.encode())) == allowed, (schema, text)


def test_hundreds_of_items_are_kept() -> None:
    automaton = compiled({"type": "array", "items": {"type": "null"}, "minItems": 400, "maxItems": 410})
    for count, allowed in ((399, False), (400, True), (410, True), (411, False)):
        assert automaton.matches(json.dumps([None] * count).encode()) == allowed


def test_what_is_refused_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes seconds, in which all others wait."""
    worked: list[Form] = []

    def counted(form: Form) -> Any:
        worked.append(form)
        return byte_form(form)

    monkeypatch.setattr(compiling, "byte_form", counted)
    compiler = compiling.FormCompiler(
        lambda: vocabulary([bytes([each]) for each in range(256)] + [None, None], [256], 257)
    )
    form = Form("schema", json.dumps({**STRING, "minLength": 5000}))
    said = set()
    for ask in (compiler.check, compiler.check, compiler.compiled):
        with pytest.raises(FormSizeError) as caught:
            ask(form)
        said.add((caught.value.user_text, caught.value.hint))
    assert len(worked) == 1
    assert len(said) == 1
