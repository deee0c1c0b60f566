"""Small models become engines for every kind of card in every precision that it can compute with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.random_models import Setting, Shape, save_with, transformers_model
from tests.helpers.scale import sized
from tests.trt_engines.building.support import STARTER, request_for
from trt_engines.building.child import PartJob, part_graph
from trt_engines.building.compile import Compiled, compile_plan
from trt_engines.building.profiles import profiles
from trt_engines.errors import EngineError
from trt_engines.graphs.bind import bound_weights
from trt_engines.planning.planner import LAYER_KERNELS
from trt_engines.planning.precision import PRECISIONS
from trt_engines.tensorrt.flavour import installed_flavour
from trt_engines.weights.source import WeightSource

pytestmark = pytest.mark.slow
SETTING = Setting(window=40, canvas=16, prompts=(20, 9))
SHAPES = {
    "wide": Shape(1, ("sliding_attention", "full_attention"), 64, 64, 4, 2, 1, 32, 64, 4, 2, 32, 300),
    "odd": Shape(2, ("full_attention", "full_attention"), 96, 32, 6, 2, 2, 16, 512, 5, 3, 64, 97),
}
CARDS = [(sm, each.name) for sm in (75, 86, 89, 120) for each in PRECISIONS if each.runs_on(sm)]
CARDS += [(sm, "fp16") for sm in (86, 89, 120)]  # the planner takes BF16 there; it must build all the same


@pytest.fixture(scope="module", params=["starter", *sized(("odd",), SHAPES)])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter model, and two random checkpoints whose rows 32 divides."""
    if request.param == "starter":
        return STARTER
    made = tmp_path_factory.mktemp(request.param) / "model"
    save_with(transformers_model(SHAPES[request.param]), made, SETTING)
    return made


def compiled(job: PartJob, source: WeightSource, streaming: bool = False) -> tuple[Compiled, bytearray]:
    """What TensorRT says of a part's plan, and the plan."""
    graph, plan = part_graph(job), bytearray()
    weights = bound_weights(graph, source, job.form, lambda done: None)
    made = compile_plan(
        installed_flavour(), graph, weights, profiles(job.limits), job.sm, lambda phase, done: True,
        lambda line: None, plan.extend, streaming=streaming,
    )  # fmt: skip
    return made, plan


@pytest.mark.parametrize(("sm", "precision"), CARDS)
def test_a_segment_builds(folder: Path, tmp_path_factory: pytest.TempPathFactory, sm: int, precision: str) -> None:
    cache = folder.parent / "cache" if folder != STARTER else tmp_path_factory.mktemp("unused")
    request = request_for(folder, cache, sm, precision)
    source = WeightSource.open(folder)
    job = request.jobs(Path("unused"))[2]
    made, plan = compiled(job, source)
    assert len(plan) > 10_000
    assert made.scratch_bytes > 0
    assert made.context_bytes == 0, "contexts keep something now: look at docs/cards.md"


@pytest.mark.parametrize("sm", [86, 120])
def test_the_ends_build(folder: Path, tmp_path_factory: pytest.TempPathFactory, sm: int) -> None:
    cache = folder.parent / "cache" if folder != STARTER else tmp_path_factory.mktemp("unused")
    for job in request_for(folder, cache, sm).jobs(Path("unused"))[:2]:
        made, plan = compiled(job, WeightSource.open(folder))
        assert len(plan) > 1000
        # The embedding table is an input: no engine holds it.
        assert made.weight_bytes < 4_000_000


@pytest.mark.parametrize(("sm", "precision"), [(86, "int4"), (89, "fp8"), (120, "nvfp4")])
def test_a_plan_holds_no_more_kernels_than_the_planner_has_room_for(
    tmp_path_factory: pytest.TempPathFactory, sm: int, precision: str
) -> None:
    """Their sources, of which kernels are compiled on the card, and the names of those of TensorRT's own library."""
    job = request_for(STARTER, tmp_path_factory.mktemp("unused"), sm, precision).jobs(Path("unused"))[2]
    _, plan = compiled(job, WeightSource.open(STARTER))
    assert job.cut is not None
    sets = (job.cut[1] - job.cut[0]) * len(profiles(job.limits))
    sources = {plan.rfind(b"\0", 0, found.start()) for found in re.finditer(rb'extern "C" __global__', plan)}
    assert 0 < len(sources) <= LAYER_KERNELS[0] * sets
    assert plan.count(b"CASK_STUB") <= LAYER_KERNELS[1] * sets


@pytest.mark.parametrize(("sm", "precision"), [(86, "fp8"), (89, "nvfp4")])
def test_a_card_that_cannot_is_refused_by_tensorrt(tmp_path: Path, sm: int, precision: str) -> None:
    job = request_for(STARTER, tmp_path, sm, precision).jobs(tmp_path)[2]
    with pytest.raises(EngineError, match="HW-specific datatypes"):
        compiled(job, WeightSource.open(STARTER))


def test_a_data_center_card_is_refused(tmp_path: Path) -> None:
    job = request_for(STARTER, tmp_path, 90, "bf16").jobs(tmp_path)[0]
    with pytest.raises(EngineError, match=r"cannot build engines for compute capability 9\.0"):
        compiled(job, WeightSource.open(STARTER))


@pytest.mark.parametrize(("sm", "precision"), [(86, "int4"), (89, "fp8"), (120, "nvfp4"), (86, "bf16")])
def test_a_segment_builds_that_can_stream_its_weights(
    tmp_path_factory: pytest.TempPathFactory, sm: int, precision: str
) -> None:
    job = request_for(STARTER, tmp_path_factory.mktemp("unused"), sm, precision).jobs(Path("unused"))[2]
    made, _ = compiled(job, WeightSource.open(STARTER), streaming=True)
    assert made.weight_bytes > 0
