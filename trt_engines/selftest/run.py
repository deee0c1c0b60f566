"""The self-test of an engine set on this machine's card, in a process of its own; writes the certificate."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from trt_engines.building.builder import BuildRequest
from trt_engines.building.state import Certificate, Check, write_certificate
from trt_engines.building.store import EngineStore
from trt_engines.errors import EngineError
from trt_engines.graphs.compose import EMBEDDING
from trt_engines.graphs.precision import COMPUTE_TYPES, NUMPY_TYPES
from trt_engines.graphs.templates import Templates
from trt_engines.planning.probe import DetectedGpu
from trt_engines.process import messages
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.load import EngineLoader
from trt_engines.selftest.check import check_parts
from trt_engines.selftest.reference import Reference
from trt_engines.tensorrt.flavour import installed_flavour
from trt_engines.weights.source import WeightSource


@dataclass(frozen=True, slots=True)
class TestJob:
    """What the child process tests, and the UUID of the card that it tests it on."""

    store: EngineStore
    request: BuildRequest
    card: str


def self_test(store: EngineStore, request: BuildRequest, card: DetectedGpu) -> Generator[Check | None, None, None]:
    """Test each part; the certificate is written when the last one is done, or the first one has failed.

    Yields a check as it is made, and None now and then, so that the reader can stop.

    Raises:
        EngineError: There is no usable card or TensorRT, a plan is damaged, or the process died.
    """
    found = store.find(request.identity)
    if found.manifest is None or not found.manifest.complete:
        raise EngineError("These engines are not complete.", "Build them first.")
    checks: list[Check] = []
    with closing(messages(run_test, TestJob(store, request, card.uuid), "tested the engines")) as news:
        for message in news:
            if message is not None and message[0] == "check":
                checks.append(message[1])
            yield None if message is None or message[0] != "check" else message[1]
    tested = datetime.now(UTC).isoformat(timespec="seconds")
    key, built = request.identity.key, found.manifest.built
    write_certificate(found, Certificate(key, built, card.driver, tested, tuple(checks)))


def run_test(job: TestJob, connection: Connection) -> None:
    """Entry of the child process; sends ("check", Check) for each part, then ("done",) or ("error", text, hint)."""
    try:
        for check in _checks(job):
            connection.send(("check", check))
        connection.send(("done",))
    except EngineError as exc:
        connection.send(("error", exc.user_text, exc.hint))
    except MemoryError:
        connection.send(("error", "There was not enough memory for the self-test.", "Close other programs."))


def _checks(job: TestJob) -> Iterator[Check]:
    request = job.request
    manifest = job.store.find(request.identity).manifest
    if manifest is None:
        raise EngineError("These engines are gone.", "Build them again.")
    device = CudaDevice(job.card)
    loader = EngineLoader(installed_flavour(), device, job.store.folder(request.identity), manifest)
    source = WeightSource.open(request.model_folder)
    templates = Templates.load(request.templates, request.configuration)
    dtype = NUMPY_TYPES[COMPUTE_TYPES[request.compute]]
    yield from check_parts(
        device, loader.open, Reference(templates, source, request.compute, request.form), request.shape,
        request.identity.cuts, request.identity.limits.canvas, source.array(EMBEDDING).astype(dtype, copy=False),
        request.identity.precision,
    )  # fmt: skip
