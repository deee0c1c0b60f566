"""How a checkpoint stores its weights: as they are, or quantised in one of the layouts that we read; names and shapes.

Nothing here looks at a weight. A quantised matrix is several tensors, and experts that are quantised are usually
stored apart, so that one tensor of the model can be thousands in the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from trt_engines.errors import WeightsError
from trt_engines.weights.index import TensorRecord

Layout = Literal["plain", "modelopt-nvfp4", "compressed-fp8", "compressed-nvfp4"]
Shape = tuple[int, ...]
FLOAT_TYPES = ("BF16", "F16", "F32")
PROJECTIONS = {"gate_up": ("gate_proj", "up_proj"), "down": ("down_proj",)}
TAKE_INSTEAD = "Choose the BF16 checkpoint, or one in NVFP4 or FP8 (NVIDIA ModelOpt, compressed-tensors)."
# How layouts that are not read betray themselves: the end of a tensor's name, and what to call the layout.
_FOREIGN = {
    ".qweight": "GPTQ or AWQ",
    ".absmax": "bitsandbytes",
    ".SCB": "bitsandbytes",
    ".biases": "MLX",
    ".weight_scale_inv": "FP8 in blocks",
    ".weight_zero_point": "a format with zero points",
    "_blocks": "MXFP4",
    ".pre_quant_scale": "NVFP4 or INT4 with AWQ's scales (ModelOpt)",
    ".svdquant_lora_a": "NVFP4 with SVDQuant's low-rank part (ModelOpt)",
}
# Microscaling (OCP MX): blocks of 32 with a power of two each, one byte (E8M0), which writers store as U8.
_POWERS = ("U8", "F8_E8M0")


def layout_of(records: Mapping[str, TensorRecord]) -> Layout:
    """The layout, by the tensors' names and types.

    Raises:
        WeightsError: It is one that is not read; says which.
    """
    found: Layout = "plain"
    for name, record in records.items():
        foreign = next((word for end, word in _FOREIGN.items() if name.endswith(end)), "")
        foreign = foreign or _microscaled(records, name)
        if foreign:
            raise _unread(foreign, name)
        if name.endswith(".weight_scale_2"):
            found = "modelopt-nvfp4"
        elif name.endswith(".weight_packed"):
            if record.dtype != "U8" or name.removesuffix("packed") + "global_scale" not in records:
                raise _unread("packed integers (compressed-tensors)", name)
            found = "compressed-nvfp4"
        elif name.endswith(".weight_scale"):
            weight = records.get(name.removesuffix("_scale"))
            if weight is None or f"{name}_2" in records:
                continue  # packed, or ModelOpt's: told by their other tensors
            if weight.dtype not in ("F8_E4M3", "U8"):
                word = "INT8 (compressed-tensors)" if weight.dtype == "I8" else f"{weight.dtype} with scales"
                raise _unread(word, weight.name)
            found = "compressed-fp8" if found == "plain" and weight.dtype == "F8_E4M3" else found
    return found


def _microscaled(records: Mapping[str, TensorRecord], name: str) -> str:
    """The name "MXFP4" or "MXFP8" if `name` holds the codes of a matrix in that form, else ""."""
    if not name.endswith((".weight", ".weight_packed")):
        return ""
    scales = records.get(name.removesuffix("_packed") + "_scale")
    if scales is None or scales.dtype not in _POWERS:
        return ""
    return "MXFP4" if records[name].dtype == "U8" else "MXFP8"


def _unread(word: str, name: str) -> WeightsError:
    return WeightsError(
        f"This checkpoint is quantised in {word}, a layout that is not read (it has {name}).", TAKE_INSTEAD
    )


def stored_as(records: Mapping[str, TensorRecord], name: str, shape: Shape) -> dict[str, Shape | None]:
    """The tensors that must lie in the files for the model's tensor `name` of `shape`, and their shapes.

    Args:
        records: What there is; says in which form this tensor is stored.
        name: "....weight" or the name of fused experts.
        shape: As the model has it.

    Returns:
        Names and shapes; None for scales, which come in several shapes and are checked when they are read. A tensor
        that is not there in any form is expected plain.
    """
    if name in records and records[name].dtype in FLOAT_TYPES:
        return {name: shape}
    matrix = name.removesuffix(".weight")
    quantised = _quantised(records, matrix, shape)
    if quantised:
        return quantised
    if len(shape) != 3:
        return {name: shape}
    parent, _, part = name.rpartition(".")
    names = PROJECTIONS[part.removesuffix("_proj")]
    rows = (shape[1] // len(names), shape[2])
    apart: dict[str, Shape | None] = {}
    if any(_quantised(records, f"{parent}.{expert}.{names[0]}", rows) for expert in range(2)):
        for matrix in (f"{parent}.{expert}.{each}" for expert in range(shape[0]) for each in names):
            apart |= _quantised(records, matrix, rows) or {f"{matrix}.weight": rows}
    return apart or {name: shape}


def _quantised(records: Mapping[str, TensorRecord], matrix: str, shape: Shape) -> dict[str, Shape | None]:
    """Tensors of a matrix [..., N, K] that is stored quantised, {} if it is not."""
    half, blocks = (*shape[:-1], shape[-1] // 2), (*shape[:-1], shape[-1] // 16)
    if f"{matrix}.weight_packed" in records:
        return {
            f"{matrix}.weight_packed": half,
            f"{matrix}.weight_scale": blocks,
            f"{matrix}.weight_global_scale": None,
        }
    weight = records.get(f"{matrix}.weight")
    if weight is not None and weight.dtype == "U8":
        return {f"{matrix}.weight": half, f"{matrix}.weight_scale": blocks, f"{matrix}.weight_scale_2": None}
    if weight is not None and weight.dtype == "F8_E4M3":
        return {f"{matrix}.weight": shape, f"{matrix}.weight_scale": None}
    return {}
