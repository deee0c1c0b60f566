"""Clients that mean harm, over plain sockets: half requests, huge heads, slow ones, and wrong kinds everywhere."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import httpx2
import pytest

from app.server import serving
from app.server.application import ServerApplication
from app.server.interfaces import INTERFACES
from app.server.queue import AnswerQueue
from app.server.serving import ListeningServer
from app.server.wire import ServedModel
from tests.app.server.conftest import KEY, RunningServer
from tests.app.server.test_queue import GatedProcess
from tests.helpers.waiting import WAIT_SECONDS, wait_until

PATHS = (*(each.path for each in INTERFACES), "/v1/systemone", "/v1/messages/count_tokens", "/api/show")
ODD = (
    None,
    True,
    -1,
    1e300,
    10**400,
    "",
    "x",
    "\ud800",
    [],
    [[]],
    [None],
    [1],
    {},
    {"a": None},
    {"type": 5},
    [{"role": 5}],
)
NAMES = (
    "model", "messages", "prompt", "input", "tools", "tool_choice", "stream", "stream_options", "temperature", "stop",
    "seed", "n", "max_tokens", "format", "response_format", "options", "system", "thinking", "questions", "state",
    "suffix", "keep_alive", "logprobs", "reasoning", "metadata", "instructions", "chat_template_kwargs",
)  # fmt: skip


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server in this process that waits half a second for a head."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.5)
    listening, process = ListeningServer("127.0.0.1", 0), GatedProcess()
    process.gate.set()
    listens = threading.Event()
    application = ServerApplication(AnswerQueue(process), ServedModel("m", "M", "", 100, 10), KEY)
    thread = threading.Thread(target=listening.run, args=(application, listens.set), daemon=True)
    thread.start()
    assert listens.wait(WAIT_SECONDS)
    yield listening.port
    listening.stop()
    thread.join(WAIT_SECONDS)


def connected(port: int) -> socket.socket:
    """A plain connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)


def is_closed(client: socket.socket) -> bool:
    """Whether the other side ends it, whatever it says before."""
    try:
        while client.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


def alive(port: int) -> bool:
    """Whether it answers."""
    return httpx2.get(f"http://127.0.0.1:{port}/health", timeout=WAIT_SECONDS).status_code == 200


@pytest.mark.parametrize(
    "begun", [b"", b"P", b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127", b"GET /health HTTP/1.1\r\nHost: a\r\nX: "]
)
def test_half_a_head_is_given_up(port: int, begun: bytes) -> None:
    with connected(port) as client:
        client.sendall(begun)
        assert is_closed(client)
    assert alive(port)


def test_a_further_head_that_does_not_come_is_given_up_too(port: int) -> None:
    whole = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connected(port) as client:
        client.sendall(whole + b"GET /he")
        assert is_closed(client)
    assert alive(port)


def test_connections_that_say_nothing_do_not_keep_others_out(port: int, log_allowed: Callable[[str], None]) -> None:
    log_allowed("Exceeded concurrency limit")
    with ExitStack() as stack:
        for _ in range(serving.MOST_CONNECTIONS):
            stack.enter_context(connected(port))
        wait_until(lambda: alive(port), "their places are free again")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(30_000)) + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 40,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: %s\r\nContent-Length: 500\r\n\r\n{"
        % KEY.encode(),
        b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"
        % KEY.encode(),
        b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: %s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        % KEY.encode(),
        b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    ],
)
def test_what_is_no_request_ends_its_connection_alone(
    port: int, sent: bytes, log_allowed: Callable[[str], None]
) -> None:
    log_allowed("Invalid HTTP request received")
    with connected(port) as client:
        with suppress(OSError):  # it may be refused while it is sent
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        assert is_closed(client)
    assert alive(port)


def test_every_interface_refuses_wrong_kinds_in_its_own_words(server: RunningServer) -> None:
    chance = random.Random(7)
    with httpx2.Client(headers={"x-api-key": KEY, "Content-Type": "application/json"}, timeout=120) as client:
        for path in PATHS:
            for _ in range(10):
                body = {name: chance.choice(ODD) for name in chance.sample(NAMES, chance.randint(1, 6))}
                body |= {"model": server.model} if chance.random() < 0.8 else {}
                body |= {"messages": [{"role": "user", "content": chance.choice(ODD)}]} if chance.random() < 0.3 else {}
                answer = client.post(server.address + path, content=json.dumps(body))
                assert answer.status_code < 500 or answer.json()["error"], (path, body, answer.text)
                assert answer.status_code != 500, (path, body, answer.text)
                assert "Traceback" not in answer.text
    assert server.get("/health").status_code == 200
