"""Clients that do not read what is sent to them, or hardly: they are dropped, their work ends, others are answered."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx2
import pytest

from app.server import serving
from app.server.application import ServerApplication
from app.server.queue import AnswerQueue
from app.server.serving import ListeningServer
from app.server.wire import ServedModel
from inference.events import Event
from inference.params import GenerationRequest
from tests.app.server.conftest import KEY
from tests.helpers.scripted_process import committed, finished, simple_answer
from tests.helpers.waiting import WAIT_SECONDS, wait_until


class EndlessProcess:
    """Answers "quick" and "long" as their names say, and everything else without an end, until it is cancelled.

    Attributes:
        cancelled: How many of its answers were.
    """

    def __init__(self) -> None:
        self.cancelled = 0

    def generate(
        self, request: GenerationRequest, cancel: threading.Event | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        match request.turns[-1].text:
            case "quick":
                yield from simple_answer("Hello.")
            case "long":
                yield from (committed("a" * 20_000_000), finished(""))
            case _:
                assert cancel is not None
                while not cancel.wait(0.05):
                    yield committed("a" * 100_000)
                self.cancelled += 1
                yield finished("", reason="cancelled")


class Served:
    """A server in this process that waits a short while for its readers."""

    def __init__(self) -> None:
        self.process = EndlessProcess()
        self.queue = AnswerQueue(self.process)
        self.listening = ListeningServer("127.0.0.1", 0)
        self._listens = threading.Event()
        application = ServerApplication(self.queue, ServedModel("m", "M", "", 10**6, 10), KEY)
        self._thread = threading.Thread(target=self.listening.run, args=(application, self._listens.set), daemon=True)
        self._thread.start()
        assert self._listens.wait(WAIT_SECONDS)

    def asked(self, question: str, stream: bool) -> socket.socket:
        """A client that has asked something, and has room for little of the answer."""
        body = json.dumps(
            {"model": "m", "messages": [{"role": "user", "content": question}], "stream": stream}
        ).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {KEY}\r\n"
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(WAIT_SECONDS)
        client.connect(("127.0.0.1", self.listening.port))
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return client

    def answers(self) -> bool:
        """Whether another client is answered."""
        body = {"model": "m", "messages": [{"role": "user", "content": "quick"}]}
        address = f"http://127.0.0.1:{self.listening.port}/v1/chat/completions"
        said = httpx2.post(address, json=body, headers={"x-api-key": KEY}, timeout=WAIT_SECONDS).json()
        return bool(said["choices"][0]["message"]["content"] == "Hello.")

    def close(self) -> None:
        self.listening.stop()
        self._thread.join(WAIT_SECONDS)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(serving, "READ_SECONDS", 0.3)
    running = Served()
    yield running
    running.close()


def was_reset(client: socket.socket) -> bool:
    """Whether the connection was given up: what is left of it can be read, and it ends without the answer's end."""
    found = b""
    with suppress(ConnectionError):
        while data := client.recv(1 << 20):
            found += data
    return not found.endswith((b"data: [DONE]\n\n\r\n0\r\n\r\n", b"}\r\n0\r\n\r\n"))


def read_one(client: socket.socket) -> bool:
    """Read one byte, if any comes."""
    with suppress(ConnectionError):
        client.recv(1)
    return True


def test_clients_that_read_nothing_are_dropped_and_keep_nobody_waiting(served: Served) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(served.asked("go on", stream=True)) for _ in range(6)]
        assert served.answers()
        wait_until(lambda: served.process.cancelled == 6, "their work ends")
        assert served.answers()
        assert not served.queue.running()
        assert all(map(was_reset, clients))


def test_a_client_that_reads_some_and_then_nothing_is_dropped(served: Served) -> None:
    with served.asked("go on", stream=True) as client:
        for _ in range(20):
            assert client.recv(1 << 16)
        wait_until(lambda: served.process.cancelled == 1, "its work ends")
        assert was_reset(client)


def test_a_client_that_reads_byte_by_byte_is_dropped(served: Served) -> None:
    with served.asked("go on", stream=True) as client:
        wait_until(lambda: read_one(client) and served.process.cancelled == 1, "its work ends")
        assert served.answers()


def test_a_whole_answer_that_nobody_reads_is_dropped(served: Served) -> None:
    with served.asked("long", stream=False) as client:
        server = served.listening._server
        assert server is not None
        wait_until(
            lambda: served.queue.served == 1 and not server.server_state.connections, "the connection is given up"
        )
        assert was_reset(client)


def test_a_client_that_pauses_and_goes_on_has_its_whole_answer(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "READ_SECONDS", WAIT_SECONDS)
    with served.asked("long", stream=False) as client:
        wait_until(lambda: served.queue.served == 1)
        found = 0
        while found < 20_000_000:
            data = client.recv(1 << 20)
            assert data
            found += len(data)
        assert served.answers()
