"""The server ends: each client that waits is told why, whatever it waits for, and nothing is printed but that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.app.server.conftest import KEY
from tests.helpers.waiting import WAIT_MS, wait_until

LONG = {"json_schema": {"type": "string", "pattern": "^[a-z ]{2000}$"}}
FORMAT = {"type": "json_schema", "name": "a", "schema": LONG["json_schema"]}
HELLO = [{"role": "user", "content": "Hello"}]
ASKED = {
    "/v1/chat/completions": {"messages": HELLO, **LONG},
    "/v1/responses": {"input": "Hello", "text": {"format": FORMAT}},
    "/v1/messages": {
        "messages": HELLO,
        "max_tokens": 4000,
        "output_config": {"format": {"type": "json_schema", "schema": LONG["json_schema"]}},
    },
    "/api/chat": {"messages": HELLO, "format": LONG["json_schema"]},
    "/v1/systemone": {"state": "x", "questions": [{"question": "Is it?", "samples": 32}] * 64},
}


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_whoever_waits_is_told(tmp_path: Path, sign: signal.Signals) -> None:
    """Clients got half an answer, or a page without JSON, and the terminal a trace for each."""
    environment = {**os.environ, "DEWPOINT_HOME": str(tmp_path), "DEWPOINT_SERVER_KEY": KEY}
    command = [sys.executable, "-m", "app", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    said = json.loads(process.stdout.readline())
    got: dict[tuple[str, bool], tuple[int, str]] = {}

    def ask(path: str, stream: bool) -> None:
        body = {**ASKED[path], **({} if path == "/v1/systemone" else {"model": said["model"], "stream": stream})}
        found = httpx2.post(said["address"] + path, json=body, headers={"x-api-key": KEY}, timeout=WAIT_MS / 1000)
        got[path, stream] = found.status_code, found.text

    asked = [(path, stream) for path in ASKED for stream in (False, True) if stream is False or path[-3:] != "one"]
    threads = [threading.Thread(target=ask, args=each) for each in asked]
    for thread in threads:
        thread.start()
    answers = running(said["address"])
    wait_until(lambda: answers() >= len(asked) - 1, "that all are asked")
    process.send_signal(sign)
    for thread in threads:
        thread.join(WAIT_MS / 1000)
    out, error = process.communicate(timeout=WAIT_MS / 1000)
    assert sorted(got) == sorted(asked), "each has got an answer"
    for (path, stream), (status, text) in got.items():
        assert "closing" in text or "stopped" in text, (path, stream, status, text)
        if not stream:
            assert status in (499, 503)
            json.loads(text)
    assert (process.returncode, out, error) == (0 if sign is signal.SIGINT else -sign, "", "")


def running(address: str) -> Callable[[], float]:
    """How many answers are written, and how many wait."""

    def count() -> float:
        text = httpx2.get(f"{address}/metrics", headers={"x-api-key": KEY}, timeout=WAIT_MS / 1000).text
        lines = dict(line.split() for line in text.splitlines() if not line.startswith("#"))
        return float(lines["dewpoint_answers_running"]) + float(lines["dewpoint_answers_waiting"])

    return count
