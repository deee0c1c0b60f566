"""The self-test of an engine set on this machine's card, in a process of its own; writes the certificate."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from trt_engines.building.builder import BuildRequest
from trt_engines.building.state import Certificate, Check, Oracle, write_certificate
from trt_engines.building.store import EngineStore
from trt_engines.errors import EngineError
from trt_engines.graphs.compose import EMBEDDING
from trt_engines.graphs.precision import COMPUTE_TYPES, NUMPY_TYPES
from trt_engines.graphs.templates import Templates
from trt_engines.planning.margins import spare_bytes
from trt_engines.planning.planner import always_bytes, resident_segments
from trt_engines.planning.probe import DetectedGpu
from trt_engines.process import messages
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.load import EngineLoader
from trt_engines.runtime.opening import open_runner
from trt_engines.runtime.runner import HEAD_ROWS
from trt_engines.selftest.check import check_parts
from trt_engines.selftest.oracle import compare, stored_precision
from trt_engines.selftest.reference import Reference
from trt_engines.tensorrt.flavour import installed_flavour
from trt_engines.weights.source import WeightSource


@dataclass(frozen=True, slots=True)
class TestJob:
    """What the child process tests.

    Attributes:
        store: Where the engines lie.
        request: What was built.
        card: UUID of the card.
        free: Bytes that are free on it.
        published: Whether the checkpoint is one whose numbers are known.
    """

    store: EngineStore
    request: BuildRequest
    card: str
    free: int
    published: bool = False


def self_test(
    store: EngineStore, request: BuildRequest, card: DetectedGpu, published: bool = False
) -> Generator[Check | None, None, None]:
    """Test each part; the certificate is written when the last one is done, or the first one has failed.

    Yields a check as it is made, and None now and then, so that the reader can stop. Where all are right and the
    checkpoint is as it was `published`, its logits are compared with the original's; the certificate holds that, too.

    Raises:
        EngineError: There is no usable card or TensorRT, a plan is damaged, or the process died.
    """
    found = store.find(request.identity)
    if found.manifest is None or not found.manifest.complete:
        raise EngineError("These engines are not complete.", "Build them first.")
    checks: list[Check] = []
    oracle: Oracle | None = None
    job = TestJob(store, request, card.uuid, card.free, published)
    with closing(messages(run_test, job, "tested the engines")) as news:
        for message in news:
            if message is not None and message[0] == "check":
                checks.append(message[1])
            elif message is not None and message[0] == "oracle":
                oracle = message[1]
            yield None if message is None or message[0] != "check" else message[1]
    tested = datetime.now(UTC).isoformat(timespec="seconds")
    key, built = request.identity.key, found.manifest.built
    write_certificate(found, Certificate(key, built, card.driver, tested, tuple(checks), oracle))


def run_test(job: TestJob, connection: Connection) -> None:
    """Entry of the child process; sends ("check", Check) for each part, ("oracle", Oracle), at last ("done",).

    Or ("error", text, hint, detail).
    """
    try:
        checks = []
        for check in _checks(job):
            checks.append(check)
            connection.send(("check", check))
        if job.published and all(check.passed for check in checks):
            with contextlib.suppress(EngineError):  # it needs more of the card than the checks; nothing depends on it
                connection.send(("oracle", _oracle(job)))
        connection.send(("done",))
    except EngineError as exc:
        connection.send(("error", exc.user_text, exc.hint, exc.detail))
    except MemoryError:
        connection.send(("error", "There was not enough memory for the self-test.", "Close other programs."))


def _checks(job: TestJob) -> Iterator[Check]:
    request = job.request
    device = CudaDevice(job.card)
    loader, source = _loader(job, device), WeightSource.open(request.model_folder)
    dtype = NUMPY_TYPES[COMPUTE_TYPES[request.compute]]
    yield from check_parts(
        device, loader.open, _reference(request, source)[0], request.shape, request.identity.cuts,
        request.identity.limits, source.array(EMBEDDING).astype(dtype, copy=False), request.identity.precision,
    )  # fmt: skip
    device.close()


def _oracle(job: TestJob) -> Oracle:
    """The whole model, once."""
    request = job.request
    source, device = WeightSource.open(request.model_folder), CudaDevice(job.card)
    reference, kept = _reference(request, source)
    loader = _loader(job, device)
    stacks = tuple(part.weight_bytes for name, part in loader.manifest.parts.items() if name.startswith("stack"))
    scratch = max(part.scratch_bytes for part in loader.manifest.parts.values())
    always = always_bytes(request.shape, request.identity.limits.context, HEAD_ROWS, scratch)
    always += loader.manifest.context_bytes
    resident = resident_segments(stacks, job.free - always - spare_bytes(job.free))
    runner = open_runner(loader, request, kept, source.array(EMBEDDING), resident, HEAD_ROWS)
    try:
        stored = stored_precision(sum(record.length for record in source.records.values()), request.shape)
        return compare(runner, reference, request.identity.precision, stored)
    finally:
        runner.close()


def _loader(job: TestJob, device: CudaDevice) -> EngineLoader:
    manifest = job.store.find(job.request.identity).manifest
    if manifest is None:
        raise EngineError("These engines are gone.", "Build them again.")
    return EngineLoader(installed_flavour(), device, job.store.folder(job.request.identity), manifest)


def _reference(request: BuildRequest, source: WeightSource) -> tuple[Reference, int]:
    """ONNX Runtime's side, and how many candidates the head keeps."""
    templates = Templates.load(request.templates, request.configuration)
    return Reference(templates, source, request.compute, request.form), templates.set.kept
