"""A set of graph templates: one graph a kind of layer, one for the embedding, one for the head; without weights.

torch makes them once for a configuration (`inference.model.export_templates`); everything after that is ONNX alone. All
templates compute in bfloat16 where weights are large; `precision.lowered` turns that into float16 or float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from trt_engines.errors import EngineError
from trt_engines.files import read_json, write_whole
from trt_engines.graphs.names import MANIFEST

TEMPLATE_VERSION = 2


class TemplateError(EngineError):
    """Graph templates are missing, damaged or of another version."""


@dataclass(frozen=True, slots=True)
class LayerTemplate:
    """File of a layer's template, and the number of the layer that it was exported from."""

    file: str
    number: int


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """Templates of one configuration.

    Attributes:
        version: Version of the graphs' inputs and outputs.
        configuration: Fingerprint of the configuration that they were exported for.
        kept: Candidates that the head keeps a position.
        exact: Whether its soft embedding is taken over the whole vocabulary, else over those candidates.
        layers: The template of each layer.
        digests: sha256 of each file.
    """

    version: int
    configuration: str
    kept: int
    exact: bool
    layers: tuple[LayerTemplate, ...]
    digests: dict[str, str]


def write_templates(
    folder: Path,
    configuration: str,
    kept: int,
    exact: bool,
    layers: Sequence[LayerTemplate],
    graphs: dict[str, onnx.ModelProto],
) -> None:
    """Write all templates and, last, their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, graph in graphs.items():
        data = graph.SerializeToString(deterministic=True)
        digests[name] = hashlib.sha256(data).hexdigest()
        _write(folder / name, data)
    made = TemplateSet(TEMPLATE_VERSION, configuration, kept, exact, tuple(layers), digests)
    _write(folder / MANIFEST, (json.dumps(asdict(made), indent=1) + "\n").encode())


def _write(file: Path, data: bytes) -> None:
    try:
        write_whole(file, data)
    except OSError as exc:
        raise TemplateError(
            f"{file} cannot be written: {exc.strerror}.", "Make room or choose another folder."
        ) from exc


class Templates:
    """A set on disk; each file is checked against its digest when it is read.

    Attributes:
        folder: Where they lie.
        set: What the manifest says.
    """

    def __init__(self, folder: Path, manifest: TemplateSet) -> None:
        self.folder = folder
        self.set = manifest

    @classmethod
    def load(cls, folder: Path, configuration: str) -> Templates:
        """The set in `folder`.

        Raises:
            TemplateError: There is none, it is damaged, or it belongs to another version or configuration.
        """
        try:
            raw: dict[str, Any] = read_json(folder / MANIFEST)
            layers = tuple(LayerTemplate(**layer) for layer in raw.pop("layers"))
            manifest = TemplateSet(layers=layers, **raw)
        except FileNotFoundError as exc:
            raise TemplateError(f"There are no graph templates in {folder}.", "Install Dewpoint again.") from exc
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise TemplateError(f"{folder / MANIFEST} is damaged.", "Install Dewpoint again.") from exc
        if (manifest.version, manifest.configuration) != (TEMPLATE_VERSION, configuration):
            raise TemplateError(
                f"The graph templates in {folder} belong to another version or model.", "Install Dewpoint again."
            )
        return cls(folder, manifest)

    def graph(self, name: str) -> onnx.ModelProto:
        """One template, a fresh copy.

        Raises:
            TemplateError: The file is missing or damaged.
        """
        return onnx.load_model_from_string(self._checked(name))

    def check(self) -> None:
        """Read every file.

        Raises:
            TemplateError: One is missing or damaged.
        """
        for name in self.set.digests:
            self._checked(name)

    def _checked(self, name: str) -> bytes:
        file = self.folder / name
        try:
            data = file.read_bytes()
        except OSError as exc:
            raise TemplateError(f"{file} cannot be read: {exc.strerror}.", "Install Dewpoint again.") from exc
        if hashlib.sha256(data).hexdigest() != self.set.digests.get(name):
            raise TemplateError(f"{file} is damaged: its checksum is wrong.", "Install Dewpoint again.")
        return data

    @property
    def digest(self) -> str:
        """One hash over all files; part of an engine's key."""
        lines = "\n".join(f"{name} {digest}" for name, digest in sorted(self.set.digests.items()))
        return hashlib.sha256(lines.encode()).hexdigest()
