"""A whole benchmark, for command line and window: every side after another, and a report at its end."""

from __future__ import annotations

import dataclasses
import os
import platform
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from app import __version__
from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.library.processor import measure_processor, processor_name, processor_of
from app.library.services import LibraryServices
from app.machine.bench import texts
from app.machine.bench.figures import rows
from app.machine.bench.model import measure_backend
from app.machine.bench.published import measure_transformers
from app.machine.bench.server import ServerAddress, measure_server
from app.machine.bench.values import (
    PROCESSOR,
    SERVER,
    TRANSFORMERS,
    BenchComputer,
    BenchPlan,
    BenchReport,
    BenchStep,
    SideSoFar,
)
from app.network.client import Network
from trt_engines.errors import EngineError
from trt_engines.planning.probe import detected_gpus


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured.

    Attributes:
        folder: The model's; None for fake backends.
        name: What it is called until it says its own name.
        backends: Each of them; those that are not there are told.
        compare: Whether transformers answers, too.
        against: A server that answers, too; None for none.
        plan: Prompts, seeds, lengths, presets.
        peak: Operations a second of int8 products that were measured on this processor; None where nobody measured.
    """

    folder: Path | None
    name: str
    backends: tuple[str, ...]
    compare: bool = False
    against: ServerAddress | None = None
    plan: BenchPlan = field(default_factory=BenchPlan)
    peak: float | None = None


def whole_benchmark(
    asked: Asked, services: LibraryServices, cancel: threading.Event
) -> Generator[BenchStep | BenchReport, None, None]:
    """What `benchmark` does; before it, what this processor reaches is measured for some seconds, once."""
    processor = processor_of(services.paths)
    if processor.kernels and processor.speed is None:
        yield BenchStep(PROCESSOR, 0, asked.plan.runs)
        processor = measure_processor(services, cancel)
    peak = processor.speed.int8_peak if processor.speed is not None else None
    yield from benchmark(dataclasses.replace(asked, peak=peak), services.paths, services.network, cancel)


def benchmark(
    asked: Asked, paths: AppPaths, network: Network, cancel: threading.Event
) -> Generator[BenchStep | BenchReport, None, None]:
    """Measure; nothing is sent anywhere but to `asked.against`.

    Yields:
        A `BenchStep` after each answer; at last, also after a stop that left something to report, the `BenchReport`.

    Raises:
        KnownAppError: Nothing was measured; says why.
    """
    if asked.against is not None:
        network.check()  # before minutes are spent on everything else
    when = datetime.now(UTC).isoformat(timespec="seconds")
    sides: list[SideSoFar] = []
    for side, steps in _sides(asked, paths, network, cancel):
        if cancel.is_set():
            break
        sides.append(side)
        yield from steps
    done = tuple(side.side() for side in sides)
    table = rows(done)
    if not table:
        if cancel.is_set():
            return
        raise KnownAppError(texts.NOTHING_MEASURED, " ".join(side.trouble for side in done if side.trouble))
    model = next((side.model for side in done if side.model and side.name != SERVER), "") or asked.name
    computer = dataclasses.replace(this_computer(), int8_peak=asked.peak)
    yield BenchReport(__version__, when, computer, model, asked.plan, done, table, cancel.is_set())


def this_computer() -> BenchComputer:
    """What is measured on; the user's and the computer's names are no part of it."""
    system = f"{platform.system()} {platform.release()}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        cards = detected_gpus()
    except EngineError:
        cards = ()
    names, driver = tuple(card.gpu.name for card in cards), cards[0].driver if cards else ""
    return BenchComputer(system, processor_name(), cores, int(psutil.virtual_memory().total), names, driver)


def _sides(
    asked: Asked, paths: AppPaths, network: Network, cancel: threading.Event
) -> Generator[tuple[SideSoFar, Generator[BenchStep, None, None]], None, None]:
    log = paths.logs / "bench.log"
    for name in asked.backends:
        side = SideSoFar(name)
        yield side, measure_backend(side, asked.folder, paths.engines, log, asked.plan, cancel, asked.peak)
    if asked.compare and asked.folder is not None:
        side = SideSoFar(TRANSFORMERS)
        yield side, measure_transformers(side, asked.folder, asked.plan, cancel)
    if asked.against is not None:
        side = SideSoFar(SERVER)
        yield side, measure_server(side, network, asked.against, asked.plan, cancel)
