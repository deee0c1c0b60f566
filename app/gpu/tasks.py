"""What runs in the threads of `GpuAddon`: generators that yield values for the window; no Qt."""

from __future__ import annotations

import threading
from collections.abc import Generator

from app.doctor.checks import Finding, checks
from app.gpu.service import GpuService, GpuTools
from app.gpu.values import GpuOffer, GpuStatus, GpuStep, GpuTask
from app.library.services import LibraryServices
from trt_engines.errors import EngineError
from trt_engines.tensorrt.flavour import installed_flavour


def looked(services: LibraryServices, tools: GpuTools | None) -> Generator[GpuStatus, None, None]:
    """A look."""
    yield addon_of(services, tools).status()


def asked(services: LibraryServices, tools: GpuTools | None) -> Generator[GpuOffer, None, None]:
    """What an installation means."""
    yield addon_of(services, tools).offer()


def diagnosed(services: LibraryServices, tools: GpuTools | None) -> Generator[Finding | None, None, None]:
    """Everything that the doctor looks at."""
    yield from checks(services, addon_of(services, tools))


def worked(
    services: LibraryServices, tools: GpuTools | None, task: GpuTask, cancel: threading.Event
) -> Generator[GpuStep | GpuStatus | int | tuple[str, ...] | bool, None, None]:
    """Install, verify or remove.

    Yields:
        Steps; the bytes that came free; the files that are wrong; whether it can be used without a restart; the look.
    """
    addon = addon_of(services, tools)
    if task == "remove":
        yield addon.remove()
    elif task == "verify":
        wrong = yield from addon.verify()
        yield wrong
        if not wrong:
            yield from addon.tried()
    else:
        yield from addon.install(cancel)
        yield usable_now()
    yield addon.status()


def addon_of(services: LibraryServices, tools: GpuTools | None) -> GpuService:
    """The add-on of a data folder."""
    return GpuService(services.paths, services.network, tools)


def usable_now() -> bool:
    """Whether TensorRT can be imported in this process."""
    try:
        installed_flavour()
    except EngineError:
        return False
    return True
