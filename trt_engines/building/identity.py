"""What an engine set was built from and for. If any of it differs, the set is built anew, never loaded."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from trt_engines.building.profiles import Limits
from trt_engines.errors import WeightsError
from trt_engines.weights.index import TensorRecord

ENGINE_VERSION = 4
_SAMPLES, _SAMPLE_BYTES = 64, 4096


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that makes an engine set the right one.

    The driver is not among it: TensorRT for RTX compiles its kernels when an engine is loaded. A new driver means a new
    self-test, which the certificate records.

    Attributes:
        version: Of this program's engines.
        weights: Hash of the checkpoint (`weights_identity`).
        templates: Hash of the graph templates.
        precision: Name of the precision.
        cuts: First and last + 1 layer of each segment.
        limits: Shapes that the engines take.
        flavour: "tensorrt_rtx" or "tensorrt".
        flavour_version: Its version.
        gpu: Name of the card.
        sm: Its compute capability times ten.
        vram: Its memory in GiB, rounded: drivers differ by some MB.
        system: Operating system and machine.
        streaming: Whether it was planned with segments that are streamed, and built so that they can stream themselves.
    """

    version: int
    weights: str
    templates: str
    precision: str
    cuts: tuple[tuple[int, int], ...]
    limits: Limits
    flavour: str
    flavour_version: str
    gpu: str
    sm: int
    vram: int
    system: str
    streaming: bool = False

    @property
    def key(self) -> str:
        """Name of the set's folder."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:20]

    def differences(self, other: Identity) -> tuple[str, ...]:
        """What differs, each in words: "GPU: built for RTX 3060, this is RTX 4090"."""
        words = {
            "version": "Dewpoint's engine version", "weights": "model files", "templates": "graphs",
            "precision": "precision", "cuts": "segments", "limits": "context", "flavour": "TensorRT",
            "flavour_version": "TensorRT version", "gpu": "GPU", "sm": "compute capability", "vram": "GPU memory",
            "system": "operating system", "streaming": "way of streaming",
        }  # fmt: skip
        found = []
        for name, word in words.items():
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and name in ("weights", "templates", "cuts", "limits", "streaming"):
                found.append(f"other {word}")
            elif mine != theirs:
                unit = " GiB" if name == "vram" else ""
                found.append(f"{word}: built for {theirs}{unit}, this is {mine}{unit}")
        return tuple(found)


def this_system() -> str:
    """Operating system and machine: "Linux x86_64"."""
    return f"{platform.system()} {platform.machine()}"


def weights_identity(records: Mapping[str, TensorRecord]) -> str:
    """Hash of a checkpoint: every tensor's name, type, shape and place, and samples of every file.

    A fine-tune changes practically all weights, so that samples tell it from what it was made of; hashing all of 50 GB
    would take minutes at every start.

    Raises:
        WeightsError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for record in sorted(records.values(), key=lambda record: record.name):
        line = f"{record.name} {record.file.name} {record.dtype} {record.shape} {record.offset} {record.length}\n"
        digest.update(line.encode())
    for file in sorted({record.file for record in records.values()}):
        digest.update(_samples(file))
    return digest.hexdigest()


def _samples(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        step = max(_SAMPLE_BYTES, size // _SAMPLES)
        parts = [str(size).encode()]
        with file.open("rb") as stream:
            for offset in range(0, size, step):
                stream.seek(offset)
                parts.append(stream.read(_SAMPLE_BYTES))
    except OSError as exc:
        raise WeightsError(f"{file} cannot be read: {exc.strerror}.", "Check the file and its rights.") from exc
    return b"".join(parts)
