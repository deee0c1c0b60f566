"""Several answers to one prompt, and log-probabilities where they were not before, by the real clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import ollama
import openai
import pytest

from app.server.errors import ApiError
from app.server.queue import AnswerQueue
from app.server.wire import WantedAnswer
from inference.params import ChatTurn, GenerationRequest
from tests.app.server.conftest import KEY, RunningServer
from tests.app.server.test_queue import GatedProcess

HELLO: Any = [{"role": "user", "content": "Tell me a story about a river"}]


@pytest.fixture
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_choices_are_the_answers_of_their_seeds(client: openai.OpenAI, server: RunningServer) -> None:
    asked: Any = {"model": server.model, "messages": HELLO, "max_tokens": 40}
    alone = [client.chat.completions.create(**asked, seed=seed) for seed in (5, 6)]
    both = client.chat.completions.create(**asked, seed=5, n=2)
    assert [choice.index for choice in both.choices] == [0, 1]
    assert [c.message.content for c in both.choices] == [each.choices[0].message.content for each in alone]
    assert both.usage is not None
    assert all(each.usage is not None for each in alone)
    assert both.usage.completion_tokens == sum(each.usage.completion_tokens for each in alone if each.usage)
    assert both.usage.prompt_tokens == alone[0].usage.prompt_tokens  # type: ignore[union-attr]
    streamed = ["", ""]
    usages = []
    for chunk in client.chat.completions.create(
        **asked, seed=5, n=2, stream=True, stream_options={"include_usage": True}
    ):
        usages += [chunk.usage] if chunk.usage else []
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == [choice.message.content for choice in both.choices]
    assert [usage.completion_tokens for usage in usages] == [both.usage.completion_tokens]


def test_completions_have_choices_and_log_probabilities(client: openai.OpenAI, server: RunningServer) -> None:
    asked: Any = {"model": server.model, "prompt": "Once upon a time", "max_tokens": 20, "seed": 3, "logprobs": 2}
    whole = client.completions.create(**asked, n=2)
    assert len(whole.choices) == 2
    for choice in whole.choices:
        found = choice.logprobs
        assert found is not None
        assert found.tokens
        sizes = {
            len(each or []) for each in (found.tokens, found.token_logprobs, found.top_logprobs, found.text_offset)
        }
        assert sizes == {len(found.tokens)}
        assert "".join(found.tokens).startswith(choice.text.rstrip())
        assert all(choice.text[at : at + len(token)] == token for at, token in zip(
            found.text_offset or [], found.tokens, strict=True) if at + len(token) <= len(choice.text))  # fmt: skip
    chunks = list(client.completions.create(**asked, stream=True))
    said = [c.choices[0].logprobs for c in chunks if c.choices and c.choices[0].logprobs]
    assert [token for each in said for token in each.tokens or []] == whole.choices[0].logprobs.tokens  # type: ignore[union-attr]
    gap = client.completions.create(**{**asked, "prompt": "The sky is ", "suffix": "."})
    assert gap.choices[0].logprobs is not None


def test_a_response_has_log_probabilities(client: openai.OpenAI, server: RunningServer) -> None:
    asked: Any = {
        "model": server.model, "input": "Hello", "top_logprobs": 2, "include": ["message.output_text.logprobs"],
        "extra_body": {"seed": 1},
    }  # fmt: skip
    part: Any = client.responses.create(**asked).output[0]
    found = part.content[0].logprobs
    assert found
    assert all(each.logprob <= 0 and len(each.top_logprobs) == 2 for each in found)
    with client.responses.stream(**asked) as stream:
        deltas = [event for event in stream if event.type == "response.output_text.delta"]
    assert [each.logprob for delta in deltas for each in delta.logprobs] == [each.logprob for each in found]
    with pytest.raises(openai.BadRequestError, match="include"):
        client.responses.create(model=server.model, input="Hello", top_logprobs=2)
    with pytest.raises(openai.BadRequestError, match="include"):
        client.responses.create(model=server.model, input="Hello", include=["file_search_call.results"])


def test_ollama_has_log_probabilities(server: RunningServer) -> None:
    asked: Any = {"model": server.model, "messages": HELLO, "options": {"seed": 1, "num_predict": 12}}
    with ollama.Client(host=server.address, headers={"Authorization": f"Bearer {KEY}"}) as client:
        whole = client.chat(**asked, logprobs=True, top_logprobs=2)
        assert whole.logprobs
        assert all(each.logprob <= 0 and len(each.top_logprobs or []) == 2 for each in whole.logprobs)
        parts = list(client.chat(**asked, logprobs=True, top_logprobs=2, stream=True))
        assert [each.token for part in parts for each in part.logprobs or []] == [each.token for each in whole.logprobs]
    refused = server.post("/api/chat", {**asked, "top_logprobs": 2})
    assert refused.status_code == 400
    assert "logprobs" in json.loads(refused.text)["error"]


def test_choices_that_find_no_room_leave_none_behind() -> None:
    async def run() -> None:
        queue = AnswerQueue(GatedProcess(), at_once=1, most_waiting=2)
        queue.start()
        wanted = WantedAnswer(GenerationRequest((ChatTurn("user", "Hi"),), seed=2**63 - 1), choices=4)
        with pytest.raises(ApiError):
            queue.ask_all(wanted)
        assert not queue.running()
        two = queue.ask_all(WantedAnswer(wanted.request, choices=2))
        assert [each.wanted.request.seed for each in two] == [2**63 - 1, 0]
        await asyncio.to_thread(queue.close)

    asyncio.run(run())
