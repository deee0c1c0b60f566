"""Refusals name the field that is to blame, and say what would be right."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.app.server.conftest import KEY, RunningServer

LONG, LABELS, SAMPLES = "b" * 5_000, "questions[0].labels", "questions[0].samples"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tools": [{}]}, "tools[0].function"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"multipleOf": 7}}}}, "response_format"),
        ({"structured_outputs": {}}, "structured_outputs"),
        ({"structured_outputs": {"json": None}}, "structured_outputs"),
        ({"structured_outputs": {"regex": "("}}, "structured_outputs"),
        ({"guided_regex": "("}, "guided_regex"),
        ({"guided_choice": [1]}, "guided_choice"),
        ({"guided_choice": ["a", ""]}, "guided_choice"),
        ({"json_schema": {"type": "string", "minLength": 900}, "max_tokens": 9}, "json_schema"),
        ({"reasoning_effort": "high", "guided_choice": ["a", "b"]}, "guided_choice"),
        ({"messages": [{"role": "user", "content": "Hello", "name": 5}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": "word " * 6_000}]}, "messages"),
        (
            {"tools": [{"type": "function", "function": {"name": "f" * 200}}]},
            "tools[0].function.name",
        ),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "strict": True,
                            "parameters": {"type": "object", "properties": {"x": {"type": "number", "multipleOf": 7}}},
                        },
                    }
                ]
            },
            "tools",
        ),
    ],
)
def test_a_chat_completion(server: RunningServer, fields: dict[str, Any], param: str) -> None:
    refused = server.chat(**fields)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("/v1/responses", {"input": []}, "input"),
        ("/v1/responses", {"input": "word " * 6_000}, "input"),
        ("/v1/responses", {"input": "Hello", "text": {"format": {}}}, "text.format.type"),
        (
            "/v1/responses",
            {"input": "Hello", "text": {"format": {"type": "json_schema", "name": "a", "schema": {"not": {}}}}},
            "text.format",
        ),
        ("/v1/systemone", {"questions": [{"question": "?", "kind": "choice", "labels": ["a", LONG]}]}, LABELS),
        ("/v1/systemone", {"state": "a", "questions": [{"question": "?", "kind": "span", "samples": 2}]}, SAMPLES),
    ],
)
def test_other_interfaces(server: RunningServer, path: str, fields: dict[str, Any], param: str) -> None:
    named = {} if path == "/v1/systemone" else {"model": server.model}
    refused = server.post(path, {**named, **fields})
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == param


def test_sentences_say_what_would_be_right(server: RunningServer) -> None:
    assert "1000 texts" in server.chat(guided_choice=[1]).text
    assert "not empty" in server.chat(guided_choice=["a", ""]).text
    assert "at most 128" in server.chat(tools=[{"type": "function", "function": {"name": "f" * 200}}]).text
    many = [{"type": "function", "function": {"name": f"tool_{at}", "description": "word " * 60}} for at in range(200)]
    assert "declare fewer" in server.chat(tools=many).text
    zipped = server.post("/v1/chat/completions", b"\x1f\x8b\x08", Content_Encoding="gzip")
    assert (zipped.status_code, "Content-Encoding" in zipped.text) == (415, True)


class Colour(BaseModel):
    """A form of an answer."""

    name: str


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of the library's own, about its own class
def test_a_parsed_answer_goes_back_in(server: RunningServer) -> None:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0) as client:
        asked: Any = [*HELLO]
        made = client.chat.completions.parse(model=server.model, messages=asked, response_format=Colour)
        asked = [*HELLO, made.choices[0].message, {"role": "user", "content": "And another one?"}]
        again = client.chat.completions.parse(model=server.model, messages=asked, response_format=Colour)
    assert again.choices[0].message.parsed is not None


def test_the_model_is_listed_for_clients_of_anthropic_too(server: RunningServer) -> None:
    import anthropic

    with anthropic.Anthropic(base_url=server.address, api_key=KEY, max_retries=0) as client:
        listed = client.models.list()
    assert [(each.type, each.id) for each in listed.data] == [("model", server.model)]
    assert listed.data[0].display_name
    assert listed.data[0].created_at.year >= 2026
    assert not listed.has_more
