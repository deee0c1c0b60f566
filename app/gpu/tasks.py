"""What is done with the GPU add-on in the background: generators that yield values for the window; no Qt.

`app.bridge.gpu` runs them in its threads, and imports this module there: the window starts without it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator

from app.gpu.service import GpuService, GpuTools
from app.gpu.values import GpuFreed, GpuOffer, GpuStatus, GpuStep, GpuUsable, GpuWorkKind, GpuWrongFiles
from app.library.services import LibraryServices
from trt_engines.errors import EngineError
from trt_engines.tensorrt.card_report import CardReport, TrialStep
from trt_engines.tensorrt.flavour import installed_flavour


class GpuTasks:
    """Looks at the add-on, installs, verifies and removes it; each method may run in any thread."""

    def __init__(self, services: LibraryServices, tools: GpuTools | None) -> None:
        self.service = GpuService(services.paths, services.network, tools)

    def look(self) -> Generator[GpuStatus, None, None]:
        """A look."""
        yield self.service.status()

    def ask(self) -> Generator[GpuOffer, None, None]:
        """What an installation means."""
        yield self.service.offer()

    def work(
        self, kind: GpuWorkKind, cancel: threading.Event
    ) -> Generator[
        GpuStep | GpuFreed | GpuWrongFiles | GpuUsable | GpuStatus | TrialStep | CardReport | None, None, None
    ]:
        """Install (and try the card), verify, remove or try the card; at last a look."""
        if kind == "remove":
            yield self.service.remove()
        elif kind == "verify":
            wrong = yield from self.service.verify()
            yield GpuWrongFiles(wrong)
            if not wrong:
                yield from self.service.tried()
        elif kind == "try":
            yield from self._card_tried()
        else:
            yield from self.service.install(cancel)
            yield GpuUsable(usable_now())
            status = self.service.status()
            yield status  # it is installed, also if the card's trial is stopped
            if status.can_try and not cancel.is_set():
                with contextlib.suppress(EngineError):  # that is no failure of the installation
                    yield from self._card_tried()
        yield self.service.status()

    def _card_tried(self) -> Generator[GpuStep | TrialStep | CardReport | None, None, None]:
        yield GpuStep("card")
        yield from self.service.try_card()


def usable_now() -> bool:
    """Whether TensorRT can be imported in this process."""
    try:
        installed_flavour()
    except EngineError:
        return False
    return True
