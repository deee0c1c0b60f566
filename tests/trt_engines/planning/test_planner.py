"""The planner as a table over cards, memory and contexts, and the properties that every plan has."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trt_engines.planning.hardware import CARDS, GB, GIB, Gpu, Machine, find_card
from trt_engines.planning.planner import (
    KERNEL_BYTES,
    STREAM_SHARE,
    Plan,
    Refusal,
    best_plan,
    kernel_bytes,
    layer_workspace,
    longest_context,
    plans,
)
from trt_engines.planning.precision import PRECISIONS
from trt_engines.planning.shape import PUBLISHED

DISK = 500 * GIB
# Memory of the card in GiB, its SM, bandwidth in GB/s, TFLOPS, PCIe in GB/s.
KINDS = {75: (448, 18, 12.5), 86: (600, 40, 25), 89: (700, 80, 25), 120: (900, 90, 50), 121: (273, 62, 273), 90: (3350, 989, 50)}  # fmt: skip  # noqa: E501


def card(memory: float, sm: int) -> Gpu:
    """A typical card of a generation."""
    bandwidth, tflops, pcie = KINDS[sm]
    return Gpu(f"SM {sm}", sm, int(memory * GIB), bandwidth * GB, tflops, pcie * GB, unified=sm == 121, rtx=sm != 90)


@pytest.mark.parametrize(
    ("memory", "sm", "ram", "context", "expected"),
    [
        (6, 75, 16, 4_096, "at least 6.2"),
        (8, 75, 128, 4_096, "fp16 streamed"),
        (11, 75, 32, 8_192, "only 22.4 GiB"),
        (48, 75, 32, 8_192, "fp16 streamed"),
        (6, 86, 16, 4_096, "only 11.2 GiB"),
        (6, 86, 32, 4_096, "int4 streamed"),
        (8, 86, 17, 4_096, "int4 streamed"),
        (8, 86, 12, 8_192, "only 8.4 GiB"),
        (8, 86, 24, 8_192, "int4 streamed"),
        (10, 86, 16, 8_192, "int4 streamed"),
        (12, 86, 16, 8_192, "int4 streamed"),
        (12, 86, 32, 131_072, "int4 streamed"),
        (16, 86, 16, 32_768, "int4 streamed"),
        (24, 86, 32, 8_192, "int4 resident"),
        (24, 86, 32, 131_072, "int4 resident"),
        (8, 89, 32, 32_768, "fp8 streamed"),
        (16, 89, 32, 8_192, "int4 streamed"),
        (24, 89, 32, 131_072, "int4 resident"),
        (32, 89, 32, 8_192, "fp8 resident"),
        (48, 89, 64, 131_072, "fp8 resident"),
        (8, 120, 32, 8_192, "nvfp4 streamed"),
        (12, 120, 32, 131_072, "nvfp4 streamed"),
        (16, 120, 16, 4_096, "nvfp4 streamed"),
        (24, 120, 32, 8_192, "nvfp4 resident"),
        (32, 120, 32, 8_192, "fp8 resident"),
        (32, 120, 128, 131_072, "fp8 resident"),
        (80, 120, 128, 131_072, "bf16 resident"),
        (96, 121, 96, 131_072, "bf16 resident"),
        (80, 90, 128, 131_072, "bf16 resident"),
        (8, 86, 128, 262_144, "at least 13.0"),
        (3.5, 86, 128, 4_096, "at least 4.1"),
    ],
)
def test_table(memory: float, sm: int, ram: int, context: int, expected: str) -> None:
    plan = best_plan(PUBLISHED, card(memory, sm), Machine(ram * GIB, DISK), context)
    if isinstance(plan, Refusal):
        assert expected in plan.reason
        assert plan.hint
    else:
        assert f"{plan.precision.name} {'streamed' if plan.streamed else 'resident'}" == expected


@pytest.mark.parametrize(
    ("context", "count", "built"),
    [(8_192, 256, 343), (8_192, 512, 686), (32_768, 256, 1_249), (32_768, 512, 1_273), (131_072, 256, 2_705)],
)
def test_scratch_memory_is_that_of_the_builder(context: int, count: int, built: int) -> None:
    """MB that TensorRT's builder named for a full layer; a little more is planned, never less."""
    planned = layer_workspace(PUBLISHED, context, count) / 1e6
    assert built <= planned < 1.2 * built


def test_kernels_that_are_compiled_on_the_card_have_room() -> None:
    """Nothing tells their size: the plan leaves a margin, 2.1 MB for each layer and set of them."""
    assert 250e6 < kernel_bytes(PUBLISHED) < 270e6
    fewer = dataclasses.replace(PUBLISHED, layers=PUBLISHED.layers[:-1])
    assert kernel_bytes(PUBLISHED) - kernel_bytes(fewer) == 4 * KERNEL_BYTES
    gpu, machine = card(24, 86), Machine(32 * GIB, DISK)
    plan = best_plan(PUBLISHED, gpu, machine, 8_192)
    assert isinstance(plan, Plan)
    assert plan.gpu_bytes > plan.disk_bytes + plan.kv_bytes + kernel_bytes(PUBLISHED)


def test_an_old_card_is_refused() -> None:
    plan = best_plan(PUBLISHED, dataclasses.replace(card(24, 75), sm=61), Machine(64 * GIB, DISK), 4096)
    assert isinstance(plan, Refusal)
    assert "RTX 20" in plan.reason


@pytest.mark.parametrize(("ram", "disk", "word"), [(3, 500, "memory"), (64, 10, "disk")])
def test_what_the_machine_lacks_is_named(ram: int, disk: int, word: str) -> None:
    plan = best_plan(PUBLISHED, card(24, 86), Machine(ram * GIB, disk * GIB), 4096)
    assert isinstance(plan, Refusal)
    assert word in plan.reason


def test_a_context_out_of_range_is_an_error() -> None:
    for context in (0, PUBLISHED.max_context + 1):
        with pytest.raises(ValueError, match="within 1"):
            best_plan(PUBLISHED, card(24, 86), Machine(64 * GIB, DISK), context)


def test_precisions_by_generation() -> None:
    names = {sm: [p.name for p in PRECISIONS if p.runs_on(sm)] for sm in KINDS}
    assert names == {
        75: ["fp16"],
        86: ["bf16", "int4"],
        89: ["bf16", "fp8", "int4"],
        90: ["bf16", "fp8", "int4"],
        120: ["bf16", "fp8", "nvfp4", "int4"],
        121: ["bf16", "fp8", "nvfp4", "int4"],
    }


def test_no_estimate_beats_the_floor() -> None:
    """All weights are read once a step, and what is not on the card crosses the bus."""
    for gpu in CARDS:
        for plan in plans(PUBLISHED, gpu, Machine(256 * GIB, DISK), 8192):
            if isinstance(plan, Plan):
                assert plan.step_seconds > plan.disk_bytes / gpu.bandwidth
                assert plan.step_seconds > plan.pinned_bytes / gpu.pcie


def test_published_speeds_are_of_the_estimated_size() -> None:
    """Within a factor of 1.6 of what other engines were published to reach at batch 1 (16 steps, or measured)."""
    machine = Machine(64 * GIB, DISK)
    for name, published in (("RTX 4090", 550), ("RTX 5090", 700), ("H100 80GB HBM3", 1008), ("GB10", 150)):
        gpu = find_card(name)
        assert gpu is not None
        plan = best_plan(PUBLISHED, gpu, machine, 4096)
        assert isinstance(plan, Plan)
        assert published / 1.6 < plan.tokens_per_second < published * 1.6, name


def test_longest_context() -> None:
    machine = Machine(64 * GIB, DISK)
    lengths = (4_096, 32_768, 131_072, 262_144)
    found = [longest_context(PUBLISHED, card(memory, 86), machine, lengths) for memory in (3, 8, 12, 24)]
    assert found == [None, 32_768, 131_072, 262_144]


memories = st.floats(2, 128)
contexts = st.integers(1, PUBLISHED.max_context)
kinds = st.sampled_from(sorted(KINDS))


@given(memories, kinds, st.floats(2, 256), contexts)
def test_every_plan_fits(memory: float, sm: int, ram: float, context: int) -> None:
    gpu, machine = card(memory, sm), Machine(int(ram * GIB), DISK)
    for plan in plans(PUBLISHED, gpu, machine, context):
        if isinstance(plan, Plan):
            assert plan.gpu_bytes <= gpu.memory
            assert plan.pinned_bytes <= STREAM_SHARE * machine.ram
            assert 0 <= plan.resident <= plan.segments
            assert plan.precision.runs_on(sm)
            assert plan.streamed or plan.pinned_bytes == 0
        else:
            assert plan.reason.endswith(".")
            assert plan.hint.endswith(".")


@given(memories, kinds, st.floats(2, 256), contexts, st.floats(1, 2))
def test_more_memory_is_never_slower(memory: float, sm: int, ram: float, context: int, more: float) -> None:
    machine = Machine(int(ram * GIB), DISK)
    for less, greater in zip(
        plans(PUBLISHED, card(memory, sm), machine, context),
        plans(PUBLISHED, card(memory * more, sm), machine, context),
        strict=True,
    ):
        if isinstance(less, Plan):
            assert isinstance(greater, Plan)
            assert greater.tokens_per_second >= less.tokens_per_second
