"""Matrices quantised as compressed-tensors does it, and a reader that shares no code with ours.

Compared once by hand with compressed-tensors 0.20.0 (its own compressors on random float32 weights of three shapes):
codes and scales of `fp8_matrix` and `nvfp4_matrix` are equal bit for bit. What its `dequantize` makes of them in
float32 is what `slow_fp8` reads, and `slow_nvfp4` to 1e-7; its `decompress` of NVFP4 rounds to bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.trt_engines.weights.support import E2M1, E4M3, e4m3_value

Tensors = dict[str, Any]


def fp8_matrix(prefix: str, values: np.ndarray, scale_type: Any = np.float32) -> Tensors:
    """float32 [N, K] with one scale a row."""
    scale = (np.abs(values).max(axis=1, keepdims=True) / np.float32(448)).astype(scale_type)
    codes = np.clip(values / scale.astype(np.float32), -448, 448).astype(E4M3)
    return {f"{prefix}.weight": codes, f"{prefix}.weight_scale": scale}


def nvfp4_matrix(prefix: str, values: np.ndarray, measured: float | None = None) -> Tensors:
    """float32 [N, K] in blocks of 16; `measured`: largest activation that was seen."""
    n, k = values.shape
    total = np.float32(448 * 6) / np.abs(values).max()
    blocks = values.reshape(n, k // 16, 16)
    scale = (total * (np.abs(blocks).max(axis=2) / np.float32(6))).astype(E4M3)
    units = np.clip(blocks / (scale.astype(np.float32) / total)[..., None], -6, 6)
    magnitudes = np.array(E2M1[:8], np.float32)
    # Nearest; halfway between two, the one with the even code.
    distance = np.abs(np.abs(units)[..., None] - magnitudes) + np.arange(8) % 2 * 1e-7
    codes = distance.argmin(axis=-1).astype(np.uint8)
    codes |= (np.signbit(units) << 3).astype(np.uint8)
    pairs = codes.reshape(n, k // 2, 2)
    tensors = {
        f"{prefix}.weight_packed": pairs[..., 0] | pairs[..., 1] << 4,
        f"{prefix}.weight_scale": scale,
        f"{prefix}.weight_global_scale": np.array([total], np.float32),
    }
    if measured is not None:
        tensors[f"{prefix}.input_global_scale"] = np.array([448 * 6 / measured], np.float32)
    return tensors


def slow_fp8(tensors: Tensors, prefix: str) -> np.ndarray:
    """float32 [N, K], number by number."""
    codes = tensors[f"{prefix}.weight"].view(np.uint8)
    scale = tensors[f"{prefix}.weight_scale"].astype(np.float32).reshape(-1)
    return np.array(
        [[np.float32(e4m3_value(int(code))) * scale[row] for code in codes[row]] for row in range(len(codes))]
    )


def slow_nvfp4(tensors: Tensors, prefix: str) -> np.ndarray:
    """float32 [N, K], number by number: code * scale / global scale."""
    packed, scales = tensors[f"{prefix}.weight_packed"], tensors[f"{prefix}.weight_scale"].view(np.uint8)
    total = float(tensors[f"{prefix}.weight_global_scale"][0])
    values = np.zeros((packed.shape[0], 2 * packed.shape[1]), np.float32)
    for row, column in np.ndindex(*values.shape):
        byte = int(packed[row, column // 2])
        code = byte & 15 if column % 2 == 0 else byte >> 4
        values[row, column] = E2M1[code] * (e4m3_value(int(scales[row, column // 16])) / total)
    return values


def compressed_layer(
    kind: str, rng: np.random.Generator, experts: int, hidden: int, inner: int, layer: int = 0
) -> Tensors:
    """Experts of a layer, apart, as "fp8" or "nvfp4"."""
    tensors: Tensors = {}
    for expert in range(experts):
        for part, shape in {"gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}.items():
            prefix = f"model.decoder.layers.{layer}.experts.{expert}.{part}_proj"
            values = (rng.normal(size=shape) * rng.uniform(0.01, 0.05)).astype(np.float32)
            made = nvfp4_matrix(prefix, values, rng.uniform(1, 20)) if kind == "nvfp4" else fp8_matrix(prefix, values)
            tensors |= made
    return tensors
