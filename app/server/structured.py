"""Output that keeps a form, as each interface asks for it: kept without exception, or refused by name."""

from __future__ import annotations

import json

from app.server import texts
from app.server.errors import bad
from app.server.fields import BodyFields
from inference.forms.wanted import Form

MOST_CHOICES = 1000
ANY_OBJECT = json.dumps({"type": "object"})


_NAMES = ("response_format", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "json_schema")


def chat_form(fields: BodyFields) -> tuple[Form | None, str]:
    """What a chat completion asks for: OpenAI's `response_format`, vLLM's and llama.cpp's fields; and its field.

    Raises:
        ApiError: There are two, or one of a kind that cannot be kept.
    """
    forms = [form for form in (_openai(fields), *_vllm(fields), *_llama(fields)) if form is not None]
    if len(forms) > 1:
        raise bad(texts.TWO_FORMS, "response_format")
    return (forms[0], next(filter(fields.has, _NAMES))) if forms else (None, "")


def format_form(form: BodyFields | None, nested: bool = False) -> Form | None:
    """A format with a type: of a chat completion, where the schema is nested, or of a response, where it stands beside.

    Raises:
        ApiError: It is none.
    """
    if form is None:
        return None
    kind = form.one_of("type", ("text", "json_object", "json_schema"), "")
    found = None
    if kind == "json_object":
        found = Form("schema", ANY_OBJECT)
    elif kind == "json_schema":
        if nested and not form.has("json_schema") and not form.has("schema"):
            raise bad(texts.missing(form.at("json_schema")), form.at("json_schema"), "missing_required_parameter")
        inner = form.object("json_schema") or form
        inner.text("name", "")
        inner.note("description", "strict")  # what is kept is kept strictly
        found = Form("schema", inner.schema("schema"))
        if inner is not form:
            inner.finish()
    form.finish()
    return found


def _openai(fields: BodyFields) -> Form | None:
    return format_form(fields.object("response_format"), nested=True)


def _vllm(fields: BodyFields) -> list[Form | None]:
    found = [_kinds(fields, "guided_")]
    inner = fields.object("structured_outputs")
    if inner is not None:
        found.append(_kinds(inner, ""))
        if found[-1] is None:
            raise bad(texts.NO_FORM_NAMED, "structured_outputs")
        inner.only("json_object", False)
        inner.note("disable_any_whitespace", "disable_fallback")
        inner.finish()
    return found


def _kinds(fields: BodyFields, prefix: str) -> Form | None:
    if fields.has(f"{prefix}json"):
        return Form("schema", _schema(fields, f"{prefix}json"))
    if fields.has(f"{prefix}regex"):
        return Form("regex", fields.text(f"{prefix}regex"))
    if fields.has(f"{prefix}choice"):
        return Form("choice", texts=_choices(fields, f"{prefix}choice"))
    return None


def _llama(fields: BodyFields) -> list[Form | None]:
    return [Form("schema", _schema(fields, "json_schema"))] if fields.has("json_schema") else []


def ollama_form(fields: BodyFields) -> Form | None:
    """Ollama's `format`: "json", or a schema.

    Raises:
        ApiError: It is neither.
    """
    value = fields.any("format")
    if value is None or value == "":
        return None
    return Form("schema", ANY_OBJECT if value == "json" else fields.schema("format"))


def _schema(fields: BodyFields, name: str) -> str:
    value = fields.any(name)
    return fields.text(name) if isinstance(value, str) else fields.schema(name)


def _choices(fields: BodyFields, name: str) -> tuple[str, ...]:
    found = fields.texts(name, MOST_CHOICES)
    if not found or not all(found):
        raise bad(texts.must_be(fields.at(name), "a list of texts that are not empty"), fields.at(name))
    return found
