"""TensorRT for RTX or the classic TensorRT, whichever is installed: all differences between the two stand in this file.

Both have the same Python API but for this: RTX builds for a compute capability that need not be in the machine,
compiles its kernels on the machine that runs them (hence a runtime cache, and CUDA graphs that it captures itself), and
can take an engine's weights out of the card and put them back. The classic one builds for the card at hand.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from trt_engines.errors import GPU_EXTRA, EngineError
from trt_engines.tensorrt.addon import BINDINGS, is_gone, use_addon
from trt_engines.tensorrt.runtime_cache import RuntimeCache

RTX, CLASSIC = "tensorrt_rtx", "tensorrt"
# `tensorrt_rtx` only passes on what the bindings have; the add-on has no such package.
MODULES = ((RTX, RTX), (RTX, BINDINGS), (CLASSIC, CLASSIC))
NEEDED_CUDA = 13_000  # of the driver, for the add-on: its packages' names end in cu13
_ANEW = "Build the engines again."
# What makes an engine useless here, in TensorRT's words and in ours.
_OBJECTIONS = {
    "MALFORMED_ENGINE": ("An engine is damaged.", "Verify the engines, or build them again."),
    "VERSION_MISMATCH": ("An engine was built by another version of TensorRT.", _ANEW),
    "UNSUPPORTED_CC": ("An engine was built for another kind of graphics card.", _ANEW),
    "OLD_CUDA_DRIVER": ("The driver of the graphics card is too old for these engines.", "Update NVIDIA's driver."),
    "OLD_CUDA_RUNTIME": ("CUDA's libraries are too old for these engines.", "Install TensorRT for RTX again."),
}
RTX_SM = (75, 80, 86, 89, 120, 121)


class NoTensorRTError(EngineError):
    """No TensorRT is installed, or it does not load."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """One installed TensorRT.

    Attributes:
        name: "tensorrt_rtx" or "tensorrt".
        version: Its version.
        module: The module.
    """

    name: str
    version: str
    module: Any

    @property
    def weight_ways(self) -> tuple[str, ...]:
        """Ways in which an engine's weights may leave the card and come back; see `trt_engines.runtime.weight_ways`."""
        trt = self.module
        known = {
            "manager": hasattr(trt.ICudaEngine, "create_weights_manager"),
            "deferred": hasattr(trt.Runtime, "defer_weights_loading") and hasattr(trt.ICudaEngine, "unload_weights"),
            "budget": hasattr(trt.BuilderFlag, "WEIGHT_STREAMING"),
        }
        return tuple(name for name, there in known.items() if there)

    @property
    def streams_weights(self) -> bool:
        """Whether a model may be larger than the card."""
        return bool(self.weight_ways)

    @property
    def least_cuda(self) -> int:
        """CUDA that the driver must know, 1000 * major + 10 * minor; the classic one is packed for CUDA 12, too."""
        return NEEDED_CUDA if self.name == RTX else 12_000

    @property
    def times_kernels(self) -> bool:
        """Whether a build measures kernels on the card; RTX does not, its timing cache does nothing."""
        return self.name == CLASSIC

    def supports(self, sm: int) -> bool:
        """Whether engines can be built for cards of this compute capability."""
        return sm in RTX_SM if self.name == RTX else sm >= 75

    def new_network(self, builder: Any) -> Any:
        """An empty network whose types are those of the graph."""
        flags = self.module.NetworkDefinitionCreationFlag
        return builder.create_network(1 << int(flags.STRONGLY_TYPED) if hasattr(flags, "STRONGLY_TYPED") else 0)

    def set_target(self, config: Any, sm: int) -> None:
        """Build for cards of this compute capability.

        Raises:
            EngineError: This TensorRT does not know it.
        """
        if not self.supports(sm):
            raise EngineError(
                f"{self.name} {self.version} cannot build engines for compute capability {sm / 10:.1f}.",
                "Data-center cards need the classic TensorRT (pip install tensorrt).",
            )
        if self.name == RTX:
            config.num_compute_capabilities = 1
            config.set_compute_capability(getattr(self.module.ComputeCapability, f"SM{sm}"), 0)

    def set_flags(self, config: Any, streaming: bool) -> None:
        """How engines are built: exact float32 products; memory that we bring, or weights that may be streamed.

        TF32 is on by default, and rounds the router's inputs to 10 bits. Without the flag for memory that we bring,
        TensorRT may allocate while it runs, so that nothing can be captured; it refuses that flag beside streaming.
        """
        flags = self.module.BuilderFlag
        config.clear_flag(flags.TF32)
        name = "WEIGHT_STREAMING" if streaming else "REQUIRE_USER_ALLOCATION"
        if hasattr(flags, name):
            config.set_flag(getattr(flags, name))

    def objection(self, runtime: Any, plan: Any) -> tuple[str, str, str] | None:
        """Why an engine can never be loaded here, by its head: a sentence, what to do, TensorRT's name for it.

        None where TensorRT has none, cannot tell (without a driver it says INVALID and no reason), or means the free
        memory, which only loading tells.

        Args:
            runtime: TensorRT's.
            plan: The serialised engine, or its head.
        """
        if not hasattr(runtime, "get_engine_validity"):
            return None
        validity, found = runtime.get_engine_validity(plan)
        if validity != self.module.EngineValidity.INVALID:
            return None
        for name, (text, hint) in _OBJECTIONS.items():
            if int(found) & int(getattr(self.module.EngineInvalidityDiagnostics, name)):
                return text, hint, name
        return None

    @property
    def compiles_kernels(self) -> bool:
        """Whether kernels are compiled when an engine runs, and can be kept in a runtime cache."""
        return self.name == RTX

    def new_context(self, engine: Any, cache: RuntimeCache, safe: bool = False) -> Any:
        """An execution context whose workspace we provide; None if TensorRT refuses.

        Args:
            engine: The engine.
            cache: Where kernels come from and go to.
            safe: Without CUDA graphs, and without kernels that are compiled for a shape while it runs.
        """
        trt, strategy = self.module, self.module.ExecutionContextAllocationStrategy.USER_MANAGED
        if not self.compiles_kernels:
            return engine.create_execution_context(strategy)
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(strategy)
        cache.use_in(config)
        graphs, kernels = trt.CudaGraphStrategy, trt.DynamicShapesKernelSpecializationStrategy
        config.cuda_graph_strategy = graphs.DISABLED if safe else graphs.WHOLE_GRAPH_CAPTURE
        config.dynamic_shapes_kernel_specialization_strategy = kernels.NONE if safe else kernels.LAZY
        return engine.create_execution_context(config)


def installed_flavour() -> Flavour:
    """The TensorRT of this machine, the one for RTX first; what is installed in Python's folders before the add-on.

    Raises:
        NoTensorRTError: None is installed, or its libraries do not load.
    """
    use_addon()
    reasons = []
    for name, module_name in MODULES:
        try:
            module: ModuleType = importlib.import_module(module_name)
        except ModuleNotFoundError:
            continue
        except (ImportError, OSError, RuntimeError) as exc:
            reasons.append(f"{name} does not load ({exc})")
            continue
        if is_gone(module):
            continue
        return Flavour(name, str(module.__version__), module)
    raise NoTensorRTError(
        f"TensorRT cannot be used: {'; '.join(reasons) if reasons else 'it is not installed'}.",
        GPU_EXTRA,
    )
