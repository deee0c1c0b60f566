"""What runs in the threads of `GpuKeeper`: generators that yield values for the window; no Qt."""

from __future__ import annotations

import threading
from collections.abc import Generator

from app.doctor.checks import Check, checks
from app.gpu.service import GpuAddon, GpuTools
from app.gpu.values import GpuOffer, GpuStep, GpuView
from app.gpu.work import GpuTask
from app.library.services import ModelDesk
from trt_engines.errors import EngineError
from trt_engines.tensorrt.flavour import installed_flavour


def looked(desk: ModelDesk, tools: GpuTools | None) -> Generator[GpuView, None, None]:
    """A look."""
    yield addon_of(desk, tools).view()


def asked(desk: ModelDesk, tools: GpuTools | None) -> Generator[GpuOffer, None, None]:
    """What an installation means."""
    yield addon_of(desk, tools).offer()


def diagnosed(desk: ModelDesk, tools: GpuTools | None) -> Generator[Check | None, None, None]:
    """Everything that the doctor looks at."""
    yield from checks(desk, addon_of(desk, tools))


def worked(
    desk: ModelDesk, tools: GpuTools | None, task: GpuTask, cancel: threading.Event
) -> Generator[GpuStep | GpuView | int | tuple[str, ...] | bool, None, None]:
    """Install, verify or remove.

    Yields:
        Steps; the bytes that came free; the files that are wrong; whether it can be used without a restart; the look.
    """
    addon = addon_of(desk, tools)
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
    yield addon.view()


def addon_of(desk: ModelDesk, tools: GpuTools | None) -> GpuAddon:
    """The add-on of a data folder."""
    return GpuAddon(desk.paths, desk.network, tools)


def usable_now() -> bool:
    """Whether TensorRT can be imported in this process."""
    try:
        installed_flavour()
    except EngineError:
        return False
    return True
