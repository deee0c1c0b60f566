"""The beginning of the server's process; what it needs to serve is loaded there alone."""

from __future__ import annotations

from multiprocessing.connection import Connection

from app.server.piping import ServerOptions


def run_server(down: Connection, up: Connection, options: ServerOptions) -> None:
    """What the process does."""
    from app.server.piped import serve_piped

    serve_piped(down, up, options)
