"""benchmarks/gpu.py without a GPU: the same code on the processor, and one sentence where it must have one."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.trt_engines.building.support import STARTER
from tests.trt_engines.runtime.models import simulated
from trt_engines.graphs.compose import EMBEDDING
from trt_engines.weights.source import WeightSource

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "gpu.py"
WAYS = {
    "ours, as the program runs it", "ours, eager", "ours, attention unfused", "ours, experts by capacity",
    "ours, torch.compile", "transformers, eager", "transformers, torch.compile",
}  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_part_runs_on_a_processor(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    done = run("--cpu-smoke", "--json", str(file))
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text("utf-8"))
    errors = {name: value["error"] for name, value in result.items() if isinstance(value, dict) and "error" in value}
    assert not errors
    assert set(result["steps"]) == WAYS
    assert all(figures["ms_median"] > 0 for figures in result["steps"].values())
    assert result["machine"]["versions"]["torch"] == torch.__version__
    assert result["agreement with the exact loop"]["same_argmax"] > 0.8
    assert result["agreement with transformers"]["entropy_difference_mean"] < 0.1
    assert result["agreement of graph and eager"]["entropy_difference_max"] == 0
    assert all(name in done.stdout for name in WAYS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU, and the case is one without")
def test_without_a_gpu_one_sentence_says_so(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    done = run("--json", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "finds no NVIDIA GPU on this machine" in done.stdout
    assert json.loads(file.read_text("utf-8")) == {"not_run": done.stdout.strip()}


def test_our_engines_without_a_gpu_are_one_sentence() -> None:
    script = SCRIPT.with_name("gpu_engines.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "NVIDIA" in json.loads(done.stdout)["error"]


def test_the_timing_of_our_engines_runs_over_a_simulated_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    timed = importlib.import_module("gpu_engines").timed
    made = simulated(STARTER, tmp_path, length=1)
    for stream in range(2):
        made.device.synchronise(stream)
    for engine in made.engines.values():
        if engine.loaded and engine.streamable:
            engine.unload_weights(0)
    found = timed(made.loader.device, made.runner._parts, WeightSource.open(STARTER).array(EMBEDDING), 0)
    assert found["step_ms"] > 0
    assert found["prompt_ms"] > 0
    assert all(found[f"form_of_{count}_ms"] > 0 for count in (100, 2048))
    assert found["streamed"] == 4
