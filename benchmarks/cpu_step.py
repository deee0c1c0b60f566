"""One denoising step of the starter model on the CPU: our kernels and ONNX Runtime against `transformers` eager.

Same checkpoint, prompt and canvas sizes, self-conditioning on, sampler included on all sides: ours is what the session
does between two drafts, by the backend `native` in INT8 (if its library is built) and by `onnx` on the int8 graphs that
the model ships with; theirs is `_denoising_step` of `generate` in float32. They run in processes of their own, in turns
(thread pools of two runtimes in one process slow each other down); the figures that count are the ratios. With
`--threads 1` the times are processor times, which other programs disturb less.

    python benchmarks/cpu_step.py [--model DIR] [--prompt 64] [--rounds 5] [--threads N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
STEPS, WARM_UP = 20, 5


def main() -> int:
    """Measure and print; exit code 0."""
    options = _options()
    if options.side:
        print(json.dumps(_measure(options)))
        return 0
    from inference.native.library import is_there

    sides = (*(["native"] if is_there() else []), "onnx", "theirs")
    rounds = [{side: statistics.median(_in_process(side)) for side in sides} for _ in range(options.rounds)]
    ratios = {side: [each["theirs"] / each[side] for each in rounds] for side in sides if side != "theirs"}
    result: dict[str, Any] = {
        "machine": f"{platform.system()} {platform.machine()}, {options.threads or _cores()} of {_cores()} cores",
        "steps": f"{STEPS} a side and round, {options.rounds} rounds",
        "prompt_tokens": options.prompt,
        "onnx_precision": json.loads((options.model / "dewpoint-graphs.json").read_text())["precision"],
        "ms_median": {side: round(statistics.median(each[side] for each in rounds), 2) for side in sides},
        "ratio_median": {side: round(statistics.median(own), 2) for side, own in ratios.items()},
        "ratio_min": {side: round(min(own), 2) for side, own in ratios.items()},
        "ratio_max": {side: round(max(own), 2) for side, own in ratios.items()},
        "versions": {name: version(name) for name in ("onnxruntime", "torch", "transformers", "numpy")},
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "resources" / "starter")
    parser.add_argument("--prompt", type=int, default=64, help="tokens in the KV cache")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="use only so many cores (Linux)")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--side", choices=("native", "onnx", "theirs"), default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_process(side: str) -> list[float]:
    command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def _measure(options: argparse.Namespace) -> list[float]:
    if options.threads and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    import numpy as np

    ids = np.random.default_rng(1).integers(12, 2048, options.prompt)
    step = _theirs(options.model, ids) if options.side == "theirs" else _ours(options.model, ids, options.side)
    times = []
    clock = time.process_time if options.threads == 1 else time.perf_counter
    for number in range(WARM_UP + STEPS):
        started = clock()
        step()
        if number >= WARM_UP:
            times.append((clock() - started) * 1000)
    return times


def _ours(folder: Path, ids: Any, name: str) -> Callable[[], None]:
    import numpy as np

    from inference.backends.registry import open_backend
    from inference.denoising.denoise import denoise_canvas
    from inference.denoising.sampler import Draws

    backend = open_backend(folder, name, lambda stage, fraction: None)
    backend.encode(np.asarray(ids, np.int64))
    settings = _endless(backend.config.sampler)
    draws = Draws(2, backend.config.vocab_size, backend.config.canvas_length)
    steps = denoise_canvas(backend, settings, draws, threading.Event())

    def step() -> None:
        next(steps)

    return step


def _endless(sampler: Any) -> Any:
    """The model's own values, but never settled: every step is a full one."""
    import dataclasses

    return dataclasses.replace(sampler, max_denoising_steps=1000, confidence_threshold=1e-30)


def _theirs(folder: Path, ids: Any) -> Callable[[], None]:
    import torch
    from transformers import DiffusionGemmaForBlockDiffusion

    torch.set_num_threads(_cores())
    model = DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=torch.float32).eval()
    config, _ = model._prepare_generation_config(None, max_denoising_steps=1000)
    sampler = model._prepare_sampler(config)
    tokens = torch.as_tensor(ids)[None]
    with torch.inference_mode():
        cache = model.model.encoder(input_ids=tokens).past_key_values
    count = model.config.canvas_length
    fixed: dict[str, Any] = {
        "decoder_forward": model.forward,
        "input_ids": tokens,
        "decoder_position_ids": torch.arange(len(ids), len(ids) + count)[None],
        "mask_mapping": {"full_attention": None, "sliding_attention": None},
        "past_key_values": cache,
        "cur_step": 500,
        "sampler": sampler,
        "logits_processor": model._prepare_logits_processor(config),
        "diffusion_stopping_criteria": model._prepare_diffusion_stopping_criteria(config),
    }
    canvas = sampler.initialize_canvas(1, torch.device("cpu"))
    state: tuple[Any, ...] = (canvas, canvas, None, torch.zeros(1, dtype=torch.bool))

    @torch.inference_mode()
    def step() -> None:
        nonlocal state
        names = ("current_canvas", "argmax_canvas", "self_conditioning_logits")
        open_again = torch.zeros(1, dtype=torch.bool)
        state = model._denoising_step(**dict(zip(names, state, strict=False)), finished_denoising=open_again, **fixed)

    return step


if __name__ == "__main__":
    sys.exit(main())
