"""Ollama's own client against the real server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import ollama
import pytest

from tests.app.server.conftest import KEY, RunningServer

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(server: RunningServer) -> Iterator[ollama.Client]:
    with ollama.Client(server.address, headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


def test_the_model_is_listed_shown_and_running(client: ollama.Client, server: RunningServer) -> None:
    (model,) = client.list().models
    assert model.model == f"{server.model}:latest"
    assert client.show(server.model).capabilities
    assert client.ps().models[0].model == model.model
    assert server.get("/api/version").json()["version"]


def test_a_chat(client: ollama.Client, server: RunningServer) -> None:
    whole = client.chat(server.model, HELLO, options={"seed": 1})
    assert whole.done_reason == "stop"
    assert whole.message.content
    assert whole.eval_count
    assert whole.prompt_eval_count
    pieces = list(client.chat(f"{server.model}:latest", HELLO, options={"seed": 1}, stream=True))
    assert "".join(piece.message.content or "" for piece in pieces) == whole.message.content
    assert [piece.done for piece in pieces][-1]


def test_a_prompt(client: ollama.Client, server: RunningServer) -> None:
    answer = client.generate(server.model, "Hello", system="Be kind.", options={"num_predict": 5, "temperature": 0.0})
    assert answer.done_reason == "length"
    assert answer.eval_count == 5
    assert client.generate(server.model).done_reason == "load"
    assert client.chat(server.model, []).done_reason == "load"


def test_a_gap(client: ollama.Client, server: RunningServer) -> None:
    answer = client.generate(server.model, "The dog ", suffix=" the cat.", options={"num_predict": 20, "seed": 1})
    assert "the cat." not in answer.response


def test_a_format(client: ollama.Client, server: RunningServer) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = client.chat(server.model, HELLO, format=schema, options={"seed": 1})
    assert isinstance(json.loads(answer.message.content or "")["n"], int)


def test_a_tool(client: ollama.Client, server: RunningServer) -> None:
    def turn_on(room: str) -> str:
        """Turn the light on.

        Args:
            room: The room.
        """
        return room

    answer = client.chat(server.model, HELLO, tools=[turn_on], options={"seed": 1})
    assert answer.message.content or answer.message.tool_calls
    called = [{"role": "assistant", "tool_calls": [{"function": {"name": "turn_on", "arguments": {"room": "hall"}}}]}]
    result = {"role": "tool", "tool_name": "turn_on", "content": "done"}
    assert client.chat(server.model, [*HELLO, *called, result], options={"seed": 1}).message.content


def test_errors_are_those_of_the_client(client: ollama.Client, server: RunningServer) -> None:
    with pytest.raises(ollama.ResponseError) as missing:
        client.chat("llama3", HELLO)
    assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="mirostat"):
        client.chat(server.model, HELLO, options={"mirostat": 1})
