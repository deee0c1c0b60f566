"""The child process that builds one part: what it takes of memory is given back when it ends, and it may be killed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from onnx import ModelProto

from trt_engines.building.compile import compile_plan
from trt_engines.building.profiles import Limits, Profile, asked_profile, profiles
from trt_engines.building.store import Part
from trt_engines.errors import EngineError
from trt_engines.files import sync_file, sync_folder
from trt_engines.graphs.asked import asked_graph
from trt_engines.graphs.bind import bound_weights
from trt_engines.graphs.compose import EMBED, HEAD, end_graph, segment_graph
from trt_engines.graphs.names import ASKED
from trt_engines.graphs.precision import Compute, WeightFormat, lowered, quantised
from trt_engines.graphs.rotary import with_tables
from trt_engines.graphs.templates import Templates
from trt_engines.tensorrt.flavour import installed_flavour
from trt_engines.weights.source import WeightSource

REPORT_SECONDS = 0.1
TIMINGS = "timing.cache"  # beside all sets: they share it
WEIGHTS_SHARE = 0.5  # of the progress: finding and converting the weights; the rest is TensorRT's


@dataclass(frozen=True, slots=True)
class PartJob:
    """One part to build.

    Attributes:
        name: "embed", "head", "stackNN", or one of `graphs.names.ASKED`.
        cut: First and last + 1 layer of a segment; None for all others.
        model: Checkpoint folder.
        templates: Folder of the graph templates.
        configuration: Fingerprint that the templates must have.
        compute: Type that it computes in.
        form: Form of the large weights.
        limits: Shapes that it must take.
        sm: Compute capability times ten.
        folder: Where the plan goes.
        streaming: Whether segments may be asked to stream their weights themselves.
    """

    name: str
    cut: tuple[int, int] | None
    model: Path
    templates: Path
    configuration: str
    compute: Compute
    form: WeightFormat
    limits: Limits
    sm: int
    folder: Path
    streaming: bool = False

    @property
    def file(self) -> Path:
        """The finished plan."""
        return self.folder / f"{self.name}.plan"

    @property
    def log(self) -> Path:
        """What TensorRT says while it builds."""
        return self.folder / f"{self.name}.log"


def part_graph(job: PartJob) -> ModelProto:
    """The graph of a part, its weights still placeholders."""
    templates = Templates.load(job.templates, job.configuration)
    if job.name in ASKED:
        return lowered(asked_graph(templates, job.name), job.compute)
    if job.cut is None:
        return lowered(end_graph(templates, EMBED if job.name == "embed" else HEAD), job.compute)
    graph = quantised(lowered(segment_graph(templates, *job.cut), job.compute), job.form)
    return with_tables(graph, job.limits.positions)


def part_profiles(job: PartJob) -> tuple[Profile, ...]:
    """The shapes that a part takes; the head sees a canvas alone, and a profile for prompts would double its memory."""
    if job.name in ASKED:
        return (asked_profile(job.limits),)
    return profiles(job.limits)[:1] if job.name == "head" else profiles(job.limits)


def build_part(job: PartJob, connection: Connection) -> None:
    """Entry of the child process; sends ("progress", phase, fraction), then ("done", Part) or ("error", text, hint)."""
    with job.log.open("w", encoding="utf-8", buffering=1) as log:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and hasattr(stream, "fileno"):
                _redirect(stream, log.fileno())
        try:
            connection.send(("done", _built(job, connection, lambda line: _write_line(log, line))))
        except EngineError as exc:
            connection.send(("error", exc.user_text, exc.hint, exc.detail))
        except MemoryError:
            connection.send(("error", f"There was not enough memory to build {job.name}.", "Close other programs."))
        except OSError as exc:
            connection.send(("error", *_os_error(job, exc)))


def _redirect(stream: Any, target: int) -> None:
    try:
        os.dup2(target, stream.fileno())
    except (OSError, ValueError):
        return  # a program without a console has no such stream


def _write_line(log: Any, line: str) -> None:
    log.write(line.rstrip() + "\n")


def _os_error(job: PartJob, exc: OSError) -> tuple[str, str]:
    if exc.errno == errno.ENOSPC:
        text = f"The disk became full while {job.name} was being built."
        return text, "Make room and build again: what is finished is kept."
    if exc.errno == errno.EFBIG:
        text = f"The drive cannot hold a file as large as {job.name}; FAT32 ends at 4 GB a file."
        return text, "Put the data folder on a drive with exFAT, NTFS or ext4, and build again."
    return f"{job.name} could not be built: {exc}.", f"See {job.log.name} in {job.folder}."


def _built(job: PartJob, connection: Connection, log: Any) -> Part:
    start, report = time.monotonic(), _Reporter(connection)

    graph = part_graph(job)
    source = WeightSource.open(job.model)
    weights = bound_weights(graph, source, job.form, lambda done: _report_weights(report, done))
    part = job.file.with_suffix(".plan.part")
    digest = hashlib.sha256()
    try:
        with part.open("wb") as stream:

            def write(data: bytes) -> None:
                digest.update(data)
                stream.write(data)

            made = compile_plan(
                installed_flavour(), graph, weights, part_profiles(job), job.sm,
                lambda phase, done: report(phase, WEIGHTS_SHARE + (1 - WEIGHTS_SHARE) * done), log, write,
                job.folder.parent / TIMINGS, job.streaming and job.cut is not None,
            )  # fmt: skip
            size = stream.tell()
        sync_file(part)
        part.replace(job.file)
        with contextlib.suppress(OSError):  # some network drives cannot
            sync_folder(job.folder)
    finally:
        part.unlink(missing_ok=True)
    seconds = round(time.monotonic() - start, 1)
    bytes_of = (made.weight_bytes, made.scratch_bytes)
    return Part(job.file.name, size, digest.hexdigest(), *bytes_of, seconds, made.context_bytes)


class _Reporter:
    """Sends progress, some times a second; False once the program that wanted the engine is gone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = 0.0

    def __call__(self, phase: str, fraction: float) -> bool:
        if time.monotonic() < self._next:
            return True
        self._next = time.monotonic() + REPORT_SECONDS
        try:
            self._connection.send(("progress", phase, fraction))
        except OSError:
            return False
        return True


def _report_weights(report: _Reporter, done: float) -> None:
    if not report("reading weights", WEIGHTS_SHARE * done):
        raise EngineError("The program that wanted the engine is gone.")
