"""Tokens with log-probabilities: joined they are the text that the client is given, wherever a stop text cuts it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from app.server.parts import PartReader
from app.server.said_tokens import SaidTokens, token_texts
from app.server.wire import WantedAnswer, WholeAnswer, Written
from inference.events import BlockCommitted, TokenLikelihood
from inference.params import ChatTurn, GenerationRequest
from tests.app.server.conftest import RunningServer
from tests.helpers.scripted_process import finished

WORDS = ("One", " two,", "\n\n", " thr", "ee", " four", ".", " été", " 🦜", "\ufffd", "日本")
STOPS = (["a"], ["e", "th"], [" the", "."], ["\n"], ["not there at all"])


def likelihood(text: bytes) -> TokenLikelihood:
    return TokenLikelihood(text, -0.5, ((text, -0.5),))


def tokens_of(text: str, chance: random.Random) -> list[TokenLikelihood]:
    """Cut anywhere, also within characters."""
    data, found = text.encode(), []
    while data:
        size = chance.randint(1, 5)
        found.append(likelihood(data[:size]))
        data = data[size:]
    return found


def read(parts: Iterable[object]) -> tuple[list[Written], WholeAnswer]:
    listed = list(parts)
    whole = listed[-1]
    assert isinstance(whole, WholeAnswer)
    return [part for part in listed if isinstance(part, Written)], whole


def joined(tokens: Iterable[TokenLikelihood]) -> bytes:
    return b"".join(token.text for token in tokens)


def test_any_cuts_any_blocks_any_stops() -> None:
    chance = random.Random(11)
    for _ in range(300):
        text = "".join(chance.choices(WORDS, k=chance.randint(1, 12)))
        begin = chance.randint(0, len(text))
        stop = chance.choice((text[begin : begin + chance.randint(1, 4)], "absent", ""))
        tail = chance.choice(("", text[-3:]))
        wanted = WantedAnswer(GenerationRequest((ChatTurn("user", "Hi"),), logprobs=1), (stop,), tail)
        reader, tokens = PartReader(wanted), tokens_of(text, chance)
        parts, said, decoded = [], b"", ""
        while tokens and not reader.ended:
            block, tokens = tokens[:3], tokens[3:]
            said += joined(block)
            whole = said.decode("utf-8", "ignore")
            added, decoded = whole[len(decoded) :], whole
            event = BlockCommitted(0, (), added, "", 1, 1, True, (), (), 0.0, likelihoods=tuple(block))
            parts += reader.parts(event)
        parts += [] if reader.ended else reader.parts(finished(text))
        written, answer = read(parts)
        assert joined(answer.likelihoods).decode() == answer.text == "".join(part.text for part in written)
        assert all(joined(part.likelihoods).decode() == part.text for part in written)
        assert "".join(token_texts(answer.likelihoods)) == answer.text


def test_line_breaks_behind_a_channel_have_no_token_in_the_answer() -> None:
    tokens = SaidTokens()
    tokens.come(map(likelihood, (b"\n", b"\nA", b" b")))
    text, said = tokens.take("A b", last=False)
    assert (text, joined(said)) == ("A b", b"A b")


def test_bytes_that_are_no_text_are_named() -> None:
    tokens = SaidTokens()
    tokens.come(map(likelihood, (b"A", b"\xff", b" b\xf0")))
    text, said = tokens.take("A\ufffd b\ufffd", last=True)
    assert (text, joined(said)) == ("A\ufffd b\ufffd", b"A\xff b\xf0")
    assert "".join(token_texts(said)) == text


def text_and_tokens(path: str, said: dict[str, Any]) -> tuple[str, list[str]]:
    """The text of a whole response, and its tokens."""
    match path:
        case "/v1/chat/completions":
            choice = said["choices"][0]
            return choice["message"]["content"], [each["token"] for each in (choice["logprobs"] or {})["content"]]
        case "/v1/completions":
            choice = said["choices"][0]
            found = choice["logprobs"]
            assert [choice["text"][at:].startswith(name) for at, name in zip(
                found["text_offset"], found["tokens"], strict=True)] == [True] * len(found["tokens"])  # fmt: skip
            return choice["text"], found["tokens"]
        case "/v1/responses":
            content = said["output"][0]["content"][0]
            return content["text"], [each["token"] for each in content["logprobs"]]
        case _:
            text = said["response"] if path == "/api/generate" else said["message"]["content"]
            return text, [each["token"] for each in said["logprobs"]]


QUESTION = "Tell me a story about a river"
MESSAGES = [{"role": "user", "content": QUESTION}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES, "logprobs": True, "seed": 1},
    "/v1/completions": {"prompt": "Once upon a time", "logprobs": 1, "seed": 3, "max_tokens": 40},
    "/v1/responses": {"input": QUESTION, "include": ["message.output_text.logprobs"], "max_output_tokens": 30},
    "/api/chat": {"messages": MESSAGES, "logprobs": True, "options": {"seed": 1}, "stream": False},
    "/api/generate": {"prompt": QUESTION, "logprobs": True, "options": {"seed": 1}, "stream": False},
}


@pytest.mark.parametrize("path", ASKED)
def test_every_interface_names_the_tokens_of_its_text(server: RunningServer, path: str) -> None:
    for stop in STOPS if path != "/v1/responses" else [[]]:
        body = {"model": server.model, **ASKED[path]}
        if path.startswith("/api"):
            body["options"] = {**body["options"], "stop": stop}
        elif stop:
            body["stop"] = stop
        said = server.post(path, body).json()
        text, tokens = text_and_tokens(path, said)
        assert "".join(tokens) == text, (stop, said)
        assert not any(each in text for each in stop)


@pytest.mark.parametrize("path", [path for path in ASKED if path != "/v1/responses"])
def test_a_text_that_is_stopped_at_its_beginning_has_a_list_of_no_tokens(server: RunningServer, path: str) -> None:
    body = {"model": server.model, **ASKED[path]}
    first = text_and_tokens(path, server.post(path, body).json())[0][:2]
    if path.startswith("/api"):
        body["options"] = {**body["options"], "stop": [first]}
    else:
        body["stop"] = [first]
    assert text_and_tokens(path, server.post(path, body).json()) == ("", [])


@pytest.mark.parametrize("stop", STOPS)
def test_streams_name_the_tokens_of_each_piece(server: RunningServer, stop: list[str]) -> None:
    answer = server.chat(messages=MESSAGES, logprobs=True, stream=True, stop=stop)
    lines = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    choices = [line["choices"][0] for line in lines if line["choices"]]
    for choice in choices:
        tokens = [each["token"] for each in (choice["logprobs"] or {"content": []})["content"]]
        assert "".join(tokens) == (choice["delta"].get("content") or "")
    assert any(choice["logprobs"] for choice in choices) == any(choice["delta"].get("content") for choice in choices)


def test_a_gap_names_no_token_of_what_stands_behind_it(server: RunningServer) -> None:
    body = {"model": server.model, "prompt": "The sky is ", "suffix": " today.", "logprobs": 0, "seed": 2}
    text, tokens = text_and_tokens("/v1/completions", server.post("/v1/completions", body).json())
    assert "".join(tokens) == text
