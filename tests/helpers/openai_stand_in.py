"""A stand-in for a server in OpenAI's way, and for vLLM with its fields of diffusion; there is no model behind it.

It answers well, or in one of many bad ways, and remembers what it was asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-stand-in"
PIECES = ("Hello ", "from a ", "server. ", "\ud800 \U0001f600")  # half a character comes, too
_STATUS = {"unauthorised": 401, "missing": 404, "busy": 429, "broken": 500, "refused": 400}


class StandInServer(ThreadingHTTPServer):
    """One that listens on 127.0.0.1.

    Attributes:
        mode: How chats are answered: "good", or what goes wrong.
        listing: How the list of models is answered.
        steered: Whether it takes vLLM's fields of diffusion; None is a server that is no vLLM.
        asked: Paths, headers and bodies of all requests.
        gate: Where answers wait in their midst in the mode "slow".
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode = self.listing = "good"
        self.steered: bool | None = True
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.gate = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def chats(self) -> list[Any]:
        """Bodies of the chats that were asked for as a stream."""
        return [body for path, _, body in self.asked if path.endswith("/chat/completions") and body.get("stream")]


class _Handler(BaseHTTPRequestHandler):
    server: StandInServer

    def do_GET(self) -> None:
        self._note(None)
        if self.path == "/elsewhere":
            self._json({"data": [{"id": "stolen"}]})
        elif self.path == "/version" and self.server.steered is not None:
            self._json({"version": "0.32.0"})
        elif self.path == "/v1/models":
            self._models()
        else:
            self._send(404, b"{}", "application/json")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._note(body)
        mode = self.server.mode
        if self.headers.get("Authorization") != f"Bearer {KEY}" or mode in _STATUS:
            status = _STATUS.get(mode, 401)
            self._send(status, b'{"error": {"message": "Stand-in says\\nno."}}', "application/json")
        elif not body.get("stream"):
            if "vllm_xargs" in body and self.server.steered:
                self._send(
                    400, b'{"error": {"message": "diffusion_seed_canvas must have 256 ids"}}', "application/json"
                )
            else:
                self._json({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})
        else:
            self._chat(mode)

    def _models(self) -> None:
        good = {"data": [{"id": "big/model", "max_model_len": 8192, "cost": 0.5}, {"id": "small"}, {"id": 7}, "odd"]}
        match self.server.listing:
            case "good":
                self._json(good)
            case "page":
                self._send(200, b"<html>Log in</html>", "text/html")
            case "nonsense":
                self._send(200, b"[[[", "application/json")
            case "none":
                self._json({"data": []})
            case "elsewhere":
                self.send_response(307)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "endless":
                self.send_response(200)
                self.end_headers()
                self._endless()
            case number:
                self._send(int(number), b"{}", "application/json")

    def _chat(self, mode: str) -> None:
        if mode == "elsewhere":
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if mode == "page":
            self._send(200, b"<html>Log in</html>", "text/html")
            return
        if mode == "whole":
            message = {"content": "All at once.", "reasoning_content": "Hm."}
            self._json({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"completion_tokens": 3}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if mode == "nonsense":
            self.wfile.write(b"data: {]\n\n")
            return
        if mode == "endless":
            self._endless()
            return
        self._event({"choices": [{"delta": {"role": "assistant", "reasoning_content": "Let me see."}}]})
        for number, piece in enumerate(PIECES):
            self._event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
            if mode == "cut" and number == 1:
                return
            if mode == "failed" and number == 1:
                self._event({"error": {"message": "out of memory"}})
                return
            if mode == "slow" and number == 1:
                self.server.gate.wait(60)
        if mode == "empty_end":
            return
        self._event({"choices": [{"delta": {}, "finish_reason": "length" if mode == "long" else "stop"}]})
        self._event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 12}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _endless(self) -> None:
        try:
            for _ in range(2_000):
                self.wfile.write(b"data: " + b"x" * 65_536)
        except OSError:
            pass

    def _event(self, value: Any) -> None:
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _note(self, body: Any) -> None:
        self.server.asked.append((self.path, dict(self.headers.items()), body))

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def stand_in() -> Iterator[StandInServer]:
    """One that runs."""
    server = StandInServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
