"""How fast large models would be here: the arithmetic, and the measurement, of a small layer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from inference.config import model_config_from_dicts
from inference.engines.planning import model_shape
from inference.errors import LookError
from inference.look.answer import answer
from inference.look.questions import MeasureProcessor
from inference.native import measure
from inference.native.cores import Cores
from inference.native.library import NativeError
from inference.native.measure import measure_processor
from inference.native.packed import packed_bytes
from tests.helpers.published import published_config
from trt_engines.planning.planner import Refusal
from trt_engines.planning.processor import ProcessorPlan, ProcessorSpeed, measured_speed, packed_size, processor_plan
from trt_engines.planning.shape import PUBLISHED, LayerShape

SPEED = ProcessorSpeed("avx512", 2, 700e9, 800e9)


def test_packed_sizes_are_those_of_the_packer() -> None:
    config = model_config_from_dicts(published_config(), {}, Path())
    assert packed_size(PUBLISHED) == pytest.approx(packed_bytes(config, "int4"), rel=0.002)


def test_what_was_measured_is_what_is_said() -> None:
    """30 sliding layers are 30 times one of them."""
    alike = dataclasses.replace(PUBLISHED, layers=(PUBLISHED.layers[0],) * 30)
    one = dataclasses.replace(PUBLISHED, layers=PUBLISHED.layers[:1], vocab_size=32_768)
    speed = measured_speed("avx512", 2, one, 256, (0.1, 0.05))
    plan = processor_plan(alike, 2**35, 10**12, speed)
    assert isinstance(plan, ProcessorPlan)
    # One layer has the weights of the self-conditioning beside it, which are few.
    assert plan.step_seconds == pytest.approx(30 * 0.1 + 8 * 0.05, rel=0.05)
    assert plan.block_seconds == pytest.approx(16 * plan.step_seconds + 30 * 0.1, rel=0.05)
    assert plan.tokens_per_second == pytest.approx(256 / plan.block_seconds)


def test_refusals_say_how_much() -> None:
    plan = processor_plan(PUBLISHED, 2**34, 10**12, SPEED)
    assert isinstance(plan, Refusal)
    assert "needs 17.3 GB of memory" in plan.reason
    assert "has 17.2 GB" in plan.reason
    plan = processor_plan(PUBLISHED, 2**35, 10**10, SPEED)
    assert isinstance(plan, Refusal)
    assert "16.1 GB on the disk; 10.0 GB are free" in plan.reason


def test_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    small = dataclasses.replace(
        PUBLISHED, vocab_size=256, hidden_size=64, intermediate_size=64, moe_intermediate_size=32, heads=2, experts=4,
        top_k=2, canvas_length=32, layers=(LayerShape(True, 1, 32),),
    )  # fmt: skip
    monkeypatch.setattr(measure, "PUBLISHED", small)
    monkeypatch.setattr(measure, "layer_config", lambda vocabulary: LAYER_CONFIG(256))
    monkeypatch.setattr(measure, "PEAK_SECONDS", 0.01)
    speed = measure_processor()
    assert speed.threads >= 1
    assert speed.int8_peak > speed.layer_rate, "nothing is quicker than products in the cache"
    assert speed.layer_rate > 0
    assert speed.head_rate > 0
    assert model_shape(LAYER_CONFIG(256)).hidden_size == 64
    assert answer(MeasureProcessor()).isa == speed.isa


def test_what_other_programs_take_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 2 s of work by two threads, of which most were disturbed: as fast as if none had been."""
    now, worked = [0.0], [0.0]
    pauses = iter([0.0, 0.0, 3.0, 0.5, 0.0, 5.0, 2.0, 2.0, 9.0] + [1.0] * 99)

    class Run:
        config = LAYER_CONFIG(256)

        def __init__(self, cores: object) -> None:
            del cores

        def piece(self) -> None:
            worked[0] += 2.0
            now[0] += 1.05 + next(pauses)

        layer = step = piece

        def close(self) -> None:
            pass

    monkeypatch.setattr(measure, "LayerRun", Run)
    monkeypatch.setattr(measure, "best_cores", lambda: Cores(2, ()))
    monkeypatch.setattr(measure, "SECONDS", 1e9)
    seen: list[tuple[float, float]] = []
    monkeypatch.setattr(measure, "int8_peak", lambda threads: 1e12)
    monkeypatch.setattr(measure, "measured_speed", lambda isa, threads, shape, past, times, peak: seen.append(times))
    measure_processor(lambda: now[0], lambda: worked[0])
    assert seen[0][0] == pytest.approx(1.05, rel=0.06)


def test_the_peak_is_of_all_threads_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each the quickest round: here 4 products of 2 operations in one second, and in half of it."""
    took, now = iter([1.0, 0.5, 9.0, 1.0, 0.5, 9.0]), [0.0]

    class Product:
        operations, count = 2.0, 0

        def run(self) -> None:
            self.count += 1
            if self.count > 1 and self.count % measure.PEAK_PRODUCTS == 1:
                now[0] += next(took)

    monkeypatch.setattr(measure, "PeakProduct", Product)
    monkeypatch.setattr(measure.time, "perf_counter", lambda: now[0])
    assert measure.int8_peak(1, seconds=5.0) == 4 * 2.0 / 0.5


def test_a_coarse_clock_of_work_is_not_believed() -> None:
    assert measure.undisturbed(0.2, 0.0, 2) == 0.2
    assert measure.undisturbed(0.2, 0.4, 2) == 0.2
    assert measure.undisturbed(5.0, 0.4, 2) == pytest.approx(0.22)


LAYER_CONFIG = measure.layer_config


def test_without_kernels_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> ProcessorSpeed:
        raise NativeError("dewpoint-native-0.so is not built")

    monkeypatch.setattr(measure, "measure_processor", none)
    with pytest.raises(LookError, match="could not be measured: dewpoint-native-0"):
        answer(MeasureProcessor())
