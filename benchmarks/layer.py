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
    from inference.model_config import LayerSpec, ModelConfig, SamplerDefaults
    from inference.native.cores import Cores
    from inference.native.kv_blocks import KvBlocks
    from inference.native.library import Threads, best_isa
    from inference.native.model import NativeModel, Rows
    from inference.native.packed import model_parts, part_places
    from inference.native.weights import WHOLE_MODEL

    spec = LayerSpec("sliding_attention", KV, DIM, 10_000.0, 1.0)
    config = ModelConfig(
        512, HIDDEN, DENSE, HEADS, EXPERTS, TOP, INNER, 1024, (spec,), ROWS, 8192, 30.0, 1e-6, 0, 2, (1,), (),
        "bfloat16", SamplerDefaults(),
    )  # fmt: skip
    model = NativeModel(config, best_isa(), Threads(Cores(threads, ()), lower=False), 53.0)
    rng = np.random.default_rng(1)
    for part in model_parts(config):
        for place in part_places(config, part):
            model.set_matrix(place, random_matrix(config, place, rng))
    padded = -(-HIDDEN // 32) * 32
    norms = [np.ones(DIM if number in (1, 2) else padded, np.float32) for number in range(9)]
    model.set_vectors(0, [*norms, np.ones(EXPERTS, np.float32)])
    model.set_vectors(WHOLE_MODEL, [np.ones(padded, np.float32)] * 2)
    model.set_scalars(0, 1.0, 1.0)
    cache = KvBlocks(config, np.float16)
    cache.make_room(past + ROWS)
    cache.length = past
    rows = Rows(rng.standard_normal((ROWS, HIDDEN)).astype(np.float32), None, True, past)
    return lambda: model.encode(rows, cache, lambda: False)


def random_matrix(config: Any, place: Any, rng: np.random.Generator) -> Any:
    """Random codes and one scale for all."""
    from inference.native.matrices import PackedMatrix, aligned, group_of, scale_bytes, weight_bytes
    from inference.native.packed import kind_of
    from inference.native.weights import TABLE, WHOLE_MODEL, packed_size

    n, k = packed_size(config, place)
    kind = kind_of("int4", place)
    group = group_of(kind, k, place.layer == WHOLE_MODEL and place.which == TABLE)
    weights = aligned((weight_bytes(kind, k, n),), np.uint8)
    scales = aligned((scale_bytes(kind, k, n, group),), np.uint8)
    if kind == "float32":
        weights.view(np.float32)[:] = rng.standard_normal(n * k).astype(np.float32) / k**0.5
    else:
        weights[:] = np.frombuffer(rng.bytes(len(weights)), np.uint8)
        own = scales.view(np.float16 if kind == "int4" else np.float32)
        own[:] = 1 / (k**0.5 * (4.6 if kind == "int4" else 74))
    return PackedMatrix(kind, k, n, group, weights, scales)


def their_products(threads: int, folder: Path) -> Callable[[], Any]:
    """ONNX Runtime's MatMulNBits in blocks of 32, computing in int8 (accuracy_level 4)."""
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

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
