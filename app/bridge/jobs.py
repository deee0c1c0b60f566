"""What crosses the border between the window's thread and the worker's: frozen values and one cancel event each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inference.config import SamplerDefaults, model_config_from_folder
from inference.events import DraftUpdated, Event
from inference.params import GenerationRequest


class ModelProcess(Protocol):
    """An engine process (`inference.host.client.ModelProcessClient`); all but `kill` belongs to the worker's thread."""

    @property
    def pid(self) -> int | None:
        """Process id, None if none is running."""

    def load(self, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Load the model; the last event is ModelReady, Failed or Finished."""

    def generate(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Answer a request; the last event is Finished or Failed."""

    def kill(self) -> None:
        """End the process by force, from any thread."""

    def close(self, timeout: float = 3.0) -> None:
        """End the process politely."""


class ModelProcessFactory(Protocol):
    """Makes an engine; nothing is started yet."""

    def __call__(self, choice: ModelChoice, /) -> ModelProcess:
        """An engine for this model."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model to run, and how.

    Attributes:
        folder: The checkpoint; None for fake backends.
        backend: "auto", "onnx", "torch", "fake" or "fake:MODE".
        name: What the window calls it until the model says its own name.
        starter: Whether it is the starter model.
    """

    folder: Path | None
    backend: str
    name: str
    starter: bool = False

    def sampler_defaults(self) -> SamplerDefaults:
        """The model's own sampler values.

        Raises:
            ModelFolderError: The folder holds no such model.
        """
        if self.folder is None:
            return SamplerDefaults()
        return model_config_from_folder(self.folder).sampler


@dataclass(frozen=True, slots=True)
class LoadJob:
    """Load a model; the one before stays if that fails."""

    number: int
    choice: ModelChoice
    cancel: threading.Event


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """Make one answer."""

    number: int
    request: GenerationRequest
    cancel: threading.Event


Job = LoadJob | AnswerJob


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One event of one job; drafts do not come this way."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class JobDraft:
    """The newest draft of a job."""

    number: int
    draft: DraftUpdated
