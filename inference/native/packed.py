"""Packed weights on the disk: one file a layer and one for the rest, each with a JSON file that makes it count.

A part is written to a temporary name, synced and renamed; its JSON comes last. So a run that was cancelled or killed
goes on behind the last whole part, and what lies there half is never read. The files are mapped: processes share them,
and nothing is read before it is used.

They may have come with a stranger's checkpoint, and nothing can tell that. So whatever the kernels trust, kind, sizes
and places, is compared with what this program would have written; the weights themselves may be any numbers.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import KnownError, ModelFolderError
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
_WRITTEN_AT_ONCE = 16 << 20
_OLD_SECONDS = 3600.0  # since it was written to last, nobody writes there any more
_REPORTS = 1000  # of one packing, whatever the number of matrices: they go through a pipe
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
    check: Callable[[], None],
) -> Path:
    """Pack whatever is not packed yet.

    Args:
        source: The checkpoint; the packed weights go into its folder.
        config: Its configuration.
        precision: What they become; "float32" is for comparisons and is never kept.
        workers: Threads.
        report: Told the share that is done, where anything is to be done.
        check: Called many times a second, by any thread; what it raises ends the work, and what is whole is kept.

    Returns:
        The folder of the packed weights.

    Raises:
        KnownError: The disk is too small, or refuses.
        ModelFolderError: A weight is not finite.
        WeightsError: Tensors are missing or damaged.
    """
    folder = packed_folder(source.folder, precision)
    sizes = {part: _part_bytes(config, precision, part) for part in model_parts(config)}
    label = _label(source, config, precision)
    try:
        _remove_unfinished(folder)
        missing = [part for part in sizes if _read_part(folder, part, label, config, sizes[part]) is None]
        wanted = sum(sizes[part] for part in missing)
        if missing and free_bytes(folder) < wanted + _SPARE_BYTES:
            raise KnownError(
                f"Packing this model for the processor needs {(wanted + _SPARE_BYTES) / 1e9:.1f} GB on the disk of "
                f"{source.folder}, and {free_bytes(folder) / 1e9:.1f} GB are free.",
                "Free some space, or move the model to another disk.",
            )
        progress = _Progress(sum(sizes.values()), sum(sizes.values()) - wanted, report)
        for part in missing:
            folder.mkdir(parents=True, exist_ok=True)
            matrices = part_matrices(source, config, precision, part, workers, check)
            _write_part(folder, part, label, matrices, progress, check)
    except OSError as exc:
        raise KnownError(
            f"The packed weights cannot be written to {folder}: {exc.strerror or exc}.",
            "Check that the folder may be written and the disk is not full.",
        ) from exc
    return folder


def _remove_unfinished(folder: Path) -> None:
    """Away with what a run that was killed has left half: it is never read, and takes the room that is needed.

    Of the other precision only what is old: a program beside this one may be writing there.
    """
    for file in folder.parent.glob("*/*.tmp"):
        if file.parent == folder or time.time() - file.stat().st_mtime > _OLD_SECONDS:
            file.unlink(missing_ok=True)


class _Progress:
    """Bytes that are packed, and who is told their share: at most a thousand times."""

    def __init__(self, total: int, done: int, report: Report) -> None:
        self._total, self._done, self._report = total, done, report
        self._told = 0

    def add(self, size: int) -> None:
        self._done += size
        if (share := self._done * _REPORTS // self._total) > self._told:
            self._told = share
            self._report(self._done / self._total)


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


def _view(data: NDArray[np.uint8], entry: _Entry) -> PackedMatrix:
    size = weight_bytes(entry.kind, entry.k, entry.n)
    scales = scale_bytes(entry.kind, entry.k, entry.n, entry.group)
    return PackedMatrix(
        entry.kind, entry.k, entry.n, entry.group, data[entry.weights : entry.weights + size],
        data[entry.scales : entry.scales + scales],
    )  # fmt: skip


def _write_part(
    folder: Path,
    part: int,
    label: dict[str, Any],
    matrices: Iterator[tuple[Place, PackedMatrix]],
    progress: _Progress,
    check: Callable[[], None],
) -> None:
    file, entries, at = _data(folder, part), [], 0
    temporary = file.with_suffix(".tmp")
    try:
        with temporary.open("wb") as stream:
            for place, matrix in matrices:
                starts = []
                for piece in (matrix.weights, matrix.scales):
                    starts.append(at)
                    for start in range(0, piece.nbytes, _WRITTEN_AT_ONCE):
                        check()
                        stream.write(piece[start : start + _WRITTEN_AT_ONCE].data)
                    stream.write(bytes(-piece.nbytes % _ALIGNED))
                    progress.add(stream.tell() - at)
                    at = stream.tell()
                entries.append(
                    _Entry(
                        place.layer, place.which, place.expert, matrix.kind, matrix.k, matrix.n, matrix.group, *starts
                    )
                )
        sync_file(temporary)
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    listed = [dataclasses.asdict(entry) for entry in entries]
    text = json.dumps({**label, "bytes": at, "matrices": listed})
    write_whole(file.with_suffix(".json"), text)


def _read_part(folder: Path, part: int, label: dict[str, Any], config: ModelConfig, size: int) -> list[_Entry] | None:
    """What lies in a part's file, if it is whole and of this model; anything else is as if it were not there."""
    file = _data(folder, part)
    try:
        raw = read_json(file.with_suffix(".json"))
        entries = [_Entry(**entry) for entry in raw["matrices"]]
        same = all(raw[name] == value for name, value in label.items()) and raw["bytes"] == size == file.stat().st_size
        good = same and all(_fits(entry, config, label["precision"], size) for entry in entries)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    complete = good and [entry.place for entry in entries] == list(part_places(config, part))
    return entries if complete else None


def _fits(entry: _Entry, config: ModelConfig, precision: Precision, size: int) -> bool:
    """Whether an entry says of its matrix what this program would, and lies in the file."""
    numbers = dataclasses.astuple(entry)
    if any(type(number) is not int for number in numbers[:3] + numbers[4:]):
        return False
    place, table = entry.place, entry.layer == WHOLE_MODEL and entry.which == TABLE
    if entry.kind != kind_of(precision, place) or (entry.n, entry.k) != packed_size(config, place):
        return False
    if entry.group != group_of(entry.kind, entry.k, table):
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
