"""The graphs that ONNX Runtime runs: those beside the weights if they still fit, else made anew."""

from __future__ import annotations

import os
from pathlib import Path

from inference.checkpoint.tensors import check_plain
from inference.config import model_config_from_folder
from inference.errors import GraphError, ModelFolderError
from inference.graphs.exporting import HINT, can_export
from inference.graphs.manifest import GraphManifest, Progress, known_errors, valid_manifest
from trt_engines.weights.index import TensorRecord, index_checkpoint


def ensure_graphs(folder: Path, progress: Progress) -> tuple[GraphManifest, bool]:
    """The manifest of usable graphs in `folder`, made anew if need be; and whether they were made anew.

    Raises:
        ModelFolderError: The checkpoint is missing, damaged or not of this architecture.
        GraphError: Graphs must be made but cannot be (no `export` extra, read-only folder, symbolic links).
    """
    config = model_config_from_folder(folder)
    with known_errors(ModelFolderError):
        records = index_checkpoint(folder)
    manifest = valid_manifest(folder, config, records)
    if manifest is not None:
        return manifest, False
    check_plain(config, records)
    _check_folder(folder, records)
    if not can_export():
        raise GraphError(
            f"The model in {folder} has no graphs for this version yet, and making them needs PyTorch.",
            HINT,
        )
    from inference.model.export_graphs import write_graphs  # torch: only when graphs must be made

    with known_errors(GraphError):
        return write_graphs(folder, config, records, progress), True


def _check_folder(folder: Path, records: dict[str, TensorRecord]) -> None:
    links = sorted({r.file.name for r in records.values() if r.file.is_symlink()})
    if links:
        raise GraphError(
            f"{folder} holds symbolic links ({links[0]}); ONNX Runtime refuses weights behind links.",
            "Copy the model to a folder of its own, following links (Linux: cp -rL FROM TO), and open that folder.",
        )
    if not os.access(folder, os.W_OK):
        raise GraphError(
            f"{folder} cannot be written, and the graphs must lie beside the weights.",
            "Make the folder writable, or copy the model to a folder of yours and open that one.",
        )
