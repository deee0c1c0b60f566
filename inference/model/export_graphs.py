"""Writes all graphs of a checkpoint and their manifest (see `inference.graphs.manifest`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from inference.graphs.manifest import (
    FEW_EXPERTS,
    GRAPH_VERSION,
    KEPT_CANDIDATES,
    GraphManifest,
    Precision,
    Progress,
    content_digest,
    exact_self_conditioning,
    file_digests,
    shape_fingerprint,
    weights_fingerprint,
    write_manifest,
)
from inference.model.graphs import (
    EmbedGraph,
    HeadGraph,
    StackGraph,
    embed_spec,
    head_spec,
    initialiser_name,
    stack_spec,
)
from inference.model.stack import DiffusionGemma
from inference.model_config import ModelConfig
from trt_engines.export.graph import GraphSpec, onnx_from_module, write_graph
from trt_engines.export.int8 import quantise_graph
from trt_engines.weights.index import TensorRecord

LAYERS_A_SEGMENT = 30


def write_graphs(
    folder: Path,
    config: ModelConfig,
    records: dict[str, TensorRecord],
    progress: Progress,
    few_experts: int = FEW_EXPERTS,
    precision: Precision = "float32",
) -> GraphManifest:
    """Export embed, the stack's segments and head into `folder`; the manifest comes last.

    Args:
        folder: The checkpoint.
        config: Its configuration.
        records: Its tensors.
        progress: Told what is being made.
        precision: "int8" for a small model that ships with its graphs; "float32" graphs hold no weights.
        few_experts: Up to so many experts the exact loop is exported; tests set 0 to get the capacity graph.

    Raises:
        EngineError: Export, binding or writing failed.
    """
    count = len(config.layers)
    segments = tuple((i, min(i + LAYERS_A_SEGMENT, count)) for i in range(0, count, LAYERS_A_SEGMENT))
    kept = min(KEPT_CANDIDATES, config.vocab_size)
    exact = exact_self_conditioning(config)
    with_capacity = config.experts > few_experts

    def segment(first: int, last: int) -> Callable[[], nn.Module]:
        return lambda: StackGraph(DiffusionGemma(config), first, last, with_capacity)

    jobs: list[tuple[GraphSpec, Callable[[], nn.Module]]] = [
        (embed_spec(config), lambda: EmbedGraph(DiffusionGemma(config))),
        (head_spec(config), lambda: HeadGraph(DiffusionGemma(config), kept, exact)),
        *((stack_spec(config, first, last), segment(first, last)) for first, last in segments),
    ]
    names = []
    for number, (spec, build) in enumerate(jobs):
        progress(f"Making graph {number + 1} of {len(jobs)}", number / len(jobs))
        names.append(f"dewpoint-{spec.name}.onnx")
        write_graph(onnx_from_module(build, spec, records, initialiser_name), folder / names[-1])
        if precision == "int8":
            quantise_graph(folder / names[-1])
    manifest = GraphManifest(
        version=GRAPH_VERSION,
        weights=weights_fingerprint(records),
        shape=shape_fingerprint(config),
        segments=segments,
        kept=kept,
        exact=exact,
        with_capacity=with_capacity,
        precision=precision,
        content=content_digest(records) if precision == "int8" else "",
        files=file_digests(folder, names),
    )
    write_manifest(folder, manifest)
    return manifest
