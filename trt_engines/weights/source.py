"""The weights of a checkpoint folder: mapped from its files, given as stored or in a form that an engine computes with.

Nothing is read whole. A shard is mapped once; the system brings in the pages that are looked at and may drop them
again. Conversion goes expert by expert, so that beside the result at most one expert is held in float32.

Four layouts are read: "plain" (Google's BF16 one: each tensor in a floating-point type, experts fused),
"modelopt-nvfp4" (NVIDIA's: the same, but experts apart and in NVFP4), "compressed-fp8" and "compressed-nvfp4" (Red
Hat's: attention and MLP are quantised, too). What counts is how each single tensor is stored.
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
from trt_engines.weights.blocks import FLOATS, QuantisationError, largest_magnitude, rounded_scales
from trt_engines.weights.compressed import Matrix, ScaledMatrix, read_matrix
from trt_engines.weights.formats import Fp8, Int4, Nvfp4
from trt_engines.weights.index import TensorRecord, index_checkpoint
from trt_engines.weights.layout import PROJECTIONS, Layout, layout_of
from trt_engines.weights.modelopt import Projection

Part = Literal["gate_up", "down"]
Format = Literal["int4", "fp8", "nvfp4"]
Progress = Callable[[float], None]
Item = TypeVar("Item")

_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64), "F32": np.dtype(np.float32), "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16), "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2), "I64": np.dtype(np.int64), "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16), "I8": np.dtype(np.int8), "U8": np.dtype(np.uint8), "BOOL": np.dtype(np.bool_),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu), "U16": np.dtype(np.uint16), "U32": np.dtype(np.uint32),
    "U64": np.dtype(np.uint64),
}  # fmt: skip
_EXPERT = re.compile(r"model\.decoder\.layers\.(\d{1,5})\.experts\.(\d{1,5})\.")
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
        return cls(folder, records, layout_of(records))

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

    def floats(self, name: str) -> NDArray[Any]:
        """A tensor in a floating-point type: mapped if it is stored so, else a matrix brought to float32 [N, K].

        Raises:
            WeightsError: There is no such tensor, or what it is stored with is damaged.
        """
        if not self._is_quantised(name):
            return self.array(name)
        matrix = self._matrix(name)
        values = np.empty(matrix.shape, np.float32)
        matrix.dequantise_into(values)
        if not np.isfinite(values).all():
            raise WeightsError(f"This checkpoint is damaged: {name} holds values that are NaN or infinite.", _AGAIN)
        return values

    def expert_count(self, layer: int) -> int:
        """Experts of a layer.

        Raises:
            WeightsError: It has none, or some are missing.
        """
        if self._stored(layer, "down") == "fused":
            return int(self._fused(layer, "down").shape[0])
        if self._stored(layer, "down") == "fused and quantised":
            return int(self._codes(self._expert_name(layer, "down")).shape[0])
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
            format: Form of the result. NVFP4 that is stored is taken bit for bit as it is.
            compute_dtype: Type of the scales of "int4" and "fp8".
            progress: Called with the share that is done, after each expert.
            workers: Threads; None: up to eight.

        Raises:
            WeightsError: Tensors are missing or damaged.
            QuantisationError: The weights cannot be brought into this form.
        """
        name, count = self._expert_name(layer, part), self.expert_count(layer)
        if format not in ("int4", "fp8", "nvfp4"):
            raise ValueError(f"format {format!r}: experts are made in 'int4', 'fp8' or 'nvfp4'")
        if format == "nvfp4" and self._stored(layer, part) != "fused":
            stored = [self._halves(layer, part, number) for number in range(count)]
            packed = [[half for half in halves if isinstance(half, Projection)] for halves in stored]
            if packed == stored:
                return modelopt.joined(list(_reported(iter(packed), count, progress)))
        each = self._each(layer, part, workers)
        if format == "nvfp4":
            largest = max(largest_magnitude(one[0], name, workers).max() for one in self._each(layer, part, workers))
            scale = formats.nvfp4_scale(float(largest))
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
        if self._stored(layer, part) == "fused" and self._fused(layer, part).dtype == dtype:
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
        """A matrix [N, K] with one scale a row; codes that are stored so are taken bit for bit.

        Raises:
            WeightsError: There is no such tensor.
            QuantisationError: It cannot be brought into this form.
        """
        if format != "fp8":
            raise ValueError(f"format {format!r}: dense matrices are made in 'fp8' only")
        if self._is_quantised(name):
            stored = self._matrix(name)
            if isinstance(stored, ScaledMatrix):
                scale = rounded_scales(stored.scale.astype(np.float64), compute_dtype, 448 / 464, name)
                return Fp8(stored.codes, scale)
        matrix = self.floats(name)
        if matrix.ndim != 2:
            raise QuantisationError(f"{name} {matrix.shape} is no matrix.", _AGAIN)
        return formats.quantise_fp8(matrix, compute_dtype, name, workers)

    def each_expert(self, layer: int, part: Part, workers: int | None = None) -> Iterator[NDArray[Any]]:
        """Each expert of a layer, [N, K] in a floating-point type; asking for the next one may overwrite it.

        Raises:
            WeightsError: Tensors are missing or damaged.
        """
        return (expert[0] for expert in self._each(layer, part, workers))

    def _is_quantised(self, name: str) -> bool:
        record = self.records.get(name)
        if record is None:
            return name.removesuffix(".weight") + ".weight_packed" in self.records
        return name.endswith(".weight") and record.dtype in ("U8", "F8_E4M3")

    def _matrix(self, name: str) -> Matrix:
        return read_matrix(self.array, self.records.__contains__, name.removesuffix(".weight"))

    def _expert_name(self, layer: int, part: Part) -> str:
        return f"model.decoder.layers.{layer}.experts.{part}_proj"

    def _fused(self, layer: int, part: Part) -> NDArray[Any]:
        name = self._expert_name(layer, part)
        stack = self.array(name)
        if stack.ndim != 3 or stack.dtype not in FLOATS or 0 in stack.shape:
            text = f"{name} is {stack.dtype} {stack.shape}, not a stack of matrices in BF16, F16 or F32."
            raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
        return stack

    def _stored(self, layer: int, part: Part) -> Literal["fused", "fused and quantised", "apart"]:
        """How the experts of a layer lie in the files."""
        name = self._expert_name(layer, part)
        if name in self.records or self.layout == "plain":
            return "fused"
        quantised = f"{name}.weight" in self.records or f"{name}.weight_packed" in self.records
        return "fused and quantised" if quantised else "apart"

    def _codes(self, name: str) -> NDArray[Any]:
        codes = self.array(f"{name}.weight_packed" if f"{name}.weight_packed" in self.records else f"{name}.weight")
        if codes.ndim != 3:
            raise WeightsError(f"This checkpoint is damaged: {name} {codes.shape} is no stack of matrices.", _AGAIN)
        return codes

    def _halves(self, layer: int, part: Part, expert: int) -> list[Matrix]:
        """The matrices of one expert whose rows follow each other: gate and up, or one."""
        if self._stored(layer, part) == "fused and quantised":
            name = self._expert_name(layer, part)
            count = self._codes(name).shape[0]

            def own(each: str) -> NDArray[Any]:
                stack = self.array(each)
                return stack[expert] if stack.ndim and stack.shape[0] == count else stack

            return [read_matrix(own, self.records.__contains__, name)]
        prefix = f"model.decoder.layers.{layer}.experts.{expert}"
        halves = [self._matrix(f"{prefix}.{name}.weight") for name in PROJECTIONS[part]]
        if len({half.shape[1] for half in halves}) != 1:
            text = f"gate_proj and up_proj of {prefix} are {[half.shape for half in halves]}."
            raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
        return halves

    def _each(self, layer: int, part: Part, workers: int | None = None) -> Iterator[NDArray[Any]]:
        """Each expert as a stack of one, [1, N, K]; it may be overwritten when the next one is asked for."""
        if self._stored(layer, part) == "fused":
            yield from (expert[None] for expert in self._fused(layer, part))
            return
        expert: NDArray[np.float32] | None = None
        for number in range(self.expert_count(layer)):
            halves = self._halves(layer, part, number)
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


def _reported(parts: Iterator[Item], count: int, progress: Progress | None) -> Iterator[Item]:
    for number, part in enumerate(parts, 1):
        yield part
        if progress:
            progress(number / count)
