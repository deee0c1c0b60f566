"""The model that answers: which one was chosen, and how it is doing; values without Qt."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from app.base.paths import answered_soon, starter_model_folder
from app.library import texts

MOMENT_SECONDS = 0.5  # a drive that sleeps takes longer, and is waited for elsewhere


@dataclass(frozen=True, slots=True)
class ServerModel:
    """A model that runs on a server.

    Attributes:
        address: Of the server, as in "https://host/v1".
        model: The name by which it is asked for.
        context: Tokens of its context; 0 if that is not known.
        key: The key for this server, where the system has no keyring that would keep it; else "".
    """

    address: str
    model: str
    context: int = 0
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model to run, and how.

    Attributes:
        folder: The checkpoint; None for fake backends.
        backend: "auto", "onnx", "torch", "fake" or "fake:MODE".
        name: What the window calls it until the model says its own name.
        starter: Whether it is the starter model.
        server: The server's model that is asked instead of one of this computer; then there is no folder.
    """

    folder: Path | None
    backend: str
    name: str
    starter: bool = False
    server: ServerModel | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """The model folder of last time, as the start finds it.

    Attributes:
        folder: Where it lies; None if it cannot be used.
        gone: Whether it is not there any more.
        trouble: Why the system does not let us look at it; "" if it does.
    """

    folder: Path | None = None
    gone: bool = False
    trouble: str = ""


def remembered_model(folder: str, seconds: float = MOMENT_SECONDS) -> Remembered:
    """Whether the model of last time is still there.

    Only its place is looked at, in a thread that is given up after some seconds: the drive may hang. What does not
    answer counts as there; the model process waits for it then, and the window is open meanwhile.
    """
    if not folder:
        return Remembered()
    return answered_soon(lambda: _place(folder), Remembered(Path(folder)), seconds)


def _place(folder: str) -> Remembered:
    try:
        there = stat.S_ISDIR(os.stat(folder).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        there = False
    except OSError as exc:
        return Remembered(trouble=exc.strerror or type(exc).__name__)
    return Remembered(Path(folder)) if there else Remembered(gone=True)


def folder_choice(folder: Path, backend: str) -> ModelChoice:
    """A model in a folder; its name is its path's until the model says its own, and nothing is read for it."""
    return ModelChoice(folder, backend, os.path.basename(os.path.abspath(folder)))


def starter_choice(backend: str = "auto") -> ModelChoice:
    """The model that ships with the program."""
    return ModelChoice(starter_model_folder(), backend, texts.STARTER_MODEL_NAME, starter=True)


class ModelPhase(Enum):
    """What the model is doing."""

    LOADING = "loading"
    READY = "ready"
    WRITING = "writing"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AnsweringStatus:
    """What the header shows.

    Attributes:
        phase: What the model is doing.
        name: What the window calls the model.
        device: Where it runs; "" until it is ready.
        why: Why it does not run on a graphics card; "" where it does.
        fraction: How much is loaded, 0 to 1.
        stage: What loading is doing, a short phrase.
        error: One sentence, in phase FAILED.
    """

    phase: ModelPhase
    name: str
    device: str = ""
    why: str = ""
    fraction: float = 0.0
    stage: str = ""
    error: str = ""
