"""Listening on an address, until somebody ends it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.server.application import ServerApplication

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8321
MOST_CONNECTIONS = 512
HEAD_SECONDS = 20.0
READ_SECONDS, LEAST_READ = 20.0, 20_000  # so many bytes of what waits must be taken in that time, or all of it
_SEND_BUFFER = 1 << 17  # bytes that the system may hold for a client
_GOODBYE_SECONDS = 3


class _Connection(H11Protocol):
    """One connection; it is closed where the head of a request does not come soon, whoever sends it.

    Such connections cost the server one of its places each, before any key is asked for. One whose client does not read
    what is sent to it is closed, too, and the work for it ends: as soon as the system's buffers are full, nothing more
    is sent until all is taken, and that must go on.
    """

    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is awaited."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        transport.set_write_buffer_limits(high=0)
        self._wait_for_head()

    def pause_writing(self) -> None:
        """The system takes no more: the client is to read."""
        super().pause_writing()
        if self._unread is None:
            self._wait_for_reader()

    def resume_writing(self) -> None:
        """All is taken."""
        super().resume_writing()
        self._forget_reader()

    def data_received(self, data: bytes) -> None:
        """Something has come: perhaps the beginning of a further head."""
        super().data_received(data)
        self._wait_for_head()

    def on_response_complete(self) -> None:
        """Whatever was pipelined behind has begun, or a further head is awaited; an idle one ends sooner."""
        super().on_response_complete()
        self._wait_for_head()

    def send_400_response(self, msg: str) -> None:
        """What has come is no HTTP: whoever reads the body of the request before it is told that no more comes."""
        super().send_400_response(msg)
        if self._answers():
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._forget()
        self._forget_reader()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._answers():
            self._forget()
        elif self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_SECONDS, self._close)

    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        self._late = None
        if not self._answers() and not self.transport.is_closing():
            self.transport.close()

    def _wait_for_reader(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(READ_SECONDS, self._look_at_reader, waiting)

    def _look_at_reader(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < LEAST_READ:
            self.transport.abort()
        else:
            self._wait_for_reader()

    def _forget_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class _Server(uvicorn.Server):
    """Says when it listens, and tells whoever waits when it ends."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None], ends: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens, self._ends = listens, ends

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listens()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ends()
        await super().shutdown(sockets)


class ListeningServer:
    """One server on one address.

    Attributes:
        host: Where it listens.
        port: The port.
    """

    def __init__(self, host: str, port: int) -> None:
        """Take the address; port 0 takes any that is free.

        Raises:
            OSError: It cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._server: _Server | None = None

    def run(self, application: ServerApplication, listens: Callable[[], None]) -> None:
        """Serve until `stop`; in the main thread also until Ctrl+C, which is raised again behind it."""
        config = uvicorn.Config(
            application, lifespan="on", log_config=None, access_log=False, server_header=False, ws="none",
            http=_Connection, loop="asyncio", limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GOODBYE_SECONDS, proxy_headers=False,
        )  # fmt: skip
        self._server = _Server(config, listens, application.end_all)
        try:
            asyncio.run(self._server.serve([self._socket]))
        finally:
            self._socket.close()

    def stop(self) -> None:
        """End it soon; from any thread."""
        if self._server is not None:
            self._server.should_exit = True
