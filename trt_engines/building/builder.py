"""Builds an engine set part by part; what is finished is kept, so that a build goes on where it was interrupted.

A generator of frozen events: stop iterating (or close it) and the child process is ended; nothing half-written stays.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from onnx import TensorProto

from trt_engines.building.child import PartJob, build_part, part_graph
from trt_engines.building.identity import Identity
from trt_engines.building.names import LOCK, MANIFEST
from trt_engines.building.store import EngineManifest, EngineStore, Part, same_size, write_json
from trt_engines.errors import EngineError
from trt_engines.files import free_bytes
from trt_engines.graphs.bind import placeholders
from trt_engines.graphs.names import ASKED
from trt_engines.graphs.precision import NUMPY_TYPES, Compute, WeightFormat
from trt_engines.planning.shape import ModelShape
from trt_engines.process import messages
from trt_engines.tensorrt.card_report import read_report

KERNELS_BYTES = 64 << 20  # of a plan, beside its weights
SPARE_BYTES = 256 << 20  # of the disk, left to others


class BuildError(EngineError):
    """Engines could not be built."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    Attributes:
        identity: From what and for what.
        model: Name of the model, to show.
        model_folder: The checkpoint.
        templates: Folder of the graph templates.
        configuration: Fingerprint that the templates must have.
        compute: Type that the engines compute in.
        form: Form of the large weights.
        shape: The model's numbers.
    """

    identity: Identity
    model: str
    model_folder: Path
    templates: Path
    configuration: str
    compute: Compute
    form: WeightFormat
    shape: ModelShape

    def jobs(self, folder: Path, streaming: bool | None = None) -> tuple[PartJob, ...]:
        """One job for each part, in the order of building: the quick ones first.

        `streaming`: whether segments may be asked to stream themselves, if that is not as planned.
        """
        itself = self.identity.streaming if streaming is None else streaming
        stacks = ((f"stack{first:02}", (first, last)) for first, last in self.identity.cuts)
        return tuple(
            PartJob(
                name, cut, self.model_folder, self.templates, self.configuration, self.compute, self.form,
                self.identity.limits, self.identity.sm, folder, itself,
            )
            for name, cut in (*((end, None) for end in ("embed", "head", *ASKED)), *stacks)
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build is.

    Attributes:
        part: Name of the part that is being built.
        number: Its number, from 1.
        count: Parts of the set.
        phase: What is being done, in TensorRT's words.
        fraction: Of the whole set, 0..1; never falls.
        seconds_left: Estimate; None until there is something to estimate from.
    """

    part: str
    number: int
    count: int
    phase: str
    fraction: float
    seconds_left: float | None


def build_engines(store: EngineStore, request: BuildRequest) -> Iterator[BuildProgress]:
    """Build what is missing of a set; the last event has fraction 1.

    1. One build of a set at a time. 2. Keep the parts that are there. 3. Build the others, each in its own process.

    Raises:
        BuildError: Another program builds this set, the disk is too small, a part cannot be built or its process died.
        EngineError: The checkpoint, the templates or TensorRT is to blame.
    """
    folder = store.folder(request.identity)
    # 1.
    with _only_one(folder):
        # 2.
        found = store.find(request.identity).manifest
        jobs = request.jobs(folder, _stream_themselves(store, request.identity))
        names = tuple(job.name for job in jobs)
        kept = {name: part for name, part in (found.parts if found else {}).items() if same_size(folder, part)}
        manifest = EngineManifest(request.identity, request.model, str(request.model_folder), names, kept)
        write_json(folder / MANIFEST, manifest)
        sizes = {job.name: _estimated_bytes(job) for job in jobs}
        _check_disk(folder, sum(sizes[job.name] for job in jobs if job.name not in kept))
        # 3.
        clock = _Clock(sizes, set(kept))
        for number, job in enumerate(jobs, start=1):
            if job.name in kept:
                continue
            _check_disk(folder, sizes[job.name])
            done = yield from _build_one(job, number, len(jobs), clock)
            built = datetime.now(UTC).isoformat(timespec="seconds")
            manifest = dataclasses.replace(manifest, parts={**manifest.parts, job.name: done}, built=built)
            write_json(folder / MANIFEST, manifest)
            clock.finished(job.name)
        yield BuildProgress(names[-1], len(jobs), len(jobs), "done", 1.0, 0.0)


def _stream_themselves(store: EngineStore, identity: Identity) -> bool:
    """Whether segments are built so that they can stream themselves: where weights may have to leave the card.

    Not where the trial of this card found a way that needs no such engines: those that are built for memory that we
    bring allocate nothing while they run, and the builder refuses both together.
    """
    found = read_report(store.root)
    if found is None or (found.card, found.version) != (identity.gpu, identity.flavour_version):
        return identity.streaming
    return identity.streaming and found.way not in ("manager", "deferred")


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise BuildError(
            "Another program is building these engines.", "Wait until it is done; they can be used then."
        ) from exc
    except OSError as exc:
        raise BuildError(f"{folder} cannot be written: {exc.strerror}.", "Make room or choose another folder.") from exc
    try:
        yield
    finally:
        lock.release()


def _estimated_bytes(job: PartJob) -> int:
    total = KERNELS_BYTES
    for item in placeholders(part_graph(job)):
        packed = item.data_type in (TensorProto.INT4, TensorProto.FLOAT4E2M1)
        width = 0.5 if packed else NUMPY_TYPES[item.data_type].itemsize
        total += int(math.prod(item.dims) * width)
    return total


def _check_disk(folder: Path, needed: int) -> None:
    free = free_bytes(folder) - SPARE_BYTES
    if needed > free:
        raise BuildError(
            f"The engines need {needed / 1e9:.1f} GB more on the disk, and {max(0, free) / 1e9:.1f} GB are free.",
            "Make room, or move the data folder to another drive; what is built is kept.",
        )


class _Clock:
    """Progress of the whole set, by the bytes of its parts, and the time that is left."""

    def __init__(self, sizes: dict[str, int], kept: set[str]) -> None:
        self._sizes = sizes
        self._done = set(kept)
        self._total = sum(sizes.values())
        self._before = self._share(0, "")
        self._start = time.monotonic()
        self._highest = 0.0

    def _share(self, fraction: float, part: str) -> float:
        done = sum(self._sizes[name] for name in self._done if name in self._sizes)
        return (done + fraction * self._sizes.get(part, 0)) / self._total

    def at(self, part: str, fraction: float) -> tuple[float, float | None]:
        """Share of the whole, and seconds left."""
        self._highest = max(self._highest, self._share(fraction, part))
        gained, passed = self._highest - self._before, time.monotonic() - self._start
        left = passed * (1 - self._highest) / gained if gained > 0.01 and passed > 2 else None
        return self._highest, left

    def finished(self, part: str) -> None:
        self._done.add(part)


def _build_one(job: PartJob, number: int, count: int, clock: _Clock) -> Generator[BuildProgress, None, Part]:
    """Run the child process of one part; yields its progress and returns the `Part`."""
    phase, fraction = "starting", 0.0
    try:
        with closing(messages(build_part, job, f"built {job.name}")) as news:
            for message in news:
                if message is not None and message[0] == "done":
                    part: Part = message[1]
                    return part
                if message is not None:
                    phase, fraction = message[1], message[2]
                share, left = clock.at(job.name, fraction)
                yield BuildProgress(job.name, number, count, phase, share, left)
    finally:
        job.file.with_suffix(".plan.part").unlink(missing_ok=True)
    raise BuildError(f"The process that built {job.name} ended without an answer.", "Build again.")
