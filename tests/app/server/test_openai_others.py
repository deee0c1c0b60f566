"""Responses, completions, gaps, forms and tools, by OpenAI's own client and LangChain's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tests.app.server.conftest import KEY, RunningServer

HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather somewhere.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
CLOCK: Any = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "not": {}}}}
MARKERS = ("tool_call", '{"name"', "<|", "call:")


class Mood(BaseModel):
    """What is asked for."""

    mood: Literal["good", "bad"]
    points: int


@pytest.fixture
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_a_response(client: openai.OpenAI, server: RunningServer) -> None:
    whole = client.responses.create(model=server.model, input="Hello", extra_body={"seed": 1})
    assert whole.status == "completed"
    assert whole.output_text
    with client.responses.stream(model=server.model, input="Hello", extra_body={"seed": 1}) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert stream.get_final_response().output_text == whole.output_text
    cut = client.responses.create(model=server.model, input="Hello", max_output_tokens=3, extra_body={"seed": 1})
    assert cut.status == "incomplete"


def test_a_response_keeps_a_form(client: openai.OpenAI, server: RunningServer) -> None:
    parsed = client.responses.parse(model=server.model, input="Hello", text_format=Mood).output_parsed
    assert parsed is not None
    assert parsed.mood in ("good", "bad")


def test_a_response_calls_a_tool_and_reads_its_result(client: openai.OpenAI, server: RunningServer) -> None:
    tool: Any = {"type": "function", **WEATHER["function"]}
    asked: list[Any] = [{"role": "user", "content": "Hello"}]
    whole = client.responses.create(
        model=server.model, input=asked, tools=[tool], tool_choice="required", parallel_tool_calls=False
    )
    (call,) = whole.output
    assert call.type == "function_call"
    assert json.loads(call.arguments)["unit"] in ("C", "F")
    results = [*asked, call.model_dump(), {"type": "function_call_output", "call_id": call.call_id, "output": "12 C"}]
    assert client.responses.create(model=server.model, input=results, tools=[tool]).output


@pytest.mark.parametrize("field", ["previous_response_id", "store", "background", "conversation", "prompt"])
def test_nothing_is_kept(client: openai.OpenAI, server: RunningServer, field: str) -> None:
    with pytest.raises(openai.BadRequestError, match=field):
        client.responses.create(model=server.model, input="Hello", extra_body={field: True})


def test_a_text_goes_on(client: openai.OpenAI, server: RunningServer) -> None:
    whole = client.completions.create(model=server.model, prompt="Once upon a time", max_tokens=16, seed=1)
    assert whole.choices[0].text
    stream = client.completions.create(
        model=server.model, prompt="Once upon a time", max_tokens=16, seed=1, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in stream) == whole.choices[0].text


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/fim/completions"])
def test_a_gap_is_filled_so_that_both_sides_meet(server: RunningServer, path: str) -> None:
    before, behind = "def add(a, b):\n    return ", "\n\n\ndef main():\n    pass\n"
    asked = {"model": server.model, "prompt": before, "suffix": behind, "max_tokens": 24, "seed": 1}
    choice = server.post(path, asked).json()["choices"][0]
    text = choice["text"] if "text" in choice else choice["message"]["content"]
    assert "def main" not in text
    streamed = server.post(path, {**asked, "stream": True}).text
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    pieces = [
        chunk["choices"][0].get("text") or chunk["choices"][0].get("delta", {}).get("content", "") for chunk in chunks
    ]
    assert "".join(pieces) == text


FORMS: list[tuple[dict[str, Any], str]] = [
    ({"response_format": {"type": "json_object"}}, r"\{.*\}"),
    ({"structured_outputs": {"regex": r"\d{4}"}}, r"\d{4}"),
    ({"guided_choice": ["red", "blue"]}, "red|blue"),
    ({"structured_outputs": {"choice": ["red", "blue"]}}, "red|blue"),
    ({"guided_json": {"enum": [1, 2]}}, "1|2"),
    ({"json_schema": {"type": "boolean"}}, "true|false"),
]


@pytest.mark.parametrize(("field", "pattern"), FORMS)
def test_a_form_is_kept(server: RunningServer, field: dict[str, Any], pattern: str) -> None:
    answer = server.chat(**field)
    assert answer.status_code == 200, answer.text
    assert re.fullmatch(pattern, answer.json()["choices"][0]["message"]["content"], re.DOTALL)


@pytest.mark.parametrize(
    "field",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        {"response_format": {"type": "grammar"}},
        {"grammar": "root ::= x"},
        {"structured_outputs": {"grammar": "root ::= x"}},
        {"structured_outputs": {"regex": "(?=x)"}},
        {"structured_outputs": {"regex": "("}},
        {"guided_choice": []},
        {"guided_regex": "a", "guided_choice": ["a"], "response_format": {"type": "json_object"}},
        {"structured_outputs": {"regex": "a{50}"}, "max_tokens": 2},
        {"response_format": {"type": "json_object"}, "stop": ["{"]},
        {"guided_regex": "[0-9]{3}", "stop": "1"},
    ],
)
def test_a_form_that_cannot_be_kept_is_refused(server: RunningServer, field: dict[str, Any]) -> None:
    assert server.chat(**field).status_code == 400


def test_parsed_answers(client: openai.OpenAI, server: RunningServer) -> None:
    answer = client.chat.completions.parse(model=server.model, messages=HELLO, response_format=Mood)
    assert isinstance(answer.choices[0].message.parsed, Mood)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_tool_that_must_be_called(client: openai.OpenAI, server: RunningServer, choice: Any) -> None:
    tools = [WEATHER, CLOCK] if choice == "required" else [WEATHER]
    asked: dict[str, Any] = {
        "model": server.model, "messages": HELLO, "tools": tools, "tool_choice": choice, "seed": 2,
        "parallel_tool_calls": False,
    }  # fmt: skip
    whole = client.chat.completions.create(**asked).choices[0]
    assert whole.finish_reason == "tool_calls"
    assert whole.message.content is None
    (call,) = whole.message.tool_calls or []
    assert call.type == "function"
    assert isinstance(json.loads(call.function.arguments), dict)
    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion().choices[0].message
    assert final.tool_calls is not None
    assert final.tool_calls[0].function.arguments == call.function.arguments


def test_a_result_is_read(client: openai.OpenAI, server: RunningServer) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "12 degrees"},
    ]
    answer = client.chat.completions.create(model=server.model, messages=messages, tools=[WEATHER], seed=1)
    assert answer.choices[0].message.content or answer.choices[0].message.tool_calls


def test_a_call_that_has_no_room_is_refused(server: RunningServer) -> None:
    """It was a call without what its schema requires."""
    found = server.chat(tools=[WEATHER], tool_choice="required", max_tokens=3)
    assert found.status_code == 400
    assert "needs at least" in found.text


def test_stop_texts_beside_a_form_are_refused_by_their_name(server: RunningServer) -> None:
    asked = {"model": server.model, "messages": HELLO}
    ollama = server.post("/api/chat", {**asked, "format": "json", "options": {"stop": ["}"]}})
    generate = server.post(
        "/api/generate", {"model": server.model, "prompt": "Hi", "format": "json", "options": {"stop": "}"}}
    )
    output = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    anthropic = server.post(
        "/v1/messages", {**asked, "max_tokens": 99, "output_config": output, "stop_sequences": ["}"]}
    )
    for found, name in ((ollama, "options.stop"), (generate, "options.stop"), (anthropic, "stop_sequences")):
        assert found.status_code == 400
        assert name in found.text


def test_a_stop_at_the_very_beginning_is_named(server: RunningServer) -> None:
    first = server.chat().json()["choices"][0]["message"]["content"][0]
    found = server.chat(stop=[first]).json()
    assert (found["choices"][0]["finish_reason"], found["dewpoint"]["stop"]) == ("stop", first)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_strict_schema_that_cannot_be_kept_is_refused(server: RunningServer, choice: str, stream: bool) -> None:
    strict = {"type": "function", "function": {**CLOCK["function"], "parameters": {"not": {}}, "strict": True}}
    assert server.chat(tools=[strict], tool_choice=choice, stream=stream).status_code == 400
    assert (
        server.chat(tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "other"}}).status_code == 400
    )


def test_langchain(server: RunningServer) -> None:
    import langchain_openai  # a second to import, for this test alone

    chat = langchain_openai.ChatOpenAI(
        base_url=f"{server.address}/v1", api_key=KEY, model=server.model, seed=1, stream_usage=True
    )
    whole = chat.invoke("Hello")
    chunks = list(chat.stream("Hello"))
    assert "".join(chunk.content for chunk in chunks) == whole.content
    assert any(chunk.usage_metadata for chunk in chunks)
    assert isinstance(chat.with_structured_output(Mood).invoke("Hello"), Mood)


def test_arguments_are_those_of_an_object(server: RunningServer) -> None:
    """Clients expect nothing else: a list of arguments broke theirs."""
    tool = {"type": "function", "function": {"name": "x", "parameters": {"type": "array"}}}
    found = server.chat(tools=[tool])
    assert (found.status_code, found.json()["error"]["param"]) == (400, "tools[0].function.parameters")
