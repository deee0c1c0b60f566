"""A model hub on this machine, for the real `huggingface_hub` client and for our own downloads. Standard library only.

Two servers, as in life: the hub answers the API and gives small files out itself; LFS files are a redirect to a "CDN"
on another port, with an address that looks signed. In a test:

    with Hub() as hub:
        repo = hub.add(make_repo(1, [("config.json", 900), ("model.safetensors", 3_000_000)]))
        HfApi(endpoint=hub.url).model_info(repo.name, files_metadata=True)
        hub.behaviour.plan("model.safetensors", drop(after=1_000_000))      # once; see Behaviour.plan
        ...
        assert all("authorization" not in seen.headers for seen in hub.behaviour.requests("model.safetensors", "cdn"))

`repo_of(name, contents, gated="manual", allowed=["hf_good"], licence="gemma", private=...)` makes repositories with
conditions: without a token the files of a gated one answer 401, with another token 403 GatedRepo, and its model_info
is open to all; a private one hides everything behind 401 RepoNotFound. Any revision but those named (and the commit)
is 404 RevisionNotFound. `tests/helpers/hub_behaviour.py` has the faults and the counters. As a process of its own:

    python -m tests.helpers.hub_server --folder DIR --repo owner/name --port-file F [--rate N] [--send-buffer N]

serves the files below DIR, writes the hub's address to F, and tells at /_stats how many body bytes it sent, as JSON
{path: bytes}. It ends when its standard input ends, or when it is killed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import ssl
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from tests.helpers.hub_behaviour import Behaviour, Repo, repo_of
from tests.helpers.hub_requests import ApiRequest, CdnRequest, HubRequest
from tests.helpers.waiting import wait_until


class Hub:
    """Both servers; a context manager that leaves no thread behind.

    Args:
        rate: Bytes per second of all answers together; 0 for no limit.
        send_buffer: SO_SNDBUF of its sockets; 0 for the system's. A small one keeps what counts as sent near to what
            arrived.
        resolve_cache: Whether small files are a redirect on the same host first, as on the real hub.
        tls: Makes both servers speak https; None for http.

    Attributes:
        behaviour: Faults, requests seen, bytes sent.
        repos: By name.
    """

    def __init__(
        self,
        *,
        rate: int = 0,
        send_buffer: int = 0,
        resolve_cache: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.behaviour = Behaviour(rate=rate)
        self.repos: dict[str, Repo] = {}
        self.resolve_cache = resolve_cache
        self._scheme = "http" if tls is None else "https"
        self._servers = [HubSocket(handler, self, send_buffer, tls) for handler in (ApiRequest, CdnRequest)]
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in self._servers]

    def __enter__(self) -> Hub:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.cut()
            server.server_close()
        for thread in self._threads:
            thread.join()

    @property
    def url(self) -> str:
        """The hub's address: what `HfApi(endpoint=...)` wants."""
        return f"{self._scheme}://127.0.0.1:{self._servers[0].server_port}"

    @property
    def cdn_url(self) -> str:
        """The other host's address."""
        return f"{self._scheme}://127.0.0.1:{self._servers[1].server_port}"

    def add(self, repo: Repo) -> Repo:
        """Hold this repository (in place of one of the same name)."""
        self.repos[repo.name] = repo
        return repo

    def file_url(self, repo: Repo, path: str) -> str:
        """Where a file is asked for."""
        return f"{self.url}/{repo.name}/resolve/{repo.sha}/{quote(path)}"

    def rest(self) -> None:
        """Come back when nobody is connected, also none whose request had not been looked at when its client left."""
        for server in self._servers:
            with socket.create_connection(("127.0.0.1", server.server_port)) as last:  # they are taken in their order
                wait_until(partial(server.has_taken, last.getsockname()), "the hub to take its connections")
            wait_until(server.is_at_rest, "the hub at rest")

    def cut(self) -> None:
        """Break all connections that stand, as a router that restarts does."""
        for server in self._servers:
            server.cut()


class HubSocket(ThreadingHTTPServer):
    """One listening port."""

    daemon_threads = False  # so that closing waits for them
    block_on_close = True
    request_queue_size = 64

    def __init__(self, handler: type[HubRequest], hub: Hub, send_buffer: int, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self.hub = hub
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._taken: Any = None  # address of the newest client
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), handler)
        if send_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)  # those accepted inherit it

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls is not None:
            # The handshake happens at the first read, in the connection's own thread.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
            self._taken = address
        return connection, address

    def has_taken(self, client: Any) -> bool:
        """Whether this client's connection was taken last."""
        return bool(self._taken == client)

    def is_at_rest(self) -> bool:
        """Whether nobody is connected."""
        return not self._open

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that went away is no error
            super().handle_error(request, client_address)

    def shutdown(self) -> None:
        self.closing.set()
        super().shutdown()

    def cut(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)


def main() -> int:
    """Serve a folder until the standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--repo", required=True, help="owner/name")
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--rate", type=int, default=0, help="bytes per second of all answers together")
    parser.add_argument("--send-buffer", type=int, default=0)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*") if path.is_file())
    contents: dict[str, bytes | Path] = {path.relative_to(options.folder).as_posix(): path for path in paths}
    with Hub(rate=options.rate, send_buffer=options.send_buffer) as hub:
        hub.add(repo_of(options.repo, contents))
        waiting = options.port_file.with_name(options.port_file.name + ".new")
        waiting.write_text(hub.url, "ascii")
        os.replace(waiting, options.port_file)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
