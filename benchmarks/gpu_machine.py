"""What the machine is, how fast its memory is, and what a step costs at least. On a GPU not yet run."""

from __future__ import annotations

import importlib.util
import json
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_steps import GB, timed
from trt_engines.planning.hardware import find_card
from trt_engines.planning.shape import ModelShape

PACKAGES = (
    "torch", "triton", "transformers", "tensorrt-rtx", "tensorrt", "cuda-python", "nvidia-ml-py", "onnxruntime",
    "numpy", "safetensors", "psutil",
)  # fmt: skip
BF16_BYTES = 2


def machine(device: torch.device) -> dict[str, Any]:
    """Device name, memory, driver, and the versions of everything that a figure may depend on."""
    versions = {name: _version(name) for name in PACKAGES}
    found: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": versions,
        "missing": [name for name, there in versions.items() if there == "not installed"],
        "cuda_of_torch": torch.version.cuda,
    }
    if device.type != "cuda":
        return {"device": "CPU", **found}
    properties = torch.cuda.get_device_properties(device)
    return {
        "device": properties.name,
        "sm": 10 * properties.major + properties.minor,
        "memory_gb": round(properties.total_memory / GB, 2),
        "free_gb": round(torch.cuda.mem_get_info(device)[0] / GB, 2),
        "multiprocessors": properties.multi_processor_count,
        "driver": _driver(),
        **found,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _driver() -> str:
    """The driver's version by NVML, else by nvidia-smi, else why it is not known."""
    try:
        if importlib.util.find_spec("pynvml") is not None:
            import pynvml

            pynvml.nvmlInit()
            return str(pynvml.nvmlSystemGetDriverVersion())
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except Exception as exc:
        return f"not known ({type(exc).__name__}: {exc})"


def bandwidth(device: torch.device, size: int) -> dict[str, float]:
    """GB a second: copies within the device (bytes read and written), reads alone, and pinned memory to device."""
    source = torch.ones(size // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    host = torch.ones(size // 16, dtype=torch.float32, pin_memory=device.type == "cuda")
    runs = {
        "device_to_device": (2 * size, lambda: target.copy_(source)),
        "device_read": (size, source.sum),
        "host_to_device": (size // 4, lambda: target[: len(host)].copy_(host, non_blocking=True)),
    }
    for _, run in runs.values():
        timed(device, 2, run)
    return {name: round(moved / timed(device, 10, run) / GB, 1) for name, (moved, run) in runs.items()}


def floor(shape: ModelShape, rates: dict[str, float], device_name: str) -> dict[str, Any]:
    """Milliseconds that reading every weight once takes; a canvas's tokens together choose nearly every expert."""
    size = shape.parameters * BF16_BYTES
    card = find_card(device_name)
    read = {name: rates[name] for name in ("device_to_device", "device_read")}
    if card is not None:
        read["specification"] = card.bandwidth / GB
    return {"bytes": size, "gb": round(size / GB, 2), **{k: round(size / (v * GB) * 1000, 3) for k, v in read.items()}}


def tensorrt(sm: int, timeout: float) -> Any:
    """What `gpu_tensorrt.py` finds, in a process of its own."""
    return _of_script("gpu_tensorrt.py", timeout, "--sm", str(sm))


def engines(timeout: float) -> Any:
    """What `gpu_engines.py` measures, in a process of its own."""
    return _of_script("gpu_engines.py", timeout)


def _of_script(name: str, timeout: float, *arguments: str) -> Any:
    script = Path(__file__).with_name(name)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False, timeout=timeout
    )
    if done.returncode != 0:
        raise RuntimeError(f"the process ended with {done.returncode}: {done.stderr.strip()[-600:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": round(time.perf_counter() - started, 1)}
