"""One TensorRT engine: contexts, addresses, and weights that can leave the card and come back. Not yet run on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import DeviceError, DeviceMemoryError
from trt_engines.tensorrt.flavour import Flavour

_AGAIN = "Build the engines again."


class TensorRtEngine:
    """Implements `trt_engines.runtime.device.Engine`.

    Attributes:
        name: Name of the part.
        weight_bytes: Size of its weights.
        input_names: Its inputs.
    """

    def __init__(
        self, flavour: Flavour, runtime: Any, device: CudaDevice, name: str, plan: bytearray, weight_bytes: int,
        cache: bytes = b"",
    ) -> None:  # fmt: skip
        """Deserialise a plan, which brings its weights to the card.

        Args:
            flavour: The installed TensorRT.
            runtime: Its runtime object, one for all engines.
            device: The card.
            name: Name of the part.
            plan: The serialised engine.
            weight_bytes: What the manifest says of its weights.
            cache: Kernels that an earlier run compiled.

        Raises:
            DeviceMemoryError: There is not enough memory on the card.
            DeviceError: TensorRT refuses the plan.
        """
        self.name, self.weight_bytes, self.loaded = name, weight_bytes, False
        self._flavour, self._device, self._cache = flavour, device, cache
        self._stream = device.new_stream()
        self._engine = runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise self._refused(weight_bytes)
        trt = flavour.module
        names = [self._engine.get_tensor_name(number) for number in range(self._engine.num_io_tensors)]
        self.input_names = tuple(n for n in names if self._engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT)
        self._names = tuple(names)
        self._contexts = [self._context(number) for number in range(self._engine.num_optimization_profiles)]
        self.loaded = True
        self._manager: Any = None
        self._copy: NDArray[np.uint8] | None = None

    def _context(self, profile: int) -> Any:
        context = self._flavour.new_context(self._engine, self._cache)
        if context is None:
            raise self._refused(0)
        if profile and not context.set_optimization_profile_async(profile, self._stream):
            raise DeviceError(f"{self.name} does not take its profile {profile}.", _AGAIN)
        self._device.synchronise(self._stream)
        return context

    def _refused(self, needed: int) -> DeviceError | DeviceMemoryError:
        if needed > self._device.free_bytes():
            return DeviceMemoryError("The card has not enough free memory.", "Close other programs that use the card.")
        return DeviceError(f"TensorRT cannot load the engine {self.name}.", _AGAIN)

    def _keep_copy(self) -> None:
        """Copy the weights to page-locked memory of the machine, from which they come back."""
        self._manager = self._engine.create_weights_manager()
        if self._manager is None:
            raise DeviceError(
                f"{self._flavour.name} {self._flavour.version} cannot move the weights of {self.name}.",
                "Update TensorRT, or choose a precision that fits on the card.",
            )
        size = int(self._manager.get_size())
        self._copy = self._device.pinned(size)
        host = self._flavour.module.TensorLocation.HOST
        if not self._manager.save_to_buffer(self._copy.ctypes.data, size, host, self._stream):
            raise DeviceError(f"The weights of {self.name} cannot be copied from the card.", _AGAIN)
        self._device.synchronise(self._stream)

    @property
    def streamable(self) -> bool:
        """Whether its weights can leave the card and come back."""
        return self._flavour.streams_weights

    def prepare(self, profile: int, shapes: dict[str, tuple[int, ...]]) -> int:
        """Set the input shapes; returns the bytes of workspace."""
        context = self._contexts[min(profile, len(self._contexts) - 1)]
        for name in self.input_names:
            if not context.set_input_shape(name, shapes[name]):
                raise DeviceError(f"{self.name} does not take {name} of shape {shapes[name]}.", _AGAIN)
        return int(context.update_device_memory_size_for_shapes())

    def enqueue(self, profile: int, addresses: dict[str, int], workspace: int, size: int, stream: int) -> None:
        """Run on a stream."""
        context = self._contexts[min(profile, len(self._contexts) - 1)]
        context.set_device_memory(workspace, size)
        for name in self._names:
            context.set_tensor_address(name, addresses[name])
        if not context.execute_async_v3(stream):
            raise DeviceError(f"The engine {self.name} cannot run.", "Verify the engines, or build them again.")

    def load_weights(self, stream: int) -> None:
        """Bring the weights back from page-locked memory; nothing to do if they never left."""
        if self.loaded:
            return
        if self._copy is None:
            raise DeviceError(f"The weights of {self.name} have no copy to load.", "This is a bug in this program.")
        host = self._flavour.module.TensorLocation.HOST
        if not self._manager.restore_from_buffer(self._copy.ctypes.data, len(self._copy), host, stream):
            raise self._refused(self.weight_bytes)
        self.loaded = True

    def unload_weights(self, stream: int) -> None:
        """Free the card's memory that the weights take; the first time, a copy is made before."""
        if self._copy is None:
            self._keep_copy()
        if not self._manager.unload(stream):
            raise DeviceError(f"The weights of {self.name} cannot be taken from the card.", _AGAIN)
        self.loaded = False

    def compiled_kernels(self) -> bytes:
        """What to pass as `cache` next time."""
        return self._flavour.runtime_cache_of(self._contexts[0])

    def close(self) -> None:
        """Free contexts and engine."""
        self._contexts.clear()
        self._manager = self._engine = self._copy = None
