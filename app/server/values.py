"""What the window shows of its server, and the little that it knows of it: none of it reads what clients send."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum

AT_ONCE = 4  # answers that are written in turn (`inference/host/turns.py`)
MOST_WAITING = 64  # beside them


def new_key() -> str:
    """A random key."""
    return f"dp-{secrets.token_urlsafe(24)}"


@dataclass(frozen=True, slots=True)
class RunningRequest:
    """One request, as it is shown.

    Attributes:
        number: Its number.
        label: Whose it is.
        place: That in the queue; 0 while it is answered.
        seconds: Since it came.
        blocks: Blocks that are written.
    """

    number: int
    label: str
    place: int
    seconds: float
    blocks: int


class ServerPhase(Enum):
    """How the server is."""

    OFF = "off"
    STARTING = "starting"
    ON = "on"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """All that the panel draws.

    Attributes:
        phase: How it is.
        address: Where it listens; "" while it does not.
        trouble: Why it does not, in phase FAILED.
        requests: What is asked of it now.
    """

    phase: ServerPhase = ServerPhase.OFF
    address: str = ""
    trouble: str = ""
    requests: tuple[RunningRequest, ...] = ()
