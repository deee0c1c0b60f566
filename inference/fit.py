"""Whether the processor can run a model at all, before half an hour goes into finding out that it cannot."""

from __future__ import annotations

from pathlib import Path

import psutil

from inference.config import model_config_from_folder
from inference.errors import OutOfMemoryError
from inference.planning import model_shape

BYTES_PER_WEIGHT = 4  # ONNX Runtime and the reference compute in float32 on a processor
GB = 10**9


def check_processor_memory(folder: Path) -> None:
    """Refuse a checkpoint whose weights alone are larger than all memory of this computer.

    Raises:
        OutOfMemoryError: They are.
        ModelFolderError: The configuration cannot be read.
    """
    weights = model_shape(model_config_from_folder(folder)).parameters
    needed, there = weights * BYTES_PER_WEIGHT, psutil.virtual_memory().total
    if needed > there:
        raise OutOfMemoryError(
            f"This model has {weights / GB:.1f} billion weights and needs {needed / GB:.0f} GB of memory on the "
            f"processor, and this computer has {there / GB:.0f} GB.",
            "Choose a smaller model; engines for NVIDIA cards, which need far less, are not in this version.",
        )
