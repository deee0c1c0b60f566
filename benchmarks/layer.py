"""One layer of the published shape on the processor: our kernels against ONNX Runtime's INT4 products of its shapes.

Hidden 2816, 128 experts of 704 (top 8), dense MLP of 2112, 16 heads of 256, 256 positions over a cache. Random weights:
times do not depend on them. The layer runs whole (attention, norms and router included); the other side runs its
matrix products alone, dense ones at 256 rows and each expert's at 16. Every expert has a matrix of its own on both
sides, as in a model: one matrix again and again would lie in the caches. A B A B in one run; the ratio counts. With one
thread the times are processor times, which other programs disturb less.

With `--ggml` a third side multiplies the same shapes by ggml's q4_0, in its own layout for this processor where it
has one. DIR holds libggml-base.so and libggml-cpu.so: an unpacked wheel of `pywhispercpp`, say (for AVX2), or a build;
`--isa avx2` lets our kernels do without AVX-512, too.

    python benchmarks/layer.py [--past 256] [--threads 1] [--rounds 5] [--ggml DIR] [--isa NAME]
                                [--json FILE]
"""

from __future__ import annotations

import argparse
import ctypes
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
    parser.add_argument("--ggml", type=Path, default=None, metavar="DIR", help="where libggml-cpu.so lies")
    parser.add_argument("--isa", default=None, help="instruction set of our kernels (default: the fastest)")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    clock = time.process_time if options.threads == 1 else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "native": our_layer(options.past, options.threads, options.isa),
            "onnx_int4": their_products(options.threads, Path(folder)),
        }
        if options.ggml:
            sides["ggml_q4_0"] = ggml_products(options.threads, options.ggml)
        times: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(options.rounds + 1):
            for name, run in sides.items():
                began = clock()
                run()
                if number:  # the first round warms up
                    times[name].append((clock() - began) * 1000)
    ratios = {
        name: round(statistics.median(their / our for our, their in zip(times["native"], own, strict=True)), 2)
        for name, own in times.items()
        if name != "native"
    }
    work = sum(2.0 * n * k * rows * often for n, k, rows, often in PRODUCTS)
    best = min(times["native"])
    result = {
        "threads": options.threads,
        "past": options.past,
        "ms": {name: [round(each, 1) for each in own] for name, own in times.items()},
        "ratio_median": ratios,
        "native_gop_per_s_at_best": round(work / best / 1e6),
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def our_layer(past: int, threads: int, isa: str | None) -> Callable[[], Any]:
    """The layer alone: a model of one layer and a small vocabulary, whose ends take little."""
    from inference.native.cores import Cores
    from inference.native.measure import LayerRun

    return LayerRun(Cores(threads, ()), past, 512, lower=False, isa=isa).layer


def their_products(threads: int, folder: Path) -> Callable[[], Any]:
    """ONNX Runtime's MatMulNBits in blocks of 32, computing in int8 (accuracy_level 4)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from trt_engines.onnx_runtime import ort

    rng = np.random.default_rng(2)
    runs = []
    for number, (n, k, rows, often) in enumerate(PRODUCTS):
        blocks, inits, nodes = k // 32, [], []
        for each in range(often):
            codes = np.frombuffer(rng.bytes(n * blocks * 16), np.uint8).reshape(n, blocks, 16)
            inits.append(numpy_helper.from_array(codes, f"w{each}"))
            inits.append(numpy_helper.from_array(np.full(n * blocks, 0.002, np.float32), f"s{each}"))
            nodes.append(
                helper.make_node(
                    "MatMulNBits", ["x", f"w{each}", f"s{each}"], [f"y{each}"], domain="com.microsoft", K=k, N=n,
                    bits=4, block_size=32, accuracy_level=4,
                )
            )  # fmt: skip
        x_info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, k])
        y_infos = [helper.make_tensor_value_info(f"y{each}", TensorProto.FLOAT, [rows, n]) for each in range(often)]
        graph = helper.make_graph(nodes, "g", [x_info], y_infos, inits)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        file = folder / f"{number}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), file)
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = threads
        session = ort.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        file.unlink()
        runs.append((session, rng.standard_normal((rows, k)).astype(np.float32)))

    def run() -> None:
        for session, x in runs:
            session.run(None, {"x": x})

    return run


def ggml_products(threads: int, folder: Path) -> Callable[[], Any]:
    """ggml's products of q4_0 (blocks of 32, a scale in fp16) with rows of floats, by its own backend."""
    base, cpu = (ctypes.CDLL(str(folder / f"libggml-{name}.so"), ctypes.RTLD_GLOBAL) for name in ("base", "cpu"))
    ggml = _Ggml(base, cpu)
    rng = np.random.default_rng(2)
    backend = ggml.call("ggml_backend_cpu_init")
    ggml.call("ggml_backend_cpu_set_n_threads", backend, ctypes.c_int(threads), library=cpu)
    graphs = []
    for n, k, rows, often in PRODUCTS:
        weights, rest = ggml.context(often), ggml.context(often + 1)
        matrices = [ggml.tensor(weights, 2, k, n) for _ in range(often)]
        x = ggml.tensor(rest, 0, k, rows)
        graph = ggml.call("ggml_new_graph", rest)
        for matrix in matrices:
            made = ggml.call("ggml_mul_mat", rest, matrix, x)
            ggml.call("ggml_build_forward_expand", graph, made)
        ggml.lay_out(weights, backend, own_layout=True)
        ggml.lay_out(rest, backend, own_layout=False)
        for matrix in matrices:
            blocks = np.empty(n * k // 32, np.dtype([("scale", np.float16), ("codes", np.uint8, 16)]))
            blocks["scale"] = 0.002
            blocks["codes"] = np.frombuffer(rng.bytes(16 * len(blocks)), np.uint8).reshape(-1, 16)
            ggml.fill(matrix, blocks)
        ggml.fill(x, rng.standard_normal((rows, k)).astype(np.float32))
        graphs.append(graph)

    def run() -> None:
        for graph in graphs:
            ggml.call("ggml_backend_graph_compute", backend, graph)

    return run


class _Ggml:
    """The few functions of ggml that a product takes; whatever they return is taken for a pointer."""

    def __init__(self, base: ctypes.CDLL, cpu: ctypes.CDLL) -> None:
        self._base, self._cpu = base, cpu

    def call(self, name: str, *arguments: Any, library: ctypes.CDLL | None = None) -> Any:
        """Pointers go in as they came out."""
        holder = library or (self._cpu if hasattr(self._cpu, name) else self._base)
        function = getattr(holder, name)
        function.restype = ctypes.c_void_p
        return function(*[ctypes.c_void_p(each) if isinstance(each, int) else each for each in arguments])

    def context(self, tensors: int) -> int:
        """Room for so many tensors and a graph, their numbers elsewhere."""

        class Params(ctypes.Structure):
            _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))

        return int(self.call("ggml_init", Params((tensors + 1) * 1024 + (1 << 20), None, True)))

    def tensor(self, context: int, kind: int, k: int, rows: int) -> int:
        """[rows, k] of kind 0 (float32) or 2 (q4_0)."""
        sizes = (ctypes.c_int64(k), ctypes.c_int64(rows))
        return int(self.call("ggml_new_tensor_2d", context, ctypes.c_int(kind), *sizes))

    def lay_out(self, context: int, backend: int, *, own_layout: bool) -> None:
        """Give a context's tensors memory, of the kind that the kernels like best."""
        repacked = "_Z35ggml_backend_cpu_repack_buffer_typev"
        if own_layout and hasattr(self._cpu, repacked):
            kind = self.call(repacked)
            self.call("ggml_backend_alloc_ctx_tensors_from_buft", context, kind)
        else:
            self.call("ggml_backend_alloc_ctx_tensors", context, backend)

    def fill(self, tensor: int, values: np.ndarray[Any, Any]) -> None:
        """Its numbers."""
        sizes = (ctypes.c_size_t(0), ctypes.c_size_t(values.nbytes))
        self.call("ggml_backend_tensor_set", tensor, values.ctypes.data, *sizes)


if __name__ == "__main__":
    sys.exit(main())
