"""What the exported graphs of a checkpoint folder are: their manifest, and whether they still fit the weights.

Graphs lie beside the weights (`dewpoint-*.onnx`) with a manifest that names the weights by the hash of their headers,
so that a graph is never run over weights with another layout. Whether they are ours is not for the folder to say
(`inference.graphs.made`). Making them (`inference.model.export_graphs`) needs the
`export` extra (torch, onnxscript); checking and running them does not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from inference.errors import GraphError, ModelFolderError
from inference.graphs.names import MANIFEST
from inference.model_config import ModelConfig
from trt_engines.errors import EngineError, WeightsError
from trt_engines.files import open_regular, read_json, write_whole
from trt_engines.weights.index import TensorRecord

GRAPH_VERSION = 3
# The soft embedding is taken over the whole vocabulary, as transformers does. With this variable set to "kept" and a
# vocabulary above that size it is taken over the kept candidates: faster, and other tokens (benchmarks/agreement.py).
SELF_CONDITIONING_VARIABLE, KEPT_ONLY = "DEWPOINT_SELF_CONDITIONING", "kept"
EXACT_VOCABULARY = 16_384
KEPT_CANDIDATES = 8
# Up to so many experts, each runs over just its own tokens; above, all run at once with checked capacity.
FEW_EXPERTS = 16

_LARGEST_MANIFEST = 1 << 20

Progress = Callable[[str, float], None]
Precision = Literal["float32", "int8"]


@dataclass(frozen=True, slots=True)
class GraphManifest:
    """What lies beside the graphs.

    Attributes:
        version: Version of the graphs' inputs and outputs.
        weights: Hash of the headers of all weight files.
        shape: Hash of the configuration's shape fields.
        segments: First and last + 1 layer of each stack graph.
        kept: Candidates kept a position.
        exact: Whether self-conditioning uses the whole vocabulary.
        with_capacity: Whether experts are batched with checked capacity.
        precision: What products are computed in; int8 graphs hold their weights themselves.
        content: sha256 of the weight files that an int8 graph was made from, "" for graphs that are bound to them.
        files: sha256 of each graph file.
    """

    version: int
    weights: str
    shape: str
    segments: tuple[tuple[int, int], ...]
    kept: int
    exact: bool
    with_capacity: bool
    precision: Precision
    content: str
    files: dict[str, str]


def exact_self_conditioning(config: ModelConfig) -> bool:
    """Whether the soft embedding is taken over the whole vocabulary, else over the kept candidates."""
    return config.vocab_size <= EXACT_VOCABULARY or os.environ.get(SELF_CONDITIONING_VARIABLE) != KEPT_ONLY


def weights_fingerprint(records: dict[str, TensorRecord]) -> str:
    """Hash of every tensor's name, type, shape and place; cheap, and enough to tell layouts apart."""
    lines = (f"{r.name} {r.file.name} {r.dtype} {r.shape} {r.offset} {r.length}" for r in records.values())
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def shape_fingerprint(config: ModelConfig) -> str:
    """Hash of what the graphs depend on; sampler values, ids, window and canvas length are not among it."""
    fields = asdict(config)
    for name in ("sampler", "canvas_length", "sliding_window", "max_context", "pad_id", "bos_id", "eos_ids"):
        del fields[name]
    del fields["image_ids"], fields["dtype"]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: Path) -> GraphManifest | None:
    """What the manifest in `folder` says, None if there is none that can be read."""
    try:
        raw: dict[str, Any] = read_json(folder / MANIFEST, _LARGEST_MANIFEST)
        raw["segments"] = tuple((int(a), int(b)) for a, b in raw["segments"])
        return GraphManifest(**raw)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def fits(manifest: GraphManifest, folder: Path, config: ModelConfig, records: dict[str, TensorRecord]) -> bool:
    """Whether the graphs of a manifest that is ours are whole and belong to these weights."""
    exact = exact_self_conditioning(config)
    wanted = (GRAPH_VERSION, weights_fingerprint(records), shape_fingerprint(config), exact)
    if (manifest.version, manifest.weights, manifest.shape, manifest.exact) != wanted:
        return False
    if manifest.content and manifest.content != content_digest(records):
        return False
    return all(_sha256(folder / name) == digest for name, digest in manifest.files.items())


def content_digest(records: dict[str, TensorRecord]) -> str:
    """sha256 over the bytes of all weight files; for small models only."""
    digest = hashlib.sha256()
    for file in sorted({record.file for record in records.values()}):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: GraphManifest) -> None:
    """Write the manifest whole or not at all."""
    write_whole(folder / MANIFEST, json.dumps(asdict(manifest), indent=1) + "\n")


def file_digests(folder: Path, names: list[str]) -> dict[str, str]:
    """sha256 of each of the files."""
    return {name: _sha256(folder / name) for name in names}


def _sha256(file: Path) -> str:
    try:
        with open_regular(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def known_errors(kind: type[ModelFolderError] | type[GraphError]) -> Iterator[None]:
    """Errors of `trt_engines` leave as errors of this package."""
    try:
        yield
    except WeightsError as exc:
        raise ModelFolderError(exc.user_text, exc.hint) from exc
    except EngineError as exc:
        raise kind(exc.user_text, exc.hint) from exc
