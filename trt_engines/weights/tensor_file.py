"""Writes a safetensors file of any size without holding a tensor in memory: header first, then piece after piece."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.files import sync_file
from trt_engines.weights.index import TensorRecord


def write_tensors(
    file: Path, tensors: Iterable[tuple[TensorRecord, Iterator[NDArray[Any]]]], metadata: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """Write `file` to the disk for good, in the order given.

    Args:
        file: Is created or replaced.
        tensors: Name, type, shape and length of each, as the record says, and its numbers in pieces of that type.
        metadata: For the header; it comes first, so that a look at a file's first bytes tells two of them apart.

    Yields:
        The name of the tensor that is being written and how many bytes were written, after each piece.

    Raises:
        OSError: The disk is full or broken.
        ValueError: The pieces of a tensor have another length than its record says.
    """
    listed = list(tensors)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for record, _ in listed:
        offsets = [end, end + record.length]
        header[record.name] = {"dtype": record.dtype, "shape": list(record.shape), "data_offsets": offsets}
        end += record.length
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for record, pieces in listed:
            written = 0
            for piece in pieces:
                stream.write(np.ascontiguousarray(piece).view(np.uint8).data)
                written += piece.nbytes
                yield record.name, piece.nbytes
            if written != record.length:
                raise ValueError(f"{record.name} has {written} bytes, not {record.length}")
    sync_file(file)
