"""An add-on on a data folder of its own, and wheels to install."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.gpu.service import GpuService
from app.network.client import Network
from tests.helpers.tiny_wheels import TinyWheels

Install = Callable[..., None]


@pytest.fixture
def wheels(tmp_path: Path) -> TinyWheels:
    """Wheels and lock are written."""
    return TinyWheels(tmp_path / "wheels").write()


@pytest.fixture
def addon(wheels: TinyWheels, dewpoint_home: Path) -> GpuService:
    """Installs them."""
    return GpuService(AppPaths(dewpoint_home), Network(), wheels.tools())


@pytest.fixture
def install(addon: GpuService) -> Install:
    """Install to the end, and expect that nothing lies about."""

    def run(other: GpuService | None = None) -> None:
        one = other or addon
        for _ in one.install(threading.Event()):
            pass
        assert names(one) == {"gpu", "gpu.lock"}

    return run


def names(addon: GpuService) -> set[str]:
    """What lies in the data folder."""
    return {path.name for path in addon.folder.parent.iterdir()}
