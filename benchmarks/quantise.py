"""Error and time of each form that weights are brought into, on matrices of DiffusionGemma's real shapes.

Random weights in BF16 (Gaussian, and Student's t with four degrees of freedom), a few experts; the time is scaled up to
the 128 experts of a layer (0.76 G weights), and to 30 layers. Errors are relative RMS: of weights, of products of the
Student weights with Gaussian activations, and, for NVFP4, of products whose activations are quantised as well. Reading
from the disk is not in the times.

    python benchmarks/quantise.py [--experts 2] [--rounds 3] [--workers N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from trt_engines.weights.formats import (  # noqa: E402
    DEFAULT_INPUT_SCALE,
    INT4_SHARES,
    quantise_fp8,
    quantise_int4,
    quantise_nvfp4,
)

SHAPES = {"gate_up": (1408, 2816), "down": (2816, 704)}
EXPERTS, LAYERS, TOKENS = 128, 30, 64
BF16 = ml_dtypes.bfloat16
Form = Callable[[Any, int | None], Any]
# What the search for the step of an INT4 block buys, by the number of steps that are tried.
SHARES: dict[str, tuple[float, ...]] = {
    "absmax/7": (),
    "1 share": (1.0,),
    "2 shares": (1.0, 0.86),
    "3 shares": INT4_SHARES,
    "5 shares": (1.0, 0.95, 0.9, 0.85, 0.8),
    "16 shares": tuple(float(share) for share in np.linspace(1.02, 0.6, 16)),
}


def _int4(shares: tuple[float, ...], stack: Any, workers: int | None) -> Any:
    return quantise_int4(stack, BF16, shares=shares, workers=workers)


FORMS: dict[str, Form] = {
    **{
        f"int4, {name}": lambda stack, workers, shares=shares: quantise_int4(
            stack, BF16, shares=shares, workers=workers
        )
        for name, shares in SHARES.items()
    },
    "fp8": lambda stack, workers: quantise_fp8(stack, BF16, workers=workers),
    "nvfp4, peak 6": lambda stack, workers: quantise_nvfp4(stack, peaks=(6.0,), workers=workers),
    "nvfp4, peak 6 or 4": lambda stack, workers: quantise_nvfp4(stack, workers=workers),
}


def main() -> int:
    """Measure and print; exit code 0."""
    options = _options()
    rows = {name: _measured(form, options) for name, form in FORMS.items()}
    sys.stdout.write(f"{'':20}  gauss   student products fp4 inputs   s/layer  s/model\n")
    for name, row in rows.items():
        both = f"{row['products_fp4_inputs']:.4f}" if "products_fp4_inputs" in row else "     -"
        sys.stdout.write(
            f"{name:20} {row['weights_gauss']:.4f}    {row['weights_student']:.4f}   {row['products']:.4f}     {both}"
            f"   {row['seconds_layer']:7.2f}  {row['seconds_layer'] * LAYERS:7.0f}\n"
        )
    if options.json:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        result = {
            "machine": f"{platform.system()} {platform.machine()}, {cores} cores, {options.workers or 'all'} workers",
            "measured": f"{options.experts} experts a matrix, best of {options.rounds}, times {EXPERTS}",
            "versions": {name: version(name) for name in ("numpy", "ml_dtypes")},
            "forms": rows,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experts", type=int, default=2, help="experts that are measured")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--workers", type=int, default=None, help="threads; as many as the program takes if not given")
    parser.add_argument("--json", type=Path, default=None)
    return parser.parse_args()


def _measured(form: Form, options: argparse.Namespace) -> dict[str, float]:
    row: dict[str, float] = {"seconds_layer": 0.0}
    errors: dict[str, list[float]] = {}
    for shape in SHAPES.values():
        for kind in ("gauss", "student"):
            stack = _weights(kind, (options.experts, *shape))
            times = []
            for _ in range(options.rounds):
                started = time.perf_counter()
                made = form(stack, options.workers)
                times.append(time.perf_counter() - started)
            if kind == "gauss":
                row["seconds_layer"] += min(times) * EXPERTS / options.experts
            values = made.dequantised()
            errors.setdefault(f"weights_{kind}", []).append(_relative_rms(values, stack))
        inputs = np.random.default_rng(3).standard_normal((TOKENS, shape[1])).astype(np.float32)
        exact = inputs @ stack[0].astype(np.float32).T
        errors.setdefault("products", []).append(_relative_rms(inputs @ values[0].T, exact))
        if hasattr(made, "input_scale"):
            both = _in_fp4(inputs) @ values[0].T
            errors.setdefault("products_fp4_inputs", []).append(_relative_rms(both, exact))
    return {name: round(value, 3) for name, value in row.items()} | {
        name: round(float(np.mean(each)), 5) for name, each in errors.items()
    }


def _weights(kind: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(7)
    raw = rng.standard_normal(shape) if kind == "gauss" else rng.standard_t(4, shape)
    return (raw * 0.02).astype(BF16)


def _in_fp4(inputs: Any) -> Any:
    """Activations as the engine quantises them while it runs: E4M3 scales of blocks, then E2M1."""
    blocks = inputs.reshape(-1, 16)
    wanted = np.abs(blocks).max(axis=1, keepdims=True) / (6 * DEFAULT_INPUT_SCALE)
    steps = np.minimum(wanted, 448).astype(ml_dtypes.float8_e4m3fn).astype(np.float32) * DEFAULT_INPUT_SCALE
    units = np.clip(blocks / np.where(steps == 0, 1, steps), -6, 6)
    return (units.astype(ml_dtypes.float4_e2m1fn).astype(np.float32) * steps).reshape(inputs.shape)


def _relative_rms(values: Any, exact: Any) -> float:
    exact = exact.astype(np.float64)
    return float(np.sqrt(((values - exact) ** 2).mean() / (exact**2).mean()))


if __name__ == "__main__":
    sys.exit(main())
