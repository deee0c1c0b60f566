"""From templates to the graphs of one model: layers chained to segments, the embedding table as an input."""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from trt_engines.graphs.templates import Templates

EMBED, HEAD = "embed.onnx", "head.onnx"
TABLE, ROWS = "embedding_table", "embedding_rows"
EMBEDDING = "model.decoder.embed_tokens.weight"
# Inputs that all layers of a segment share.
SHARED = ("positions", "denoising", "full_past", "sliding_past", "new_mask", "slots")


def segment_graph(templates: Templates, first: int, last: int) -> ModelProto:
    """Layers first..last-1 in one graph.

    Inputs: hidden [N, H], positions [N], denoising [1], full_past [N, P] and sliding_past [N, S] where a layer of that
    kind is in the segment, new_mask [N, N], slots [C], past_k and past_v of each layer. Outputs: hidden_out [N, H],
    max_load [1], new_k and new_v of each layer.
    """
    model = ModelProto()
    inputs: dict[str, ValueInfoProto] = {}
    outputs: list[ValueInfoProto] = []
    loads = []
    for number in range(first, last):
        template = templates.set.layers[number]
        layer = templates.graph(template.file)
        if number == first:
            model.ir_version = layer.ir_version
            model.opset_import.extend(layer.opset_import)
        hidden_in = "hidden" if number == first else f"layer{number - 1}.hidden_out"
        _rename(layer, template.number, number, hidden_in, "hidden_out" if number == last - 1 else "")
        read = {name for node in layer.graph.node for name in node.input}
        for item in layer.graph.input:
            if item.name in read and item.name != f"layer{number - 1}.hidden_out":
                inputs.setdefault(item.name, item)
        loads.append(f"layer{number}.max_load")
        outputs += [item for item in layer.graph.output if item.name.startswith("new_") or item.name == "hidden_out"]
        model.graph.node.extend(layer.graph.node)
        model.graph.initializer.extend(layer.graph.initializer)
    model.graph.node.append(helper.make_node("Concat", loads, ["max_load.all"], axis=0))
    model.graph.node.append(helper.make_node("ReduceMax", ["max_load.all"], ["max_load"], keepdims=1))
    order = {name: place for place, name in enumerate(("hidden", *SHARED))}
    model.graph.input.extend(sorted(inputs.values(), key=lambda item: order.get(item.name, len(order))))
    hidden = [item for item in outputs if item.name == "hidden_out"]
    load = helper.make_tensor_value_info("max_load", TensorProto.INT64, [1])
    model.graph.output.extend([*hidden, load, *(item for item in outputs if item.name != "hidden_out")])
    model.graph.name = f"stack{first}"
    return model


def _rename(layer: ModelProto, old: int, new: int, hidden_in: str, hidden_out: str) -> None:
    """Give every value of a layer's template the name that it has in the segment."""
    graph = layer.graph
    weights = {item.name for item in graph.initializer if item.data_location == TensorProto.EXTERNAL}
    outputs = {item.name for item in graph.output}

    def named(name: str) -> str:
        if name in weights:
            return name.replace(f".layers.{old}.", f".layers.{new}.")
        if name == "hidden":
            return hidden_in
        if name == "hidden_out" and hidden_out:
            return hidden_out
        if name in SHARED or not name:
            return name
        if name in (f"past_k{old}", f"past_v{old}") or (name in outputs and name.startswith("new_")):
            return f"{name.removesuffix(str(old))}{new}"
        return f"layer{new}.{name}"

    for node in graph.node:
        _rename_node(node, new, {name: named(name) for name in (*node.input, *node.output)})
    for item in (*graph.input, *graph.output, *graph.initializer):
        item.name = named(item.name)


def _rename_node(node: NodeProto, layer: int, names: dict[str, str]) -> None:
    for field in (node.input, node.output):
        for place, name in enumerate(field):
            field[place] = names[name]
    node.name = f"layer{layer}.{node.name}"


def end_graph(templates: Templates, name: str) -> ModelProto:
    """The graph of the embedding (`EMBED`) or of the head (`HEAD`).

    The tied embedding table is an input, so that both read one copy on the device: `TABLE` where it is multiplied with,
    `ROWS` where rows of it are gathered. With one input for both, TensorRT makes itself a copy of the whole table.
    """
    model = templates.graph(name)
    table = next(item for item in model.graph.initializer if item.name == EMBEDDING)
    model.graph.initializer.remove(table)
    read = []
    for node in model.graph.node:
        for place, used in enumerate(node.input):
            if used == EMBEDDING:
                node.input[place] = ROWS if node.op_type == "Gather" else TABLE
                read.append(node.input[place])
    for own in dict.fromkeys(read):
        model.graph.input.append(helper.make_tensor_value_info(own, table.data_type, list(table.dims)))
    return model


def capped_logits(head: ModelProto) -> str:
    """Name of the head's logits after their cap, before the temperature."""
    squashed = next(node.output[0] for node in head.graph.node if node.op_type == "Tanh")
    capped: str = next(node.output[0] for node in head.graph.node if squashed in node.input)
    return capped


def cut_at(model: ModelProto, name: str) -> None:
    """Leave what is needed for one value, which becomes the only output."""
    wanted, kept, graph = {name}, [], model.graph
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    inputs = [item for item in graph.input if item.name in wanted]
    weights = [item for item in graph.initializer if item.name in wanted]
    for field, items in (
        (graph.node, kept[::-1]), (graph.input, inputs), (graph.initializer, weights),
        (graph.output, [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]),
    ):  # fmt: skip
        copies = [type(item).FromString(item.SerializeToString()) for item in items]
        del field[:]
        field.extend(copies)
    del graph.value_info[:]
