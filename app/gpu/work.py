"""What comes back from work with the GPU add-on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.base.errors import ErrorReport
from app.gpu.values import GpuStatus, GpuStep

GpuTask = Literal["install", "verify", "remove"]


@dataclass(frozen=True, slots=True)
class GpuWork:
    """What is being done.

    Attributes:
        task: What.
        step: How far it is.
        stopping: Whether it was told to stop.
        freed: Bytes that came free, when it is through.
        wrong: Files that were found wrong.
        restart: Whether the program must be started again before it can be used.
        status: The look at its end.
    """

    task: GpuTask
    step: GpuStep | None = None
    stopping: bool = False
    freed: int = 0
    wrong: tuple[str, ...] = ()
    restart: bool = False
    status: GpuStatus | None = None


@dataclass(frozen=True, slots=True)
class GpuEnd:
    """How it ended."""

    work: GpuWork
    stopped: bool
    report: ErrorReport | None
