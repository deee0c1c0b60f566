"""The trial of a card over a stand-in: what works is found, and every failure leaves a sentence and the next step."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.fake_cuda import FakeCuda
from tests.helpers.fake_tensorrt import FakePart, FakeTensorRt
from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.building.compile import compile_plan
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.trt_engine import new_opening
from trt_engines.runtime.weight_ways import held
from trt_engines.selftest.card_trial import CardTrial, trial_graph, trial_profile, weights
from trt_engines.tensorrt.card_report import STEPS, TrialStep
from trt_engines.tensorrt.flavour import Flavour, installed_flavour

NAMES = STEPS[2:]  # two engines were built before


def tried(pinned: int = 1 << 40, streaming: bool = True, **wanted: Any) -> tuple[CardTrial, dict[str, TrialStep]]:
    """The steps on a card where some things fail."""
    parts = {"ordinary": FakePart(trial_graph(), {"w": weights()}, **wanted)}
    parts["streaming"] = FakePart(trial_graph(), {"w": weights()}, streaming=True, **wanted)
    tensorrt = FakeTensorRt(SimulatedDevice(), parts)
    cuda = FakeCuda(tensorrt.device)
    cuda.faults.pinned_limit = pinned
    opening = new_opening(Flavour("tensorrt_rtx", "1.7.1", tensorrt), CudaDevice("", cuda))
    plans = {name: held(tensorrt.plan(name)) for name in parts if streaming or name != "streaming"}
    trial = CardTrial(opening, plans, parts["ordinary"].weight_bytes, sizes=(4096, 8192))
    found = {step.name: step for step in trial.steps()}
    assert tuple(found) == NAMES
    assert all(step.text and "\n" not in step.text for step in found.values())
    assert tensorrt.device.used == 0, "everything is given back"
    assert not cuda.pinned
    return trial, found


def test_a_card_on_which_all_works() -> None:
    trial, found = tried()
    assert trial.way == "deferred"  # an ordinary engine has no manager
    assert [name for name, step in found.items() if not step.worked] == ["streaming: manager"]
    assert "or more in pieces" in found["page-locked memory"].text
    assert "ordinary" in found["copies"].text
    assert "read and written within the card" in found["copies"].text
    assert "right with 256 rows" in found["run"].text
    assert (found["graph"].text.count("right"), found["graph"].detail) == (2, ""), "one capture disturbs the other"
    assert trial.opening.flavour.module.graphs["replayed"] >= 3


@pytest.mark.parametrize(
    ("fails", "failed", "way"),
    [
        ({"load_weights"}, ["streaming: manager", "streaming: deferred"], "budget"),
        ({"defer", "budget"}, ["streaming: manager", "streaming: deferred", "streaming: budget"], "plain"),
        ({"capture"}, ["streaming: manager", "graph"], "deferred"),
        ({"context"}, list(NAMES[2:]), "plain"),
    ],
)
def test_each_failure_leaves_a_sentence_and_the_next_step(fails: set[str], failed: list[str], way: str) -> None:
    trial, found = tried(fail_moves=fails)
    assert [name for name, step in found.items() if not step.worked] == failed
    assert trial.way == way


def test_little_memory_can_be_locked_and_no_streaming_engine_was_built() -> None:
    _, found = tried(pinned=20_000, streaming=False)
    assert found["page-locked memory"].text.startswith("0.00 GB in pieces")
    assert "none is page-locked" in found["copies"].text
    assert found["streaming: budget"].text == "There is no streaming engine."


@pytest.mark.slow
@pytest.mark.parametrize("streaming", [False, True])
def test_the_real_builder_takes_the_trials_engine(streaming: bool) -> None:
    plan = bytearray()
    made = compile_plan(
        installed_flavour(), trial_graph(), {"w": weights()}, (trial_profile(),), 89, lambda phase, done: True,
        lambda line: None, plan.extend, streaming=streaming,
    )  # fmt: skip
    assert len(plan) > made.weight_bytes >= weights().nbytes
