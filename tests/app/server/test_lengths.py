"""Lengths and usage: what a client allows is kept to the token, and what it pays for is the text that it gets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.server.conftest import RunningServer

BEHIND = "\n    return total\n" * 20


def gap(server: RunningServer, path: str, **fields: Any) -> dict[str, Any]:
    """Fill a gap."""
    asked = {"model": server.model, "prompt": "def add(a, b):", "suffix": BEHIND, **fields}
    if path.endswith("fim/completions"):
        asked["random_seed"] = asked.pop("seed", 0)
    found = server.post(path, asked)
    assert found.status_code == 200, found.text
    value: dict[str, Any] = found.json()
    return value


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("most", [1, 5])
def test_a_gap_has_no_more_tokens_than_allowed_and_none_of_what_is_behind_it(
    server: RunningServer, most: int, seed: int
) -> None:
    """What is held behind the gap was counted, too: 81 tokens for a limit of 1."""
    answer = gap(server, "/v1/completions", max_tokens=most, seed=seed, logprobs=0)
    choice, usage = answer["choices"][0], answer["usage"]
    assert usage["completion_tokens"] == len(choice["logprobs"]["tokens"]) <= most
    assert "".join(choice["logprobs"]["tokens"]) == choice["text"]
    plain = gap(server, "/v1/completions", max_tokens=most, seed=seed)
    assert (plain["choices"][0]["text"], plain["usage"]) == (choice["text"], usage | plain["usage"])
    assert plain["choices"][0]["logprobs"] is None
    fim = gap(server, "/v1/fim/completions", max_tokens=most, seed=seed)
    assert fim["choices"][0]["message"]["content"] == choice["text"]
    assert fim["choices"][0]["logprobs"] is None


def test_a_gap_that_is_cut_says_so(server: RunningServer) -> None:
    whole = gap(server, "/v1/completions", prompt="Once upon a time", suffix="The end.", max_tokens=60, seed=3)
    tokens = whole["usage"]["completion_tokens"]
    assert whole["choices"][0]["finish_reason"] in ("stop", "length")
    assert tokens <= 60
    if tokens > 2:
        cut = gap(server, "/v1/completions", prompt="Once upon a time", suffix="The end.", max_tokens=2, seed=3)
        reason, used = cut["choices"][0]["finish_reason"], cut["usage"]["completion_tokens"]
        assert used <= 2
        assert reason == "length" or used < 2 or cut["choices"][0]["text"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_the_context_that_a_client_of_ollama_wants_is_kept(server: RunningServer, path: str) -> None:
    asked = {"messages": [{"role": "user", "content": "Tell me a story"}], "prompt": "Tell me a story"}
    del asked["prompt" if path == "/api/chat" else "messages"]
    asked |= {"model": server.model, "stream": False}

    def answer(context: int | None, **fields: Any) -> Any:
        options = {"seed": 4} | ({} if context is None else {"num_ctx": context})
        return server.post(path, {**asked, "options": options, **fields})

    whole = answer(None).json()
    prompt, written = whole["prompt_eval_count"], whole["eval_count"]
    assert written > 4
    assert answer(prompt + written).json()["done_reason"] == "stop"
    cut = answer(prompt + 3).json()
    assert (cut["done_reason"], cut["eval_count"]) == ("length", 3)
    said = [each["message"]["content"] if path == "/api/chat" else each["response"] for each in (whole, cut)]
    assert said[0].startswith(said[1])
    assert "logprobs" not in cut
    assert answer(prompt).status_code == 400
    refused = answer(prompt + 3, format="json")
    assert refused.status_code == 400
    assert "num_ctx" in refused.text


def test_two_limits_that_differ_are_refused(server: RunningServer) -> None:
    refused = server.chat(max_tokens=3, max_completion_tokens=9)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "max_tokens")
    assert server.chat(max_tokens=9, max_completion_tokens=9).json()["usage"]["completion_tokens"] <= 9


def test_a_budget_of_thinking_is_less_than_all(server: RunningServer) -> None:
    asked = {"model": server.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}
    refused = server.post("/v1/messages", {**asked, "thinking": {"type": "enabled", "budget_tokens": 1024}})
    assert refused.status_code == 400
    assert "budget_tokens" in refused.text
    assert server.post("/v1/messages", {**asked, "thinking": {"type": "enabled", "budget_tokens": 10}}).is_success


def test_a_response_that_was_cut_is_incomplete_in_each_item(server: RunningServer) -> None:
    cut = server.post("/v1/responses", {"model": server.model, "input": "Tell me a story", "max_output_tokens": 2})
    assert cut.json()["status"] == cut.json()["output"][-1]["status"] == "incomplete"
    stream = server.post(
        "/v1/responses", {"model": server.model, "input": "Tell me a story", "max_output_tokens": 2, "stream": True}
    )
    done = next(line for line in stream.text.splitlines() if line.startswith("data:") and "output_item.done" in line)
    assert '"status":"incomplete"' in done.replace(" ", "")


TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "parameters": {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "string"}},
            "required": ["x", "y"],
        },
    },
}


def test_the_seed_that_is_told_gives_the_same_again(server: RunningServer) -> None:
    """A call, and an answer that a stop text ended in its midst, said seed 0."""
    for more in (
        {"tools": [TOOL], "tool_choice": "required", "temperature": 2},
        {"stop": ["e"], "temperature": 2, "max_tokens": 60},
    ):
        first = server.chat(seed=None, n=2, **more).json()
        seeds = [choice["dewpoint"]["seed"] for choice in first["choices"]]
        assert seeds[1] == seeds[0] + 1
        for seed, choice in zip(seeds, first["choices"], strict=True):
            again = server.chat(seed=seed, **more).json()["choices"][0]["message"]
            same = choice["message"]
            for calls in (again.get("tool_calls") or [], same.get("tool_calls") or []):
                for call in calls:
                    call.pop("id")
            assert again == same


def test_decisions_count_what_they_read(server: RunningServer) -> None:
    asked = {"state": "The sky is blue today.", "questions": [{"question": "Is it blue?"}]}
    one = server.post("/v1/systemone", asked).json()["usage"]["tokens"]
    assert one > 5
    asked["questions"] = [{"question": "Is it blue?"}, {"question": "Is it blue?", "kind": "score"}]
    assert server.post("/v1/systemone", asked).json()["usage"]["tokens"] > 2 * one - 10
