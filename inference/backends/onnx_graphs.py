"""The graphs that ONNX Runtime runs: those beside the weights if they still fit, else made anew."""

from __future__ import annotations

import os
from pathlib import Path

from inference.checkpoint.tensors import check_plain
from inference.config import model_config_from_folder
from inference.errors import GraphError, ModelFolderError
from inference.graphs.exporting import HINT, can_export
from inference.graphs.made import is_ours, remember
from inference.graphs.manifest import GraphManifest, Progress, fits, known_errors, read_manifest
from inference.model_config import ModelConfig
from trt_engines.weights.index import TensorRecord, index_checkpoint


def ensure_graphs(
    folder: Path, progress: Progress, made: Path | None = None, config: ModelConfig | None = None
) -> tuple[GraphManifest, bool]:
    """The manifest of usable graphs in `folder`, made anew if need be; and whether they were made anew.

    Graphs are usable if they are ours and fit the weights.

    Args:
        folder: The checkpoint.
        progress: Told what is being made.
        made: Where it is remembered which graphs are ours, see `inference.graphs.made.made_folder`.
        config: Its configuration, where it was read already.

    Raises:
        ModelFolderError: The checkpoint is missing, damaged or not of this architecture.
        GraphError: Graphs must be made but cannot be (no `export` extra, read-only folder, symbolic links).
    """
    config = config or model_config_from_folder(folder)
    with known_errors(ModelFolderError):
        records = index_checkpoint(folder)
    manifest = valid_graphs(folder, config, records, made)
    if manifest is not None:
        return manifest, False
    check_plain(config, records)
    _check_folder(folder, records)
    if not can_export():
        raise GraphError(_cannot_make(folder, made), HINT)
    from inference.model.export_graphs import write_graphs  # torch: only when graphs must be made

    with known_errors(GraphError):
        written = write_graphs(folder, config, records, progress)
    remember(written, made)
    return written, True


def valid_graphs(
    folder: Path, config: ModelConfig, records: dict[str, TensorRecord], made: Path | None = None
) -> GraphManifest | None:
    """The manifest of the graphs in `folder` if they are ours and can be used as they are, else None."""
    manifest = read_manifest(folder)
    usable = manifest is not None and is_ours(manifest, made) and fits(manifest, folder, config, records)
    return manifest if usable else None


def _cannot_make(folder: Path, made: Path | None) -> str:
    manifest = read_manifest(folder)
    if manifest is not None and not is_ours(manifest, made):
        return (
            f"The graphs beside the model in {folder} were not made on this computer and are not run; making others "
            "needs PyTorch."
        )
    return f"The model in {folder} has no graphs for this version yet, and making them needs PyTorch."


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
