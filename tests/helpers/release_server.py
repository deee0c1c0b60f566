"""A page of releases on this machine: the newest one describes itself, files lie behind a redirect, as in life."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.helpers.waiting import WAIT_SECONDS

CHANGES = ("Chats open faster.", "A new model is in the list.")


class _Socket(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of this server's, and nothing that a program under test has said."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ReleaseServer:
    """A context manager that leaves no thread behind.

    Attributes:
        files: Content of each file, by name.
        description: What updates.json holds; bytes as they are, anything else as JSON. None: there is no release.
        status: Answer every question with this status, if it is not 200.
        seen: Paths that were asked for.
        agents: What those who asked called themselves.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.description: Any = None
        self.status = 200
        self.seen: list[str] = []
        self.agents: set[str] = set()
        self.gate = threading.Event()  # the content of files waits for it; if `silent`, the description, too
        self.silent = False
        self.gate.set()
        server = self

        class Request(_Request):
            release = server

        self._server = _Socket(("127.0.0.1", 0), Request)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> ReleaseServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def releases(self) -> str:
        """The address that a program is given."""
        return f"http://127.0.0.1:{self._server.server_port}/owner/dewpoint/releases"

    def publish(self, version: str, changes: tuple[str, ...] = CHANGES, **packages: bytes) -> dict[str, Any]:
        """Publish a release with a package of each named kind; returns its description, which may be changed."""
        names = {"windows": f"dewpoint-{version}-setup.exe", "deb": f"dewpoint_{version}_amd64.deb"}
        names |= {"rpm": f"dewpoint-{version}-1.x86_64.rpm", "appimage": f"Dewpoint-{version}-x86_64.AppImage"}
        self.files |= {names[kind]: data for kind, data in packages.items()}
        files = [
            {"kind": kind, "name": names[kind], "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for kind, data in packages.items()
        ]
        self.description = {
            "format": 1, "version": version, "date": "2026-12-01", "changes": list(changes), "files": files,
        }  # fmt: skip
        return dict(self.description)


class _Request(BaseHTTPRequestHandler):
    release: ReleaseServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One question."""
        server, path = self.release, self.path
        server.seen.append(path)
        server.agents.add(self.headers.get("User-Agent", ""))
        name = path.rpartition("/")[2]
        if server.status != 200:
            self._answer(server.status, b"")
        elif path == "/owner/dewpoint/releases/latest/download/updates.json" and server.description is not None:
            if server.silent:
                server.gate.wait(WAIT_SECONDS)
            found = server.description
            self._answer(200, found if isinstance(found, bytes) else json.dumps(found).encode())
        elif path.startswith("/owner/dewpoint/releases/download/") and name in server.files:
            self.send_response(302)
            self.send_header("Location", f"/storage/{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path.startswith("/storage/") and name in server.files:
            self._file(server.files[name])
        else:
            self._answer(404, b"not here")

    def _file(self, data: bytes) -> None:
        self.release.gate.wait(WAIT_SECONDS)
        asked = self.headers.get("Range", "")
        if not asked:
            return self._answer(200, data)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
        return self._answer(206, data[start : end + 1], f"bytes {start}-{end}/{len(data)}")

    def _answer(self, status: int, body: bytes, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked has heard enough
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
