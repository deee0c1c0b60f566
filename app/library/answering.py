"""The model that answers: which one was chosen, and how it is doing; values without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from app.base.paths import starter_model_folder
from app.library import texts
from inference.config import model_config_from_folder
from inference.model_config import SamplerDefaults


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
