"""One TensorRT engine: contexts, addresses, and weights that may leave the card and come back. Not yet run on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trt_engines.errors import EngineError
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import DeviceError, DeviceMemoryError, UnfitEngineError
from trt_engines.runtime.weight_ways import ReadPlan, WayError, WayName, new_way
from trt_engines.tensorrt.flavour import Flavour
from trt_engines.tensorrt.runtime_cache import RuntimeCache
from trt_engines.tensorrt.words import listening_logger

_AGAIN = "Build the engines again."
_NO_MEMORY = ("memory", "alloc")  # in TensorRT's words, where it ran out


@dataclass(frozen=True, slots=True)
class Opening:
    """What all engines of a set are opened with.

    Attributes:
        flavour: The installed TensorRT.
        runtime: Its runtime object.
        words: The runtime's logger (`trt_engines.tensorrt.words`).
        device: The card.
        cache: Kernels.
        way: How weights leave the card and come back.
        safe: Whether nothing is tried that is not needed.
    """

    flavour: Flavour
    runtime: Any
    words: Any
    device: CudaDevice
    cache: RuntimeCache
    way: WayName = "plain"
    safe: bool = False


def new_opening(flavour: Flavour, device: CudaDevice, cache: RuntimeCache | None = None, safe: bool = False) -> Opening:
    """With a runtime of its own; weights come with the engines and stay."""
    words = listening_logger(flavour.module)
    return Opening(flavour, flavour.module.Runtime(words), words, device, cache or RuntimeCache(None), "plain", safe)


class TensorRtEngine:
    """Implements `trt_engines.runtime.device.Engine`.

    Attributes:
        name: Name of the part.
        weight_bytes: Size of its weights.
        input_names: Its inputs.
    """

    def __init__(self, opening: Opening, name: str, read: ReadPlan, weight_bytes: int) -> None:
        """Deserialise a plan.

        Args:
            opening: What all engines are opened with.
            name: Name of the part.
            read: Reads the serialised engine, perhaps more than once.
            weight_bytes: What the manifest says of its weights.

        Raises:
            DeviceMemoryError: There is not enough memory on the card.
            WayError: Its weights cannot go this way.
            UnfitEngineError: The engine can never be loaded here.
            DeviceError: TensorRT refuses the plan.
        """
        self.name, self.weight_bytes = name, weight_bytes
        self._opening, self._device = opening, opening.device
        self._stream = opening.device.new_stream()
        self._weights = new_way(opening.way, opening.flavour, opening.device, read)
        self._engine: Any = None
        self._contexts: list[Any] = []
        self._prepared: dict[int, tuple[dict[str, tuple[int, ...]], int]] = {}
        try:
            self._engine = self._weights.deserialised(opening.runtime)
            if self._engine is None:
                raise self._refused(f"TensorRT cannot load the engine {name}.", weight_bytes)
            trt = opening.flavour.module
            names = [self._engine.get_tensor_name(number) for number in range(self._engine.num_io_tensors)]
            self.input_names = tuple(n for n in names if self._engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT)
            self._names = tuple(names)
            self._make_contexts()
        except DeviceError as exc:
            self.close()
            raise self._with_words(exc) from exc
        except UnfitEngineError as exc:
            self.close()
            raise UnfitEngineError(exc.user_text, exc.hint, f"{name}: {exc.detail}\n{opening.words.said()}") from exc
        except EngineError:
            self.close()
            raise

    def _make_contexts(self) -> None:
        self._contexts = [self._context(number) for number in range(self._engine.num_optimization_profiles)]
        self._prepared.clear()

    def _context(self, profile: int) -> Any:
        context = self._opening.flavour.new_context(self._engine, self._opening.cache, self._opening.safe)
        if context is None:
            raise self._refused(f"TensorRT cannot run the engine {self.name}.", 0)
        if profile and not context.set_optimization_profile_async(profile, self._stream):
            raise self._refused(f"{self.name} does not take its profile {profile}.", 0)
        self._device.synchronise(self._stream)
        return context

    def _refused(self, text: str, needed: int, hint: str = _AGAIN) -> DeviceError | DeviceMemoryError:
        """Out of memory, where TensorRT says so or the card has less than is needed; else that it refuses."""
        said = self._opening.words.said()
        if needed > self._device.free_bytes() or all(word in said.lower() for word in _NO_MEMORY):
            text = "The card has not enough free memory."
            return DeviceMemoryError(text, "Close other programs that use the card.", said)
        return DeviceError(text, hint, said)

    def _with_words(self, exc: DeviceError) -> DeviceError:
        return type(exc)(exc.user_text, exc.hint, exc.detail or self._opening.words.said())

    @property
    def streamable(self) -> bool:
        """Whether its weights can leave the card and come back."""
        return self._opening.way != "plain"

    @property
    def streams_itself(self) -> bool:
        """Whether it copies its weights in while it runs."""
        return self._weights.streams_itself

    @property
    def loaded(self) -> bool:
        """Whether its weights are on the card, or on their way."""
        return self._weights.loaded

    def prepare(self, profile: int, shapes: dict[str, tuple[int, ...]]) -> int:
        """Set the input shapes; returns the bytes of workspace. Shapes that are set already are not set again."""
        profile = min(profile, len(self._contexts) - 1)
        context, (before, size) = self._contexts[profile], self._prepared.get(profile, ({}, 0))
        wanted = {name: shapes[name] for name in self.input_names}
        if wanted == before:
            return size
        self._prepared.pop(profile, None)
        for name, shape in wanted.items():
            if before.get(name) != shape and not context.set_input_shape(name, shape):
                raise self._refused(f"{self.name} does not take {name} of shape {shape}.", 0)
        size = int(context.update_device_memory_size_for_shapes())
        self._prepared[profile] = (wanted, size)
        return size

    def enqueue(self, profile: int, addresses: dict[str, int], workspace: int, size: int, stream: int) -> None:
        """Run on a stream."""
        context = self._contexts[min(profile, len(self._contexts) - 1)]
        context.set_device_memory(workspace, size)
        for name in self._names:
            if not context.set_tensor_address(name, addresses[name]):
                raise self._refused(f"{self.name} does not take the address of {name}.", 0)
        if not context.execute_async_v3(stream):
            text, hint = f"The engine {self.name} cannot run.", "Verify the engines, or build them again."
            raise self._refused(text, 0, hint)

    def load_weights(self, stream: int) -> None:
        """Bring the weights to the card; nothing to do if they are there."""
        if self.loaded:
            return
        self._without_contexts()
        if not self._weights.load(stream):
            raise self._refused(f"TensorRT cannot load the weights of {self.name}.", self.weight_bytes)
        self._with_contexts()

    def unload_weights(self, stream: int) -> None:
        """Free the card's memory that the weights take."""
        self._without_contexts()
        try:
            self._weights.unload(stream)
        except WayError as exc:
            raise self._with_words(exc) from exc
        self._with_contexts()

    def keep_ready(self, wanted: bool) -> None:
        """Whether the machine's memory holds what brings the weights in quickly."""
        self._weights.keep(wanted)

    def _without_contexts(self) -> None:
        if self._weights.needs_no_contexts:
            self._contexts.clear()

    def _with_contexts(self) -> None:
        if not self._contexts:
            self._make_contexts()

    def close(self) -> None:
        """Free contexts, weights and engine."""
        self._contexts.clear()
        self._engine = None
        self._weights.close()
