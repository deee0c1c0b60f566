"""Packed weights on the disk: one file a layer and one for the rest, each with a JSON file that makes it count.

A part is written to a temporary name, hashed while it is written, synced and renamed; its JSON comes last. So a run
that was cancelled or killed goes on behind the last whole part, and what lies there half is never read. The files are
mapped: processes share them, and nothing is read before it is used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import KnownError, ModelFolderError, PassStoppedError
from inference.graphs.manifest import shape_fingerprint, weights_fingerprint
from inference.model_config import ModelConfig
from inference.native.matrices import Kind, PackedMatrix, group_of, scale_bytes, weight_bytes
from inference.native.weights import (
    DOWN,
    EXPERT_DOWN,
    EXPERT_GATE_UP,
    GATE_UP,
    HEAD,
    MIX_DOWN,
    MIX_GATE_UP,
    OUT,
    QKV,
    ROUTER,
    TABLE,
    WHOLE_MODEL,
    Place,
    Precision,
    packed_size,
    part_matrices,
)
from trt_engines.files import free_bytes, read_json, sync_file, write_whole
from trt_engines.weights.source import WeightSource

FOLDER = "packed"
_VERSION = 1
_ALIGNED = 64
_SPARE_BYTES = 1 << 30
_AGAIN = "Delete the folder and open the model again; it is then made anew."
Report = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One matrix in a part's file: where it belongs, what it is, and where its weights and scales begin."""

    layer: int
    which: int
    expert: int
    kind: Kind
    k: int
    n: int
    group: int
    weights: int
    scales: int

    @property
    def place(self) -> Place:
        return Place(self.layer, self.which, self.expert)


def packed_folder(folder: Path, precision: Precision) -> Path:
    """Where the packed weights of a checkpoint lie."""
    return folder / FOLDER / precision


def model_parts(config: ModelConfig) -> tuple[int, ...]:
    """All layers, and what belongs to none."""
    return (*range(len(config.layers)), WHOLE_MODEL)


def packed_bytes(config: ModelConfig, precision: Precision) -> int:
    """Bytes of all packed weights of a model."""
    return sum(_part_bytes(config, precision, part) for part in model_parts(config))


def pack_model(
    source: WeightSource,
    config: ModelConfig,
    precision: Precision,
    workers: int,
    report: Report,
    cancelled: Callable[[], bool],
) -> Path:
    """Pack whatever is not packed yet.

    Args:
        source: The checkpoint; the packed weights go into its folder.
        config: Its configuration.
        precision: What they become; "float32" is for comparisons and is never kept.
        workers: Threads.
        report: Told the share that is done.
        cancelled: Asked between matrices.

    Returns:
        The folder of the packed weights.

    Raises:
        PassStoppedError: `cancelled` said so; what is whole is kept.
        KnownError: The disk is too small, or refuses.
        ModelFolderError: A weight is not finite.
        WeightsError: Tensors are missing or damaged.
    """
    folder = packed_folder(source.folder, precision)
    sizes = {part: _part_bytes(config, precision, part) for part in model_parts(config)}
    label = _label(source, config, precision)
    total, done = sum(sizes.values()), 0
    try:
        missing = [part for part in sizes if _read_part(folder, part, label, config, sizes[part]) is None]
        wanted = sum(sizes[part] for part in missing)
        if missing and free_bytes(folder) < wanted + _SPARE_BYTES:
            raise KnownError(
                f"Packing this model for the processor needs {(wanted + _SPARE_BYTES) / 1e9:.1f} GB on the disk of "
                f"{source.folder}, and {free_bytes(folder) / 1e9:.1f} GB are free.",
                "Free some space, or move the model to another disk.",
            )
        for part in sizes:
            if part in missing:
                folder.mkdir(parents=True, exist_ok=True)
                share = _Share(done, total, report, cancelled)
                matrices = part_matrices(source, config, precision, part, workers, share.check)
                _write_part(folder, part, label, matrices, share)
            done += sizes[part]
            report(done / total)
    except OSError as exc:
        raise KnownError(
            f"The packed weights cannot be written to {folder}: {exc.strerror or exc}.",
            "Check that the folder may be written and the disk is not full.",
        ) from exc
    return folder


@dataclass(slots=True)
class _Share:
    """Progress within a part, and the question whether to go on."""

    done: int
    total: int
    report: Report
    cancelled: Callable[[], bool]

    def check(self) -> None:
        if self.cancelled():
            raise PassStoppedError

    def written(self, size: int) -> None:
        self.report(min(1.0, (self.done + size) / self.total))


def mapped_matrices(
    source: WeightSource, config: ModelConfig, precision: Precision
) -> Iterator[tuple[Place, PackedMatrix]]:
    """All matrices of a packed model, mapped.

    Raises:
        ModelFolderError: A part is missing, or its files do not fit the model.
    """
    folder, label = packed_folder(source.folder, precision), _label(source, config, precision)
    for part in model_parts(config):
        entries = _read_part(folder, part, label, config, _part_bytes(config, precision, part))
        if entries is None:
            raise ModelFolderError(f"{_data(folder, part).name} of {folder} is missing or damaged.", _AGAIN)
        data = np.memmap(_data(folder, part), np.uint8, mode="r")
        for entry in entries:
            yield entry.place, _view(data, entry)


def verify_packed(folder: Path) -> list[str]:
    """Names of the parts in `folder` whose bytes are not those that were written; reads all of them."""
    wrong = []
    for file in sorted(folder.glob("*.json")):
        try:
            digest = read_json(file)["sha256"]
            with file.with_suffix(".bin").open("rb") as stream:
                same = hashlib.file_digest(stream, "sha256").hexdigest() == digest
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            wrong.append(file.stem)
    return wrong


def _view(data: NDArray[np.uint8], entry: _Entry) -> PackedMatrix:
    size = weight_bytes(entry.kind, entry.k, entry.n)
    scales = scale_bytes(entry.kind, entry.k, entry.n, entry.group)
    return PackedMatrix(
        entry.kind, entry.k, entry.n, entry.group, data[entry.weights : entry.weights + size],
        data[entry.scales : entry.scales + scales],
    )  # fmt: skip


def _write_part(
    folder: Path, part: int, label: dict[str, Any], matrices: Iterator[tuple[Place, PackedMatrix]], share: _Share
) -> None:
    file, entries, digest, at = _data(folder, part), [], hashlib.sha256(), 0
    temporary = file.with_suffix(".tmp")
    try:
        with temporary.open("wb") as stream:
            for place, matrix in matrices:
                starts = []
                for piece in (matrix.weights, matrix.scales):
                    starts.append(at)
                    padding = bytes(-piece.nbytes % _ALIGNED)
                    for data in (piece.data, padding):
                        stream.write(data)
                        digest.update(data)
                    at += piece.nbytes + len(padding)
                entries.append(
                    _Entry(
                        place.layer, place.which, place.expert, matrix.kind, matrix.k, matrix.n, matrix.group, *starts
                    )
                )
                share.written(at)
        sync_file(temporary)
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    listed = [dataclasses.asdict(entry) for entry in entries]
    text = json.dumps({**label, "bytes": at, "sha256": digest.hexdigest(), "matrices": listed})
    write_whole(file.with_suffix(".json"), text)


def _read_part(folder: Path, part: int, label: dict[str, Any], config: ModelConfig, size: int) -> list[_Entry] | None:
    """What lies in a part's file, if it is whole and of this model; anything else is as if it were not there."""
    file = _data(folder, part)
    try:
        raw = read_json(file.with_suffix(".json"))
        entries = [_Entry(**entry) for entry in raw["matrices"]]
        same = all(raw[name] == value for name, value in label.items()) and raw["bytes"] == size == file.stat().st_size
        good = same and all(_fits(entry, config, size) for entry in entries)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    complete = good and [entry.place for entry in entries] == list(part_places(config, part))
    return entries if complete else None


def _fits(entry: _Entry, config: ModelConfig, size: int) -> bool:
    """Whether an entry says of its matrix what this program would, and lies in the file."""
    numbers = dataclasses.astuple(entry)
    if any(type(number) is not int for number in numbers[:3] + numbers[4:]):
        return False
    table = entry.layer == WHOLE_MODEL and entry.which == TABLE
    if (entry.n, entry.k) != packed_size(config, entry.place) or entry.group != group_of(entry.kind, entry.k, table):
        return False
    ends = (
        entry.weights + weight_bytes(entry.kind, entry.k, entry.n),
        entry.scales + scale_bytes(entry.kind, entry.k, entry.n, entry.group),
    )
    starts = (entry.weights, entry.scales)
    return min(starts) >= 0 and max(ends) <= size and all(start % _ALIGNED == 0 for start in starts)


def part_places(config: ModelConfig, part: int) -> Iterator[Place]:
    """The matrices of a part, in the order in which they are packed."""
    if part == WHOLE_MODEL:
        yield from (Place(part, which) for which in (MIX_GATE_UP, MIX_DOWN, HEAD, TABLE))
        return
    yield from (Place(part, which) for which in (QKV, OUT, GATE_UP, DOWN, ROUTER))
    for which in (EXPERT_GATE_UP, EXPERT_DOWN):
        yield from (Place(part, which, expert) for expert in range(config.experts))


def kind_of(precision: Precision, place: Place) -> Kind:
    """What a matrix becomes in a packed model."""
    if place.layer != WHOLE_MODEL and place.which == ROUTER:
        return "float32"
    expert = place.layer != WHOLE_MODEL and place.which in (EXPERT_GATE_UP, EXPERT_DOWN)
    return "int4" if precision == "int4" and expert else "int8"


def _part_bytes(config: ModelConfig, precision: Precision, part: int) -> int:
    total = 0
    for place in part_places(config, part):
        n, k = packed_size(config, place)
        kind = kind_of(precision, place)
        group = group_of(kind, k, place.layer == WHOLE_MODEL and place.which == TABLE)
        for size in (weight_bytes(kind, k, n), scale_bytes(kind, k, n, group)):
            total += -(-size // _ALIGNED) * _ALIGNED
    return total


def _label(source: WeightSource, config: ModelConfig, precision: Precision) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "precision": precision,
        "weights": weights_fingerprint(source.records),
        "shape": shape_fingerprint(config),
    }


def _data(folder: Path, part: int) -> Path:
    return folder / ("outside.bin" if part == WHOLE_MODEL else f"layer-{part:03}.bin")
