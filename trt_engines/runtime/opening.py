"""All engines of a set, opened, and the runner over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from trt_engines.building.builder import BuildRequest
from trt_engines.graphs.precision import COMPUTE_TYPES, NUMPY_TYPES
from trt_engines.runtime.load import EngineLoader
from trt_engines.runtime.parts import ModelParts
from trt_engines.runtime.runner import ModelRunner
from trt_engines.runtime.streaming import streamed_segments


def open_runner(
    loader: EngineLoader,
    request: BuildRequest,
    kept: int,
    table: NDArray[Any],
    resident: int,
    head_rows: int | None = None,
    spare: int = 0,
    clock: Callable[[], float] | None = None,
    progress: Callable[[float], object] = lambda done: None,
) -> ModelRunner:
    """1. Open the segments, their weights in memory of the machine. 2. The ends. 3. Buffers, and last the weights.

    Nothing is read twice for want of memory: fewer segments then stay on the card.

    Args:
        loader: Opens the parts.
        request: What was built.
        kept: Candidates that the head keeps a position.
        table: Embedding table [V, H].
        resident: Segments whose weights should stay on the card.
        head_rows: As `ModelRunner` takes it; so are `spare` and `clock`.
        spare: See there.
        clock: See there.
        progress: Told the share of the segments that are open.

    Raises:
        DeviceMemoryError: The card has not enough memory, whatever is streamed.
        EngineError: A plan is damaged or does not load.
    """
    identity = request.identity
    # 1.
    names = [f"stack{first:02}" for first, _ in identity.cuts]
    stacks = loader.open_segments(
        names, streamed_segments(len(names), resident), lambda count: progress(count / len(names))
    )
    # 2.
    embed, head = loader.open("embed"), loader.open("head")
    # 3.
    dtype = NUMPY_TYPES[COMPUTE_TYPES[request.compute]]
    parts = ModelParts(request.shape, identity.limits, kept, dtype, identity.cuts, embed, head, stacks, loader.open)
    return ModelRunner(loader.device, parts, table, resident, head_rows, spare, clock)
