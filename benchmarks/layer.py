"""One layer of the published shape on the processor: our kernels against ONNX Runtime's INT4 products of its shapes.

Hidden 2816, 128 experts of 704 (top 8), dense MLP of 2112, 16 heads of 256, 256 positions over a cache. Random weights:
times do not depend on them. The layer runs whole (attention, norms and router included); the other side runs its
matrix products alone, dense ones at 256 rows and each expert's at 16 (one matrix again and again, so that it lies in
the caches). A B A B in one run; the ratio counts. With one thread the times are processor times, which other programs
disturb less.

    python benchmarks/layer.py [--past 256] [--threads 1] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

HIDDEN, DENSE, EXPERTS, INNER, TOP, HEADS, KV, DIM, ROWS = 2816, 2112, 128, 704, 8, 16, 8, 256, 256
# outputs, inputs, rows, how often
PRODUCTS = (
    ((HEADS + 2 * KV) * DIM, HIDDEN, ROWS, 1),
    (HIDDEN, HEADS * DIM, ROWS, 1),
    (2 * DENSE, HIDDEN, ROWS, 1),
    (HIDDEN, DENSE, ROWS, 1),
    (2 * INNER, HIDDEN, ROWS * TOP // EXPERTS, EXPERTS),
    (HIDDEN, INNER, ROWS * TOP // EXPERTS, EXPERTS),
)


def main() -> int:
    """Measure and print; exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--past", type=int, default=256, help="positions in the KV cache")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    clock = time.process_time if options.threads == 1 else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "native": our_layer(options.past, options.threads),
            "onnx_int4": their_products(options.threads, Path(folder)),
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(options.rounds + 1):
            for name, run in sides.items():
                began = clock()
                run()
                if number:  # the first round warms up
                    times[name].append((clock() - began) * 1000)
    ratios = [theirs / ours for ours, theirs in zip(times["native"], times["onnx_int4"], strict=True)]
    work = sum(2.0 * n * k * rows * often for n, k, rows, often in PRODUCTS)
    best = min(times["native"])
    result = {
        "threads": options.threads,
        "past": options.past,
        "native_ms": [round(each, 1) for each in times["native"]],
        "onnx_int4_products_ms": [round(each, 1) for each in times["onnx_int4"]],
        "ratio_median": round(statistics.median(ratios), 2),
        "native_gop_per_s_at_best": round(work / best / 1e6),
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def our_layer(past: int, threads: int) -> Callable[[], Any]:
    """The layer alone: a model of one layer and a small vocabulary, whose ends take little."""
    from inference.native.cores import Cores
    from inference.native.measure import LayerRun

    return LayerRun(Cores(threads, ()), past, 512, lower=False).layer


def their_products(threads: int, folder: Path) -> Callable[[], Any]:
    """ONNX Runtime's MatMulNBits in blocks of 32, computing in int8 (accuracy_level 4)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from trt_engines.onnx_runtime import ort

    rng = np.random.default_rng(2)
    runs = []
    for number, (n, k, rows, often) in enumerate(PRODUCTS):
        blocks = k // 32
        inits = [
            numpy_helper.from_array(rng.integers(0, 256, (n, blocks, 16)).astype(np.uint8), "w"),
            numpy_helper.from_array(np.full(n * blocks, 0.002, np.float32), "s"),
        ]
        node = helper.make_node(
            "MatMulNBits",
            ["x", "w", "s"],
            ["y"],
            domain="com.microsoft",
            K=k,
            N=n,
            bits=4,
            block_size=32,
            accuracy_level=4,
        )
        info = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, size]) for name, size in (("x", k), ("y", n))
        ]
        graph = helper.make_graph([node], "g", info[:1], info[1:], inits)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        file = folder / f"{number}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), file)
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = threads
        session = ort.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        x = rng.standard_normal((rows, k)).astype(np.float32)
        runs.append((session, x, often))

    def run() -> None:
        for session, x, often in runs:
            for _ in range(often):
                session.run(None, {"x": x})

    return run


if __name__ == "__main__":
    sys.exit(main())
