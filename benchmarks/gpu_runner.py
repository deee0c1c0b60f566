"""A quarter of an hour on a lent NVIDIA card of any kind (H100, H200): the runtime around our engines, run for real.

    python benchmarks/gpu_runner.py --json card.json [--only runner|steps|copies|tensorrt]
    python benchmarks/gpu_runner.py --cpu-smoke        the same code over the tests' stand-in for CUDA

TensorRT for RTX has no kernels for such cards, so the engines are torch over raw addresses (`torch_engine.py`); all
else is the program's: `ModelRunner`, `CudaDevice`, streams, events, KV cache, streamed weights, graph capture. In this
order: (1) that runner against the `onnx` backend, token for token, with all weights on the card and with all streamed;
(2) `benchmarks/gpu.py --quick`; (3) rates of copies from page-locked, ordinary and mapped memory; (4) TensorRT itself,
which should refuse, in its own words. What fails is noted with its words, the rest goes on, and the file is written
after each step. Needs torch with CUDA, onnx, onnxruntime and cuda-python. On a card this has not run yet.
"""

from __future__ import annotations

import argparse
import json
import mmap
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.torch_engine import CudaMemory, RawMemory, TorchEngine  # noqa: E402
from inference.backends.base import Backend  # noqa: E402
from inference.backends.onnx import OnnxBackend  # noqa: E402
from inference.config import model_config_from_folder  # noqa: E402
from inference.engines.choice import cuts, engine_limits  # noqa: E402
from inference.engines.planning import model_shape  # noqa: E402
from inference.engines.templates import templates_for  # noqa: E402
from trt_engines.graphs.asked import asked_graph  # noqa: E402
from trt_engines.graphs.bind import bound_weights  # noqa: E402
from trt_engines.graphs.compose import EMBED, EMBEDDING, HEAD, end_graph, segment_graph  # noqa: E402
from trt_engines.graphs.precision import lowered  # noqa: E402
from trt_engines.graphs.rotary import with_tables  # noqa: E402
from trt_engines.runtime.cuda_device import CudaDevice  # noqa: E402
from trt_engines.runtime.parts import ModelParts  # noqa: E402
from trt_engines.runtime.runner import ModelRunner  # noqa: E402
from trt_engines.weights.source import WeightSource  # noqa: E402

STARTER = ROOT / "resources" / "starter"
CONTEXT, PROMPT, BLOCKS, STEPS = 1024, 40, 2, 4
COPY_BYTES, ROUNDS = 1 << 30, 5
SECONDS = {"steps": 280.0, "tensorrt": 150.0}
Place = tuple[CudaDevice, RawMemory]


def torch_runner(place: Place, folder: Path, cache: Path, resident: int) -> tuple[ModelRunner, list[TorchEngine]]:
    """A checkpoint in float32, a layer a segment, over torch; the engines are embed, head and the segments."""
    device, memory = place
    config, source = model_config_from_folder(folder), WeightSource.open(folder)
    templates, pieces = templates_for(config, cache), cuts(len(config.layers), 1)
    limits = engine_limits(config, CONTEXT)
    graphs = {"embed": end_graph(templates, EMBED), "head": end_graph(templates, HEAD)}
    graphs |= {f"stack{first:02}": segment_graph(templates, first, last) for first, last in pieces}

    def engine(name: str) -> TorchEngine:
        graph = with_tables(lowered(graphs[name], "fp32"), limits.positions)
        return TorchEngine(device, memory, name, graph, bound_weights(graph, source, "plain", lambda done: None))

    def asked(name: str) -> TorchEngine:
        graphs[name] = asked_graph(templates, name)
        return engine(name)

    engines = [engine(name) for name in graphs]
    parts = ModelParts(
        model_shape(config), limits, templates.set.kept, np.float32, pieces, engines[0], engines[1], engines[2:], asked
    )
    spare = 0 if resident else 1 << 50  # else what is streamed is taken back, since the card has room for all of it
    return ModelRunner(device, parts, source.array(EMBEDDING), resident, spare=spare), engines


def plain_copy(folder: Path, target: Path) -> Path:
    """A checkpoint without the int8 graphs that lie beside it, so that the `onnx` backend computes in float32."""
    target.mkdir()
    for file in folder.iterdir():
        if file.suffix in (".json", ".safetensors", ".jinja"):
            shutil.copyfile(file, target / file.name)
    return target


def compared(runner: ModelRunner, backend: Backend) -> dict[str, Any]:
    """A prompt and some blocks of some steps: how many tokens are the same, and how far entropies are apart."""
    random, vocab = np.random.default_rng(0), backend.config.vocab_size
    prompt, same, sampled, away, times = random.integers(0, vocab, PROMPT), [], [], [0.0], []
    runner.truncate(0)
    backend.reset()
    runner.encode(prompt)
    backend.encode(prompt)
    for _ in range(BLOCKS):
        canvas, mine, theirs = random.integers(0, vocab, runner.canvas), None, None
        for _ in range(STEPS):
            uniforms = random.random(runner.canvas).astype(np.float32)
            start = time.perf_counter()
            made = runner.denoise(canvas, mine, 0.7, uniforms)
            times.append(time.perf_counter() - start)
            truth = backend.denoise(canvas, theirs, 0.7, uniforms)
            mine, theirs = made.state, truth.state
            same.append(float((made.argmax == truth.argmax).mean()))
            sampled.append(float((made.sampled == truth.sampled).mean()))
            away.append(float(np.abs(made.entropy - truth.entropy).max()))
            canvas = truth.sampled
        runner.encode(truth.argmax)
        backend.encode(truth.argmax)
    return {
        "steps": len(same), "same_argmax": min(same), "same_sample": min(sampled), "entropy_away": round(max(away), 6),
        "streamed": runner.streamed, "capacity_reruns": runner.capacity_reruns,
        "step_ms": round(1000 * float(np.median(times)), 2),
    }  # fmt: skip


def runner_for_real(new_place: Callable[[], Place], cache: Path, truth: Backend | None = None) -> dict[str, Any]:
    """Step 1: all weights on the card, all streamed, and a segment inside a graph.

    `truth`: what it is compared with; the `onnx` backend in float32 if left out, for which torch exports the graphs.
    """
    found: dict[str, Any] = {}
    folder = plain_copy(STARTER, cache / "model")
    backend = truth or OnnxBackend.open(folder, lambda stage, done: None)
    for name, resident in (("all on the card", 1 << 10), ("streamed", 0)):
        place = new_place()
        runner, engines = torch_runner(place, folder, cache / "graphs", resident)
        found[name] = {**compared(runner, backend), "device": place[0].name}
        if resident:
            found["captured"] = captured(place, engines[0])
        runner.close()
    backend.close()
    return found


def captured(place: Place, engine: TorchEngine) -> str:
    """Whether a run can be captured in a graph by the program's own call, and gives the same when it is played."""
    device = place[0]
    stream, count = device.new_stream(), 8
    width = int(engine._graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value)
    inputs = {
        "ids": np.arange(count), "soft": np.zeros((count, width), np.float32), "denoising": np.array([True]),
    }  # fmt: skip
    config = model_config_from_folder(STARTER)
    table = WeightSource.open(STARTER).array(EMBEDDING).astype(np.float32)
    arrays = {**inputs, "embedding_rows": table, "embedding_table": table}
    arrays = {name: array for name, array in arrays.items() if name in engine.input_names}
    results = [np.zeros((count, config.hidden_size), np.float32) for _ in range(2)]
    addresses = {name: device.allocate(array.nbytes) for name, array in arrays.items()}
    addresses["hidden"] = device.allocate(results[0].nbytes)
    for name, array in arrays.items():
        device.upload(addresses[name], array, stream)
    engine.load_weights(stream)
    engine.prepare(0, {name: array.shape for name, array in arrays.items()})
    engine.enqueue(0, addresses, 0, 0, stream)
    device.download(results[0], addresses["hidden"], stream)
    device.synchronise(stream)
    device.upload(addresses["hidden"], np.zeros_like(results[0]), stream)
    device.synchronise(stream)
    device.captured(stream, lambda: engine.enqueue(0, addresses, 0, 0, stream))
    device.download(results[1], addresses["hidden"], stream)
    device.synchronise(stream)
    return "the same" if np.array_equal(*results) else "played, but something else came out"


def copy_rates(place: Place, folder: Path, size: int) -> dict[str, float]:
    """Step 3: GB a second to the card from page-locked, ordinary and mapped memory, by the program's own calls."""
    device, stream = place[0], place[0].new_stream()
    target, found = device.allocate(size), {}
    file = folder / "mapped.bin"
    with file.open("wb") as written:
        written.write(bytes(size))
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        locked = np.zeros(size, np.uint8)
        memories = {"page-locked": locked, "ordinary": np.ones(size, np.uint8)}
        memories["mapped"] = np.frombuffer(mapped, np.uint8)
        if not device.pin(locked):
            del memories["page-locked"]
        for name, memory in memories.items():
            best = float("inf")
            for _ in range(ROUNDS):
                start = time.perf_counter()
                device.upload(target, memory, stream)
                device.synchronise(stream)
                best = min(best, time.perf_counter() - start)
            found[name] = round(size / max(best, 1e-9) / 1e9, 2)
        device.unpin(locked)
        memories.clear()
        del memory
    device.release(target)
    return found


def command(name: str, *arguments: str) -> Any:
    """Another benchmark in a process of its own; what it printed last, as JSON if it is that."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / name), *arguments], capture_output=True, text=True,
        timeout=SECONDS["steps" if name == "gpu.py" else "tensorrt"], check=False,
    )  # fmt: skip
    said = (done.stdout.strip() or done.stderr.strip())[-20_000:]
    try:
        return json.loads(said.splitlines()[-1])
    except (ValueError, IndexError):
        return said


def real_place() -> Place:
    """The first card."""
    return CudaDevice(), CudaMemory()


def simulated_place() -> Place:
    """The tests' stand-in for CUDA: every stream late and in a random order."""
    from tests.helpers.fake_cuda import FakeCuda
    from tests.helpers.simulated_memory import SimulatedMemory
    from tests.trt_engines.runtime.simulated import SimulatedDevice

    torch.set_num_threads(1)  # small products: threads would only wait for each other
    hardware = SimulatedDevice(1 << 30)
    return CudaDevice("", FakeCuda(hardware)), SimulatedMemory(hardware)


def simulated_truth(folder: Path) -> Backend:
    """ONNX Runtime on the same graphs, by the tests' stand-in for TensorRT: quicker than an export by torch."""
    from tests.trt_engines.runtime.models import simulated

    return simulated(STARTER, folder / "truth", context=CONTEXT).backend


def run(options: argparse.Namespace) -> dict[str, Any]:
    """All steps, or the one that is wanted."""
    new_place: Callable[[], Place] = simulated_place if options.cpu_smoke else real_place
    quick = ("--cpu-smoke",) if options.cpu_smoke else ("--quick",)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="gpu-runner-") as scratch:
        folder = Path(scratch)
        size = 1 << 20 if options.cpu_smoke else COPY_BYTES
        steps: dict[str, Callable[[], Any]] = {
            "runner": lambda: runner_for_real(
                new_place, folder, simulated_truth(folder) if options.cpu_smoke else None
            ),
            "steps": lambda: command("gpu.py", *quick),
            "copies": lambda: copy_rates(new_place(), folder, size),
            "tensorrt": lambda: command("gpu_tensorrt.py"),
        }
        for name, step in steps.items():
            if options.only and name not in options.only:
                continue
            start = time.perf_counter()
            try:
                result[name] = step()
            except Exception as exc:
                result[name] = {"error": f"{type(exc).__name__}: {exc}"[:2000]}
            result.setdefault("seconds", {})[name] = round(time.perf_counter() - start, 1)
            if options.json:
                options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps and print one JSON object; exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=["runner", "steps", "copies", "tensorrt"], help="these steps alone"
    )
    parser.add_argument("--cpu-smoke", action="store_true", help="the same code without a card")
    parser.add_argument("--json", type=Path, metavar="FILE", help="written after each step")
    sys.stdout.write(json.dumps(run(parser.parse_args(arguments)), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
