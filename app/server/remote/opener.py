"""What crosses to the process that asks a server; what reads the server's answers is loaded there alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.server.remote.values import AskedServer

if TYPE_CHECKING:
    from app.server.remote.session import RemoteSession


class RemoteOpener(AskedServer):
    """What the process is told, and what it does first."""

    def open(self) -> RemoteSession:
        """In the process, whose memory is limited from now on: ask what the server can do.

        Raises:
            KnownError: It does not answer, or wants another key.
        """
        from app.network.client import Network
        from app.server.remote.session import RemoteSession
        from inference.look.limits import MEMORY, limit_own_memory

        limit_own_memory(MEMORY)
        return RemoteSession(self, Network())
