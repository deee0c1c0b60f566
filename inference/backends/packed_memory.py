"""Whether the processor can hold a model whose weights are packed, and in how many bits."""

from __future__ import annotations

import psutil

from inference.backends.memory import GB
from inference.engines.planning import model_shape
from inference.errors import OutOfMemoryError
from inference.model_config import ModelConfig
from inference.native.packed import packed_bytes
from inference.native.weights import Precision
from trt_engines.planning.processor import LARGE_MODEL, STEP_BYTES, SYSTEM_BYTES


def check_packed_memory(config: ModelConfig) -> None:
    """Refuse a checkpoint whose packed weights do not fit into memory beside what a step and the system need.

    They are mapped from the disk: with less memory each step would read them again.

    Raises:
        OutOfMemoryError: They are; says how much is needed.
    """
    needed = packed_bytes(config, native_precision(config)) + STEP_BYTES
    there = psutil.virtual_memory().total
    if needed + (SYSTEM_BYTES if native_precision(config) == "int4" else 0) > there:
        raise OutOfMemoryError(
            f"This model has {model_shape(config).parameters / GB:.1f} billion weights and, packed, needs "
            f"{needed / GB:.1f} GB of memory on the processor, beside {SYSTEM_BYTES / GB:.0f} GB for everything else; "
            f"this computer has {there / GB:.1f} GB.",
            "Choose a smaller model, or build engines for an NVIDIA card.",
        )


def native_precision(config: ModelConfig) -> Precision:
    """INT8 for small models, whose answers change with fewer bits; INT4 for the experts of large ones."""
    return "int8" if model_shape(config).parameters < LARGE_MODEL else "int4"
