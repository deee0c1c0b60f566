"""The graphs of our engines computed by torch, operator by operator, on a processor or a card.

Slow beside an engine, and needed where there is none: TensorRT for RTX has no kernels for H100 and H200, and there the
runtime around the engines can run for real all the same (`benchmarks/gpu_runner.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

TYPES = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.INT64: torch.int64,
    TensorProto.BOOL: torch.bool,
}
Operator = Callable[[Sequence[Any], Mapping[str, Any]], Any]


class TorchGraph:
    """One graph.

    Attributes:
        graph: As it is handed to TensorRT, weights in no special form.
        inputs: Type of each input.
        outputs: Type of each output.
        weights: Names of the weights that the checkpoint brings.
    """

    def __init__(self, graph: ModelProto) -> None:
        """Raises `ValueError` if it has an operator that is not known here."""
        self.graph = graph.graph
        unknown = {node.op_type for node in self.graph.node} - set(_OPERATORS)
        if unknown:
            raise ValueError(f"operators that are not known here: {sorted(unknown)}")
        self.inputs = {item.name: TYPES[item.type.tensor_type.elem_type] for item in self.graph.input}
        self.outputs = {item.name: TYPES[item.type.tensor_type.elem_type] for item in self.graph.output}
        external = [item for item in self.graph.initializer if item.data_location == TensorProto.EXTERNAL]
        self.weights = tuple(item.name for item in external)
        self._constants = {
            item.name: as_tensor(numpy_helper.to_array(item))
            for item in self.graph.initializer
            if item.name not in self.weights
        }
        self._attributes = [
            {each.name: helper.get_attribute_value(each) for each in node.attribute} for node in self.graph.node
        ]

    def run(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Outputs for inputs and weights by name; small constants follow to where the inputs are."""
        device = next(iter(values.values())).device
        if any(constant.device != device for constant in self._constants.values()):
            self._constants = {name: constant.to(device) for name, constant in self._constants.items()}
        known: dict[str, Any] = {**self._constants, **values, "": None}
        for node, attributes in zip(self.graph.node, self._attributes, strict=True):
            made = self._made(node, [known[name] for name in node.input], attributes)
            known.update(zip(node.output, made if isinstance(made, tuple) else (made,), strict=True))
        return {name: known[name] for name in self.outputs}

    def _made(self, node: NodeProto, inputs: list[Any], attributes: Mapping[str, Any]) -> Any:
        try:
            return _OPERATORS[node.op_type](inputs, attributes)
        except (RuntimeError, IndexError, TypeError) as exc:
            shapes = [tuple(each.shape) if isinstance(each, Tensor) else each for each in inputs]
            raise RuntimeError(f"{node.op_type} {node.name} over {shapes}: {exc}") from exc


def as_tensor(array: NDArray[Any]) -> Tensor:
    """A copy as a tensor; torch knows no type of `ml_dtypes`."""
    array = np.array(array, order="C")
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _ints(tensor: Tensor) -> list[int]:
    return [int(each) for each in tensor.reshape(-1).tolist()]


def _attention(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    query, key, value, mask = inputs
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    scores = (query @ key.transpose(-1, -2)).float() * float(attributes.get("scale", 1.0 / math.sqrt(query.shape[-1])))
    scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask.float()
    shares: Tensor = scores.softmax(dim=-1).to(query.dtype)
    return shares @ value


def _reduced(work: Callable[..., Tensor]) -> Operator:
    def run(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
        axes = _ints(inputs[1]) if len(inputs) > 1 and inputs[1] is not None else list(range(inputs[0].dim()))
        return work(inputs[0], dim=axes, keepdim=bool(attributes.get("keepdims", 1)))

    return run


def _slice(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    tensor, starts, ends, axes, steps = inputs
    for start, end, axis, step in zip(*map(_ints, (starts, ends, axes, steps)), strict=True):
        size = tensor.shape[axis]
        first = max(0, start + size if start < 0 else start)
        last = max(0, min(size, end + size if end < 0 else end))
        tensor = tensor.narrow(axis, min(first, size), max(0, last - first))
        tensor = tensor.index_select(axis, torch.arange(0, tensor.shape[axis], step, device=tensor.device))
    return tensor


def _scattered(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    data, places, updates = inputs
    axis = int(attributes.get("axis", 0))
    made: Tensor = data.clone()
    return made.scatter_(axis, torch.where(places < 0, places + data.shape[axis], places), updates)


def _gathered_nd(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    data, places = inputs
    found: Tensor = data[tuple(places.unbind(-1))]
    return found


def _gathered(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    data, places = inputs
    axis = int(attributes.get("axis", 0))
    found: Tensor = data.index_select(axis, places.reshape(-1))
    return found.reshape(*data.shape[:axis], *places.shape, *data.shape[axis + 1 :])


def _squeezed(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    tensor = inputs[0]
    axes = _ints(inputs[1]) if len(inputs) > 1 else [axis for axis, size in enumerate(tensor.shape) if size == 1]
    for axis in sorted((axis % tensor.dim() for axis in axes), reverse=True):
        tensor = tensor.squeeze(axis)
    return tensor


def _unsqueezed(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    tensor, axes = inputs[0], _ints(inputs[1])
    rank = tensor.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        tensor = tensor.unsqueeze(axis)
    return tensor


def _topped(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    found = torch.topk(inputs[0], int(inputs[1]), dim=int(attributes.get("axis", -1)))
    return found.values, found.indices


def _reshaped(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    tensor, sizes = inputs[0], _ints(inputs[1])
    if not attributes.get("allowzero"):
        sizes = [tensor.shape[place] if size == 0 else size for place, size in enumerate(sizes)]
    return tensor.reshape(sizes)


def _expanded(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    tensor, sizes = inputs[0], _ints(inputs[1])
    return tensor.expand(torch.broadcast_shapes(tensor.shape, tuple(sizes)))


def _divided(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    one, other = inputs
    return torch.div(one, other) if one.is_floating_point() else torch.div(one, other, rounding_mode="trunc")


def _plain(work: Callable[..., Any]) -> Operator:
    def run(inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        return work(*inputs)

    return run


_OPERATORS: dict[str, Operator] = {
    "Add": _plain(torch.add), "Sub": _plain(torch.sub), "Mul": _plain(torch.mul), "Div": _divided,
    "Pow": _plain(torch.pow), "MatMul": _plain(torch.matmul), "Neg": _plain(torch.neg), "Exp": _plain(torch.exp),
    "Log": _plain(torch.log), "Sqrt": _plain(torch.sqrt), "Tanh": _plain(torch.tanh), "Cos": _plain(torch.cos),
    "Sin": _plain(torch.sin), "Equal": _plain(torch.eq), "Less": _plain(torch.lt), "LessOrEqual": _plain(torch.le),
    "Where": _plain(torch.where), "Identity": _plain(lambda tensor: tensor),
    "ReduceMax": _reduced(torch.amax), "ReduceMean": _reduced(torch.mean), "ReduceSum": _reduced(torch.sum),
    "Attention": _attention, "Slice": _slice, "ScatterElements": _scattered, "GatherND": _gathered_nd,
    "Gather": _gathered, "Squeeze": _squeezed, "Unsqueeze": _unsqueezed, "TopK": _topped, "Reshape": _reshaped,
    "Expand": _expanded,
    "ArgMax": lambda i, a: torch.argmax(i[0], dim=int(a["axis"]), keepdim=bool(a["keepdims"])),
    "Cast": lambda i, a: i[0].to(TYPES[a["to"]]),
    "Clip": lambda i, a: torch.clamp(i[0], *i[1:]),
    "Concat": lambda i, a: torch.cat(list(i), dim=int(a["axis"])),
    "CumSum": lambda i, a: torch.cumsum(i[0], dim=int(i[1])).to(i[0].dtype),
    "GatherElements": lambda i, a: torch.gather(i[0], int(a["axis"]), i[1]),
    "Gelu": lambda i, a: torch.nn.functional.gelu(i[0], approximate=a["approximate"].decode()),
    "Gemm": lambda i, a: i[0] @ (i[1].T if a.get("transB") else i[1]),
    "Range": lambda i, a: torch.arange(int(i[0]), int(i[1]), int(i[2]), device=i[0].device),
    "Shape": lambda i, a: torch.tensor(i[0].shape[a.get("start", 0) : a.get("end")], device=i[0].device),
    "Softmax": lambda i, a: torch.softmax(i[0], dim=int(a["axis"])),
    "Transpose": lambda i, a: i[0].permute(*a["perm"]),
}  # fmt: skip
