"""Measures a server that speaks OpenAI's protocol with the same prompts: loopback, or what the user names.

A server's drafts are not seen, only its text: `first_block` is when the first piece of it comes. Its tokens are counted
by itself; where it does not say, no speed is made of a guess. Presets are not known to it, so there is one.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.base.errors import AppError, KnownAppError
from app.machine.bench import texts
from app.machine.bench.prompts import BenchQuestion, questions, warm_up
from app.machine.bench.values import BenchPlan, BenchRun, BenchStep, SideSoFar
from app.network.client import Network
from app.network.errors import AnswerError, foreign_trouble, status_trouble, trouble
from app.network.limits import SERVER_ANSWER, SERVER_MODELS

if TYPE_CHECKING:
    import httpx2

SERVER_PRESET = "own"  # what a server does by itself
_LONGEST_LINE = 1_000_000  # characters of one event


class ServerError(KnownAppError):
    """The server did not answer, or with something else."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Who is asked.

    Attributes:
        base: Address up to "/v1", without a slash at its end.
        model: Which of its models; "" for the first that it names.
        key: What it wants to be told in every request; "" for nothing.
    """

    base: str
    model: str = ""
    key: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def server_address(named: str, model: str = "", key_variable: str = "") -> ServerAddress:
    """The address that somebody typed: "127.0.0.1:1234", "http://host:8000/v1", ...

    Raises:
        KnownAppError: It is none, or the variable for the key is not set.
    """
    whole = named.strip() if "://" in named else f"http://{named.strip()}"
    whole = whole.rstrip("/")
    try:
        parts = urlsplit(whole)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise KnownAppError(texts.no_address(named), texts.NO_ADDRESS_HINT)
    if not whole.endswith("/v1"):
        whole += "/v1"
    if key_variable and not os.environ.get(key_variable):
        raise KnownAppError(texts.no_key(key_variable), texts.NO_KEY_HINT)
    return ServerAddress(whole, model, os.environ.get(key_variable, "") if key_variable else "")


def measure_server(
    so_far: SideSoFar, network: Network, server: ServerAddress, plan: BenchPlan, cancel: threading.Event
) -> Generator[BenchStep, None, None]:
    """Ask everything; what is measured is put into `so_far`, and why it is not, too.

    Raises:
        OfflineError: The program stays offline.
        StoppedError: It was cancelled.
    """
    network.check()
    so_far.device = server.base
    alone = BenchPlan(plan.prompts, plan.seeds, plan.lengths, (SERVER_PRESET,))
    yield BenchStep(so_far.name, 0, alone.runs)
    try:
        so_far.model = server.model or _first_model(network, server, cancel)
        for question in warm_up(alone):
            _answer(network, server, so_far.model, question, cancel)
            yield BenchStep(so_far.name, 0, alone.runs)
        for number, question in enumerate(questions(alone), start=1):
            so_far.runs.append(_answer(network, server, so_far.model, question, cancel))
            yield BenchStep(so_far.name, number, alone.runs)
    except (ServerError, AnswerError) as exc:
        so_far.trouble = f"{exc.user_text} {exc.hint}".strip()


def _first_model(network: Network, server: ServerAddress, cancel: threading.Event) -> str:
    address = f"{server.base}/models"

    def ask(client: httpx2.Client) -> str:
        with _translated(address):
            response = client.get(address, headers=server.headers)
            _check_status(response, address)
            found = _object(response.text, address)
        try:
            return str(found["data"][0]["id"])
        except (KeyError, IndexError, TypeError) as exc:
            raise ServerError(*foreign_trouble(address)) from exc

    return network.ask(address, SERVER_MODELS, ask, cancel)


def _answer(
    network: Network, server: ServerAddress, model: str, question: BenchQuestion, cancel: threading.Event
) -> BenchRun:
    address = f"{server.base}/chat/completions"
    body = {
        "model": model,
        "messages": [{"role": "user", "content": question.text}],
        "max_tokens": question.length.tokens,
        "seed": question.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    def ask(client: httpx2.Client) -> BenchRun:
        began, first, tokens = time.perf_counter(), None, None
        with _translated(address), client.stream("POST", address, json=body, headers=server.headers) as response:
            _check_status(response, address)
            for event in _events(response, address):
                if first is None and _has_text(event):
                    first = time.perf_counter() - began
                tokens = _tokens(event) or tokens
        seconds = time.perf_counter() - began
        return BenchRun(
            question.length.name, question.preset, question.prompt, question.seed, tokens, None, first, seconds
        )

    return network.ask(address, SERVER_ANSWER, ask, cancel)


@contextlib.contextmanager
def _translated(address: str) -> Iterator[None]:
    """Errors of the connection become sentences; ours pass."""
    try:
        yield
    except AppError:
        raise
    except Exception as exc:
        found = trouble(exc, address)
        if found is None:
            raise
        raise ServerError(*found) from exc


def _check_status(response: httpx2.Response, address: str) -> None:
    if response.status_code != 200:
        raise ServerError(*status_trouble(response.status_code, address))


def _events(response: httpx2.Response, address: str) -> Iterator[dict[str, Any]]:
    """The events of a stream: lines that begin with "data:", up to the one that says that it is done."""
    for line in response.iter_lines():
        if not line.startswith("data:"):
            continue
        text = line[5:].strip()
        if text == "[DONE]":
            return
        yield _object(text, address)


def _object(text: str, address: str) -> dict[str, Any]:
    try:
        if len(text) > _LONGEST_LINE:
            raise ValueError("too long")
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ServerError(*foreign_trouble(address)) from exc
    if not isinstance(found, dict):
        raise ServerError(*foreign_trouble(address))
    return found


def _has_text(event: dict[str, Any]) -> bool:
    try:
        return bool(event["choices"][0]["delta"].get("content"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return False  # an event about something else: the role, the counts


def _tokens(event: dict[str, Any]) -> int | None:
    usage = event.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return count if type(count) is int and 0 <= count < 1 << 31 else None
