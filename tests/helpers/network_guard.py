"""No test talks to another machine: looking up or connecting to any address but this machine's own raises.

The test fails also where the code under test swallows the exception. `@pytest.mark.network_allowed` lifts the guard.
Child processes are not watched.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest


class NetworkBlockedError(RuntimeError):
    """No OSError, so that code which copes with a missing network does not cope with this."""


def is_local(address: Any) -> bool:
    """Whether a socket address, or a host alone, is this machine's."""
    host = address[0] if isinstance(address, tuple) else address
    if not isinstance(host, str):
        return True  # AF_UNIX as bytes, AF_NETLINK numbers, None
    if host in ("", "localhost") or host.startswith(("/", "\0")):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def network_guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let sockets reach loopback addresses only."""
    attempts: list[str] = []

    def checked(function: Any, position: int) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if not is_local(args[position]):
                attempts.append(f"{function.__name__} to {args[position]!r}")
                raise NetworkBlockedError(f"tests must not use the network: {attempts[-1]}")
            return function(*args, **kwargs)

        return wrapper

    if request.node.get_closest_marker("network_allowed") is None:
        monkeypatch.setattr(socket.socket, "connect", checked(socket.socket.connect, 1))
        monkeypatch.setattr(socket.socket, "connect_ex", checked(socket.socket.connect_ex, 1))
        monkeypatch.setattr(socket.socket, "sendto", checked(socket.socket.sendto, -1))
        monkeypatch.setattr(socket, "getaddrinfo", checked(socket.getaddrinfo, 0))
    yield
    if attempts:
        pytest.fail("the test used the network: " + "; ".join(attempts), pytrace=False)
