"""One command for a machine with an NVIDIA GPU: what runs on it, and how long a denoising step takes.

A model of the published shape with random weights (30 layers, BF16: 51 GB) is made on the device. Measured are steps of
our torch backend (CUDA graphs, eager, other attention, compiled) and of `transformers` over the same weights (eager,
torch.compile), beside the copy bandwidth and the floor that follows from the bytes of the weights; and whether TensorRT
for RTX runs on this card at all. Steps are whole ones, sampler included, with a prompt in the KV cache. Whatever fails
is noted with its exact words, and the rest goes on. Only the ratios within one run compare well.

    python benchmarks/gpu.py [--layers 30] [--quick] [--json FILE]
    python benchmarks/gpu.py --cpu-smoke        the same code on a processor with a tiny model; figures mean nothing

Needs torch with CUDA, numpy, safetensors and psutil; transformers, TensorRT and ONNX Runtime are used if they are
there. Without a GPU it says so and ends well. 4-bit weights are not measured: only TensorRT engines have them, and
those are built by `python -m app engines`. On a GPU this has not run yet.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
NEEDED = ("torch", "numpy", "safetensors", "psutil")
BUDGET = 570.0  # seconds: a call on a lent machine ends after ten minutes
ENGINE_SECONDS = 400.0  # building three engines with random weights, mostly; less where less is left
COMPILE_SECONDS = 170.0  # for each of the two compiled ways, compilation included


@dataclass(slots=True)
class Report:
    """Collects the sections; the file is written anew after each, so that a killed run leaves what it had."""

    file: Path | None
    started: float = field(default_factory=time.perf_counter)
    result: dict[str, Any] = field(default_factory=dict)

    def left(self) -> float:
        """Seconds until the budget is used up."""
        return BUDGET - (time.perf_counter() - self.started)

    def section(self, name: str, run: Callable[[], Any], noted: bool = True) -> Any:
        """Run a part of the benchmark; returns what it gives, or None after an error, which is noted.

        `noted`: what it gives goes into the result; otherwise "made" does.
        """
        say(f"{name} ...")
        began, value = time.perf_counter(), None
        try:
            value = run()
            self.result[name] = value if noted else "made"
        except Exception as exc:
            self.result[name] = {"error": f"{type(exc).__name__}: {exc}".strip()}
            say(f"  {self.result[name]['error'][:300]}")
        self.result.setdefault("seconds", {})[name] = round(time.perf_counter() - began, 1)
        if self.file is not None:
            self.file.write_text(json.dumps(self.result, indent=1, default=str) + "\n", encoding="utf-8")
        return value


def main() -> int:
    """Measure, print a table, write JSON; exit code 0, also without a GPU."""
    options = _options()
    reason = _reason_not_to(options.cpu_smoke)
    if reason:
        say(reason)
        if options.json:
            options.json.write_text(json.dumps({"not_run": reason}) + "\n", encoding="utf-8")
        return 0
    import torch

    report = Report(options.json)
    stance = torch.compiler.set_stance("force_eager") if options.cpu_smoke else nullcontext()
    with stance:
        _measure(options, report)
    say(table(report.result))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--prompt", type=int, default=512, help="tokens in the KV cache")
    parser.add_argument("--steps", type=int, default=20, help="measured steps of each way")
    parser.add_argument("--quick", action="store_true", help="6 layers, 8 steps, nothing compiled")
    parser.add_argument("--cpu-smoke", action="store_true", help="the same code on the processor, tiny")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    if options.quick:
        options.layers, options.steps = min(options.layers, 6), min(options.steps, 8)
    if options.cpu_smoke:
        options.layers, options.steps, options.prompt = 3, 3, 40
    return options


def _reason_not_to(smoke: bool) -> str:
    """Why nothing can be measured here, one sentence, or ""."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return f"Nothing was measured: {', '.join(missing)} must be installed."
    import torch

    if smoke or torch.cuda.is_available():
        return ""
    built = "" if torch.version.cuda else ", and this PyTorch is a build for the processor alone"
    return f"Nothing was measured: PyTorch {torch.__version__} finds no NVIDIA GPU on this machine{built}."


def _measure(options: argparse.Namespace, report: Report) -> None:
    """1. The machine. 2. TensorRT. 3. The model and its floor. 4. Steps of each way. 5. Our engines."""
    import torch

    from benchmarks import gpu_machine as facts
    from benchmarks import gpu_models as models

    device = torch.device("cpu" if options.cpu_smoke else "cuda")
    shape = models.TINY if options.cpu_smoke else models.published_shape(options.layers)
    # 1.
    report.result["options"] = {name: str(value) for name, value in vars(options).items()}
    found = report.section("machine", lambda: facts.machine(device)) or {}
    size = 64 << 20 if options.cpu_smoke else 4 << 30
    rates = report.section("bandwidth", lambda: facts.bandwidth(device, size))
    # 2.
    report.section("tensorrt", lambda: facts.tensorrt(int(found.get("sm", 0)), 120.0))
    # 3.
    if rates is not None:
        report.section("floor", lambda: facts.floor(shape, rates, str(found.get("device"))))
    models.free(device)
    model = report.section("model", lambda: _model(shape, device), noted=False)
    # 4.
    if model is not None:
        report.result["shape"] = {"layers": len(shape.layers), "parameters": shape.parameters}
        _steps(options, report, shape, model)
    # 5.
    if not options.cpu_smoke:
        del model
        models.free(device)
        seconds = max(30.0, min(ENGINE_SECONDS, report.left()))
        report.section("our TensorRT engines, 4 bits", lambda: facts.engines(seconds))
    starter = ROOT / "resources" / "starter"
    from benchmarks.gpu_steps import starter_on_cpu

    report.section("starter on the processor (ONNX Runtime)", lambda: starter_on_cpu(starter, options.steps))


def _model(shape: Any, device: Any) -> Any:
    import torch

    from benchmarks.gpu_machine import BF16_BYTES
    from benchmarks.gpu_models import config_of, random_model

    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        if shape.parameters * BF16_BYTES > free:
            raise MemoryError(f"{shape.parameters * BF16_BYTES} bytes of weights, {free} free; try --layers")
    return random_model(config_of(shape), device, torch.bfloat16)


def _steps(options: argparse.Namespace, report: Report, shape: Any, model: Any) -> None:
    import numpy as np

    from benchmarks.gpu_models import transformers_twin
    from benchmarks.gpu_steps import Bench, limited
    from inference.model.device_pass import Ways, usual_ways

    prompt = np.random.default_rng(1).integers(100, shape.vocab_size, options.prompt)
    device = model.embed_tokens.weight.device
    bench = Bench(model, device, prompt, options.steps)
    usual = usual_ways(model.config, device)
    ways = {
        "ours, eager": Ways(capture=False, experts=usual.experts),
        "ours, as the program runs it": None,
        "ours, attention unfused": Ways(capture=usual.capture, experts=usual.experts, fused=False),
        "ours, experts by capacity": Ways(capture=usual.capture, experts="capacity"),
    }
    steps: dict[str, Any] = {}
    report.result["steps"] = steps

    def one(name: str, run: Callable[[], dict[str, Any]], seconds: float) -> None:
        def timed() -> dict[str, Any]:
            if report.left() < 20:
                raise TimeoutError("no time was left")
            with limited(min(seconds, report.left() - 10)):
                return run()

        report.section(name, timed)
        steps[name] = report.result.pop(name)

    # Theirs first: if a kernel of ours spoils the device for this process, there is something to compare with.
    twin = report.section("transformers' model", lambda: transformers_twin(model, shape), noted=False)
    if twin is not None:
        one("transformers, eager", lambda: bench.transformers(twin, compiled=False), 120.0)
    for name, chosen in ways.items():
        one(name, lambda chosen=chosen: bench.ours(chosen), 90.0)  # type: ignore[misc]
    exact = Ways(capture=False, experts="exact", fused=False)
    report.section("agreement with the exact loop", lambda: bench.agreement(None, exact))
    report.section("agreement of graph and eager", lambda: bench.agreement(None, ways["ours, eager"]))
    if twin is not None:
        report.section("agreement with transformers", lambda: bench.agreement_with(twin))
    if options.quick:
        return
    one("ours, torch.compile", lambda: bench.ours(None, compiled=True), COMPILE_SECONDS)
    if twin is not None:
        one("transformers, torch.compile", lambda: bench.transformers(twin, compiled=True), COMPILE_SECONDS)


def table(result: dict[str, Any]) -> str:
    """A short table: milliseconds of a step, how often as fast as `transformers` eager, peak memory."""
    machine, floor = result.get("machine", {}), result.get("floor", {})
    lines = [f"{machine.get('device')}, torch {machine.get('versions', {}).get('torch')}"]
    lines.append(f"bandwidth in GB/s: {result.get('bandwidth')}")
    lines.append(f"floor in ms: {floor}")
    steps = result.get("steps", {})
    base = steps.get("transformers, eager", {}).get("ms_median")
    lines.append(f"{'one denoising step':34}{'ms':>10}{'times':>8}{'peak GB':>9}")
    for name, figures in steps.items():
        if "error" in figures:
            lines.append(f"{name:34}  {figures['error'][:80]}")
            continue
        times = f"{base / figures['ms_median']:.2f}" if base else "?"
        note = f"  no CUDA graph: {figures['capture_error'][:60]}" if figures.get("capture_error") else ""
        lines.append(f"{name:34}{figures['ms_median']:>10.2f}{times:>8}{figures['peak_gb']:>9.1f}{note}")
    for name, found in (result.get("tensorrt") or {}).items():
        lines += (
            [f"{name}, {target}: {text[:200]}" for target, text in found.items()] if isinstance(found, dict) else []
        )
        lines += [f"{name}: {found[:200]}"] if isinstance(found, str) else []
    return "\n".join(lines)


def say(text: str) -> None:
    """Print a line at once, also where the output is a file."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
