"""Whether the processor can hold a model whose weights are packed, and in how many bits."""

from __future__ import annotations

import psutil

from inference.backends.memory import GB
from inference.engines.planning import model_shape
from inference.errors import OutOfMemoryError
from inference.model_config import ModelConfig
from inference.native.packed import packed_bytes
from inference.native.weights import Precision

LARGE_MODEL = 10**9  # weights from which on those of experts are packed in four bits
STEP_BYTES = 1_200_000_000  # what a step of the published model keeps beside its weights, and the program itself


def check_packed_memory(config: ModelConfig) -> None:
    """Refuse a checkpoint whose packed weights, with what a step needs beside them, are larger than all memory.

    Raises:
        OutOfMemoryError: They are; says how much is needed.
    """
    needed = packed_bytes(config, native_precision(config)) + STEP_BYTES
    there = psutil.virtual_memory().total
    if needed > there:
        raise OutOfMemoryError(
            f"This model has {model_shape(config).parameters / GB:.1f} billion weights and, packed, needs "
            f"{needed / GB:.0f} GB of memory on the processor, and this computer has {there / GB:.0f} GB.",
            "Choose a smaller model, or build engines for an NVIDIA card.",
        )


def native_precision(config: ModelConfig) -> Precision:
    """INT8 for small models, whose answers change with fewer bits; INT4 for the experts of large ones."""
    return "int8" if model_shape(config).parameters < LARGE_MODEL else "int4"
