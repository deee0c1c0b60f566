"""Backends by name. Each is imported only when it is asked for: torch alone takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inference.backends.base import Backend
from inference.errors import KnownError, ModelFolderError
from inference.fit import check_processor_memory

Progress = Callable[[str, float], None]

DEFAULT_BACKEND = "onnx"
BACKEND_NAMES = ("auto", "onnx", "torch", "fake")


def is_fake(name: str) -> bool:
    """True for "fake" and "fake:MODE": backends that need no model folder."""
    return name.partition(":")[0] == "fake"


def open_backend(path: Path | None, name: str, progress: Progress) -> Backend:
    """Load a model into a backend.

    Args:
        path: Model folder; None is allowed for fake backends.
        name: One of `BACKEND_NAMES`; "auto" is the best one for this machine.
        progress: Called with a short phrase and a fraction in 0..1.

    Raises:
        KnownError: There is no backend of this name, or it cannot load the model.
    """
    if is_fake(name):
        from inference.backends.fake import fake_from_name

        return fake_from_name(name)
    if path is None:
        raise ModelFolderError("No model was chosen.", "Choose the folder of a model.")
    chosen = DEFAULT_BACKEND if name == "auto" else name
    if chosen in ("onnx", "torch"):
        check_processor_memory(path)
    if chosen == "onnx":
        from inference.backends.onnx import OnnxBackend

        return OnnxBackend.open(path, progress)
    if chosen == "torch":
        from inference.backends.torch_reference import TorchBackend

        return TorchBackend.open(path, progress)
    raise KnownError(f"There is no backend named {name}.", f"Choose one of: {', '.join(BACKEND_NAMES)}.")
