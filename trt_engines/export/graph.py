"""From a torch module to an ONNX graph whose weights stay where they are.

The module is exported without its weights' values: every parameter becomes an external initialiser that points into the
checkpoint's own safetensors files, in the type stored there, with a Cast behind it where the graph computes in float32.
A graph is therefore a few hundred kilobytes, whatever the model's size (design.md, decision 7). ONNX Runtime asks
that the files lie in the graph's own folder and are no symbolic links.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import torch
from onnx import TensorProto, helper
from onnxscript import optimizer
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import Dim

from trt_engines.errors import BindingError, ExportError
from trt_engines.files import write_whole
from trt_engines.weights.index import TensorRecord

ONNX_TYPES = {
    "F32": TensorProto.FLOAT,
    "F16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
}
_ONNX_OF = {
    torch.float32: TensorProto.FLOAT,
    torch.float16: TensorProto.FLOAT16,
    torch.bfloat16: TensorProto.BFLOAT16,
}
OPSET = 23
UNBOUND = "weights"  # location of an initialiser that is not bound yet


@dataclass(frozen=True, slots=True)
class Parameter:
    """Shape and ONNX type of a module's parameter."""

    shape: tuple[int, ...]
    onnx_type: int


@dataclass(frozen=True, slots=True)
class GraphInput:
    """One input: example shape for tracing, type, and the name of each dynamic axis (None: fixed)."""

    name: str
    example: tuple[int, ...]
    dtype: str
    axes: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """One graph.

    Attributes:
        name: File stem.
        inputs: In the order of the module's arguments.
        outputs: Names of the outputs, in order.
        grouped_from: Number of the first input that belongs to the module's last, variadic argument.
    """

    name: str
    inputs: tuple[GraphInput, ...]
    outputs: tuple[str, ...]
    grouped_from: int | None = None


def onnx_from_module(
    build: Callable[[], nn.Module], spec: GraphSpec, records: Mapping[str, TensorRecord], name_of: Callable[[str], str]
) -> onnx.ModelProto:
    """Export a module with its parameters bound to the tensors on disk.

    Args:
        build: Makes the module; called where tensors have shapes but no memory, so that size does not matter.
        spec: Inputs and outputs.
        records: The checkpoint's tensors by name.
        name_of: Name in the checkpoint of a parameter of the module.

    Raises:
        ExportError: torch cannot export the module.
        BindingError: A parameter has no tensor on disk, or one of another shape or type.
    """
    graph, parameters = _traced(build, spec, folded=False)  # ONNX Runtime folds constants itself
    _rename_inputs(graph.graph, spec)
    _bind(graph.graph, parameters, records, name_of)
    return graph


def template_from_module(
    build: Callable[[], nn.Module], spec: GraphSpec, name_of: Callable[[str], str]
) -> onnx.ModelProto:
    """Export a module whose weights are not known: initialisers bear the checkpoint's names and have no data.

    Raises:
        ExportError: torch cannot export the module.
    """
    graph, parameters = _traced(build, spec, folded=True)  # TensorRT's parser wants constants, not what makes them
    _rename_inputs(graph.graph, spec)
    renamed = {name: name_of(name) for name in parameters}
    used = {name for node in graph.graph.node for name in node.input}
    for node in graph.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    for name, parameter in parameters.items():
        if name in used:
            item = TensorProto(name=renamed[name], data_type=parameter.onnx_type, dims=parameter.shape)
            item.data_location = TensorProto.EXTERNAL
            item.external_data.add(key="location", value=UNBOUND)
            graph.graph.initializer.append(item)
    return graph


def _traced(
    build: Callable[[], nn.Module], spec: GraphSpec, folded: bool
) -> tuple[onnx.ModelProto, dict[str, Parameter]]:
    arguments = [torch.zeros(item.example, dtype=getattr(torch, item.dtype)) for item in spec.inputs]
    shapes = [{i: Dim.DYNAMIC for i, axis in enumerate(item.axes) if axis} for item in spec.inputs]
    split = spec.grouped_from
    args: tuple[Any, ...] = tuple(arguments) if split is None else (*arguments[:split], arguments[split:])
    dynamic: tuple[Any, ...] = tuple(shapes) if split is None else (*shapes[:split], shapes[split:])
    try:
        with _quiet_exporter(), FakeTensorMode(allow_non_fake_inputs=True):
            module = build()
            exported = torch.export.export(module, args, dynamic_shapes=dynamic, strict=False)
            program = torch.onnx.export(exported, dynamo=True, opset_version=OPSET, optimize=False, verbose=False)
        assert program is not None
        parameters = {name: Parameter(tuple(t.shape), _ONNX_OF[t.dtype]) for name, t in module.state_dict().items()}
        return _without_values(program.model, parameters, folded), parameters
    except Exception as exc:
        raise ExportError(f"The graph {spec.name} could not be exported: {exc}", "This is a bug of Dewpoint.") from exc


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Mutes what torch's exporter says of itself: missing torchvision, deprecations inside torch."""
    log = logging.getLogger("torch.onnx._internal.exporter")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _without_values(model: Any, parameters: Mapping[str, Parameter], folded: bool) -> onnx.ModelProto:
    """The exporter's model as protobuf, parameters taken out (they have no values), constants folded if asked for."""
    graph = model.graph
    for name in [name for name in graph.initializers if name in parameters]:
        value = graph.initializers.pop(name)
        value.const_value = None
        graph.inputs.append(value)  # so that folding keeps its hands off it
    if folded:
        optimizer.optimize_ir(model)
    own = [value for value in graph.inputs if value.name not in parameters]
    graph.inputs.clear()
    graph.inputs.extend(own)
    made: onnx.ModelProto = onnx_ir.to_proto(model)
    # The exporter notes each node's place in the source: paths of the machine that exported, and most of the bytes.
    for item in (made, made.graph, *made.graph.node, *made.graph.input, *made.graph.output):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    return made


def _rename_inputs(graph: onnx.GraphProto, spec: GraphSpec) -> None:
    names = [item.name for item in graph.input] + [item.name for item in graph.output]
    wanted = [item.name for item in spec.inputs] + list(spec.outputs)
    if len(names) != len(wanted):
        raise ExportError(f"The graph {spec.name} has {len(names)} inputs and outputs, expected {len(wanted)}.")
    renamed = dict(zip(names, wanted, strict=True))
    for node in graph.node:
        for field in (node.input, node.output):
            for i, name in enumerate(field):
                field[i] = renamed.get(name, name)
    for item, name in zip([*graph.input, *graph.output], wanted, strict=True):
        item.name = name
    for item, declared in zip(graph.input, spec.inputs, strict=True):
        for dim, axis in zip(item.type.tensor_type.shape.dim, declared.axes, strict=True):
            if axis:
                dim.dim_param = axis
    del graph.value_info[:]


def _bind(
    graph: onnx.GraphProto,
    parameters: Mapping[str, Parameter],
    records: Mapping[str, TensorRecord],
    name_of: Callable[[str], str],
) -> None:
    kept = [item for item in graph.initializer if item.name not in parameters]
    used = {name for node in graph.node for name in node.input}
    casts = []
    for name in sorted(used & set(parameters)):
        record = _record(name_of(name), parameters[name].shape, records)
        bound = name if record.dtype == "F32" else f"{name}.stored"
        kept.append(_external(bound, record))
        if bound != name:
            casts.append(helper.make_node("Cast", [bound], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def _record(name: str, shape: tuple[int, ...], records: Mapping[str, TensorRecord]) -> TensorRecord:
    record = records.get(name)
    if record is None:
        raise BindingError(f"The weights hold no {name}.", "Download the model again.")
    if record.shape != shape:
        raise BindingError(f"{name} has shape {record.shape}, the graph asks for {shape}.", "Download the model again.")
    if record.dtype not in ONNX_TYPES:
        expected = ", ".join(ONNX_TYPES)
        raise BindingError(f"{name} is stored as {record.dtype}, expected {expected}.", "Choose another variant.")
    return record


def _external(name: str, record: TensorRecord) -> TensorProto:
    tensor = TensorProto(name=name, data_type=ONNX_TYPES[record.dtype], dims=record.shape)
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": record.file.name, "offset": str(record.offset), "length": str(record.length)}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def write_graph(graph: onnx.ModelProto, file: Path) -> None:
    """Write `graph` whole or not at all.

    Raises:
        ExportError: The folder cannot be written, or the disk is full.
    """
    try:
        write_whole(file, graph.SerializeToString())
    except OSError as exc:
        hint = "Graphs must lie beside the weights: make the folder writable, or copy the model to a folder of yours."
        raise ExportError(f"{file.name} cannot be written to {file.parent}: {exc.strerror}.", hint) from exc
