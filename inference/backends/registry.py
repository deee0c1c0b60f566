"""Backends by name. Each is imported only when it is asked for: torch alone takes seconds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from inference.backends.auto import Chosen, choose_backend
from inference.backends.base import Backend, Progress
from inference.backends.memory import check_processor_memory
from inference.backends.packed_memory import check_packed_memory, native_precision
from inference.config import model_config_from_folder
from inference.errors import KnownError, ModelFolderError
from inference.graphs.exporting import HINT

BACKEND_NAMES = ("auto", "onnx", "native", "tensorrt", "torch", "fake")


def is_fake(name: str) -> bool:
    """True for "fake" and "fake:MODE": backends that need no model folder."""
    return name.partition(":")[0] == "fake"


def open_backend(path: Path | None, name: str, progress: Progress, engines: Path | None = None) -> Backend:
    """Load a model into a backend.

    Args:
        path: Model folder; None is allowed for fake backends.
        name: One of `BACKEND_NAMES`; "auto" is the best one for this machine.
        progress: Called with a short phrase and a fraction in 0..1.
        engines: Folder of all TensorRT engine sets, None if none was named.

    Raises:
        KnownError: There is no backend of this name, or it cannot load the model.
    """
    if is_fake(name):
        from inference.backends.fake import fake_from_name

        return fake_from_name(name)
    if path is None:
        raise ModelFolderError("No model was chosen.", "Choose the folder of a model.")
    chosen = choose_backend(path, engines) if name == "auto" else Chosen(name)
    if chosen.name == "tensorrt":
        from inference.backends.tensorrt import open_tensorrt
        from inference.engines.usable import usable_engines

        return open_tensorrt(path, progress, chosen.engines or usable_engines(path, engines))
    return _open_other(path, chosen, progress, engines)


def _open_other(path: Path, choice: Chosen, progress: Progress, engines: Path | None) -> Backend:
    chosen = choice.name
    if chosen == "onnx":
        check_processor_memory(path)
        from inference.backends.onnx import OnnxBackend
        from inference.graphs.made import made_folder

        backend = OnnxBackend.open(path, progress, made_folder(engines))
        backend.why = choice.why
        return backend
    if chosen == "native":
        check_packed_memory(path)
        from inference.backends.native import NativeBackend

        native = NativeBackend.open(path, progress, native_precision(model_config_from_folder(path)))
        native.why = choice.why
        return native
    if chosen == "torch":
        return _torch_backend(path, progress)
    raise KnownError(f"There is no backend named {chosen}.", f"Choose one of: {', '.join(BACKEND_NAMES)}.")


def _torch_backend(path: Path, progress: Progress) -> Backend:
    """On an NVIDIA card if torch finds one, else the reference on the processor."""
    if importlib.util.find_spec("torch") is None:
        raise KnownError("The torch backend needs PyTorch, which is not installed.", f"Choose another backend. {HINT}")
    from inference.backends.torch_cuda import TorchCudaBackend, card_there

    if card_there():
        return TorchCudaBackend.open(path, progress)
    check_processor_memory(path)
    from inference.backends.torch_reference import TorchBackend

    return TorchBackend.open(path, progress)
