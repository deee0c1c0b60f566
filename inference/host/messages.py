"""What goes over the pipes between the window's process and the model process.

Commands go down, replies come up. Every request has a number, and every reply carries that of its request: what a
request left behind when its reader went away can never be taken for the answer to the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference.denoising.controls import NO_CONTROLS, Controls
from inference.events import Event, ModelReady, PromptMeasured
from inference.operations.requests import Operation
from inference.params import GenerationRequest

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag


class AnsweringSession(Protocol):
    """What answers in the model process: a model that is loaded (`inference.session.Session`), or one elsewhere."""

    def ready_event(self, seconds: float) -> ModelReady:
        """That it can be asked."""

    def measure(self, request: GenerationRequest, whole: bool = False) -> PromptMeasured:
        """How long the newest message is, or the whole prompt."""

    def measure_chat(self, request: GenerationRequest) -> PromptMeasured:
        """What of a chat would be read."""

    def generate(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, controls: Controls = NO_CONTROLS
    ) -> Iterator[Event]:
        """Answer a request; the last event is Finished."""

    def rest(self) -> None:
        """Do what was put off."""

    def close(self) -> None:
        """End it."""


class SessionOpener(Protocol):
    """Opens a session in the model process."""

    def open(self) -> AnsweringSession:
        """Open it.

        Raises:
            KnownError: It cannot be.
        """


@dataclass(frozen=True, slots=True)
class ModelProcessOptions:
    """What the model process is started with.

    Attributes:
        model_dir: Folder of the model; None for fake backends.
        backend: Name of the backend.
        log_file: Where it writes its log; None is standard error.
        parent_pid: Process without which it must not live.
        engines: Folder of all TensorRT engine sets, None if there is none.
        opener: What opens the session instead of a folder; it is pickled.
    """

    model_dir: str | None
    backend: str
    log_file: str | None
    parent_pid: int
    engines: Path | None = None
    opener: SessionOpener | None = None


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load the model; answered by ModelLoading events, then ModelReady, Failed, or Finished if it was cancelled."""

    number: int


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer a request; answered by the session's events, the last one Finished or Failed.

    Attributes:
        number: Below 0 it is a guest's: guests are answered in turn, block by block, when the owner asks nothing.
        request: What is asked.
        drafts: Whether drafts are sent.
    """

    number: int
    request: GenerationRequest
    drafts: bool = True


@dataclass(frozen=True, slots=True)
class Measure:
    """Say how long a request's newest message is, its `whole` prompt, or what of the `chat` would be read.

    It is answered by PromptMeasured or Failed.
    """

    number: int
    request: GenerationRequest
    whole: bool = False
    chat: bool = False


@dataclass(frozen=True, slots=True)
class Perform:
    """Rewrite, decide or name alternatives; answered by the events of `inference.operations.perform`, or Failed."""

    number: int
    operation: Operation


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


Task = LoadModel | Generate | Measure | Perform
Command = Task | Cancel | Settle | MoreSteps | Shutdown


@dataclass(frozen=True, slots=True)
class Reply:
    """One event of request `number`."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class Beat:
    """The process lives and works; it answers no request.

    Attributes:
        still: Seconds for which the work has come to no further step.
        longest: The longest that this took since the process began.
    """

    still: float
    longest: float
