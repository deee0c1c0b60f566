"""OpenAI's own client, sync and async, against the real server; and the published list of parameters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.app.server.conftest import KEY, RunningServer

HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_models_are_listed(client: openai.OpenAI, server: RunningServer) -> None:
    (model,) = client.models.list().data
    assert (model.id, model.object, model.owned_by) == (server.model, "model", "dewpoint")
    assert client.models.retrieve(server.model).id == server.model


def test_an_answer_in_one_piece(client: openai.OpenAI, server: RunningServer) -> None:
    answer = client.chat.completions.create(model=server.model, messages=HELLO, seed=1)
    (choice,) = answer.choices
    assert choice.finish_reason == "stop"
    assert choice.message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    again = client.chat.completions.create(model=server.model, messages=HELLO, seed=1)
    assert again.choices[0].message.content == choice.message.content
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert again.usage.prompt_tokens_details.cached_tokens == again.usage.prompt_tokens


@pytest.mark.parametrize("drafts", [False, True])
def test_a_stream_adds_up_to_the_answer(client: openai.OpenAI, server: RunningServer, drafts: bool) -> None:
    asked: dict[str, Any] = {"model": server.model, "messages": HELLO, "seed": 3}
    whole = client.chat.completions.create(**asked).choices[0].message.content
    extra = {"diffusing": True} if drafts else {}
    chunks = list(client.chat.completions.create(**asked, stream=True, extra_body=extra))
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    seen = [
        chunk.model_extra["dewpoint"]["draft"]
        for chunk in chunks
        if "draft" in (chunk.model_extra or {}).get("dewpoint", {})
    ]
    assert bool(seen) == drafts
    assert all(0 <= first < last <= len(draft["text"]) for draft in seen for first, last in draft["settled"])


def test_the_helper_for_streams(client: openai.OpenAI, server: RunningServer) -> None:
    with client.chat.completions.stream(
        model=server.model, messages=HELLO, stream_options={"include_usage": True}, extra_body={"diffusing": True}
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        whole = stream.get_final_completion()
    assert "".join(deltas) == whole.choices[0].message.content
    assert whole.usage is not None
    assert whole.usage.completion_tokens > 0


def test_log_probabilities(client: openai.OpenAI, server: RunningServer) -> None:
    asked: Any = {"model": server.model, "messages": HELLO, "seed": 1, "logprobs": True, "top_logprobs": 3}
    (choice,) = client.chat.completions.create(**asked).choices
    assert choice.logprobs is not None
    found = choice.logprobs.content or []
    assert (
        b"".join(bytes(each.bytes or []) for each in found).decode().strip() == (choice.message.content or "").strip()
    )
    assert all(each.logprob <= 0 and len(each.top_logprobs) == 3 for each in found)
    assert all(each.top_logprobs[0].logprob >= each.logprob for each in found)
    streamed = [chunk.choices[0].logprobs for chunk in client.chat.completions.create(**asked, stream=True)]
    assert [each.logprob for part in streamed if part is not None for each in part.content or []] == [
        each.logprob for each in found
    ]


def test_many_at_once(server: RunningServer) -> None:
    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0) as client:
            asked = [client.chat.completions.create(model=server.model, messages=HELLO, seed=1) for _ in range(6)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]

    assert len(set(asyncio.run(ask()))) == 1


def test_stop_texts_cut_exactly(client: openai.OpenAI, server: RunningServer) -> None:
    whole = client.chat.completions.create(model=server.model, messages=HELLO, seed=1).choices[0].message.content or ""
    stop = whole[len(whole) // 2 :][:4]
    cut = client.chat.completions.create(model=server.model, messages=HELLO, seed=1, stop=[stop, "never there"])
    assert cut.choices[0].message.content == whole[: whole.index(stop)]
    assert cut.choices[0].finish_reason == "stop"


def test_the_limit_of_tokens(client: openai.OpenAI, server: RunningServer) -> None:
    answer = client.chat.completions.create(model=server.model, messages=HELLO, seed=1, max_completion_tokens=3)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_the_beginning_of_an_answer_goes_on(client: openai.OpenAI, server: RunningServer) -> None:
    begun: Any = [*HELLO, {"role": "assistant", "content": "Hello! I am"}]
    answer = client.chat.completions.create(model=server.model, messages=begun, seed=1)
    assert not (answer.choices[0].message.content or "").startswith("Hello")


def test_errors_are_those_of_the_client(client: openai.OpenAI, server: RunningServer) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-4o"):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="logit_bias") as refused:
        client.chat.completions.create(model=server.model, messages=HELLO, logit_bias={"5": 10})
    assert refused.value.param == "logit_bias"
    too_long: Any = [{"role": "user", "content": "word " * 6000}]
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(model=server.model, messages=too_long)
    assert long.value.code == "context_length_exceeded"
    picture: Any = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}
    ]
    with pytest.raises(openai.BadRequestError, match="no address is ever fetched"):
        client.chat.completions.create(model=server.model, messages=picture)
    with (
        openai.OpenAI(base_url=f"{server.address}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


# The parameters that OpenAI publishes for this endpoint, and two values of each: one that is honoured or changes
# nothing, one that must be refused by its name (None where every value of the right kind is honoured).
PARAMETERS: dict[str, tuple[Any, Any]] = {
    "audio": (None, {"voice": "alloy", "format": "mp3"}),
    "frequency_penalty": (0, 0.5),
    "function_call": (None, "auto"),
    "functions": (None, [{"name": "f"}]),
    "logit_bias": ({}, {"1": 1}),
    "max_completion_tokens": (20, 0),
    "max_tokens": (20, -1),
    "metadata": ({"a": "b"}, None),
    "modalities": (["text"], ["audio"]),
    "logprobs": (True, "yes"),
    "top_logprobs": (None, 21),
    "n": (2, 9),
    "prediction": (None, {"type": "content", "content": "x"}),
    "presence_penalty": (0.0, -1),
    "prompt_cache_key": ("a", None),
    "reasoning_effort": ("none", "vast"),
    "safety_identifier": ("a", None),
    "seed": (7, "seven"),
    "service_tier": ("auto", "priority"),
    "stop": (["\n\n"], 5),
    "store": (False, True),
    "stream": (False, "yes"),
    "temperature": (0, 3),
    "top_p": (1, 0.5),
    "user": ("somebody", None),
    "verbosity": ("medium", "low"),
    "web_search_options": (None, {}),
    "no_such_parameter": (None, 1),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter_is_honoured_or_refused_by_its_name(server: RunningServer, name: str) -> None:
    honoured, refused = PARAMETERS[name]
    if honoured is not None:
        limit = "max_completion_tokens" if name == "max_completion_tokens" else "max_tokens"
        assert server.chat(**{limit: 8, name: honoured}).status_code == 200
    if refused is not None:
        answer = server.chat(**{name: refused})
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == name


def test_the_list_is_the_published_one() -> None:
    published = set(openai.types.chat.completion_create_params.CompletionCreateParamsBase.__annotations__)
    elsewhere = {
        "messages", "model", "response_format", "tools", "tool_choice", "parallel_tool_calls", "stream_options",
        "prompt_cache_retention", "prompt_cache_options", "moderation",
    }  # fmt: skip
    assert published - set(PARAMETERS) <= elsewhere
