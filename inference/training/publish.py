"""From a run to a checkpoint folder in Hugging Face layout that `transformers` and this program load.

Writes the averaged weights in fp16, `config.json`, `generation_config.json`, the tokenizer with its chat template, and
the exported graphs (int8: about twice as fast on a CPU as float32). The model card is written by `card.py` from the
evaluation's result.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.config import model_config_from_folder
from inference.graphs.made import digest, remember
from inference.graphs.names import NAME_NOTE
from inference.model.export_graphs import write_graphs
from inference.model.stack import DiffusionGemma
from inference.model.weights import checkpoint_tensors
from inference.text.chat_template import FILE as TEMPLATE
from inference.training.recipe import CONFIG, DISPLAY_NAME, GENERATION_CONFIG, SHORT_CANVAS
from trt_engines.weights.index import index_checkpoint

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", TEMPLATE)


def publish(model: DiffusionGemma, run_folder: Path, folder: Path) -> str:
    """Write `model` and the run's tokenizer to `folder`, and export its graphs.

    Returns:
        The number of the graphs; those of a model that ships are entered in `inference/graphs/made.py`.

    Raises:
        EngineError: The graphs cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = checkpoint_tensors(model, torch.float16)
    tensors.update(_vision_tensors())
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    _write_json(folder / "config.json", {**CONFIG, "dtype": "float16"})
    _write_json(folder / "generation_config.json", GENERATION_CONFIG)
    _write_json(folder / NAME_NOTE, {"display_name": DISPLAY_NAME, "short_canvas": SHORT_CANVAS})
    for name in TOKENIZER_FILES:
        shutil.copyfile(run_folder / name, folder / name)
    config, records = model_config_from_folder(folder), index_checkpoint(folder)
    manifest = write_graphs(folder, config, records, lambda stage, fraction: None, precision="int8")
    remember(manifest)
    return digest(manifest)


def _vision_tensors() -> dict[str, Tensor]:
    """Zeros for the smallest vision tower; `transformers` expects one in every checkpoint, nothing here uses it."""
    from transformers import DiffusionGemmaConfig, DiffusionGemmaForBlockDiffusion

    config = DiffusionGemmaConfig.from_dict(json.loads(json.dumps(CONFIG)))
    with torch.device("meta"):
        model = DiffusionGemmaForBlockDiffusion(config)
    return {
        name: torch.zeros(tensor.shape, dtype=torch.float16)
        for name, tensor in model.state_dict().items()
        if "vision" in name
    }


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
