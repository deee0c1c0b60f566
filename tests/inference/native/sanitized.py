"""Run by test_sanitizers.py in a process of its own, under the sanitizers' run-time: random configurations, no torch.

python -m tests.inference.native.sanitized LIBRARY FOLDER ...
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from inference.backends.native import NativeBackend
from inference.denoising import form_step as step
from inference.errors import PassStoppedError
from inference.forms.bytes_dfa import compile_bytes
from inference.forms.canvas import ending
from inference.forms.live import live_tokens
from inference.forms.regex import regex
from inference.forms.tokens_dfa import compile_tokens
from inference.forms.vocabulary import vocabulary
from inference.native import kv_blocks, library
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
    _forms()
    kv_blocks.SLIDING_BYTES = 0
    _round_the_ring(Path(sys.argv[2]))
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


def _forms() -> None:
    """Steps of forms: choices, one that goes on for ever, one that is begun anywhere."""
    texts = [bytes([byte]) for byte in range(256)] + [b"%d" % number for number in range(10, 99)]
    known = vocabulary([*texts, None, None], [len(texts)], len(texts) + 1)
    rng = np.random.default_rng(3)
    for pattern in ("yes|no", r"(?:[^x]|ab)*x\d{2}", r"\d{3,}"):
        form = compile_tokens(compile_bytes(regex(pattern)), known)
        live = live_tokens(form)
        for number, isa in enumerate(usable_isas()):
            step.best_isa = lambda isa=isa: isa  # type: ignore[assignment, misc]
            logits = rng.normal(0, 5, (17, len(live.ids))).astype(np.float32)
            end = ending(form, number % form.states, number)
            made = step.kernel_step(form, live, end, logits, step.Draw(*rng.random((2, 17), dtype=np.float32)))
            assert np.isfinite(made.entropy).all()


def _round_the_ring(folder: Path) -> None:
    """Sliding layers keep as little as they can, and their blocks begin again."""
    backend = NativeBackend.open(folder, _quiet, "int8", usable_isas()[-1], Cores(2, ()))
    ring = kv_blocks.sliding_positions(backend.config, np.int16)
    rng = np.random.default_rng(5)
    vocab, count = backend.config.vocab_size, backend.config.canvas_length
    for length in (ring - count // 2, 70):
        backend.encode(rng.integers(0, vocab, length))
        step = backend.denoise(rng.integers(0, vocab, count), None, 0.6, rng.random(count).astype(np.float32))
        assert np.isfinite(step.entropy).all()
    assert backend.length > ring - count
    backend.close()


class _Set:
    def is_set(self) -> bool:
        return True


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


if __name__ == "__main__":
    sys.exit(main())
