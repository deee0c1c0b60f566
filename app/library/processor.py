"""How fast large models are on this processor: measured once, in a process of its own, and remembered.

What is remembered counts for this processor and these kernels alone; anything else that lies there is as nothing.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import threading
from pathlib import Path
from typing import Any

from app.base.files import read_json, write_whole
from app.base.log import get_logger
from app.base.paths import AppPaths
from app.library.services import LibraryServices
from app.library.values import Processor
from inference.look.questions import MeasureProcessor
from inference.native.build import library_there
from trt_engines.errors import DewpointError
from trt_engines.planning.processor import ProcessorSpeed

_MOST_BYTES = 10_000
_log = get_logger("library")


def processor_of(paths: AppPaths) -> Processor:
    """What is known of this processor, without measuring anything."""
    kernels = library_there()
    if kernels is None:
        return Processor()
    try:
        raw = read_json(_note(paths), _MOST_BYTES)
        speed = ProcessorSpeed(**raw["speed"]) if raw["machine"] == _machine(kernels) else None
    except (OSError, ValueError, LookupError, TypeError):
        return Processor(True)
    return Processor(True, speed if speed is not None and _sensible(speed) else None)


def measure_processor(services: LibraryServices, cancel: threading.Event) -> Processor:
    """Measure for some seconds in a process of its own, and remember it; what fails leaves the speed unknown."""
    kernels = library_there()
    if kernels is None:
        return Processor()
    speed: ProcessorSpeed | None = None
    try:
        for found in services.looks.follow(MeasureProcessor(), cancel):
            speed = found
        if speed is not None:
            note = {"machine": _machine(kernels), "speed": dataclasses.asdict(speed)}
            write_whole(_note(services.paths), json.dumps(note))
    except (DewpointError, OSError) as exc:
        _log.info("the processor was not measured: %s", exc)
    return Processor(True, speed)


def _note(paths: AppPaths) -> Path:
    return paths.base / "processor.json"


def _machine(kernels: str) -> str:
    """What a measurement is true of."""
    return f"{processor_name()}, {os.cpu_count()} processors, {kernels}"


def processor_name() -> str:
    """What the processor of this computer calls itself; "" where the system does not say."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            found = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
            return next(found, platform.processor())
    except OSError:
        return platform.processor()


def _sensible(speed: ProcessorSpeed) -> bool:
    rates: tuple[Any, ...] = (speed.layer_rate, speed.head_rate, speed.int8_peak)
    return all(isinstance(rate, float) and 1e6 < rate < 1e18 for rate in rates)
