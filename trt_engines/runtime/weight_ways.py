"""The ways in which an engine's weights leave the card and come back; which one works, the card says.

Nobody has seen them run yet. By the documentation of TensorRT for RTX 1.7:

manager   `ICudaEngine.create_weights_manager`: copies the weights out and in. It is for weight-stripped engines, and
          None for others.
deferred  `Runtime.defer_weights_loading`: an engine without its weights, which `load_weights` takes out of the plan in
          the machine's memory, and `unload_weights` gives back, to cycle engines through one budget.
budget    `BuilderFlag.WEIGHT_STREAMING`: the engine itself copies what exceeds its budget, in every run.
plain     The weights come with the engine and stay.
"""

from __future__ import annotations

from collections.abc import Callable
from mmap import mmap
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from trt_engines.runtime.device import DeviceError, UnfitEngineError
from trt_engines.tensorrt.flavour import Flavour

WayName = Literal["manager", "deferred", "budget", "plain"]
WAYS: tuple[WayName, ...] = ("manager", "deferred", "budget")  # in the order in which they are tried
ReadPlan = Callable[[], mmap]


def held(plan: bytes | bytearray) -> ReadPlan:
    """Reads a plan that is in memory already."""

    def read() -> mmap:
        memory = mmap(-1, max(1, len(plan)))
        memory.write(plan)
        return memory

    return read


class HostDevice(Protocol):
    """What a way needs of the device."""

    def pin(self, memory: NDArray[np.uint8]) -> bool:
        """Page-lock memory, if the system gives it."""

    def unpin(self, memory: NDArray[np.uint8]) -> None:
        """Let it go."""

    def synchronise(self, stream: int) -> None:
        """Wait for a stream."""


class WayError(DeviceError):
    """This way does not work for this engine or on this card; another one may."""


class WeightWay(Protocol):
    """The weights of one engine.

    Attributes:
        streams_itself: The engine copies them in while it runs: `load` says that all stay on the card, `unload` that as
            few as possible do.
        needs_no_contexts: No execution context may exist while `load` or `unload` runs.
    """

    streams_itself: bool
    needs_no_contexts: bool

    def deserialised(self, runtime: Any) -> Any:
        """The engine, None if TensorRT refuses it."""

    def load(self, stream: int) -> bool:
        """Bring them to the card; False if TensorRT cannot."""

    def unload(self, stream: int) -> None:
        """Take them from the card."""

    def keep(self, wanted: bool) -> None:
        """Whether the machine's memory holds what is needed to bring them in quickly."""

    @property
    def loaded(self) -> bool:
        """Whether they are on the card."""

    def close(self) -> None:
        """Forget them."""


def new_way(name: WayName, flavour: Flavour, device: HostDevice, read: ReadPlan) -> WeightWay:
    """A way for one engine.

    Raises:
        WayError: This TensorRT does not know it.
    """
    kinds: dict[str, type[PlainWeights]] = {
        "plain": PlainWeights, "manager": ManagedWeights, "deferred": DeferredWeights, "budget": BudgetedWeights,
    }  # fmt: skip
    if name != "plain" and name not in flavour.weight_ways:
        raise WayError(f"{flavour.name} {flavour.version} does not know this way.")
    return kinds[name](flavour, device, read)


class PlainWeights:
    """They come with the engine and stay; see `WeightWay`."""

    streams_itself = False
    needs_no_contexts = False

    def __init__(self, flavour: Flavour, device: HostDevice, read: ReadPlan) -> None:
        self._trt, self._device, self._read = flavour.module, device, read
        self._flavour = flavour
        self._engine: Any = None
        self._loaded = False

    @property
    def loaded(self) -> bool:
        """Whether they are on the card."""
        return self._loaded

    def deserialised(self, runtime: Any) -> Any:
        """The engine with its weights on the card; raises `UnfitEngineError`."""
        plan = self._read()
        self._ask(runtime, plan)
        self._engine = runtime.deserialize_cuda_engine(plan)
        self._loaded = self._engine is not None
        return self._engine

    def _ask(self, runtime: Any, plan: mmap) -> None:
        """Whether it can be loaded here at all, before the card's memory is taken."""
        objection = self._flavour.objection(runtime, plan)
        if objection is not None:
            raise UnfitEngineError(*objection)

    def load(self, stream: int) -> bool:
        """They are there."""
        return self._loaded

    def unload(self, stream: int) -> None:
        """Raises `WayError`: they stay."""
        raise WayError("The weights of this engine stay on the card.")

    def keep(self, wanted: bool) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Forget the engine."""
        self._engine, self._loaded = None, False


class ManagedWeights(PlainWeights):
    """A weights manager copies them out once, and in again from there."""

    def __init__(self, flavour: Flavour, device: HostDevice, read: ReadPlan) -> None:
        super().__init__(flavour, device, read)
        self._manager: Any = None
        self._copy: NDArray[np.uint8] | None = None

    def deserialised(self, runtime: Any) -> Any:
        """The engine with its weights on the card.

        Raises:
            WayError: It has no manager.
        """
        engine = super().deserialised(runtime)
        if engine is not None:
            self._manager = engine.create_weights_manager()
            if self._manager is None:
                raise WayError("TensorRT has no weights manager for this engine.")
        return engine

    def load(self, stream: int) -> bool:
        """From the copy, in the order of the stream."""
        if not self._loaded and self._copy is not None:
            host = self._trt.TensorLocation.HOST
            self._loaded = bool(
                self._manager.restore_from_buffer(self._copy.ctypes.data, len(self._copy), host, stream)
            )
        return self._loaded

    def unload(self, stream: int) -> None:
        """The first time, a copy is made before.

        Raises:
            WayError: TensorRT cannot copy or unload them.
        """
        if self._copy is None:
            copy = np.empty(int(self._manager.get_size()), np.uint8)
            self._device.pin(copy)
            if not self._manager.save_to_buffer(copy.ctypes.data, len(copy), self._trt.TensorLocation.HOST, stream):
                raise WayError("TensorRT cannot copy the weights from the card.")
            self._device.synchronise(stream)
            self._copy = copy
        if not self._manager.unload(stream):
            raise WayError("TensorRT cannot take the weights from the card.")
        self._loaded = False

    def close(self) -> None:
        """Forget copy and engine."""
        if self._copy is not None:
            self._device.unpin(self._copy)
        self._manager = self._copy = None
        super().close()


class DeferredWeights(PlainWeights):
    """They come out of the plan, which stays in the machine's memory while they may be wanted again."""

    def __init__(self, flavour: Flavour, device: HostDevice, read: ReadPlan) -> None:
        super().__init__(flavour, device, read)
        self._plan: mmap | None = None

    @property
    def loaded(self) -> bool:
        """As the engine says."""
        return self._engine is not None and bool(self._engine.weights_loaded)

    def deserialised(self, runtime: Any) -> Any:
        """The engine without its weights; what is page-locked is so before the card's memory is taken.

        Raises:
            WayError: TensorRT loads the weights all the same.
            UnfitEngineError: It can never be loaded here.
        """
        plan = self._kept_plan()
        self._ask(runtime, plan)
        runtime.defer_weights_loading = True
        try:
            self._engine = runtime.deserialize_cuda_engine(plan)
        finally:
            runtime.defer_weights_loading = False  # else it holds for the next engine, too
        if self._engine is not None and self._engine.weights_loaded:
            raise WayError("TensorRT does not put off loading the weights.")
        return self._engine

    def keep(self, wanted: bool) -> None:
        """Whether the plan stays in memory; else it is read again when it is needed."""
        if wanted:
            self._kept_plan()
        elif self._plan is not None:
            self._device.unpin(np.frombuffer(self._plan, np.uint8))
            self._plan = None

    def _kept_plan(self) -> mmap:
        if self._plan is None:
            self._plan = self._read()
            self._device.pin(np.frombuffer(self._plan, np.uint8))
        return self._plan

    def load(self, stream: int) -> bool:
        """From the plan; TensorRT has read it when this returns."""
        return self.loaded or bool(self._engine.load_weights(self._kept_plan()))

    def unload(self, stream: int) -> None:
        """Raises `WayError` if TensorRT cannot."""
        if not self._engine.unload_weights():
            raise WayError("TensorRT cannot take the weights from the card.")

    def close(self) -> None:
        """Forget plan and engine."""
        super().close()
        self.keep(False)


class BudgetedWeights(PlainWeights):
    """The engine copies in what exceeds its budget, whenever it runs; a budget of 0 streams as much as can be."""

    streams_itself = True
    needs_no_contexts = True

    def deserialised(self, runtime: Any) -> Any:
        """The engine; nothing of it is streamed yet.

        Raises:
            WayError: It was not built for that.
        """
        engine = super().deserialised(runtime)
        if engine is not None and not engine.streamable_weights_size:
            raise WayError("This engine was not built to stream its weights.")
        return engine

    def load(self, stream: int) -> bool:
        """All of them stay on the card."""
        self._set(int(self._engine.streamable_weights_size))
        self._loaded = True
        return True

    def unload(self, stream: int) -> None:
        """As few as possible stay.

        Raises:
            WayError: TensorRT does not take the budget.
        """
        self._set(0)
        self._loaded = False

    def _set(self, budget: int) -> None:
        self._engine.weight_streaming_budget_v2 = budget  # says nothing if it refuses
        if int(self._engine.weight_streaming_budget_v2) != budget:
            raise WayError("TensorRT does not take the budget for streaming weights.")
