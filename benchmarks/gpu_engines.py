"""Our TensorRT engines at the real size on this machine's card: step time with random weights. Not yet run on a GPU.

    python benchmarks/gpu_engines.py [--precision int4] [--layers 2] [--json FILE]

One segment of a few layers is built with random weights, and the runtime takes it as often as 30 layers need: every
run reads all of its weights again, which are larger than any cache. Half of its layers have full attention, where the
real model has a sixth; a step is therefore told a little too slow. Then four copies of it are streamed through two
slots. Needs an RTX card, about 8 GB of disk for the time, and some minutes; `benchmarks/gpu.py` calls it in a process
of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from engine_build import CONTEXT, FIRST, LAYERS, measured, published_templates, write_checkpoint  # noqa: E402

from trt_engines.building.child import PartJob  # noqa: E402
from trt_engines.building.profiles import MOST_LISTED, Limits  # noqa: E402
from trt_engines.building.store import Part, checked_plan  # noqa: E402
from trt_engines.errors import EngineError  # noqa: E402
from trt_engines.graphs.names import ASKED  # noqa: E402
from trt_engines.planning.hardware import GB, Machine  # noqa: E402
from trt_engines.planning.planner import Plan, plans  # noqa: E402
from trt_engines.planning.precision import PRECISIONS  # noqa: E402
from trt_engines.planning.probe import detected_gpus  # noqa: E402
from trt_engines.planning.shape import PUBLISHED  # noqa: E402
from trt_engines.runtime.device import Device, Engine  # noqa: E402
from trt_engines.runtime.parts import ModelParts  # noqa: E402
from trt_engines.runtime.runner import ModelRunner  # noqa: E402
from trt_engines.tensorrt.flavour import installed_flavour  # noqa: E402

ROUNDS, WARM_UP, PROMPT = 20, 5, 512
STREAMED = 4


def timed(device: Device, parts: ModelParts, table: np.ndarray, resident: int) -> dict[str, float]:
    """Median milliseconds of a denoising step behind a prompt, and of encoding the prompt."""
    runner = ModelRunner(device, parts, table, resident, None)
    random = np.random.default_rng(1)
    chunk, canvas, vocab = parts.limits.chunk, parts.limits.canvas, parts.shape.vocab_size
    encodes, steps, state = [], [], None
    for _ in range(3):
        runner.truncate(0)
        start = time.perf_counter()
        runner.encode(random.integers(0, vocab, min(PROMPT, chunk)))
        encodes.append(time.perf_counter() - start)
    for _ in range(WARM_UP + ROUNDS):
        uniforms = random.random(canvas).astype(np.float32)
        start = time.perf_counter()
        state = runner.denoise(random.integers(0, vocab, canvas), state, 0.7, uniforms).state
        steps.append(time.perf_counter() - start)
    return {
        **_formed(runner, vocab), "step_ms": 1000 * statistics.median(steps[WARM_UP:]),
        "prompt_ms": 1000 * min(encodes), "streamed": float(runner.streamed),
        "capacity_reruns": float(runner.capacity_reruns),
    }  # fmt: skip


def _formed(runner: ModelRunner, vocab: int) -> dict[str, float]:
    """Milliseconds of a form's step without the processor's part: logits of tokens, and a state of shares of them."""
    canvas, found, state = np.arange(runner.canvas), dict[str, float](), None
    for count in (100, min(MOST_LISTED, vocab), vocab):
        ids, shares = np.arange(count), np.full((runner.canvas, count), 1 / count, np.float32)
        for _ in range(2):  # kernels are made in the first one
            start = time.perf_counter()
            runner.logits(canvas, state, ids)
            state = runner.conditioned(state, runner.canvas, np.arange(runner.canvas), ids, shares)
            found[f"form_of_{count}_ms"] = 1000 * (time.perf_counter() - start)
    return found


def random_table() -> np.ndarray:
    """An embedding table of the real size; one block of random rows again and again."""
    block = (np.random.default_rng(2).standard_normal((1024, PUBLISHED.hidden_size)) * 0.02).astype(ml_dtypes.bfloat16)
    return np.tile(block, (PUBLISHED.vocab_size // 1024, 1))


def on_this_card(options: argparse.Namespace) -> dict[str, Any]:
    """Build embed, head and one segment; time 30 layers on the card, and streamed ones.

    Raises:
        EngineError: There is no card or no TensorRT, or one of them refuses.
    """
    from trt_engines.runtime.cuda_device import CudaDevice
    from trt_engines.runtime.trt_engine import TensorRtEngine, new_opening

    card, flavour = detected_gpus()[0], installed_flavour()
    precision = next(each for each in PRECISIONS if each.name == (options.precision or _best(card.gpu)))
    templates, configuration = published_templates()
    limits = Limits(256, 512, CONTEXT, 1087, 24)
    cut = (FIRST, FIRST + options.layers)
    with tempfile.TemporaryDirectory(prefix="gpu-engines-", dir=options.folder) as scratch:
        folder = Path(scratch)

        def build(name: str, segment: tuple[int, int] | None) -> Part:
            job = PartJob(
                name, segment, folder, templates, configuration, precision.compute, precision.form, limits,
                card.gpu.sm, folder,
            )  # fmt: skip
            write_checkpoint(folder, replace(job, name="head") if name in ASKED else job)
            return measured(job)[0]

        parts = (*((end, None) for end in ("embed", "head", *ASKED)), ("stack", cut))
        built = {name: build(name, segment) for name, segment in parts}
        device = CudaDevice(card.uuid)
        opening = new_opening(flavour, device)

        def load(name: str) -> Engine:
            return TensorRtEngine(opening, name, partial(checked_plan, folder, built[name]), built[name].weight_bytes)

        repeats, table = LAYERS // options.layers, random_table()
        result = _sections(device, load, cut, repeats, limits, table)
    return {
        "gpu": card.gpu.name, "driver": card.driver, "tensorrt": f"{flavour.name} {flavour.version}",
        "precision": precision.name, "layers": options.layers, "weights_gb": built["stack"].weight_bytes * repeats / GB,
        **result,
    }  # fmt: skip


def _best(gpu: Any) -> str:
    found = [plan for plan in plans(PUBLISHED, gpu, Machine(1 << 40, 1 << 42), CONTEXT) if isinstance(plan, Plan)]
    four_bits = [plan.precision.name for plan in found if plan.precision.name in ("int4", "nvfp4")]
    if not four_bits:
        raise EngineError(f"{gpu.name} has no 4-bit precision in TensorRT.")
    return four_bits[0]


def _sections(
    device: Device, load: Callable[[str], Engine], cut: tuple[int, int], repeats: int, limits: Limits,
    table: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    found: dict[str, Any] = {}
    ends, one = (load("embed"), load("head")), load("stack")
    for name, engines, resident in (
        ("all on the card", [one] * repeats, repeats),
        ("streamed", [load("stack") for _ in range(STREAMED)], 0),
    ):
        cuts = (cut,) * len(engines)
        parts = ModelParts(PUBLISHED, limits, 8, ml_dtypes.bfloat16, cuts, *ends, engines, load)
        try:
            found[name] = timed(device, parts, table, resident)
        except EngineError as exc:
            found[name] = f"{exc.user_text} {exc.hint}"
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print one JSON object; exit code 0, also where there is no card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=[each.name for each in PRECISIONS], help="default: 4 bits")
    parser.add_argument("--layers", type=int, default=2, choices=(1, 2, 3, 5), help="layers of the segment")
    parser.add_argument("--folder", type=Path, help="where random weights and plans are put for the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    try:
        result = on_this_card(options)
    except EngineError as exc:
        result = {"error": f"{exc.user_text} {exc.hint}".strip()}
    sys.stdout.write(json.dumps(result) + "\n")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
