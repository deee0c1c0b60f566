"""The weights of a checkpoint folder: mapped from its files, given as stored or in a form that an engine computes with.

Nothing is read whole. A shard is mapped once; the system brings in the pages that are looked at and may drop them
again. Conversion goes expert by expert, so that beside the result at most one expert is held in float32.

Two layouts are read: "plain" (Google's BF16 one: each tensor in a floating-point type, experts fused) and
"modelopt-nvfp4" (NVIDIA's: the same, but experts apart and in NVFP4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike, NDArray

from trt_engines.errors import WeightsError
from trt_engines.weights import formats, modelopt
from trt_engines.weights.blocks import FLOATS, QuantisationError, largest_magnitude
from trt_engines.weights.formats import Fp8, Int4, Nvfp4
from trt_engines.weights.modelopt import Projection
from trt_engines.weights_index import TensorRecord, index_checkpoint

Layout = Literal["plain", "modelopt-nvfp4"]
Part = Literal["gate_up", "down"]
Format = Literal["int4", "fp8", "nvfp4"]
Progress = Callable[[float], None]
Item = TypeVar("Item")

_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64), "F32": np.dtype(np.float32), "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16), "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2), "I64": np.dtype(np.int64), "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16), "I8": np.dtype(np.int8), "U8": np.dtype(np.uint8), "BOOL": np.dtype(np.bool_),
}  # fmt: skip
_PROJECTIONS = {"gate_up": ("gate_proj", "up_proj"), "down": ("down_proj",)}
_EXPERT = re.compile(r"model\.decoder\.layers\.(\d+)\.experts\.(\d+)\.")
_AGAIN = "Download this model again, or choose another copy of it."


@dataclass(frozen=True, slots=True)
class WeightSource:
    """A checkpoint folder whose tensors are known and mapped when they are asked for.

    Attributes:
        folder: The checkpoint.
        records: Where each tensor lies.
        layout: How the experts are stored.
    """

    folder: Path
    records: dict[str, TensorRecord]
    layout: Layout
    _shards: dict[Path, NDArray[np.uint8]] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path) -> WeightSource:
        """Read the headers of the folder's weight files.

        Raises:
            WeightsError: No weights, damaged files, or a layout that is not read.
        """
        records = index_checkpoint(folder)
        return cls(folder, records, _layout_of(records))

    def array(self, name: str) -> NDArray[Any]:
        """A tensor in its stored type and shape: read-only, mapped, nothing is copied.

        Raises:
            WeightsError: The checkpoint has no such tensor, or its file cannot be opened.
        """
        record = self.records.get(name)
        if record is None:
            raise WeightsError(f"This checkpoint has no tensor {name}.", _AGAIN)
        if record.file not in self._shards:
            try:
                self._shards[record.file] = np.memmap(record.file, np.uint8, mode="r")
            except (OSError, ValueError) as exc:
                raise WeightsError(f"{record.file} cannot be read: {exc}.", "Check the file and its rights.") from exc
        raw = self._shards[record.file][record.offset : record.offset + record.length]
        return np.asarray(raw).view(_TYPES[record.dtype]).reshape(record.shape)

    def expert_count(self, layer: int) -> int:
        """Experts of a layer.

        Raises:
            WeightsError: It has none, or some are missing.
        """
        if self.layout == "plain":
            return int(self._fused(layer, "down").shape[0])
        found: dict[int, set[int]] = {}
        for match in filter(None, map(_EXPERT.match, self.records)):
            found.setdefault(int(match[1]), set()).add(int(match[2]))
        # A layer that lost its last experts is told by the others.
        wanted = set(range(1 + max((max(numbers) for numbers in found.values()), default=-1)))
        missing = sorted(wanted - found.get(layer, set())) or ([] if wanted else [0])
        if missing:
            raise WeightsError(f"This checkpoint is damaged: layer {layer} has no expert {missing[0]}.", _AGAIN)
        return len(wanted)

    def experts(
        self,
        layer: int,
        part: Part,
        format: Format,
        compute_dtype: DTypeLike,
        progress: Progress | None = None,
        workers: int | None = None,
    ) -> Int4 | Fp8 | Nvfp4:
        """All experts of a layer, [E, N, K]: "gate_up" is N = 2I (gate first), K = H; "down" is N = H, K = I.

        Args:
            layer: Number of the decoder layer.
            part: Which matrices.
            format: Form of the result. "nvfp4" of a ModelOpt checkpoint is taken bit for bit as it is.
            compute_dtype: Type of the scales of "int4" and "fp8".
            progress: Called with the share that is done, after each expert.
            workers: Threads; None: up to eight.

        Raises:
            WeightsError: Tensors are missing or damaged.
            QuantisationError: The weights cannot be brought into this form.
        """
        name, count = self._expert_name(layer, part), self.expert_count(layer)
        if format == "nvfp4" and self.layout == "modelopt-nvfp4":
            mapped = (self._projections(layer, part, number) for number in range(count))
            return modelopt.joined(list(_reported(mapped, count, progress)))
        if format not in ("int4", "fp8", "nvfp4"):
            raise ValueError(f"format {format!r}: experts are made in 'int4', 'fp8' or 'nvfp4'")
        each = self._each(layer, part, workers)
        if format == "nvfp4":
            largest = [largest_magnitude(expert, name, workers).max() for expert in self._fused(layer, part)]
            scale = formats.nvfp4_scale(float(max(largest)))
            nvfp4 = (formats.quantise_nvfp4(one, name, scale, workers=workers) for one in each)
            return formats.stacked(_reported(nvfp4, count, progress), count)
        if format == "fp8":
            fp8 = (formats.quantise_fp8(one, compute_dtype, name, workers) for one in each)
            return formats.stacked(_reported(fp8, count, progress), count)
        int4 = (formats.quantise_int4(one, compute_dtype, name, workers=workers) for one in each)
        return formats.stacked(_reported(int4, count, progress), count)

    def experts_unquantised(self, layer: int, part: Part, dtype: DTypeLike) -> NDArray[Any]:
        """[E, N, K] in `dtype`; mapped and read-only if it is stored so, else converted expert by expert.

        Raises:
            WeightsError: Tensors are missing or damaged.
            QuantisationError: A value does not fit `dtype`.
        """
        if self.layout == "plain" and self._fused(layer, part).dtype == dtype:
            return self._fused(layer, part)
        result: NDArray[Any] | None = None
        for number, one in enumerate(self._each(layer, part)):
            if result is None:
                result = np.empty((self.expert_count(layer), *one.shape[1:]), dtype)
            with np.errstate(over="ignore"):
                result[number] = one[0].astype(np.float32).astype(dtype)
            if not np.isfinite(result[number]).all():
                text = f"{self._expert_name(layer, part)} does not fit {np.dtype(dtype).name}, or holds NaN."
                raise QuantisationError(text, "Choose another precision for this model.")
        if result is None:
            raise WeightsError(f"This checkpoint is damaged: layer {layer} has no experts.", _AGAIN)
        return result

    def dense(self, name: str, format: Literal["fp8"], compute_dtype: DTypeLike, workers: int | None = None) -> Fp8:
        """A matrix [N, K] with one scale a row.

        Raises:
            WeightsError: There is no such tensor.
            QuantisationError: It cannot be brought into this form.
        """
        if format != "fp8":
            raise ValueError(f"format {format!r}: dense matrices are made in 'fp8' only")
        matrix = self.array(name)
        if matrix.ndim != 2:
            raise QuantisationError(f"{name} {matrix.shape} is no matrix.", _AGAIN)
        return formats.quantise_fp8(matrix, compute_dtype, name, workers)

    def _expert_name(self, layer: int, part: Part) -> str:
        return f"model.decoder.layers.{layer}.experts.{part}_proj"

    def _fused(self, layer: int, part: Part) -> NDArray[Any]:
        name = self._expert_name(layer, part)
        stack = self.array(name)
        if stack.ndim != 3 or stack.dtype not in FLOATS or 0 in stack.shape:
            text = f"{name} is {stack.dtype} {stack.shape}, not a stack of matrices in BF16, F16 or F32."
            raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
        return stack

    def _projections(self, layer: int, part: Part, expert: int) -> list[Projection]:
        prefix = f"model.decoder.layers.{layer}.experts.{expert}"
        halves = [modelopt.read_projection(self.array, f"{prefix}.{name}") for name in _PROJECTIONS[part]]
        if len({half.codes.shape[1] for half in halves}) != 1:
            text = f"gate_proj and up_proj of {prefix} are {[half.codes.shape for half in halves]}."
            raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
        return halves

    def _each(self, layer: int, part: Part, workers: int | None = None) -> Iterator[NDArray[Any]]:
        """Each expert as a stack of one, [1, N, K]; it may be overwritten when the next one is asked for."""
        if self.layout == "plain":
            yield from (expert[None] for expert in self._fused(layer, part))
            return
        expert: NDArray[np.float32] | None = None
        for number in range(self.expert_count(layer)):
            halves = self._projections(layer, part, number)
            shape = (1, sum(half.shape[0] for half in halves), halves[0].shape[1])
            if expert is None:
                expert = np.empty(shape, np.float32)
            if expert.shape != shape:
                text = f"expert {number} of layer {layer} is {shape[1:]}, others are {expert.shape[1:]}."
                raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
            start = 0
            for half in halves:
                half.dequantise_into(expert[0, start : start + half.shape[0]], workers)
                start += half.shape[0]
            yield expert


def _layout_of(records: dict[str, TensorRecord]) -> Layout:
    if any(name.endswith(".weight_scale_2") for name in records):
        return "modelopt-nvfp4"
    for name in records:
        if name.endswith((".weight_packed", ".weight_scale")):
            text = f"This checkpoint is quantised in a layout that is not read yet (it has {name})."
            raise WeightsError(text, "Choose the BF16 checkpoint, or NVIDIA's in NVFP4 (ModelOpt).")
    return "plain"


def _reported(parts: Iterator[Item], count: int, progress: Progress | None) -> Iterator[Item]:
    for number, part in enumerate(parts, 1):
        yield part
        if progress:
            progress(number / count)
