"""What a model takes on the processor, by our own kernels: memory, disk, and how fast; or why not. Pure arithmetic.

Weights of experts take 4 bits and a scale for 32 of them, all others 8; the table of embeddings lies there twice, as
the head and as the table of the soft embedding. Packed weights are mapped from the disk: they are never swapped, but
if there is less memory than they take, each step would read them again.
"""

from __future__ import annotations

from dataclasses import dataclass

from trt_engines.planning.planner import ASSUMED_STEPS, Refusal
from trt_engines.planning.shape import ModelShape

LARGE_MODEL = (
    10**9
)  # weights from which on those of experts are packed in four bits, and packed weights lie on the disk
STEP_BYTES = 1_200_000_000  # what a step of the published model keeps beside its weights, and the program itself
SYSTEM_BYTES = 2_000_000_000  # what the system and a browser need beside it, so that nothing is driven out of memory
SPARE_DISK = 1_000_000_000
_EXPERT_BYTES = 0.5 + 2 / 32
_CONTEXT = 256  # tokens before the canvas that times are told for


@dataclass(frozen=True, slots=True)
class ProcessorSpeed:
    """What a short measurement of one layer of the published shape found (`inference.native.measure`).

    Attributes:
        isa: Instruction set of the kernels.
        threads: How many threads they have.
        layer_rate: Operations a second in layers, attention and everything else included.
        head_rate: Operations a second in self-conditioning, head and soft embedding.
        int8_peak: Operations a second of int8 products of matrices in the caches, all threads together; 0 where nobody
            measured.
    """

    isa: str
    threads: int
    layer_rate: float
    head_rate: float
    int8_peak: float = 0.0


@dataclass(frozen=True, slots=True)
class ProcessorPlan:
    """How a large model runs on the processor.

    Attributes:
        memory: Bytes that it takes while it runs.
        disk: Bytes of its packed weights.
        step_seconds: One denoising step; 0 where nothing was measured.
        block_seconds: A block at 16 steps, with its commit.
        tokens_per_second: Of such a block.
    """

    memory: int
    disk: int
    step_seconds: float = 0.0
    block_seconds: float = 0.0
    tokens_per_second: float = 0.0


def packed_size(shape: ModelShape) -> int:
    """About the bytes of a model's packed weights (`inference.native.packed.packed_bytes` counts them exactly)."""
    experts = shape.expert_parameters * len(shape.layers)
    table = shape.hidden_size * shape.vocab_size
    routers = 3 * shape.hidden_size * shape.experts * len(shape.layers)  # in float32
    return int(experts * _EXPERT_BYTES + (shape.parameters - experts) + table * (1 + 4 / 128) + routers)


def processor_plan(shape: ModelShape, ram: int, disk: int, speed: ProcessorSpeed | None) -> ProcessorPlan | Refusal:
    """How a large model would run on this processor, or why not.

    Args:
        shape: The model.
        ram: Bytes of the machine's memory.
        disk: Free bytes where the model lies; its packed weights go there.
        speed: What was measured; None where nothing was.
    """
    size = packed_size(shape)
    needed = size + STEP_BYTES
    if needed + SYSTEM_BYTES > ram:
        return Refusal(
            f"On the processor it needs {needed / 1e9:.1f} GB of memory, and {SYSTEM_BYTES / 1e9:.0f} GB for "
            f"everything else; this computer has {ram / 1e9:.1f} GB.",
            "",
        )
    if size + SPARE_DISK > disk:
        return Refusal(
            f"For the processor its weights are packed, once, into {size / 1e9:.1f} GB on the disk; "
            f"{max(disk, 0) / 1e9:.1f} GB are free.",
            "Free some space.",
        )
    if speed is None:
        return ProcessorPlan(needed, size)
    layers, head = _operations(shape, _CONTEXT)
    stack = layers / speed.layer_rate
    step = stack + head / speed.head_rate
    block = ASSUMED_STEPS * step + stack
    return ProcessorPlan(needed, size, step, block, shape.canvas_length / block)


def _operations(shape: ModelShape, context: int) -> tuple[float, float]:
    """Of a denoising step: in the layers, and before and behind them (self-conditioning, head, soft embedding)."""
    experts, rest = shape.step_flops(context)
    head = 2.0 * shape.canvas_length * (shape.fixed_parameters + shape.hidden_size * shape.vocab_size)
    return experts + rest - head, head


def measured_speed(
    isa: str, threads: int, shape: ModelShape, context: int, seconds: tuple[float, float], int8_peak: float = 0.0
) -> ProcessorSpeed:
    """What a measurement says: a pass of `shape` through its layers, and the head's part of a step, in seconds."""
    layers, head = _operations(shape, context)
    return ProcessorSpeed(isa, threads, layers / seconds[0], head / seconds[1], int8_peak)
