"""Address and undefined-behaviour sanitizers over random configurations, where the system's compiler has them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference.native.build import Compiler, build_library
from tests.helpers.random_models import random_settings, save_with, transformers_model
from tests.helpers.scale import sized
from tests.inference.native.test_parity import shape_of

ROOT = Path(__file__).resolve().parents[3]
# Without optimisation: with it, gcc takes many minutes for the unrolled kernels under these sanitizers.
FLAGS = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-g",
    "-O0",
    "-DDP_SMALL",
    "-fno-omit-frame-pointer",
)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or shutil.which("gcc") is None, reason="The sanitizers need gcc on Linux.")
def test_nothing_is_read_or_written_out_of_bounds(tmp_path: Path) -> None:
    run_time = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
    ).stdout.strip()
    if not Path(run_time).is_absolute():
        pytest.skip("This gcc comes without its sanitizers.")
    library = build_library(tmp_path, None, Compiler(("gcc",), own_system_only=True), FLAGS)
    folders = []
    for seed in sized((3,), (0, 3, 4)):
        folders.append(tmp_path / f"model-{seed}")
        save_with(transformers_model(shape_of(seed)), folders[-1], random_settings(seed)[seed % 3])
    command = [sys.executable, "-m", "tests.inference.native.sanitized", str(library), *map(str, folders)]
    env = {**os.environ, "LD_PRELOAD": run_time, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "clean"
