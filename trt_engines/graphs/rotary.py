"""Rotary positions from tables that the host made, in place of a card's sines and cosines.

A position of 100,000 turns the fastest pair by as many radians. In float32 such angles are off by 0.004 before their
sine is taken, and a card's quick sine is made for small ones. So a position is split, far * STEP + near, and what both
turn is looked up in two small tables and put together: cos(a + b) = cos a cos b - sin a sin b. The tables are made in
float64 and rounded once: the result is right to 3e-7 at any position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

POSITIONS = "positions"
STEP = 512


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a graph takes the cosine or the sine of positions times frequencies."""

    node: NodeProto
    frequencies: str


def with_tables(graph: ModelProto, most: int) -> ModelProto:
    """The same graph, with tables for positions below `most`; one without rotary positions is left as it is.

    Raises:
        ValueError: It takes sines of something else.
    """
    turns = _turns(graph)
    if not turns:
        return graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.graph.initializer if item.name in
              {turn.frequencies for turn in turns}}  # fmt: skip
    made = _split()
    names: dict[bytes, str] = {}
    for turn in turns:
        frequencies = arrays[turn.frequencies].astype(np.float64).ravel()
        key = frequencies.tobytes()
        if key not in names:
            names[key] = f"rotary{len(names)}"
            made += _lookup(graph, names[key], frequencies, most)
        _rename(graph, turn.node.output[0], f"{names[key]}.{turn.node.op_type.lower()}")
    graph.graph.initializer.append(numpy_helper.from_array(np.array([STEP]), "rotary.step"))
    kept = [NodeProto.FromString(node.SerializeToString()) for node in graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend([*made, *kept])
    _prune(graph)
    return graph


def _turns(graph: ModelProto) -> list[_Turn]:
    made_by = {name: node for node in graph.graph.node for name in node.output}
    stored = {item.name for item in graph.graph.initializer}
    found = []
    for node in graph.graph.node:
        if node.op_type not in ("Cos", "Sin"):
            continue
        both = made_by.get(node.input[0])
        product = made_by.get(both.input[0]) if both is not None and both.op_type == "Concat" else None
        names = [name for name in product.input if name in stored] if product is not None else []
        if both is None or len(set(both.input)) != 1 or product is None or product.op_type != "Mul" or len(names) != 1:
            raise ValueError(f"{node.name} takes the {node.op_type.lower()} of something that is no rotary position")
        found.append(_Turn(node, names[0]))
    return found


def _split() -> list[NodeProto]:
    return [
        helper.make_node("Div", [POSITIONS, "rotary.step"], ["rotary.far"], name="rotary.far"),
        helper.make_node("Mul", ["rotary.far", "rotary.step"], ["rotary.begin"], name="rotary.begin"),
        helper.make_node("Sub", [POSITIONS, "rotary.begin"], ["rotary.near"], name="rotary.near"),
    ]


def _lookup(graph: ModelProto, name: str, frequencies: NDArray[np.float64], most: int) -> list[NodeProto]:
    """Nodes that give `name`.cos and `name`.sin, both [N, twice the frequencies]; their tables become weights."""
    nodes: list[NodeProto] = []

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"{name}.{output}"], name=f"{name}.{output}", **attributes))
        return f"{name}.{output}"

    rows = {"far": np.arange(-(-most // STEP)) * float(STEP), "near": np.arange(STEP) * 1.0}
    values = {}
    for part, positions in rows.items():
        for turn, function in (("c", np.cos), ("s", np.sin)):
            table = function(np.outer(positions, frequencies)).astype(np.float32)
            graph.graph.initializer.append(numpy_helper.from_array(table, f"{name}.{part}.{turn}.table"))
            values[part, turn] = add(
                "Gather", [f"{name}.{part}.{turn}.table", f"rotary.{part}"], f"{part}.{turn}", axis=0
            )
    products = {
        (one, other): add("Mul", [values["far", one], values["near", other]], f"{one}{other}")
        for one in "cs"
        for other in "cs"
    }
    halves = {
        "cos": add("Sub", [products["c", "c"], products["s", "s"]], "cos.half"),
        "sin": add("Add", [products["s", "c"], products["c", "s"]], "sin.half"),
    }
    for turn, half in halves.items():
        add("Concat", [half, half], turn, axis=-1)
    return nodes


def _rename(graph: ModelProto, old: str, new: str) -> None:
    for node in graph.graph.node:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new


def _prune(graph: ModelProto) -> None:
    """Take out what nothing reads any more."""
    wanted, kept = {item.name for item in graph.graph.output}, []
    for node in reversed(graph.graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(NodeProto.FromString(node.SerializeToString()))
    weights = [
        TensorProto.FromString(item.SerializeToString()) for item in graph.graph.initializer if item.name in wanted
    ]
    del graph.graph.node[:]
    del graph.graph.initializer[:]
    graph.graph.node.extend(reversed(kept))
    graph.graph.initializer.extend(weights)
