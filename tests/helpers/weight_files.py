"""Safetensors files, written here because the library's numpy half knows no ml_dtypes."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {
    "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "uint8": "U8", "int64": "I64",
    "float8_e8m0fnu": "F8_E8M0", "uint32": "U32",
}  # fmt: skip


def write_checkpoint(folder: Path, tensors: dict[str, Any]) -> None:
    """A safetensors file, written here because the library's numpy half knows no ml_dtypes."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        entry = {"dtype": NAMES[tensor.dtype.name], "shape": list(tensor.shape)}
        header[name] = entry | {"data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir(exist_ok=True)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor).tobytes())
