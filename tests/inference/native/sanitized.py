"""Run by test_sanitizers.py in a process of its own, under the sanitizers' run-time: random configurations, no torch.

python -m tests.inference.native.sanitized LIBRARY FOLDER ...
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from inference.backends.native import NativeBackend
from inference.errors import PassStoppedError
from inference.native import library
from inference.native.cores import Cores
from inference.native.library import usable_isas
from inference.native.weights import PRECISIONS


def main() -> int:
    """Prompts, steps, stops: each model with each instruction set, over three models with each precision."""
    file = Path(sys.argv[1])
    library.library_file = lambda: file  # type: ignore[assignment]
    for number, folder in enumerate(map(Path, sys.argv[2:])):
        for place, isa in enumerate(usable_isas()):
            _one(folder, PRECISIONS[(number + place) % 3], isa, 1 + number % 3)
    print("clean")
    return 0


def _one(folder: Path, precision: str, isa: str, threads: int) -> None:
    backend = NativeBackend.open(folder, _quiet, precision, isa, Cores(threads, ()))  # type: ignore[arg-type]
    rng = np.random.default_rng(threads)
    vocab, count = backend.config.vocab_size, backend.config.canvas_length
    state = None
    for length in (1, 37, 90):
        backend.encode(rng.integers(0, vocab, length))
        step = backend.denoise(rng.integers(0, vocab, count), state, 0.6, rng.random(count).astype(np.float32))
        state = step.state
        assert np.isfinite(step.entropy).all()
    backend.truncate(20)
    backend.stop_when(_Set())
    try:
        backend.encode(rng.integers(0, vocab, 300))
    except PassStoppedError:
        assert backend.length == 20
    backend.close()


class _Set:
    def is_set(self) -> bool:
        return True


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


if __name__ == "__main__":
    sys.exit(main())
