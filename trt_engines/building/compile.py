"""One graph into one plan: parser, profiles, progress; runs in the child process."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, TypeProto

from trt_engines.building.profiles import Profile
from trt_engines.errors import EngineError
from trt_engines.files import write_whole
from trt_engines.tensorrt.flavour import Flavour

TENSORRT_TYPES: dict[int, str] = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.FLOAT16: "HALF",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.INT64: "INT64",
    TensorProto.BOOL: "BOOL",
}
# (phase in TensorRT's words, fraction in 0..1) -> whether to go on
OnPhase = Callable[[str, float], bool]
_LOG_SAYS = "The log beside the engine says more."
_ERRORS = 4  # of TensorRT's words that are kept beside its log


class CompileError(EngineError):
    """TensorRT cannot make an engine of a graph."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What TensorRT said about a plan.

    Attributes:
        weight_bytes: Its weights on the card.
        scratch_bytes: Largest room that one of its layers needs, for the largest shapes of its profiles.
        context_bytes: What the contexts of all its profiles keep on the card ("device persistent memory").
    """

    weight_bytes: int
    scratch_bytes: int
    context_bytes: int


def compile_plan(
    flavour: Flavour,
    graph: ModelProto,
    weights: Mapping[str, NDArray[Any]],
    profiles: tuple[Profile, ...],
    sm: int,
    on_phase: OnPhase,
    log: Callable[[str], None],
    write: Callable[[bytes], object],
    timings: Path | None = None,
    streaming: bool = False,
) -> Compiled:
    """Build the engine of a graph.

    Args:
        flavour: The TensorRT that builds it.
        graph: Its weights are placeholders.
        weights: An array for each placeholder, 4-bit ones packed; they are read until this function returns.
        profiles: Shapes that it will run with.
        sm: Compute capability times ten of the card.
        on_phase: Told what TensorRT does; returns False to stop.
        log: Takes each line of TensorRT's log.
        write: Takes the plan piece by piece; what it raises ends the build and is raised again.
        timings: File in which TensorRT's measurements are kept from one build to the next.
        streaming: Whether the engine may be asked to stream its weights itself.

    Raises:
        CompileError: TensorRT cannot parse or build the graph, or was told to stop.
    """
    trt = flavour.module
    logger = _logger(trt, log)
    builder = trt.Builder(logger)
    network = flavour.new_network(builder)
    parser = trt.OnnxParser(network, logger)
    _parse(parser, graph, weights)
    _check_ends(trt, network, graph)
    config = builder.create_builder_config()
    flavour.set_target(config, sm)
    flavour.set_flags(config, streaming)
    for profile in profiles:
        made = builder.create_optimization_profile()
        for number in range(network.num_inputs):
            tensor = network.get_input(number)
            made.set_shape(tensor.name, *profile.shapes(graph, tensor.name))
        config.add_optimization_profile(made)
    monitor = _monitor(trt, on_phase)
    config.progress_monitor = monitor
    timings = timings if flavour.times_kernels else None
    if timings is not None:
        use_timings(config, timings)
    writer = _writer(trt, write)
    built = builder.build_serialized_network_to_stream(network, config, writer)
    if writer.error is not None:
        raise writer.error
    if not built:
        stopped = "was stopped" if monitor.stopped else f"failed: {logger.first_error or 'TensorRT gives no reason'}"
        raise CompileError(f"Building {graph.graph.name} {stopped}.", _LOG_SAYS, "\n".join(logger.errors))
    if timings is not None:
        keep_timings(config, timings)
    return Compiled(logger.weight_bytes, logger.scratch_bytes, logger.context_bytes)


def use_timings(config: Any, file: Path) -> None:
    """Begin with what earlier builds measured; a damaged file is as good as none."""
    try:
        known = file.read_bytes()
    except OSError:
        known = b""
    cache = config.create_timing_cache(known)
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def keep_timings(config: Any, file: Path) -> None:
    """Keep what this build measured."""
    cache = config.get_timing_cache()
    with contextlib.suppress(OSError):  # it only saves time
        write_whole(file, bytes(cache.serialize()))


def _parse(parser: Any, graph: ModelProto, weights: Mapping[str, NDArray[Any]]) -> None:
    if not parser.load_model_proto(graph.SerializeToString()):
        raise CompileError(f"TensorRT cannot read the graph {graph.graph.name}: {_errors(parser)}.")
    for name, array in weights.items():
        if not array.flags.c_contiguous or not parser.load_initializer(name, array.ctypes.data, array.nbytes):
            raise CompileError(f"TensorRT does not take the weights {name} ({array.dtype}, {array.shape}).")
    if not parser.parse_model_proto():
        raise CompileError(f"TensorRT cannot parse the graph {graph.graph.name}: {_errors(parser)}.")


def _check_ends(trt: Any, network: Any, graph: ModelProto) -> None:
    """The network must have the graph's inputs and outputs, by name, type and known dimensions."""
    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    outputs = [network.get_output(number) for number in range(network.num_outputs)]
    for made, declared in ((inputs, graph.graph.input), (outputs, graph.graph.output)):
        found = {tensor.name: tensor for tensor in made}
        for item in declared:
            tensor = found.pop(item.name, None)
            if tensor is None or not _same(trt, tensor, item.type.tensor_type):
                what = "is missing" if tensor is None else f"is {tensor.dtype} {tuple(tensor.shape)}"
                raise CompileError(f"{item.name} of {graph.graph.name} {what}.", "This is a bug in this program.")
        if found:
            raise CompileError(f"{graph.graph.name} has unexpected {sorted(found)}.", "This is a bug in this program.")


def _same(trt: Any, tensor: Any, declared: TypeProto.Tensor) -> bool:
    dims = [dim.dim_value or -1 for dim in declared.shape.dim]
    same_type = tensor.dtype == getattr(trt.DataType, TENSORRT_TYPES[declared.elem_type])
    return (
        bool(same_type)
        and len(dims) == len(tensor.shape)
        and all(wanted in (-1, found) for wanted, found in zip(dims, tensor.shape, strict=True))
    )


def _errors(parser: Any) -> str:
    return "; ".join(parser.get_error(i).desc()[:300] for i in range(parser.num_errors)) or "no reason given"


def _logger(trt: Any, log: Callable[[str], None]) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        """Passes lines on, and keeps the figures that only the log tells."""

        def __init__(self) -> None:
            super().__init__()
            self.first_error = ""
            self.errors: deque[str] = deque(maxlen=_ERRORS)
            self.weight_bytes = 0
            self.scratch_bytes = 0
            self.context_bytes = 0

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.INFO:
                log(f"{severity.name}: {message}")
            if severity <= trt.ILogger.ERROR:
                self.first_error = self.first_error or message.splitlines()[0][:300]
                self.errors.append(message.strip()[:1000])
            if found := re.search(r"Total Weights Memory: (\d+)", message):
                self.weight_bytes = int(found[1])
            if found := re.search(r"Total Activation Memory: (\d+)", message):  # the same
                self.scratch_bytes = max(self.scratch_bytes, int(found[1]))
            if found := re.search(r"Total Device Persistent Memory: (\d+)", message):  # said once for each profile
                self.context_bytes += int(found[1])

    return Logger()


def _writer(trt: Any, write: Callable[[bytes], object]) -> Any:
    class Writer(trt.IStreamWriter):  # type: ignore[misc]
        """Passes pieces of the plan on; an exception must not cross into TensorRT."""

        def __init__(self) -> None:
            super().__init__()
            self.error: Exception | None = None

        def write(self, data: bytes) -> int:
            try:
                write(data)
            except Exception as exc:
                self.error = exc
                return 0
            return len(data)

    return Writer()


def _monitor(trt: Any, on_phase: OnPhase) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """TensorRT's nested phases as one fraction that never falls."""

        def __init__(self) -> None:
            super().__init__()
            self.stopped = False
            self._phases: list[tuple[str, int, int]] = []
            self._highest = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._phases.append((phase_name, max(1, num_steps), 0))

        def step_complete(self, phase_name: str, step: int) -> bool:
            self._phases = [(n, s, step + 1 if n == phase_name else d) for n, s, d in self._phases]
            share, fraction = 1.0, 0.0
            for _, steps, done in self._phases:
                fraction += share * min(1.0, done / steps)
                share /= steps
            self._highest = max(self._highest, min(1.0, fraction))
            self.stopped = self.stopped or not on_phase(phase_name, self._highest)
            return not self.stopped

        def phase_finish(self, phase_name: str) -> None:
            self._phases = [phase for phase in self._phases if phase[0] != phase_name]

    return Monitor()
