"""Changes a graph's numbers: the type that it computes in, and the form in which its large weights lie.

What TensorRT for RTX fuses was found by the scratch memory of trial builds: a product whose weights are first written
out in full needs room for them. It fuses X times transposed W, with INT4 in blocks of 32 along the summed axis, with
FP8 and one scale an expert (or a row of a dense matrix), and with NVFP4 if activations are FP4, too, and one scalar
scales all experts. Blocks of FP8 and NVFP4 with 16-bit activations are not fused.
"""

from __future__ import annotations

from typing import Any, Literal

import ml_dtypes
import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from trt_engines.errors import BindingError

Compute = Literal["bf16", "fp16", "fp32"]
WeightFormat = Literal["plain", "fp8", "int4", "nvfp4"]

COMPUTE_TYPES: dict[Compute, int] = {
    "bf16": TensorProto.BFLOAT16,
    "fp16": TensorProto.FLOAT16,
    "fp32": TensorProto.FLOAT,
}
NUMPY_TYPES: dict[int, np.dtype[Any]] = {
    TensorProto.FLOAT: np.dtype(np.float32),
    TensorProto.FLOAT16: np.dtype(np.float16),
    TensorProto.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
    TensorProto.FLOAT8E4M3FN: np.dtype(ml_dtypes.float8_e4m3fn),
    TensorProto.INT64: np.dtype(np.int64),
}
INT4_BLOCK, NVFP4_BLOCK = 32, 16
EXPERT_PARTS = ("experts.gate_up_proj", "experts.down_proj")
ROUTER_WEIGHT = ".router.proj.weight"


def lowered(model: ModelProto, compute: Compute) -> ModelProto:
    """`model`, which computes in bfloat16, changed in place to compute in another type; returns it."""
    wanted = COMPUTE_TYPES[compute]
    if wanted == TensorProto.BFLOAT16:
        return model
    for item in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        if item.type.tensor_type.elem_type == TensorProto.BFLOAT16:
            item.type.tensor_type.elem_type = wanted
    for tensor in model.graph.initializer:
        _convert(tensor, wanted)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.BFLOAT16:
                attribute.i = wanted
            if attribute.HasField("t"):
                _convert(attribute.t, wanted)
    if compute == "fp16":
        _half_routers(model)
    return model


def _half_routers(model: ModelProto) -> None:
    """Routers in float16: cards of the RTX 20 series, which float16 is for, have no float32 products in TensorRT."""
    nodes = []
    for node in model.graph.node:
        weight = next((name for name in node.input if name.endswith(ROUTER_WEIGHT)), None)
        if weight is None:
            nodes.append(node)
            continue
        x, result = node.input[0], node.output[0]
        placeholder = next(item for item in model.graph.initializer if item.name == weight)
        placeholder.data_type = TensorProto.FLOAT16
        node.input[0], node.output[0] = f"{weight}.x", f"{weight}.scores"
        before = _node("Cast", [x], f"{weight}.x", to=TensorProto.FLOAT16)
        nodes += [before, node, _node("Cast", [f"{weight}.scores"], result, to=TensorProto.FLOAT)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _convert(tensor: TensorProto, wanted: int) -> None:
    if tensor.data_type != TensorProto.BFLOAT16:
        return
    if tensor.data_location != TensorProto.EXTERNAL:
        values = numpy_helper.to_array(tensor).astype(NUMPY_TYPES[wanted])
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    tensor.data_type = wanted


def takes_form(name: str, form: WeightFormat) -> bool:
    """Whether the weight `name` is kept in `form`: experts always, attention and dense MLP in FP8 alone."""
    dense = form == "fp8" and (".self_attn." in name or ".mlp." in name) and name.endswith("_proj.weight")
    return form != "plain" and (dense or name.endswith(EXPERT_PARTS))


def quantised(model: ModelProto, form: WeightFormat) -> ModelProto:
    """`model` changed in place so that its large weights are initialisers in `form`; returns it.

    Experts in every form but "plain"; dense matrices of attention and MLP with "fp8" only. The new initialisers are
    named after the old one: ".codes", ".scale", ".scales", ".block_scales", ".ratios" and ".input_scale".

    Raises:
        BindingError: A dimension does not fit the format's blocks.
    """
    if form == "plain":
        return model
    for item in [item for item in model.graph.initializer if item.data_location == TensorProto.EXTERNAL]:
        if takes_form(item.name, form):
            model.graph.initializer.remove(item)
            _dequantised(model, item, form)
    if form == "nvfp4":
        model.opset_import.append(helper.make_opsetid("trt", 1))
    return model


def _dequantised(model: ModelProto, weight: TensorProto, form: WeightFormat) -> None:
    name, dims, compute = weight.name, list(weight.dims), weight.data_type
    block = {"int4": INT4_BLOCK, "nvfp4": NVFP4_BLOCK}.get(form, 1)
    if dims[-1] % block:
        raise BindingError(
            f"{name} has rows of {dims[-1]} weights, which {form} cannot cut into blocks of {block}.",
            "Choose another precision.",
        )
    codes, blocks = f"{name}.codes", [*dims[:-1], dims[-1] // block]
    if form == "int4":
        _placeholder(model, codes, TensorProto.INT4, dims)
        _placeholder(model, f"{name}.scales", compute, blocks)
        made = [_node("DequantizeLinear", [codes, f"{name}.scales"], name, axis=2, block_size=block)]
    elif form == "fp8":
        _placeholder(model, codes, TensorProto.FLOAT8E4M3FN, dims)
        _placeholder(model, f"{name}.scale", compute, dims[:1])
        made = [_node("DequantizeLinear", [codes, f"{name}.scale"], name, axis=0)]
    else:
        _placeholder(model, codes, TensorProto.FLOAT4E2M1, dims)
        _placeholder(model, f"{name}.block_scales", TensorProto.FLOAT8E4M3FN, blocks)
        _placeholder(model, f"{name}.scale", compute, [])
        made = [
            _node("DequantizeLinear", [f"{name}.block_scales", f"{name}.scale"], f"{name}.wide_scales"),
            _node("DequantizeLinear", [codes, f"{name}.wide_scales"], name, axis=2, block_size=block),
        ]
        _four_bit_activations(model, name, dims, compute)
    nodes = [*made, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _four_bit_activations(model: ModelProto, name: str, dims: list[int], compute: int) -> None:
    """Around the product that reads weight `name`: its activations in FP4, its result times the experts' ratios."""
    transpose = next(node for node in model.graph.node if name in node.input)
    product = next(node for node in model.graph.node if transpose.output[0] in node.input)
    scale, ratios = f"{name}.input_scale", f"{name}.ratios"
    _placeholder(model, scale, compute, [])
    _placeholder(model, ratios, compute, [dims[0], 1, dims[1]])
    x, result = product.input[0], product.output[0]
    four, small, wide = f"{name}.x4", f"{name}.x_scales", f"{name}.x_wide_scales"
    before = [
        helper.make_node(
            "TRT_FP4DynamicQuantize", [x, scale], [four, small], name=f"{name}.quantise", domain="trt", axis=2,
            block_size=NVFP4_BLOCK, scale_type=TensorProto.FLOAT8E4M3FN,
        ),
        _node("DequantizeLinear", [small, scale], wide),
        _node("DequantizeLinear", [four, wide], f"{name}.x", axis=2, block_size=NVFP4_BLOCK),
    ]  # fmt: skip
    product.input[0], product.output[0] = f"{name}.x", f"{name}.unscaled"
    place = list(model.graph.node).index(product)
    nodes = list(model.graph.node)
    nodes[place:place] = before
    nodes.insert(place + len(before) + 1, _node("Mul", [f"{name}.unscaled", ratios], result))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _node(operator: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(operator, inputs, [output], name=f"{output}.{operator}", **attributes)


def _placeholder(model: ModelProto, name: str, onnx_type: int, dims: list[int]) -> None:
    item = TensorProto(name=name, data_type=onnx_type, dims=dims)
    item.data_location = TensorProto.EXTERNAL
    item.external_data.add(key="location", value="weights")
    model.graph.initializer.append(item)
