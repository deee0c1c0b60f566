"""From plans on the disk to engines on the card, each checked against its manifest first."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from trt_engines.building.store import EngineManifest, checked_plan
from trt_engines.errors import EngineError
from trt_engines.files import write_whole
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.trt_engine import TensorRtEngine
from trt_engines.tensorrt.flavour import Flavour

KERNELS = "kernels.cache"


class EngineLoader:
    """Opens the parts of one engine set; kernels that TensorRT compiles are kept beside them."""

    def __init__(self, flavour: Flavour, device: CudaDevice, folder: Path, manifest: EngineManifest) -> None:
        """Raises `EngineError` if the set was built by another TensorRT than the one that is installed."""
        identity = manifest.identity
        if (identity.flavour, identity.flavour_version) != (flavour.name, flavour.version):
            raise EngineError(
                f"These engines were built by {identity.flavour} {identity.flavour_version}; installed is "
                f"{flavour.name} {flavour.version}.",
                "Build them again.",
            )
        self._flavour, self._device, self._folder, self._manifest = flavour, device, folder, manifest
        self._runtime: Any = flavour.module.Runtime(flavour.module.Logger(flavour.module.Logger.ERROR))

    def open(self, name: str) -> TensorRtEngine:
        """Load a part.

        Raises:
            DamagedEngineError: The plan is not what the manifest says.
            EngineError: TensorRT cannot load it, or there is not enough memory.
        """
        part = self._manifest.parts[name]
        plan = checked_plan(self._folder, part)
        return TensorRtEngine(
            self._flavour, self._runtime, self._device, name, plan, part.weight_bytes, self._kernels(name)
        )

    def keep_kernels(self, engine: TensorRtEngine) -> None:
        """Keep what a part has compiled, so that it starts faster next time; not being able to is no error."""
        kernels = engine.compiled_kernels()
        if kernels:
            with contextlib.suppress(OSError):
                write_whole(self._folder / f"{engine.name}.{KERNELS}", kernels)

    def _kernels(self, name: str) -> bytes:
        try:
            return (self._folder / f"{name}.{KERNELS}").read_bytes()
        except OSError:
            return b""
