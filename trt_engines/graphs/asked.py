"""What a head gives on request: logits of chosen tokens, what it believes of some places, mixtures of embeddings.

A plain step needs none of it, so each is an engine of its own, which is opened when it is first asked. They are made of
the head's own template: the same norm, product and softcap, so that what they say is what the head says, and nothing
has to be exported anew. What leaves them has the size of what was asked, never of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import ModelProto, NodeProto, TensorProto, helper

from trt_engines.graphs.compose import HEAD, ROWS, TABLE, capped_logits, cut_at, end_graph
from trt_engines.graphs.names import BELIEFS, LOGITS, MIXED
from trt_engines.graphs.templates import Templates

MOST_LIKELY = 64  # tokens of a place that are named


def asked_graph(templates: Templates, name: str) -> ModelProto:
    """One of the graphs; N positions of a canvas, L tokens, M places of the canvas, H wide.

    - `LOGITS`: hidden [N, H], ids [L] -> logits [N, L], after their cap, before any temperature.
    - `BELIEFS`: hidden [N, H], places [M], tokens [M] -> logs [M], the natural logarithm of each token's share at
      temperature 1; entropy [M]; top_ids and top_logs [M, k] of the likeliest, likeliest first.
    - `MIXED`: before [N, H], ids [L], shares [N, L] -> mixed [N, H], `before` and the embeddings in these shares.
    """
    graph = end_graph(templates, HEAD)
    return {LOGITS: _logits, BELIEFS: _beliefs, MIXED: _mixed}[name](graph)


def _logits(head: ModelProto) -> ModelProto:
    """The head's product with some rows of the table in place of all."""
    capped = capped_logits(head)
    cut_at(head, capped)
    for node in head.graph.node:
        _rename(node, {TABLE: "listed_rows", capped: LOGITS})
    table = next(item for item in head.graph.input if item.name == TABLE)
    table.name = ROWS
    head.graph.input.append(_ids("ids", "L"))
    nodes = [_node("Gather", [ROWS, "ids"], "listed_rows", axis=0), *head.graph.node]
    return _finished(head, LOGITS, nodes, [_floats(LOGITS, "N", "L")])


def _beliefs(head: ModelProto) -> ModelProto:
    """The head at temperature 1 over some places; all is relative to a place's highest logit."""
    table = next(item for item in head.graph.input if item.name == TABLE)
    kept = min(MOST_LIKELY, table.type.tensor_type.shape.dim[0].dim_value)
    capped = capped_logits(head)
    cut_at(head, capped)
    for node in head.graph.node:
        _rename(node, {"hidden": "asked_hidden"})
    head.graph.input.extend([_ids("places", "M"), _ids("tokens", "M")])
    head.graph.initializer.extend([_whole("last_axis", [-1]), _whole("kept", [kept])])
    nodes = [
        _node("Gather", ["hidden", "places"], "asked_hidden", axis=0),
        *head.graph.node,
        _node("ReduceMax", [capped, "last_axis"], "highest", keepdims=1),
        _node("Sub", [capped, "highest"], "relative"),
        _node("Exp", ["relative"], "shares"),
        _node("ReduceSum", ["shares", "last_axis"], "total", keepdims=1),
        _node("Log", ["total"], "log_sum"),
        _node("Mul", ["shares", "relative"], "weighted"),
        _node("ReduceSum", ["weighted", "last_axis"], "weighted_sum", keepdims=1),
        _node("Div", ["weighted_sum", "total"], "mean_relative"),
        _node("Sub", ["log_sum", "mean_relative"], "wide_entropy"),
        _node("Squeeze", ["wide_entropy", "last_axis"], "entropy"),
        _node("Unsqueeze", ["tokens", "last_axis"], "wide_tokens"),
        _node("GatherElements", ["relative", "wide_tokens"], "of_tokens", axis=1),
        _node("Sub", ["of_tokens", "log_sum"], "wide_logs"),
        _node("Squeeze", ["wide_logs", "last_axis"], "logs"),
        helper.make_node("TopK", ["relative", "kept"], ["top_relative", "top_ids"], name="top_ids.TopK", axis=-1),
        _node("Sub", ["top_relative", "log_sum"], "top_logs"),
    ]
    top_ids = helper.make_tensor_value_info("top_ids", TensorProto.INT64, ["M", kept])
    outputs = [_floats("logs", "M"), _floats("entropy", "M"), top_ids, _floats("top_logs", "M", kept)]
    return _finished(head, BELIEFS, nodes, outputs)


def _mixed(head: ModelProto) -> ModelProto:
    """The head's soft embedding, of shares that are given."""
    scaled = next(node for node in head.graph.node if "soft" in node.output)
    scale = next(item for item in head.graph.initializer if item.name in scaled.input)
    table = next(item for item in head.graph.input if item.name == TABLE)
    table.name, compute = ROWS, table.type.tensor_type.elem_type
    width = table.type.tensor_type.shape.dim[1].dim_value
    nodes = [
        _node("Gather", [ROWS, "ids"], "listed_rows", axis=0),
        _node("Cast", ["shares"], "narrow_shares", to=compute),
        _node("MatMul", ["narrow_shares", "listed_rows"], "narrow_mixed"),
        _node("Cast", ["narrow_mixed"], "unscaled", to=TensorProto.FLOAT),
        _node("Mul", ["unscaled", scale.name], "scaled"),
        _node("Add", ["before", "scaled"], MIXED),
    ]
    kept = [type(item).FromString(item.SerializeToString()) for item in (scale, table)]
    del head.graph.initializer[:], head.graph.input[:]
    head.graph.initializer.append(kept[0])
    head.graph.input.extend([_floats("before", "N", width), _ids("ids", "L"), _floats("shares", "N", "L"), kept[1]])
    return _finished(head, MIXED, nodes, [_floats(MIXED, "N", width)])


def _finished(model: ModelProto, name: str, nodes: Sequence[NodeProto], outputs: Sequence[Any]) -> ModelProto:
    graph, nodes = model.graph, [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.output.extend(outputs)
    graph.name = name
    return model


def _rename(node: NodeProto, names: dict[str, str]) -> None:
    for field in (node.input, node.output):
        for place, name in enumerate(field):
            field[place] = names.get(name, name)


def _node(operator: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(operator, inputs, [output], name=f"{output}.{operator}", **attributes)


def _ids(name: str, dim: str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.INT64, [dim])


def _floats(name: str, *dims: str | int) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dims))


def _whole(name: str, values: list[int]) -> TensorProto:
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
