"""Backend "auto": TensorRT where usable engines are, else the processor for small models, else a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference.backends.memory import check_processor_memory
from inference.errors import KnownError, ModelFolderError, OutOfMemoryError
from trt_engines.errors import EngineError
from trt_engines.planning.probe import detected_gpus

if TYPE_CHECKING:
    from inference.engines.usable import UsableEngines

FindEngines = Callable[[Path, Path | None], "UsableEngines"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What answers.

    Attributes:
        name: "tensorrt" or "onnx".
        why: Why it is not TensorRT, one sentence; "" where it is.
        engines: The engines that are used.
    """

    name: str
    why: str = ""
    engines: UsableEngines | None = None


def choose_backend(folder: Path, engines: Path | None, usable: FindEngines | None = None) -> Chosen:
    """What runs this model on this machine.

    Args:
        folder: The checkpoint.
        engines: Folder of all TensorRT engine sets, None if none was named.
        usable: Finds engines; tests bring their own.

    Raises:
        OutOfMemoryError: There are no usable engines, and the model is too large for the processor; says why to both.
        ModelFolderError: The checkpoint is missing or damaged.
    """
    try:
        return Chosen("tensorrt", engines=(usable or _usable)(folder, engines))
    except ModelFolderError:
        raise
    except KnownError as exc:
        why, hint = exc.user_text, exc.hint
    try:
        check_processor_memory(folder)
    except OutOfMemoryError as exc:
        raise OutOfMemoryError(exc.user_text, f"On a graphics card: {why} {hint}".strip()) from exc
    return Chosen("onnx", f"{why} {hint}".strip())


def _usable(folder: Path, engines: Path | None) -> UsableEngines:
    """Ask for a card first: without one, neither TensorRT nor ONNX need be imported."""
    try:
        cards = detected_gpus()
    except EngineError as exc:
        raise KnownError(exc.user_text, exc.hint) from exc
    from inference.engines.usable import usable_engines

    return usable_engines(folder, engines, lambda: cards)
