"""The published model's shape on this processor: random weights, packed, prefilled, denoised, answered.

Makes a synthetic checkpoint of the published shape and file layout (26 billion weights; a layer at a time, so that the
packed weights are all that fills the disk), packs it as the program does, and measures: packing, opening, a prefill,
denoising steps, memory, and an answer in the real window to a question of the prefill's length (processor_window.py).
Before all that the planner's measurement is made as the models page makes it, and what it says is held against what is
then measured. Times are those of the clock and of the processor (all threads together, without the system's part); on a
busy machine the second ones are what a quiet one would need, divided by its cores. What is extrapolated is called so.
Nothing is begun for which there is no room, and nothing is left behind.

    nice -n 10 python benchmarks/processor.py --folder DIR [--layers 30] [--steps 3] [--prompt 2000]
                                              [--json FILE] [--picture FILE]
    nice -n 10 python benchmarks/processor.py --folder DIR --layers 2 --parity     against transformers, in float32
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.layer import PRODUCTS  # noqa: E402
from benchmarks.processor_window import window_answer  # noqa: E402
from benchmarks.synthetic_checkpoint import SyntheticCheckpoint  # noqa: E402
from trt_engines.planning.shape import ModelShape  # noqa: E402

GB = 10**9
CANVAS, STEPS_A_BLOCK = 256, 16
READ_BYTES_PER_SECOND = 60 * GB  # assumed of a desktop's memory, two channels of DDR5
PLANNED_CONTEXT = 256  # tokens that the planner's times are told for


def main() -> int:
    """Measure and print; exit code 0, or 1 with a sentence where there is no room."""
    options = _options()
    folder = options.folder / f"processor-{options.layers}-layers"
    if folder.exists():
        raise SystemExit(f"{folder} exists: delete it first.")
    load = os.getloadavg()[0]
    found: dict[str, Any] = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the start",
        "layers": options.layers,
    }
    try:
        if options.parity:
            from benchmarks.processor_parity import measured_parity

            need(options.folder, disk=6 * GB, memory=9 * GB)
            found["parity"] = measured_parity(folder)
        else:
            found |= measured(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["load_at_the_end"] = round(os.getloadavg()[0], 1)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a disk with 20 GB of room (30 layers)")
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--steps", type=int, default=3, help="denoising steps that are measured, at each context")
    parser.add_argument("--prompt", type=int, default=2000, help="tokens of the prefill, and of the question")
    parser.add_argument("--parity", action="store_true", help="compare with transformers instead; two layers")
    parser.add_argument("--picture", type=Path, default=None, help="of the window with its answer")
    parser.add_argument("--json", type=Path, default=None)
    return parser.parse_args()


def need(folder: Path, disk: float = 0, memory: float = 0) -> None:
    """End with a sentence where there is less room than that."""
    free, there = shutil.disk_usage(folder).free, psutil.virtual_memory().available
    if free < disk:
        raise SystemExit(f"This needs {disk / GB:.0f} GB on the disk of {folder}, and {free / GB:.0f} GB are free.")
    if there < memory:
        raise SystemExit(f"This needs {memory / GB:.0f} GB of memory, and {there / GB:.0f} GB are there.")


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Feeder:
    """Progress of the packing: writes each layer's weights when they are wanted, and takes them away afterwards."""

    def __init__(self, checkpoint: SyntheticCheckpoint) -> None:
        self.seconds = 0.0
        self._checkpoint, self._layer = checkpoint, 0
        self._timed(None)
        self._timed(0)

    def __call__(self, stage: str, share: float) -> None:
        """Part of the way."""
        packed = self._checkpoint.folder / "packed" / "int4"
        while self._layer < self._checkpoint.layers and (packed / f"layer-{self._layer:03}.json").exists():
            say(f"layer {self._layer} packed")
            began = time.monotonic()
            self._checkpoint.release(self._layer)
            self.seconds += time.monotonic() - began
            self._layer += 1
            if self._layer < self._checkpoint.layers:
                self._timed(self._layer)

    def _timed(self, layer: int | None) -> None:
        need(self._checkpoint.folder, disk=4 * GB)
        began = time.monotonic()
        self._checkpoint.write(layer)
        self.seconds += time.monotonic() - began


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All figures but those of the parity."""
    from inference.backends.registry import open_backend
    from inference.engines.planning import model_shape
    from inference.native.packed import packed_bytes

    found: dict[str, Any] = {}
    need(options.folder, disk=(0.56 * options.layers + 6) * GB, memory=(0.48 * options.layers + 3) * GB)
    say("writing")
    feeder = Feeder(SyntheticCheckpoint(folder, options.layers))
    began, spent = time.monotonic(), _user_time()
    backend = open_backend(folder, "native", feeder)
    found["billion_weights"] = round(model_shape(backend.config).parameters / GB, 2)
    size = packed_bytes(backend.config, "int4")
    found["packed_gb"] = round(size / GB, 2)
    shape = model_shape(backend.config)
    found["packing"] = {
        "wall_s": round(time.monotonic() - began - feeder.seconds, 1),
        "processor_s": round(_user_time() - spent, 1),
        "writing_weights_s": round(feeder.seconds, 1),
    }
    backend.close()
    say(f"packed: {found}")
    need(folder, memory=size + GB)  # else every step would read the weights from the disk again
    found["planned"] = planned(shape)
    say(f"planned: {found['planned']}")
    found["steps"] = steps(folder, options)
    say(f"steps: {found['steps']}")
    found["peak"] = peak_and_products()
    say(f"peak: {found['peak']}")
    found["window"] = window_answer(folder, options.prompt, CANVAS, options.picture)
    found["summary"] = summary(found, size, options.layers)
    return found


def steps(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Opening, a prefill, steps, the commit of a canvas, memory."""
    from inference.backends.registry import open_backend

    rng = np.random.default_rng(3)
    began = time.monotonic()
    backend = open_backend(folder, "native", lambda stage, share: None)
    opened = time.monotonic() - began
    vocab = backend.config.vocab_size
    backend.encode(rng.integers(0, vocab, PLANNED_CONTEXT))  # every page of the weights is read once
    backend.reset()
    backend.encode(rng.integers(0, vocab, PLANNED_CONTEXT))
    near, _ = _denoised(backend, rng, options.steps)
    commit = _timed(lambda: backend.encode(rng.integers(0, vocab, CANVAS)))
    backend.reset()
    prefill = _timed(lambda: backend.encode(rng.integers(0, vocab, options.prompt)))
    say(f"prefill: {prefill}")
    far, canvas = _denoised(backend, rng, options.steps)
    far_commit = _timed(lambda: backend.encode(canvas))
    memory = psutil.Process().memory_info()
    device = backend.device
    backend.close()
    return {
        "device": device,
        "open_s": round(opened, 2),
        "prefill_tokens": options.prompt,
        "prefill": prefill,
        f"over_{PLANNED_CONTEXT}_tokens": {"steps": near, "commit": commit},
        f"over_{options.prompt}_tokens": {"steps": far, "commit": far_commit},
        "resident_gb": round(memory.rss / GB, 2),
        "of_that_mapped_gb": round(getattr(memory, "shared", 0) / GB, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GB, 2),
    }


def _denoised(backend: Any, rng: np.random.Generator, count: int) -> tuple[list[dict[str, float]], Any]:
    """Times of steps with self-conditioning, and the last canvas."""
    canvas, uniforms = rng.integers(0, backend.config.vocab_size, CANVAS), rng.random(CANVAS).astype(np.float32)
    step = backend.denoise(canvas, None, 0.6, uniforms)
    made = []
    for _ in range(count):
        began, spent = time.monotonic(), _user_time()
        step = backend.denoise(step.argmax, step.state, 0.6, uniforms)
        made.append({"wall_s": round(time.monotonic() - began, 2), "processor_s": round(_user_time() - spent, 2)})
        say(f"step: {made[-1]}")
    return made, step.argmax


def planned(shape: ModelShape) -> dict[str, float]:
    """What the models page says of this model, from its measurement in a process of its own."""
    from inference.look.client import Looks
    from inference.look.questions import MeasureProcessor
    from trt_engines.planning.planner import Refusal
    from trt_engines.planning.processor import processor_plan

    began, looks, speed = time.monotonic(), Looks(), None
    try:
        for found in looks.follow(MeasureProcessor(), threading.Event()):
            speed = found
    finally:
        looks.close()
    took = time.monotonic() - began
    plan = processor_plan(shape, psutil.virtual_memory().total, 10**12, speed)
    if isinstance(plan, Refusal) or speed is None:
        raise SystemExit(f"The planner refuses: {plan}")
    return {
        "measuring_s": round(took, 1), "step_s": round(plan.step_seconds, 2), "block_s": round(plan.block_seconds, 1),
        "tokens_per_s": round(plan.tokens_per_second, 2), "memory_gb": round(plan.memory / GB, 2),
    }  # fmt: skip


def _user_time() -> float:
    """Of all threads, without the system's: reading weights again where memory is short is no work of the kernels."""
    return os.times().user


def _timed(work: Any) -> dict[str, float]:
    began, spent = time.monotonic(), _user_time()
    work()
    return {"wall_s": round(time.monotonic() - began, 2), "processor_s": round(_user_time() - spent, 2)}


def peak_and_products() -> dict[str, Any]:
    """One thread, processor time: the most that int8 products reach here by anybody, and ours of one layer's shapes."""
    from inference.native.cores import Cores
    from inference.native.library import Threads, best_isa
    from inference.native.matrices import PackedMatrix, aligned, scale_bytes, weight_bytes
    from inference.native.measure import PeakProduct

    Threads(Cores(1, ()), lower=False).close()
    rng = np.random.default_rng(4)
    others = {"onnxruntime": _onnx_peak(rng)}
    kinds: list[tuple[str, int, int, int, int]] = []
    for number, (n, k, rows, often) in enumerate(PRODUCTS):
        kinds.append(("int4" if number >= 4 else "int8", n, k, rows, often))

    def packed(kind: Any, n: int, k: int) -> PackedMatrix:
        group = 32 if kind == "int4" else k
        weights = aligned((weight_bytes(kind, k, n),), np.uint8)
        weights[:] = np.frombuffer(rng.bytes(len(weights)), np.uint8)
        scales = aligned((scale_bytes(kind, k, n, group),), np.uint8)
        scales.view(np.float16 if kind == "int4" else np.float32)[:] = 0.002
        return PackedMatrix(kind, k, n, group, weights, scales)

    small = PeakProduct()
    others["our int8 product in the cache"] = small.operations / _seconds(small.run) / GB
    seconds = 0.0
    for kind, n, k, rows, often in kinds:
        seconds += often * _seconds(_product(best_isa(), packed(kind, n, k), rows, rng))
    work = sum(2.0 * n * k * rows * often for _, n, k, rows, often in kinds)
    peak = max(others.values())
    return {
        "isa": best_isa(),
        "gop_per_s_one_thread": {name: round(value) for name, value in others.items()},
        "products_gop_per_s": round(work / seconds / GB),
        "products_ms_a_layer": round(seconds * 1000, 1),
        "share_of_the_peak": round(work / seconds / GB / peak, 2),
    }


def _product(isa: str, matrix: Any, rows: int, rng: np.random.Generator) -> Any:
    from inference.native.library import ISAS, aligned, load, pointer
    from inference.native.matrices import TYPE_NUMBERS

    groups = -(-matrix.k // matrix.group)
    out, data = aligned((rows, matrix.n), np.float32), aligned((rows, matrix.k), np.float32)
    data[:] = rng.standard_normal((rows, matrix.k), np.float32)
    quantised, sums = aligned((rows, matrix.k), np.int8), aligned((rows, groups), np.int32)
    library = load()
    return lambda: library.dp_product(
        ISAS.index(isa), TYPE_NUMBERS[matrix.kind], matrix.k, matrix.n, matrix.group, pointer(matrix.weights),
        pointer(matrix.scales), pointer(data), rows, 0, 0, None, rows, pointer(out), pointer(quantised), pointer(sums),
    )  # fmt: skip


def _onnx_peak(rng: np.random.Generator) -> float:
    from onnx import TensorProto, helper, numpy_helper

    from trt_engines.onnx_runtime import ort

    size = 1024
    weights = numpy_helper.from_array(rng.integers(-63, 63, (size, size)).astype(np.int8), "w")
    infos = [
        helper.make_tensor_value_info(name, kind, [size, size])
        for name, kind in (("x", TensorProto.UINT8), ("y", TensorProto.INT32))
    ]
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])], "g", infos[:1], infos[1:], [weights]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    x = rng.integers(0, 100, (size, size)).astype(np.uint8)
    return 2.0 * size**3 / _seconds(lambda: session.run(None, {"x": x})) / GB


def _seconds(work: Any, rounds: int = 7) -> float:
    """The best of some runs: the peak is what the processor can do."""
    times = []
    for _ in range(rounds + 1):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times[1:])


def summary(found: dict[str, Any], size: int, layers: int) -> dict[str, Any]:
    """What a reader wants; extrapolations are called so."""
    steps = found["steps"]
    own = steps[f"over_{PLANNED_CONTEXT}_tokens"]
    commit = own["commit"]
    wall, spent = (statistics.median(each[of] for each in own["steps"]) for of in ("wall_s", "processor_s"))
    whole = _tokens_per_second(wall, commit["wall_s"])
    cores = os.cpu_count() or 1
    quiet = _tokens_per_second(spent / cores, commit["processor_s"] / cores)
    result: dict[str, Any] = {
        "tokens_per_s_measured": round(whole, 2),
        "tokens_per_s_extrapolated_to_this_machine_when_quiet": round(quiet, 2),
        "planned_over_measured": round(found["planned"]["tokens_per_s"] / whole, 2),
        "planned_over_extrapolated_to_this_machine_when_quiet": round(found["planned"]["tokens_per_s"] / quiet, 2),
        "prefill_tokens_per_s": round(steps["prefill_tokens"] / steps["prefill"]["wall_s"], 1),
        "steps_a_block": STEPS_A_BLOCK,
    }
    for number in (8, 16):
        step = max(spent / number, size / READ_BYTES_PER_SECOND)
        last = max(commit["processor_s"] / number, size / READ_BYTES_PER_SECOND)
        result[f"tokens_per_s_extrapolated_to_{number}_cores"] = round(_tokens_per_second(step, last), 1)
    if layers != 30:
        result["remark"] = "of fewer layers than the published model has"
    return result


def _tokens_per_second(step: float, commit: float) -> float:
    return CANVAS / (STEPS_A_BLOCK * step + commit)


if __name__ == "__main__":
    sys.exit(main())
