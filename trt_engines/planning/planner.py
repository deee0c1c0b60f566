"""From a model, a card and a machine to a plan: which precision, what stays on the card, how fast; or why not.

The times are estimates. A denoising step reads every weight once (256 tokens with 8 of 128 experts each touch nearly
all of them), so it takes the longest of: reading what lies on the card, copying in what does not, and computing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from trt_engines.planning.hardware import GB, GIB, Gpu, Machine
from trt_engines.planning.precision import ENGINE_OVERHEAD, PRECISIONS, Precision
from trt_engines.planning.shape import ModelShape

# Assumptions, to be replaced by measurements as soon as these engines have run on a card.
MEMORY_EFFICIENCY = 0.75  # of the card's bandwidth
COMPUTE_EFFICIENCY = 0.5  # of the tensor cores' rate
STEP_OVERHEAD = 0.0015  # seconds: launches, sampling, the host's part
SEGMENT_OVERHEAD = 0.0001  # seconds more for each segment
ASSUMED_STEPS = 16  # of a block; one more pass commits it

DRIVER_BYTES = int(0.6 * GB)  # CUDA context and TensorRT's own
# Kernels that TensorRT compiles on the card, of which no call and no log tells the size: a margin. Plans hold their
# sources: 25 to 27 modules for a layer in each profile, compiled by NVRTC 13 for SM 8.6 to 13 KB in the mean and 48 KB
# at most, and 7 to 10 kernels of TensorRT's own library, for which 175 KB each are assumed. Of such sets four are
# counted: general ones for both profiles, and those for the shapes of denoising and commit. Further lengths of the past
# add to them, of which the memory that is left free has room for some.
LAYER_KERNELS, KERNEL_SETS = (27, 10), 4
KERNEL_BYTES = 27 * 13_400 + 10 * 175_000  # of a set of a layer, or of both ends
STREAM_SHARE = 0.7  # of the free RAM that streamed weights may take
WINDOWS_PINNED_SHARE = 0.45  # of the free RAM that Windows lets be page-locked; reports differ, and none is needed
PAGEABLE_SPEED = 0.4  # of the speed of copies from page-locked memory
FASTEST_SHARE = 0.6  # a more exact precision is taken if it has this share of the fastest one's speed
BUILD_SECONDS_PER_GB = 58.0  # measured: 1.10 GB of INT4 in 64 s on two busy cores (benchmarks/engine_build.py)
BUILD_RAM_FACTOR = 5.0  # of a segment's weights; measured: 4.9 GB for one of 1.10 GB (benchmarks/engine_build.py)
BUILD_RAM_LIMIT = 12 * GB  # longer segments are not built, whatever the machine has
# Measured, of the head with exact self-conditioning: 312 MB of scratch memory for 64 rows of 262,144 logits, 956 for
# 256.
HEAD_BYTES_PER_LOGIT, HEAD_BYTES = 12.8, 98_000_000
HEAD_AT_ONCE = 14 * GIB  # of the card's memory: from there on the head takes the whole canvas at once
# Scratch memory of a full layer in bytes for each head and token of a canvas, by cached positions: the builder's own
# figures ("Total Activation Memory", `benchmarks/engine_build.py --first 5 --layers 1 --context ...`): 343 MB at 8,192
# positions, 1,249 at 32,768, 2,705 at 131,072. Chunks of 512 need twice that at first (686 MB at 8,192), and no more
# than 1,273 MB at 32,768: larger scores are computed in parts.
LAYER_SCRATCH = ((0, 10_000), (8_192, 83_800), (32_768, 305_000), (131_072, 661_000))
PARTS_FROM, PARTS_MORE = 32_768, 1.02
KV_SPARE = 512 + 64  # rows that a sliding layer has beside its window: a chunk of a prompt, and some only to be shown
PROMPT_CHUNK, SHORT_CONTEXT = 512, 32_768  # tokens; with longer contexts prompts are read in pieces of a canvas
STREAM_SLOTS = 2  # one segment is computed while the next one is copied in
SEGMENT_LENGTHS = (5, 3, 2, 1)  # layers; the shorter, the less room the slots take


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model runs on a card; all times are estimates.

    Attributes:
        precision: Form of the weights.
        kv_type: Type of keys and values.
        head_rows: Positions of the canvas that the head takes at a time.
        context: Known tokens that the KV cache holds.
        segments: Segments of the stack.
        segment_length: Layers of a segment; the last one may have fewer.
        resident: Those of them that stay on the card; the others are streamed in every step.
        gpu_bytes: What it takes on the card.
        pinned_bytes: What it takes of the machine's memory for streaming.
        kv_bytes: Size of the KV cache.
        disk_bytes: Size of the engines on the disk.
        build_ram_bytes: Memory that the build needs.
        build_seconds: How long the build takes on two cores.
        step_seconds: One denoising step.
        tokens_per_second: Tokens of a full block a second, at 16 steps and one commit.
        limit: What the step waits for: "memory", "pcie" or "compute".
    """

    precision: Precision
    kv_type: str
    head_rows: int
    context: int
    segments: int
    segment_length: int
    resident: int
    gpu_bytes: int
    pinned_bytes: int
    kv_bytes: int
    disk_bytes: int
    build_ram_bytes: int
    build_seconds: float
    step_seconds: float
    tokens_per_second: float
    limit: str

    @property
    def streamed(self) -> bool:
        """Whether weights are copied in while it runs."""
        return self.resident < self.segments


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a model does not run, and what would help."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Bytes of the parts of a model in one precision."""

    fixed: int
    segments: tuple[int, ...]

    @property
    def all(self) -> int:
        return self.fixed + sum(self.segments)


def plans(shape: ModelShape, gpu: Gpu, machine: Machine, context: int) -> tuple[Plan | Refusal, ...]:
    """One plan or refusal for each precision that the card can compute with, the most exact first."""
    usable = [precision for precision in PRECISIONS if precision.runs_on(gpu.sm)]
    return tuple(_plan(shape, gpu, machine, context, precision) for precision in usable)


def best_plan(shape: ModelShape, gpu: Gpu, machine: Machine, context: int) -> Plan | Refusal:
    """The plan to use: one without streaming if there is any, and of the fast enough ones the most exact.

    Args:
        shape: The model.
        gpu: The card; its `memory` is what is free on it now.
        machine: Free RAM and disk.
        context: Known tokens to have room for.

    Returns:
        A plan, or why there is none.

    Raises:
        ValueError: The context is not within 1 and what the model was trained for.
    """
    if not 1 <= context <= shape.max_context:
        raise ValueError(f"the context must be within 1..{shape.max_context} tokens, not {context}")
    found = plans(shape, gpu, machine, context)
    if not found:
        return Refusal(
            f"TensorRT engines need a card of the RTX 20 series or newer (SM 7.5); {gpu.name} has SM {gpu.sm / 10}.",
            "The starter model runs on the processor.",
        )
    possible = [plan for plan in found if isinstance(plan, Plan)]
    if not possible:
        return next(refusal for refusal in reversed(found) if isinstance(refusal, Refusal))
    return best_of(possible)


def best_of(possible: Sequence[Plan]) -> Plan:
    """Of one plan or more, the most exact first: without streaming if there is any, fast enough, as exact as can be."""
    possible = [plan for plan in possible if not plan.streamed] or possible
    fastest = max(plan.tokens_per_second for plan in possible)
    return next(plan for plan in possible if plan.tokens_per_second >= FASTEST_SHARE * fastest)


def longest_context(shape: ModelShape, gpu: Gpu, machine: Machine, lengths: tuple[int, ...]) -> int | None:
    """The longest of `lengths` for which there is a plan, None if there is none."""
    fitting = [length for length in lengths if isinstance(best_plan(shape, gpu, machine, length), Plan)]
    return max(fitting, default=None)


def _plan(shape: ModelShape, gpu: Gpu, machine: Machine, context: int, precision: Precision) -> Plan | Refusal:
    """The fastest way to cut the stack: long segments if all of it stays on the card, shorter ones to stream."""
    found = [_plan_cut(shape, gpu, machine, context, precision, length) for length in SEGMENT_LENGTHS]
    possible = [plan for plan in found if isinstance(plan, Plan)]
    return max(possible, key=lambda plan: plan.tokens_per_second) if possible else found[-1]


def _plan_cut(
    shape: ModelShape, gpu: Gpu, machine: Machine, context: int, precision: Precision, length: int
) -> Plan | Refusal:
    """1. What is always on the card. 2. What of the stack stays there. 3. RAM and disk. 4. Time of a step."""
    sizes = _sizes(shape, precision, length)
    kv = shape.kv_bytes(context + shape.canvas_length, 2, KV_SPARE)
    rows = _head_rows(shape, gpu)
    # 1.
    always = always_bytes(shape, context, rows)
    # 2.
    resident = resident_segments(sizes.segments, gpu.memory - always)
    if resident < len(sizes.segments) and not gpu.unified:
        taken = always + STREAM_SLOTS * max(sizes.segments) + sum(sizes.segments[:resident])
    else:  # one memory: nothing to stream from
        resident, taken = len(sizes.segments), always + sum(sizes.segments)
    if taken > gpu.memory:
        return Refusal(
            f"{gpu.name} has {_gb(gpu.memory)} free, and in {precision.name} at least {_gb(taken)} are needed for a "
            f"context of {context:,} tokens.",
            "Close other programs that use the card, or choose a shorter context.",
        )
    # 3.
    pinned = sum(sizes.segments[resident:])
    refusal = _machine_refusal(machine, precision, sizes, pinned)
    if refusal is not None:
        return refusal
    # 4.
    copies = _copy_seconds(pinned, gpu, machine)
    seconds, limit = _step_seconds(shape, gpu, context, precision, sizes, copies, rows)
    return Plan(
        precision=precision,
        kv_type=precision.compute,
        head_rows=rows,
        context=context,
        segments=len(sizes.segments),
        segment_length=length,
        resident=resident,
        gpu_bytes=taken,
        pinned_bytes=pinned,
        kv_bytes=kv,
        disk_bytes=sizes.all,
        build_ram_bytes=_build_ram(sizes),
        build_seconds=sizes.all / GB * BUILD_SECONDS_PER_GB,
        step_seconds=seconds,
        tokens_per_second=shape.canvas_length / (seconds * (ASSUMED_STEPS + 1)),
        limit=limit,
    )


def _sizes(shape: ModelShape, precision: Precision, length: int) -> _Sizes:
    segments = []
    for layers in shape.segments(length):
        dense = sum(shape.dense_parameters(layer) for layer in layers) * precision.dense_bits
        experts = len(layers) * shape.expert_parameters * precision.expert_bits
        segments.append(int((dense + experts) / 8 * ENGINE_OVERHEAD))
    return _Sizes(int(shape.fixed_parameters * 2 * ENGINE_OVERHEAD), tuple(segments))


def _head_rows(shape: ModelShape, gpu: Gpu) -> int:
    """The whole canvas where there is plenty of memory; on small cards a part of it at a time."""
    return shape.canvas_length if gpu.memory >= HEAD_AT_ONCE else max(1, shape.canvas_length // 4)


def always_bytes(shape: ModelShape, context: int, head_rows: int, scratch: int = 0) -> int:
    """Bytes on the card beside the stack's weights: driver, kernels, both ends' weights, KV cache, workspace.

    `scratch`: what the builder said that a segment needs, where engines are built; else it is estimated.
    """
    fixed = int(shape.fixed_parameters * 2 * ENGINE_OVERHEAD)
    kv = shape.kv_bytes(context + shape.canvas_length, 2, KV_SPARE)
    return DRIVER_BYTES + kernel_bytes(shape) + fixed + kv + _workspace(shape, context, head_rows, scratch)


def kernel_bytes(shape: ModelShape) -> int:
    """What is set aside for kernels that are compiled on the card; see `KERNEL_BYTES`."""
    return KERNEL_BYTES * KERNEL_SETS * (len(shape.layers) + 1)


def prompt_chunk(canvas: int, window: int, context: int) -> int:
    """Tokens of a prompt that are read at a time: fewer with long contexts, whose scores need room for each of them."""
    return max(1, min(PROMPT_CHUNK if context <= SHORT_CONTEXT else canvas, window))


def _workspace(shape: ModelShape, context: int, head_rows: int, scratch: int = 0) -> int:
    """The larger of what the head needs for its rows, and a layer for its tokens: those of a canvas or of a chunk."""
    head = HEAD_BYTES + HEAD_BYTES_PER_LOGIT * head_rows * shape.vocab_size
    count = max(shape.canvas_length, prompt_chunk(shape.canvas_length, shape.sliding_window, context))
    return int(max(head, scratch or layer_workspace(shape, context, count)))


def layer_workspace(shape: ModelShape, context: int, count: int) -> int:
    """Of a layer over `count` tokens: full attention's scores, or the experts' rows (up to twice the even spread)."""
    rows = 2 * count * shape.top_k
    experts = 2 * rows * (2 * shape.hidden_size + 3 * shape.moe_intermediate_size)
    canvas = shape.heads * shape.canvas_length
    at_once = shape.heads * count * _scratch_at(context)
    in_parts = PARTS_MORE * canvas * max(_scratch_at(context), _scratch_at(PARTS_FROM))
    return int(max(experts, min(at_once, in_parts)) + 64 * count * shape.hidden_size)


def _scratch_at(context: int) -> float:
    """Between the figures of the builder, and beyond the last one."""
    for (first, less), (last, more) in itertools.pairwise(LAYER_SCRATCH):
        if context <= last or last == LAYER_SCRATCH[-1][0]:
            return less + (more - less) * (context - first) / (last - first)
    raise AssertionError("there are two figures at least")


def resident_segments(segments: tuple[int, ...], room: int) -> int:
    """How many segments stay on the card: all of them, or as many as leave room for the slots of streaming."""
    if sum(segments) <= room:
        return len(segments)
    room -= STREAM_SLOTS * max(segments)
    count = 0
    for size in segments[:-1]:
        room -= size
        if room < 0:
            break
        count += 1
    return count


def _build_ram(sizes: _Sizes) -> int:
    return int(BUILD_RAM_FACTOR * max(sizes.fixed, *sizes.segments))


def _machine_refusal(machine: Machine, precision: Precision, sizes: _Sizes, pinned: int) -> Refusal | None:
    """What the machine lacks, if it lacks something."""
    if pinned > STREAM_SHARE * machine.ram:
        return Refusal(
            f"In {precision.name}, {_gb(pinned)} of weights do not fit on the card and would have to lie in the "
            f"machine's memory, of which only {_gb(STREAM_SHARE * machine.ram)} can be used for that.",
            "Close other programs, or add memory to the machine.",
        )
    if _build_ram(sizes) > min(machine.ram, BUILD_RAM_LIMIT):
        return Refusal(
            f"Building the engines in {precision.name} needs {_gb(_build_ram(sizes))} of memory, and "
            f"{_gb(machine.ram)} are free.",
            "Close other programs and try again.",
        )
    if sizes.all > machine.disk:
        return Refusal(
            f"The engines in {precision.name} need {_gb(sizes.all)} on the disk, and {_gb(machine.disk)} are free.",
            "Make room, or move the data folder to another drive.",
        )
    return None


def _step_seconds(
    shape: ModelShape, gpu: Gpu, context: int, precision: Precision, sizes: _Sizes, copies: float, rows: int
) -> tuple[float, str]:
    """Seconds of one denoising step, and what it waits for. Streamed weights are read from the card's memory, too.

    The table is read twice for each piece of the head: for the logits, and for the soft embedding of all of them.
    """
    table = 2 * shape.vocab_size * shape.hidden_size
    again = 2 * -(-shape.canvas_length // rows) - 1
    experts, rest = shape.step_flops(context)
    rate = gpu.tflops * 1e12 * COMPUTE_EFFICIENCY
    times = {
        "memory": (sizes.all + again * table) / (gpu.bandwidth * MEMORY_EFFICIENCY),
        "pcie": copies,
        "compute": experts / (rate * precision.expert_speed) + rest / rate,
    }
    limit = max(times, key=lambda name: times[name])
    return times[limit] + STEP_OVERHEAD + SEGMENT_OVERHEAD * len(sizes.segments), limit


def _copy_seconds(streamed: int, gpu: Gpu, machine: Machine) -> float:
    """Seconds to copy `streamed` bytes to the card, those that cannot be page-locked more slowly."""
    locked = min(streamed, int(WINDOWS_PINNED_SHARE * machine.ram)) if machine.windows else streamed
    return locked / gpu.pcie + (streamed - locked) / (gpu.pcie * PAGEABLE_SPEED)


def _gb(size: float) -> str:
    return f"{size / GIB:,.1f} GiB"
