"""Checkpoints to read and a second, slow reader of NVFP4 that shares no code with ours."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)
E4M3 = np.dtype(ml_dtypes.float8_e4m3fn)
# The sixteen values of E2M1 by code.
E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]


def plain_experts(rng: np.random.Generator, experts: int, hidden: int, inner: int, layer: int = 0) -> dict[str, Any]:
    """Fused experts in BF16."""
    prefix = f"model.decoder.layers.{layer}.experts"
    return {
        f"{prefix}.gate_up_proj": (rng.normal(size=(experts, 2 * inner, hidden)) * 0.02).astype(BF16),
        f"{prefix}.down_proj": (rng.normal(size=(experts, hidden, inner)) * 0.02).astype(BF16),
    }


def modelopt_experts(rng: np.random.Generator, experts: int, hidden: int, inner: int, layer: int = 0) -> dict[str, Any]:
    """Experts as ModelOpt writes them: any codes, any finite block scales, scales that differ."""
    tensors: dict[str, Any] = {}
    for expert in range(experts):
        for part, (rows, K) in {"gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}.items():
            prefix = f"model.decoder.layers.{layer}.experts.{expert}.{part}_proj"
            tensors[f"{prefix}.weight"] = rng.integers(0, 256, (rows, K // 2)).astype(np.uint8)
            tensors[f"{prefix}.weight_scale"] = rng.integers(1, 0x7F, (rows, K // 16)).astype(np.uint8).view(E4M3)
            # ModelOpt writes scalars without axes; some tools make one axis of them.
            shape = () if expert % 2 else (1,)
            tensors[f"{prefix}.weight_scale_2"] = np.full(shape, rng.uniform(1e-5, 1e-4), np.float32)
            tensors[f"{prefix}.input_scale"] = np.full(shape, rng.uniform(1e-3, 1e-2), np.float32)
    return tensors


def e4m3_value(code: int) -> float:
    """A number of E4M3 by its bits: sign, four of exponent with bias 7, three of mantissa."""
    sign, exponent, mantissa = -1.0 if code & 128 else 1.0, (code >> 3) & 15, code & 7
    return sign * (mantissa * 2.0**-9 if exponent == 0 else (8 + mantissa) * 2.0 ** (exponent - 10))


def slow_values(tensors: dict[str, Any], prefix: str) -> np.ndarray:
    """float32 [N, K] of the ModelOpt projection `prefix`, number by number."""
    codes, scales = tensors[f"{prefix}.weight"], tensors[f"{prefix}.weight_scale"].view(np.uint8)
    scale = float(tensors[f"{prefix}.weight_scale_2"].reshape(-1)[0])
    rows, half = codes.shape
    values = np.zeros((rows, 2 * half), np.float32)
    for row in range(rows):
        for k in range(2 * half):
            byte = int(codes[row, k // 2])
            code = byte % 16 if k % 2 == 0 else byte // 16
            values[row, k] = E2M1[code] * e4m3_value(int(scales[row, k // 16])) * scale
    return values


def relative_rms(values: np.ndarray, exact: np.ndarray) -> float:
    """Root of the mean squared difference, in units of the exact values' own."""
    exact = exact.astype(np.float64)
    return float(np.sqrt(((values - exact) ** 2).mean() / (exact**2).mean()))
