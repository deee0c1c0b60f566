"""A `GpuAddon` whose answers a test gives: what the window asks for is noted, nothing is fetched or looked at."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from app.base.errors import ErrorReport
from app.bridge.gpu import GpuAddon
from app.gpu.service import GpuTools
from app.gpu.values import GpuEnd, GpuOffer, GpuState, GpuStatus, GpuWork
from app.library.services import LibraryServices

MB = 1_000_000
FOLDER = Path("/data/Dewpoint/gpu")
ABSENT = GpuStatus(GpuState.ABSENT, FOLDER, "RTX 4070", False, 109 * MB, 357 * MB, "1.7.1.116")
INSTALLED = dataclasses.replace(ABSENT, state=GpuState.INSTALLED, size=357 * MB, installed="2026-11-24T12:30:00+00:00")
DAMAGED = dataclasses.replace(
    INSTALLED, state=GpuState.DAMAGED, damaged=("tensorrt_rtx_libs/libtensorrt_rtx.so.1", "pynvml.py")
)
BROKEN = dataclasses.replace(
    INSTALLED, state=GpuState.BROKEN, report=ErrorReport("known", "CUDA's bindings do not load (no symbol).", "")
)
OFFER = GpuOffer(
    "1.7.1.116", "RTX 4070", 109 * MB, 357 * MB, 412_000 * MB, FOLDER,
    "NVIDIA SOFTWARE LICENSE AGREEMENT\n\n" + "You may read this. " * 400, None,
)  # fmt: skip


class ScriptedGpu(GpuAddon):
    """Notes calls as (name, arguments); signals are emitted by the test."""

    def __init__(self, services: LibraryServices, tools: GpuTools | None = None, parent: QObject | None = None) -> None:
        super().__init__(services, tools, parent)
        self.calls: list[tuple[Any, ...]] = []

    def asked_for(self) -> list[tuple[Any, ...]]:
        """The calls but for looks."""
        return [call for call in self.calls if call[0] != "look"]

    def show(self, status: GpuStatus) -> None:
        """The answer of a look."""
        self._show(status)

    def show_work(self, work: GpuWork | None) -> None:
        """News of what is being done."""
        self._set(work)

    def end(self, work: GpuWork, stopped: bool = False, report: ErrorReport | None = None) -> None:
        """It is through."""
        self._set(None)
        if work.status is not None:
            self._show(work.status)
        self.work_ended.emit(GpuEnd(work, stopped, report))


def _noted(name: str) -> Any:
    def method(self: ScriptedGpu, *arguments: Any) -> None:
        self.calls.append((name, *arguments))

    return method


for _name in ("look", "ask", "do", "stop", "diagnose", "stop_diagnosis"):
    setattr(ScriptedGpu, _name, _noted(_name))
