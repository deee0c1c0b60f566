"""Whether the processor, or torch on a card, can hold a model at all, before half an hour goes into finding out."""

from __future__ import annotations

import psutil

from inference.engines.planning import model_shape
from inference.errors import OutOfMemoryError
from inference.model_config import ModelConfig

BYTES_PER_WEIGHT = 4  # ONNX Runtime and the reference compute in float32 on a processor
CARD_BYTES_PER_WEIGHT = 2  # torch on a card computes in bfloat16
GB = 10**9


def check_processor_memory(config: ModelConfig) -> None:
    """Refuse a checkpoint whose weights alone are larger than all memory of this computer.

    Raises:
        OutOfMemoryError: They are.
    """
    weights = model_shape(config).parameters
    needed, there = weights * BYTES_PER_WEIGHT, psutil.virtual_memory().total
    if needed > there:
        raise OutOfMemoryError(
            f"This model has {weights / GB:.1f} billion weights and needs {needed / GB:.0f} GB of memory on the "
            f"processor, and this computer has {there / GB:.0f} GB.",
            "Choose a smaller model, or build engines for an NVIDIA card, which need far less.",
        )


def check_card_memory(config: ModelConfig, free: int, card: str) -> None:
    """Refuse a checkpoint whose weights alone, in bfloat16, are larger than the free memory of the card.

    Args:
        config: Of the checkpoint.
        free: Free bytes on the card.
        card: Its name.

    Raises:
        OutOfMemoryError: They are.
    """
    weights = model_shape(config).parameters
    needed = weights * CARD_BYTES_PER_WEIGHT
    if needed > free:
        raise OutOfMemoryError(
            f"This model has {weights / GB:.1f} billion weights and needs {needed / GB:.0f} GB of memory on the "
            f"graphics card, and {card} has {free / GB:.0f} GB free.",
            "Close other programs that use the card, choose a smaller model, or build 4-bit engines for the card.",
        )
