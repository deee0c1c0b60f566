"""The open sockets of a client, which another thread may cut: the one way to end a wait for the network at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any


class Sockets:
    """Notes the sockets that are opened for some requests; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._cut = False

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """Called by httpx for each step of a request (extension "trace"): notes new sockets."""
        if not name.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        new = info["return_value"].get_extra_info("socket")
        if isinstance(new, socket.socket):
            with self._lock:
                self._open = [old for old in self._open if old.fileno() != -1]
                self._open.append(new)
                if self._cut:
                    _shut(new)

    def cut(self) -> None:
        """End whatever waits for the network, now and later (any thread)."""
        with self._lock:
            self._cut = True
            for old in self._open:
                _shut(old)

    def mend(self) -> None:
        """Let the network be used again."""
        with self._lock:
            self._cut = False


def _shut(open_socket: socket.socket) -> None:
    # Not the method of SSLSocket, which takes the encryption off first: the next read would see what is encrypted.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(open_socket, socket.SHUT_RDWR)
