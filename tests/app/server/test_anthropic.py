"""Anthropic's own client against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.app.server.conftest import KEY, RunningServer

HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(server: RunningServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.address, api_key=KEY, max_retries=0) as client:
        yield client


def test_a_message(client: anthropic.Anthropic, server: RunningServer) -> None:
    message = client.messages.create(model=server.model, messages=HELLO, max_tokens=200, extra_body={"seed": 1})
    assert message.stop_reason == "end_turn"
    (block,) = message.content
    assert isinstance(block, anthropic.types.TextBlock)
    assert block.text
    usage = message.usage
    assert usage.input_tokens + (usage.cache_read_input_tokens or 0) > 0 < usage.output_tokens
    with client.messages.stream(
        model=server.model, messages=HELLO, max_tokens=200, extra_body={"seed": 1, "diffusing": True}
    ) as stream:
        assert "".join(stream.text_stream) == block.text
        assert stream.get_final_message().stop_reason == "end_turn"


def test_the_events_come_in_their_order(client: anthropic.Anthropic, server: RunningServer) -> None:
    events = client.messages.create(model=server.model, messages=HELLO, max_tokens=200, stream=True)
    kinds = [event.type for event in events if event.type != "ping"]
    assert (kinds[0], kinds[1], kinds[-1]) == ("message_start", "content_block_start", "message_stop")
    assert kinds[-3:-1] == ["content_block_stop", "message_delta"]


def test_tokens_are_counted(client: anthropic.Anthropic, server: RunningServer) -> None:
    short = client.messages.count_tokens(model=server.model, messages=HELLO).input_tokens
    message = client.messages.create(model=server.model, messages=HELLO, max_tokens=8)
    assert short == message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0)
    assert client.messages.count_tokens(model=server.model, messages=HELLO, system="Be kind.").input_tokens > short


def test_what_an_agent_sends(client: anthropic.Anthropic, server: RunningServer) -> None:
    """The shape of Claude Code's requests."""
    tool = {"name": "read_file", "description": "Read.", "input_schema": {"type": "object", "properties": {}}}
    asked: Any = {
        "model": server.model,
        "max_tokens": 64,
        "temperature": 1,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=1"},
            {"type": "text", "text": "You help.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Read a.txt"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "I read it.", "signature": ""},
                    {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "a.txt"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "Hi"}]}
                ],
            },
        ],
        "tools": [tool],
        "metadata": {"user_id": "somebody"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
    }
    answer = server.post("/v1/messages?beta=true", asked, anthropic_version="2023-06-01")
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "message"


def test_a_tool_that_must_be_called(client: anthropic.Anthropic, server: RunningServer) -> None:
    schema = {"type": "object", "properties": {"unit": {"enum": ["C", "F"]}}, "required": ["unit"]}
    tools: Any = [{"name": "weather", "description": "", "input_schema": schema}]
    with client.messages.stream(
        model=server.model, messages=HELLO, max_tokens=200, tools=tools,
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    ) as stream:  # fmt: skip
        message = stream.get_final_message()
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert isinstance(call, anthropic.types.ToolUseBlock)
    assert call.name == "weather"
    assert call.input in ({"unit": "C"}, {"unit": "F"})


def test_errors_are_those_of_the_client(client: anthropic.Anthropic, server: RunningServer) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="claude-x", messages=HELLO, max_tokens=5)
    with pytest.raises(anthropic.BadRequestError, match="top_k"):
        client.messages.create(model=server.model, messages=HELLO, max_tokens=5, extra_body={"top_k": 40})
    with (
        anthropic.Anthropic(base_url=server.address, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(model=server.model, messages=HELLO, max_tokens=5)


PARAMETERS: dict[str, tuple[Any, Any]] = {
    "cache_control": ({"type": "ephemeral"}, None),
    "container": (None, "abc"),
    "diagnostics": (None, {}),
    "speed": ("standard", "fast"),
    "user_profile_id": (None, "x"),
    "workspace_id": (None, "x"),
    "inference_geo": (None, "eu"),
    "metadata": ({"user_id": "x"}, None),
    "mcp_servers": ([], [{"name": "x"}]),
    "output_config": ({"effort": "low"}, {"effort": "vast"}),
    "service_tier": ("auto", "priority"),
    "stop_sequences": (["x"], 5),
    "stream": (False, "yes"),
    "system": ("Be kind.", 5),
    "temperature": (0.5, 7),
    "thinking": ({"type": "disabled"}, {"type": "vast"}),
    "tool_choice": ({"type": "auto"}, {"type": "any"}),
    "tools": ([], [{"type": "web_search_20250305", "name": "web_search"}]),
    "top_k": (0, 40),
    "top_p": (1, 0.5),
    "no_such_parameter": (None, 1),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter_is_honoured_or_refused_by_its_name(server: RunningServer, name: str) -> None:
    honoured, refused = PARAMETERS[name]
    asked = {"model": server.model, "messages": HELLO, "max_tokens": 8}
    if honoured is not None:
        assert server.post("/v1/messages", {**asked, name: honoured}).status_code == 200
    if refused is not None:
        answer = server.post("/v1/messages", {**asked, name: refused})
        assert answer.status_code == 400
        assert name in answer.json()["error"]["message"]


def test_the_list_is_the_published_one() -> None:
    published = set(anthropic.types.message_create_params.MessageCreateParamsBase.__annotations__)
    assert published - set(PARAMETERS) <= {"messages", "model", "max_tokens"}
