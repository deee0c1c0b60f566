"""One real server with the starter model for all tests of this folder: `python -m app serve` on 127.0.0.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

KEY = "a-key-for-tests"


@dataclass(frozen=True)
class RunningServer:
    """A server that listens.

    Attributes:
        address: Its address.
        model: The id of its model.
        process: Its process.
    """

    address: str
    model: str
    process: subprocess.Popen[str]

    def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """Ask something; a text is sent as it is."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        named = {
            "Content-Type": "application/json",
            "x-api-key": KEY,
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return httpx2.post(self.address + path, content=content, headers=named, timeout=120)

    def get(self, path: str) -> httpx2.Response:
        """Look something up."""
        return httpx2.get(self.address + path, headers={"x-api-key": KEY}, timeout=60)

    def chat(self, **fields: Any) -> httpx2.Response:
        """Ask for a chat completion."""
        asked = {"model": self.model, "messages": [{"role": "user", "content": "Hello"}], "seed": 1, **fields}
        return self.post("/v1/chat/completions", asked)


def started(home: Path, *options: str) -> RunningServer:
    """Start a server on a free port."""
    environment = {**os.environ, "DEWPOINT_HOME": str(home), "DEWPOINT_SERVER_KEY": KEY}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0", "--json", *options],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return RunningServer(said["address"], said["model"], process)


def ended(server: RunningServer) -> None:
    """End it as Ctrl+C would."""
    server.process.terminate()
    server.process.wait(60)
    if server.process.stdout is not None:
        server.process.stdout.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The server."""
    running = started(tmp_path_factory.mktemp("home"))
    yield running
    ended(running)
