"""Backends by name. Each is imported only when it is asked for: torch alone takes seconds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from inference.backends.auto import Chosen, choose_backend
from inference.backends.base import Backend, CancelFlag, Progress
from inference.backends.memory import check_processor_memory
from inference.backends.packed_memory import check_packed_memory, native_precision
from inference.config import model_config_from_folder
from inference.errors import KnownError, ModelFolderError
from inference.graphs.exporting import HINT
from inference.model_config import ModelConfig

BACKEND_NAMES = ("auto", "onnx", "native", "tensorrt", "torch", "fake")


def is_fake(name: str) -> bool:
    """True for "fake" and "fake:MODE": backends that need no model folder."""
    return name.partition(":")[0] == "fake"


def open_backend(
    path: Path | None,
    name: str,
    progress: Progress,
    engines: Path | None = None,
    config: ModelConfig | None = None,
    cancel: CancelFlag | None = None,
) -> Backend:
    """Load a model into a backend.

    Args:
        path: Model folder; None is allowed for fake backends.
        name: One of `BACKEND_NAMES`; "auto" is the best one for this machine.
        progress: Called with a short phrase and a fraction in 0..1.
        engines: Folder of all TensorRT engine sets, None if none was named.
        config: The model's configuration, where it was read already.
        cancel: Ends the loading where a backend looks at it: `native`, which may pack for many minutes.

    Raises:
        LoadStoppedError: `cancel` was set.
        KnownError: There is no backend of this name, or it cannot load the model.
    """
    if is_fake(name):
        from inference.backends.fake import fake_from_name

        return fake_from_name(name)
    if path is None:
        raise ModelFolderError("No model was chosen.", "Choose the folder of a model.")
    if name not in BACKEND_NAMES:
        raise KnownError(f"There is no backend named {name}.", f"Choose one of: {', '.join(BACKEND_NAMES)}.")
    read = config or model_config_from_folder(path)
    chosen = choose_backend(path, read, engines) if name == "auto" else Chosen(name)
    if chosen.name == "tensorrt":
        from inference.backends.tensorrt import open_tensorrt
        from inference.engines.usable import usable_engines

        found = chosen.engines or usable_engines(path, engines, config=read)
        return open_tensorrt(path, progress, found, read)
    if chosen.name == "torch":
        return _torch_backend(path, read, progress)
    return _processor_backend(path, read, chosen, progress, engines, cancel)


def _processor_backend(
    path: Path,
    config: ModelConfig,
    choice: Chosen,
    progress: Progress,
    engines: Path | None,
    cancel: CancelFlag | None,
) -> Backend:
    if choice.name == "onnx":
        check_processor_memory(config)
        from inference.backends.onnx import OnnxBackend
        from inference.graphs.made import made_folder

        backend = OnnxBackend.open(path, progress, made_folder(engines), config)
        backend.why = choice.why
        return backend
    check_packed_memory(config)
    from inference.backends.native import NativeBackend

    native = NativeBackend.open(path, progress, native_precision(config), cancel=cancel, config=config)
    native.why = choice.why
    return native


def _torch_backend(path: Path, config: ModelConfig, progress: Progress) -> Backend:
    """On an NVIDIA card if torch finds one, else the reference on the processor."""
    if importlib.util.find_spec("torch") is None:
        raise KnownError("The torch backend needs PyTorch, which is not installed.", f"Choose another backend. {HINT}")
    from inference.backends.torch_cuda import TorchCudaBackend, card_there

    if card_there():
        return TorchCudaBackend.open(path, progress, config=config)
    check_processor_memory(config)
    from inference.backends.torch_reference import TorchBackend

    return TorchBackend.open(path, progress, config)
