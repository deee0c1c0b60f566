"""What goes over the pipes between the window's process and the model process.

Commands go down, replies come up. Every request has a number, and every reply carries that of its request: what a
request left behind when its reader went away can never be taken for the answer to the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference.events import Event
from inference.params import GenerationRequest


@dataclass(frozen=True, slots=True)
class ModelProcessOptions:
    """What the model process is started with.

    Attributes:
        model_dir: Folder of the model; None for fake backends.
        backend: Name of the backend.
        log_file: Where it writes its log; None is standard error.
        parent_pid: Process without which it must not live.
        engines: Folder of all TensorRT engine sets, None if there is none.
    """

    model_dir: str | None
    backend: str
    log_file: str | None
    parent_pid: int
    engines: Path | None = None


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load the model; answered by ModelLoading events, then ModelReady, Failed, or Finished if it was cancelled."""

    number: int


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer a request; answered by the session's events, the last one Finished or Failed."""

    number: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Measure:
    """Say how long a request's newest message is; answered by PromptMeasured or Failed."""

    number: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop request `number` between two steps, or loading; it then ends with Finished(reason="cancelled")."""

    number: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Commit the block that request `number` is writing after its next step, as it is."""

    number: int


@dataclass(frozen=True, slots=True)
class MoreSteps:
    """Let the block that request `number` is writing take so many more steps than its limit."""

    number: int
    count: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop what is running and end the process."""


Command = LoadModel | Generate | Measure | Cancel | Settle | MoreSteps | Shutdown


@dataclass(frozen=True, slots=True)
class Reply:
    """One event of request `number`."""

    number: int
    event: Event
