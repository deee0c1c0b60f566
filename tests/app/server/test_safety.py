"""Who may ask, what a request may be, and what becomes of one whose client or model goes away."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from app.server.errors import ApiError
from app.server.guards import check_asker, names_of
from tests.app.server.bodies import malformed
from tests.app.server.conftest import KEY, RunningServer, ended, started
from tests.helpers.waiting import WAIT_MS, wait_until

PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"]


def metric(server: RunningServer, name: str) -> float:
    """A number that the server says of itself."""
    lines = dict(line.split() for line in server.get("/metrics").text.splitlines() if not line.startswith("#"))
    return float(lines[f"dewpoint_{name}"])


HUGE = "ten words " * 20_000
HUGE_BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": HUGE}]},
    "/v1/completions": {"prompt": HUGE},
    "/v1/fim/completions": {"prompt": HUGE, "suffix": "x"},
    "/v1/responses": {"input": HUGE},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": HUGE}]},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": HUGE}]},
    "/api/chat": {"messages": [{"role": "user", "content": HUGE}]},
    "/api/generate": {"prompt": HUGE},
    "/v1/systemone": {"state": HUGE, "questions": [{"question": "Is it?"}]},
}


@pytest.mark.parametrize("path", HUGE_BODIES)
def test_what_is_far_too_long_is_refused_before_anything_is_asked_of_the_model(
    server: RunningServer, path: str
) -> None:
    answers = metric(server, "answers_total")
    found = server.post(path, {"model": server.model, **HUGE_BODIES[path]})
    assert found.status_code == 400
    assert "context is too short" in found.text
    assert metric(server, "answers_total") == answers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x-api-key": "", "Authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": ""}, 401),
        ({"x-api-key": "", "Authorization": f"Basic {KEY}"}, 401),
        ({"x-api-key": KEY + "x"}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "[::1"}, 403),
        ({"Host": "127.0.0.1:80, evil.example"}, 403),
        ({"Host": "a@127.0.0.1"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_who_may_ask(server: RunningServer, headers: dict[str, str], status: int) -> None:
    answer = httpx2.get(f"{server.address}/v1/models", headers={"x-api-key": KEY, **headers})
    assert answer.status_code == status
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_server_for_others_may_be_asked_by_this_machines_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Home Assistant asks `http://mybox:8321`; on this machine alone no page may come by that name."""
    monkeypatch.setattr("socket.gethostname", lambda: "MyBox.example.org")
    for host in ("mybox:8321", "MYBOX.local", "mybox.example.org", "192.168.1.2"):
        check_asker({"host": host}, "/", "", names_of("0.0.0.0"))
    for names, host in ((names_of("0.0.0.0"), "evil.example"), (names_of("127.0.0.1"), "mybox")):
        with pytest.raises(ApiError, match="not its own"):
            check_asker({"host": host}, "/", "", names)


@pytest.mark.parametrize("key", [" ", "a b", "a\nb", "schl\u00fcssel", "\U0001f98a"])
def test_a_key_that_no_client_can_send_is_refused_at_the_start(tmp_path: Path, key: str) -> None:
    environment = {**os.environ, "DEWPOINT_HOME": str(tmp_path), "DEWPOINT_SERVER_KEY": key}
    command = [sys.executable, "-m", "app", "serve", "--port", "0", "--backend", "fake"]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=WAIT_MS / 1000)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "DEWPOINT_SERVER_KEY" in done.stderr


def test_a_page_may_not_even_ask_whether_it_may(server: RunningServer) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert httpx2.options(f"{server.address}/v1/chat/completions", headers=asks).status_code == 403


def test_health_needs_no_key(server: RunningServer) -> None:
    assert httpx2.get(f"{server.address}/health").json()["model"] == server.model


def test_unknown_addresses_and_methods(server: RunningServer) -> None:
    assert server.get("/v1/nothing").status_code == 404
    assert server.get("/v1/chat/completions").status_code == 405
    assert server.post("/v1/models", {}).status_code == 405
    assert server.post("/v1/chat/completions", "a=b", Content_Type="text/plain").status_code == 415


@pytest.mark.parametrize("path", PATHS)
def test_malformed_bodies_are_refused(server: RunningServer, path: str) -> None:
    """`python benchmarks/serve.py --malformed 10000` does the same with more of them."""
    with httpx2.Client(headers={"x-api-key": KEY, "Content-Type": "application/json"}) as client:
        for seed in range(25):
            answer = client.post(server.address + path, content=malformed(seed))
            assert 400 <= answer.status_code < 500, malformed(seed)[:200]
            assert "Traceback" not in answer.text
            assert answer.json()
    assert httpx2.get(f"{server.address}/health").status_code == 200


def test_too_large_a_body_is_refused_before_it_is_read(server: RunningServer) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as plain:
        head = ["POST /v1/chat/completions HTTP/1.1", f"Host: {host}", f"x-api-key: {KEY}", "Content-Length: 99000000"]
        plain.sendall("\r\n".join([*head, "", ""]).encode())
        assert b" 413 " in plain.recv(1000).split(b"\r\n")[0]


@pytest.fixture
def slow(tmp_path: Path) -> Any:
    """A server whose model takes its time, and goes on for many blocks."""
    running = started(tmp_path / "slow", "--backend", "fake:slow,long")
    yield running
    ended(running)


def test_a_client_that_goes_away_ends_its_work(slow: RunningServer) -> None:
    for stream in (True, False):
        with httpx2.Client(headers={"x-api-key": KEY}) as client:
            asked = {"model": "fake", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
            ask = threading.Thread(target=lambda c=client, a=asked: _ignored(c, slow, a), daemon=True)
            ask.start()
            wait_until(lambda: metric(slow, "answers_running") == 1)
        ask.join(60)
        wait_until(lambda: metric(slow, "answers_running") == 0)


def _ignored(client: httpx2.Client, server: RunningServer, asked: dict[str, Any]) -> None:
    try:
        with client.stream("POST", f"{server.address}/v1/chat/completions", json=asked, timeout=2.0) as answer:
            for _ in answer.iter_lines():
                pass
    except (httpx2.HTTPError, RuntimeError, OSError):
        pass


def test_a_killed_model_is_told_to_each_client_and_the_next_request_works(slow: RunningServer) -> None:
    answers: list[httpx2.Response] = []
    asked = {"model": "fake", "messages": [{"role": "user", "content": "Hi"}]}
    threads = [
        threading.Thread(target=lambda: answers.append(slow.post("/v1/chat/completions", asked))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: metric(slow, "answers_running") == 3)
    for child in psutil.Process(slow.process.pid).children(recursive=True):
        if "resource_tracker" not in " ".join(child.cmdline()):
            child.kill()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [503] * 3
    assert not any("Press" in answer.text for answer in answers)  # there are no buttons for programs
    assert slow.post("/v1/chat/completions", {**asked, "max_tokens": 5}).status_code == 200
