"""Time of one denoising step, sampler included, for each way to run it. Run on a processor; on a GPU not yet."""

from __future__ import annotations

import dataclasses
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_models import free
from inference.backends.base import Backend, DenoiseStep
from inference.backends.torch_cuda import TorchCudaBackend
from inference.denoising.denoise import denoise_canvas
from inference.denoising.sampler import Draws
from inference.model.device_pass import Ways
from inference.model.stack import DiffusionGemma

GB = 10**9
WARM_UP = 5
_TEMPERATURES = (0.8, 0.7)


class TimeLimitError(Exception):
    """What was measured took longer than it may."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `TimeLimitError` in here after so many seconds, where the system has alarms (not on Windows)."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def over(number: int, frame: object) -> None:
        raise TimeLimitError(f"stopped after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements share.

    Attributes:
        model: Our module with random weights.
        device: Where it lies.
        prompt: Token ids in the KV cache, int64 [n].
        steps: Measured steps; `WARM_UP` more come before them.
    """

    model: DiffusionGemma
    device: torch.device
    prompt: np.ndarray
    steps: int

    def result(self, times: list[float], started: float, **more: Any) -> dict[str, Any]:
        """Figures of one way: `times` in seconds, of all steps."""
        measured = [1000 * value for value in times[WARM_UP:]]
        if not measured:
            raise RuntimeError(f"only {len(times)} steps ran")
        peak = torch.cuda.max_memory_allocated(self.device) / GB if self.device.type == "cuda" else 0.0
        return {
            "ms_median": round(statistics.median(measured), 3),
            "ms_min": round(min(measured), 3),
            "ms_max": round(max(measured), 3),
            "steps": len(measured),
            "peak_gb": round(peak, 2),
            "seconds_with_start": round(time.perf_counter() - started, 1),
            **more,
        }

    def ours(self, ways: Ways | None, compiled: bool = False) -> dict[str, Any]:
        """Our torch backend; `ways` None: as the program runs it."""
        free(self.device)
        started = time.perf_counter()
        wrap = (lambda run: torch.compile(run, dynamic=False)) if compiled else None
        backend = TorchCudaBackend(self.model, ways, wrap)
        try:
            used = dataclasses.asdict(backend._ways)
            times = backend_steps(backend, self.prompt, self.steps)
            return self.result(times, started, ways=used, capture_error=backend.capture_error)
        finally:
            backend.close()
            free(self.device)

    def agreement(self, ways: Ways | None, other: Ways) -> dict[str, Any]:
        """Two ways on the same canvas, with self-conditioning from a step before."""
        one, two = (self._second_step(chosen) for chosen in (ways, other))
        return _difference(one, two.argmax, two.entropy, same_sample=float((one.sampled == two.sampled).mean()))

    def agreement_with(self, twin: Any) -> dict[str, Any]:
        """Ours against `transformers`, which computes everything in the large type, on the same canvas."""
        ours = self._second_step(None)
        canvas = torch.from_numpy(self._canvas()[0])[None].to(self.device)
        with torch.inference_mode():
            cache = twin.model.encoder(input_ids=torch.from_numpy(self.prompt)[None].to(self.device)).past_key_values
            state = None
            for temperature in _TEMPERATURES:
                made = twin(decoder_input_ids=canvas, past_key_values=cache, self_conditioning_logits=state)
                state = made.logits / temperature
            shares = torch.log_softmax(state[0].float(), dim=-1)
            entropy = -(shares.exp() * shares).sum(dim=-1)
        return _difference(ours, shares.argmax(dim=-1).cpu().numpy(), entropy.cpu().numpy())

    def _canvas(self) -> tuple[np.ndarray, np.ndarray]:
        config, random = self.model.config, np.random.default_rng(3)
        canvas = random.integers(0, config.vocab_size, config.canvas_length)
        return canvas, random.random(config.canvas_length).astype(np.float32)

    def _second_step(self, ways: Ways | None) -> DenoiseStep:
        free(self.device)
        backend = TorchCudaBackend(self.model, ways)
        try:
            backend.encode(self.prompt)
            canvas, uniforms = self._canvas()
            step, state = None, None
            for temperature in _TEMPERATURES:
                step = backend.denoise(canvas, state, temperature, uniforms)
                state = step.state
            return step
        finally:
            backend.close()

    def transformers(self, twin: Any, compiled: bool) -> dict[str, Any]:
        """`generate` of `transformers` over one canvas, timed from draft to draft."""
        free(self.device)
        started, drafts = time.perf_counter(), _Drafts()
        count = self.model.config.canvas_length
        # One canvas that never settles; a static cache is what makes `generate` compile.
        twin.generate(
            torch.from_numpy(self.prompt)[None].to(self.device), max_new_tokens=count, streamer=drafts,
            max_denoising_steps=WARM_UP + self.steps + 1, confidence_threshold=1e-30, disable_compile=not compiled,
            cache_implementation="static" if compiled else "dynamic",
        )  # fmt: skip
        config = twin.config.get_text_config()
        kinds = {name: str(getattr(config, f"_{name}_implementation", None)) for name in ("attn", "experts")}
        times = [later - earlier for earlier, later in zip(drafts.times, drafts.times[1:], strict=False)]
        return self.result(times, started, implementations=kinds)


def _difference(ours: DenoiseStep, argmax: np.ndarray, entropy: np.ndarray, **more: float) -> dict[str, Any]:
    return {
        "same_argmax": round(float((ours.argmax == argmax).mean()), 4),
        "entropy_mean": round(float(entropy.mean()), 4),
        "entropy_difference_mean": round(float(np.abs(ours.entropy - entropy).mean()), 5),
        "entropy_difference_max": round(float(np.abs(ours.entropy - entropy).max()), 5),
        **{name: round(value, 4) for name, value in more.items()},
    }


class _Drafts:
    """A streamer that only looks at the clock; `generate` has copied a draft to the host before it calls."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: Any) -> None:
        """Prompt and finished tokens."""

    def put_draft(self, value: Any) -> None:
        """One step's draft."""
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is held back."""


def backend_steps(backend: Backend, prompt: np.ndarray, steps: int) -> list[float]:
    """Seconds of each step as the session runs it: model, sampler, stopping; never settled."""
    backend.reset()
    backend.encode(prompt)
    settings = dataclasses.replace(backend.config.sampler, max_denoising_steps=1000, confidence_threshold=1e-30)
    draws = Draws(2, backend.config.vocab_size, backend.config.canvas_length)
    made = denoise_canvas(backend, settings, draws, threading.Event())
    times = []
    for _ in range(WARM_UP + steps):
        started = time.perf_counter()
        next(made)
        times.append(time.perf_counter() - started)
    return times


def starter_on_cpu(folder: Path, steps: int) -> dict[str, Any]:
    """The shipped starter model by ONNX Runtime on this machine's processor, another model and no rival."""
    from inference.backends.onnx import OnnxBackend

    backend = OnnxBackend.open(folder, lambda stage, fraction: None)
    prompt = np.random.default_rng(1).integers(12, backend.config.vocab_size, 64)
    measured = [1000 * value for value in backend_steps(backend, prompt, steps)[WARM_UP:]]
    backend.close()
    return {"ms_median": round(statistics.median(measured), 3), "steps": len(measured), "peak_gb": 0.0}


def timed(device: torch.device, rounds: int, run: Callable[[], object]) -> float:
    """Least seconds of a piece of work on the device."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best
