"""What goes over the pipes between the window and its server's process; nothing here reads what clients send."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.server.values import RunningRequest
from inference.events import Event, ModelReady
from inference.operations.requests import Operation
from inference.params import GenerationRequest


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the process is started with."""

    host: str
    port: int
    key: str
    parent_pid: int


@dataclass(frozen=True, slots=True)
class AskedOfWindow:
    """Up: a request for the model, or an operation of the core; `counts` asks for a request's length alone."""

    number: int
    request: GenerationRequest | Operation
    drafts: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Up: nobody waits for this request any more."""

    number: int


@dataclass(frozen=True, slots=True)
class ServerNews:
    """Up: where the server listens, or why not, and what is asked of it now."""

    port: int = 0
    trouble: str = ""
    requests: tuple[RunningRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldByModel:
    """Down: one event of a request."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class NowAnswers:
    """Down: another model answers."""

    folder: Path | None
    ready: ModelReady


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Down: stop what this client asked."""

    number: int


@dataclass(frozen=True, slots=True)
class EndServer:
    """Down: end."""
