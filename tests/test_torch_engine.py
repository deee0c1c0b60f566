"""The engine over raw addresses with torch inside, over the stand-in for CUDA: the numbers of the `onnx` backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gpu_runner import copy_rates, main, runner_for_real, simulated_place, simulated_truth, torch_runner
from benchmarks.torch_graph import TorchGraph
from inference.config import model_config_from_folder
from inference.engines.templates import templates_for
from tests.trt_engines.building.support import STARTER
from trt_engines.graphs.compose import HEAD, end_graph


def test_an_operator_that_is_not_known_is_named() -> None:
    graph = end_graph(templates_for(model_config_from_folder(STARTER), STARTER), HEAD)
    graph.graph.node[0].op_type = "Unheard"
    with pytest.raises(ValueError, match="Unheard"):
        TorchGraph(graph)


def test_the_runner_gives_the_tokens_of_the_onnx_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu_runner.STEPS", 2)
    monkeypatch.setattr("benchmarks.gpu_runner.BLOCKS", 1)  # the command itself does two
    found = runner_for_real(simulated_place, tmp_path, simulated_truth(tmp_path))
    for name in ("all on the card", "streamed"):
        assert (found[name]["same_argmax"], found[name]["same_sample"]) == (1.0, 1.0), found
        assert found[name]["entropy_away"] < 5e-3
    assert found["all on the card"]["streamed"] == 0
    assert found["streamed"]["streamed"] == len(model_config_from_folder(STARTER).layers)
    assert found["captured"] == "the same"


def test_copies_are_timed_in_three_ways(tmp_path: Path) -> None:
    found = copy_rates(simulated_place(), tmp_path, 4096)
    assert set(found) == {"page-locked", "ordinary", "mapped"}


def test_a_run_without_weights_is_refused(tmp_path: Path) -> None:
    runner, engines = torch_runner(simulated_place(), STARTER, tmp_path, 99)
    engines[2].unload_weights(0)
    with pytest.raises(ValueError, match="not on the device"):
        engines[2].enqueue(0, {}, 0, 0, 0)
    runner.close()


def test_the_command_notes_what_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the driver says no")

    monkeypatch.setattr("benchmarks.gpu_runner.copy_rates", broken)
    file = tmp_path / "card.json"
    assert main(["--cpu-smoke", "--only", "copies", "--json", str(file)]) == 0
    assert "the driver says no" in file.read_text("utf-8")
