"""Requests in the shapes in which Continue, Cline and Open WebUI send them, and what they read of the answers."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.app.server.conftest import KEY, RunningServer


def chunks(answer: httpx2.Response) -> list[Any]:
    """The objects of a stream."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]


def test_continue_chats(server: RunningServer) -> None:
    body = {
        "messages": [{"role": "system", "content": "You help."}, {"role": "user", "content": "Hello"}],
        "model": "dewpoint", "max_tokens": 64, "temperature": 0.5, "stop": ["<|im_end|>"], "stream": True,
        "stream_options": {"include_usage": True}, "presence_penalty": 0, "frequency_penalty": 0,
    }  # fmt: skip
    *pieces, usage = chunks(server.post("/v1/chat/completions", body, Authorization=f"Bearer {KEY}"))
    assert all(piece["choices"][0]["delta"] is not None for piece in pieces)
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0


def test_continue_completes_code(server: RunningServer) -> None:
    body = {
        "model": "dewpoint", "prompt": "def f(x):\n    ", "suffix": "\n    return y\n", "max_tokens": 24,
        "temperature": 0.01, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "stop": ["\n\n"],
        "stream": True,
    }  # fmt: skip
    for piece in chunks(server.post("/v1/fim/completions", body)):
        assert "delta" in piece["choices"][0]


def test_cline_asks_with_tools(server: RunningServer) -> None:
    parameters = {
        "type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"],
        "additionalProperties": False, "$schema": "http://json-schema.org/draft-07/schema#",
    }  # fmt: skip
    tool = {
        "type": "function",
        "function": {"name": "read_file", "description": "x", "strict": False, "parameters": parameters},
    }
    content = [{"type": "text", "text": "<task>Hello</task>"}, {"type": "text", "text": "<environment_details>"}]
    messages = [{"role": "system", "content": "You are Cline."}, {"role": "user", "content": content}]
    body = {
        "model": "dewpoint", "messages": messages, "temperature": 0, "stream": True,
        "stream_options": {"include_usage": True}, "tools": [tool],
        "tool_choice": "auto", "parallel_tool_calls": False,
    }  # fmt: skip
    *pieces, usage = chunks(server.post("/v1/chat/completions", body))
    text = "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces)
    calls = [call for piece in pieces for call in piece["choices"][0]["delta"].get("tool_calls", [])]
    assert text or calls
    assert all({"index", "id", "type", "function"} <= call.keys() for call in calls)
    assert "cached_tokens" in usage["usage"]["prompt_tokens_details"]


@pytest.mark.parametrize("stream", [True, False])
def test_open_webui_lists_and_asks(server: RunningServer, stream: bool) -> None:
    listed = httpx2.get(f"{server.address}/v1/models", headers={"Authorization": f"Bearer {KEY}"}).json()
    assert all(model["id"] and model["name"] for model in listed["data"])
    body = {
        "stream": stream, "model": listed["data"][0]["id"],
        "messages": [{"role": "user", "content": "### Task:\nGenerate a title"}], "max_completion_tokens": 50,
    }  # fmt: skip
    answer = server.post("/v1/chat/completions", body)
    assert chunks(answer) if stream else answer.json()["choices"][0]["message"]["content"]
