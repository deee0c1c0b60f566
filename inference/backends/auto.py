"""Backend "auto": TensorRT where usable engines are, else the processor where it can hold the model, else a reason.

On the processor our own kernels answer where they are built and were measured to be faster, else ONNX Runtime. Large
models run on them alone. Packing those takes many minutes and a lot of the disk: that is begun only where the card
never could run the model, not where its engines are merely not built yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference.backends.memory import check_processor_memory
from inference.backends.packed_memory import check_packed_memory, native_precision
from inference.errors import KnownError, ModelFolderError, NoWayOnCardError, OutOfMemoryError
from inference.model_config import ModelConfig
from inference.native import library
from inference.native.packed import packed_folder
from trt_engines.errors import EngineError
from trt_engines.planning.probe import detected_gpus

if TYPE_CHECKING:
    from inference.engines.usable import UsableEngines

FindEngines = Callable[[Path, Path | None, ModelConfig], "UsableEngines"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What answers.

    Attributes:
        name: "tensorrt", "native" or "onnx".
        why: Why it is not TensorRT, one sentence; "" where it is.
        engines: The engines that are used.
    """

    name: str
    why: str = ""
    engines: UsableEngines | None = None


def choose_backend(
    folder: Path, config: ModelConfig, engines: Path | None, usable: FindEngines | None = None
) -> Chosen:
    """What runs this model on this machine.

    Args:
        folder: The checkpoint.
        config: Its configuration.
        engines: Folder of all TensorRT engine sets, None if none was named.
        usable: Finds engines; tests bring their own.

    Raises:
        OutOfMemoryError: There are no usable engines, and the model is too large for the processor; says why to both.
        ModelFolderError: The checkpoint is missing or damaged.
    """
    try:
        return Chosen("tensorrt", engines=(usable or _usable)(folder, engines, config))
    except ModelFolderError:
        raise
    except KnownError as exc:
        why, never = f"{exc.user_text} {exc.hint}".strip(), isinstance(exc, NoWayOnCardError)
    try:
        if native_precision(config) == "int4" and _native_can() and (never or packed_folder(folder, "int4").is_dir()):
            check_packed_memory(config)
            return Chosen("native", why)
        check_processor_memory(config)
    except OutOfMemoryError as exc:
        raise OutOfMemoryError(exc.user_text, f"On a graphics card: {why}") from exc
    return Chosen("native" if native_is_faster(config) else "onnx", why)


def native_is_faster(config: ModelConfig) -> bool:
    """Whether our kernels are built, this processor has the instructions that they were measured with, and the model is
    small.
    """
    return native_precision(config) == "int8" and _native_can(("avx512", "avxvnni"))


def _native_can(isas: tuple[str, ...] = ("avx512", "avxvnni", "avx2")) -> bool:
    return library.is_there() and library.best_isa() in isas


def _usable(folder: Path, engines: Path | None, config: ModelConfig) -> UsableEngines:
    """Ask for a card first: without one, neither TensorRT nor ONNX need be imported."""
    try:
        cards = detected_gpus()
    except EngineError as exc:
        raise NoWayOnCardError(exc.user_text, exc.hint) from exc
    from inference.engines.usable import usable_engines

    return usable_engines(folder, engines, lambda: cards, config=config)
