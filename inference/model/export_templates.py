"""Writes the graph templates of a configuration (see `trt_engines.graphs`).

`python -m inference.model.export_templates FOLDER` writes those that are shipped.

The templates of the published configuration are shipped in `resources/graphs/`; those of any other one are made where
the `export` extra is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch

from inference.config import model_config_from_folder
from inference.graphs.manifest import KEPT_CANDIDATES, exact_self_conditioning
from inference.graphs.shipped import configuration_fingerprint, shipped_folder
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
from trt_engines.export.graph import template_from_module
from trt_engines.graphs.compose import EMBED, HEAD
from trt_engines.graphs.templates import LayerTemplate, write_templates


def export_templates(config: ModelConfig, folder: Path) -> None:
    """Export embed, head and one layer of each kind into `folder`.

    Raises:
        EngineError: Export or writing failed.
    """
    kept, exact = min(KEPT_CANDIDATES, config.vocab_size), exact_self_conditioning(config)

    def model() -> DiffusionGemma:
        return DiffusionGemma(config).lower(torch.bfloat16)

    graphs: dict[str, onnx.ModelProto] = {
        EMBED: template_from_module(lambda: EmbedGraph(model()), embed_spec(config), initialiser_name),
        HEAD: template_from_module(lambda: HeadGraph(model(), kept, exact), head_spec(config), initialiser_name),
    }
    first_of_kind = {spec: config.layers.index(spec) for spec in config.layers}
    layers = []
    for spec in config.layers:
        number = first_of_kind[spec]
        name = f"layer{number}-{spec.kind.removesuffix('_attention')}.onnx"
        layers.append(LayerTemplate(name, number))
        if name not in graphs:
            graphs[name] = _layer(config, number)
    write_templates(folder, configuration_fingerprint(config), kept, exact, layers, graphs)


def _layer(config: ModelConfig, number: int) -> onnx.ModelProto:
    def build() -> StackGraph:
        model = DiffusionGemma(config).lower(torch.bfloat16)
        return StackGraph(model, number, number + 1, with_capacity=True, for_tensorrt=True)

    return template_from_module(build, stack_spec(config, number, number + 1, "bfloat16"), initialiser_name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the templates of the configuration in a folder into `resources/graphs`."""
    parser = argparse.ArgumentParser(prog="python -m inference.model.export_templates", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder that holds a config.json")
    config = model_config_from_folder(parser.parse_args(arguments).folder)
    export_templates(config, shipped_folder(config))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
