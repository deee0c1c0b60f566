"""Whether an installed TensorRT runs on this machine's card, in a process of its own: a crash in it costs nothing else.

Prints one JSON object: for each TensorRT what each attempt gave, with the exact words of TensorRT's own log where it
failed. Building was run here, without a GPU; running an engine has not.

    python benchmarks/gpu_tensorrt.py [--sm 90]
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
ROWS, WIDTH = 8, 16
STARTER = ROOT / "resources" / "starter"


def main() -> int:
    """Try everything; exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sm", type=int, default=0, help="compute capability times ten; 0: not known")
    sm = parser.parse_args().sm
    result: dict[str, Any] = {}
    for name in ("tensorrt_rtx", "tensorrt"):
        try:
            trt = importlib.import_module(name)
        except Exception as exc:
            result[name] = f"{type(exc).__name__}: {exc}"
            continue
        result[name] = {"version": str(trt.__version__), **attempts(trt, sm)}
    result["starter embed"] = tried(lambda: starter_embed(sm))
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def tried(run: Callable[[], str]) -> str:
    """What it gives, or its error in exact words."""
    try:
        return run()
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


def attempts(trt: ModuleType, sm: int) -> dict[str, str]:
    """A small engine for the card at hand, as TensorRT chooses, and for each compute capability that it can name."""
    log = _log_of(trt)
    targets = ["as TensorRT chooses"]
    if hasattr(trt, "ComputeCapability"):
        named = [member for member in dir(trt.ComputeCapability) if member.startswith("SM") or member == "CURRENT"]
        # The card's own first, then all others: code for an older card may run on a newer one.
        targets += sorted(named, key=lambda member: (member != f"SM{sm}", member))
    return {target: tried(lambda target=target: _attempt(trt, log, target)) for target in targets}  # type: ignore[misc]


def _attempt(trt: ModuleType, log: Any, target: str) -> str:
    log.lines.clear()
    random = np.random.default_rng(1)
    weights = random.normal(size=(WIDTH, WIDTH)).astype(np.float32)
    builder = trt.Builder(log)
    flags = trt.NetworkDefinitionCreationFlag
    network = builder.create_network(1 << int(flags.STRONGLY_TYPED) if hasattr(flags, "STRONGLY_TYPED") else 0)
    given = network.add_input("x", trt.float32, (ROWS, WIDTH))
    constant = network.add_constant((WIDTH, WIDTH), trt.Weights(weights)).get_output(0)
    plain = trt.MatrixOperation.NONE
    made = network.add_matrix_multiply(given, plain, constant, plain).get_output(0)
    made.name = "y"
    network.mark_output(made)
    config = builder.create_builder_config()
    if target != "as TensorRT chooses":
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, target), 0)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        return f"does not build: {log.words()}"
    runtime = trt.Runtime(log)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        return f"builds ({plan.nbytes} bytes), does not deserialise: {log.words()}"
    context = engine.create_execution_context()
    if context is None:
        return f"deserialises, gives no context: {log.words()}"
    return _run(context, random.normal(size=(ROWS, WIDTH)).astype(np.float32), weights, log)


def _run(context: Any, given: np.ndarray, weights: np.ndarray, log: Any) -> str:
    import torch

    x = torch.from_numpy(given).cuda()
    y = torch.zeros_like(x)
    context.set_tensor_address("x", x.data_ptr())
    context.set_tensor_address("y", y.data_ptr())
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    if not context.execute_async_v3(stream.cuda_stream):
        return f"has a context, does not run: {log.words()}"
    torch.cuda.synchronize()
    error = float(np.abs(y.cpu().numpy() - given @ weights).max())
    return "runs" if error < 0.05 else f"runs, but is wrong by {error:.3g}"


def _log_of(trt: ModuleType) -> Any:
    class Log(trt.ILogger):  # type: ignore[misc]
        """TensorRT keeps the first logger of a process for good, so there is one."""

        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                self.lines.append(message.strip())

        def words(self) -> str:
            return " | ".join(self.lines) or "TensorRT gives no reason"

    return Log()


def starter_embed(sm: int) -> str:
    """The starter's embedding through our own builder, runtime and self-test: the error against ONNX Runtime."""
    import tempfile

    from inference.config import model_config_from_folder
    from inference.engines.choice import engine_limits
    from inference.engines.planning import model_shape
    from inference.engines.templates import templates_for
    from inference.graphs.shipped import configuration_fingerprint
    from trt_engines.building.child import PartJob, part_graph
    from trt_engines.building.compile import compile_plan
    from trt_engines.building.profiles import profiles
    from trt_engines.graphs.bind import bound_weights
    from trt_engines.graphs.compose import EMBEDDING
    from trt_engines.graphs.precision import COMPUTE_TYPES, NUMPY_TYPES
    from trt_engines.runtime.cuda_device import CudaDevice
    from trt_engines.runtime.trt_engine import TensorRtEngine, new_opening
    from trt_engines.runtime.weight_ways import held
    from trt_engines.selftest.check import check_parts
    from trt_engines.selftest.reference import Reference
    from trt_engines.tensorrt.flavour import installed_flavour
    from trt_engines.weights.source import WeightSource

    config = model_config_from_folder(STARTER)
    fingerprint, limits, flavour = configuration_fingerprint(config), engine_limits(config, 1024), installed_flavour()
    with tempfile.TemporaryDirectory() as scratch:
        templates = templates_for(config, Path(scratch))
        job = PartJob("embed", None, STARTER, templates.folder, fingerprint, "bf16", "plain", limits, sm, Path(scratch))
        graph, source, plan = part_graph(job), WeightSource.open(STARTER), bytearray()
        weights = bound_weights(graph, source, "plain", lambda done: None)
        made = compile_plan(
            flavour, graph, weights, profiles(limits), sm, lambda phase, done: True, lambda line: None, plan.extend
        )
        device = CudaDevice()
        opening = new_opening(flavour, device)
        checks = check_parts(
            device, lambda name: TensorRtEngine(opening, name, held(plan), made.weight_bytes),
            Reference(templates, source, "bf16", "plain"), model_shape(config), (), limits,
            source.array(EMBEDDING).astype(NUMPY_TYPES[COMPUTE_TYPES["bf16"]]), "bf16",
        )  # fmt: skip
        check = next(checks)
    return f"runs; relative error {check.error:.4f} of at most {check.tolerance}"


if __name__ == "__main__":
    sys.exit(main())
