"""Forms and held places over real random models, small and with a vocabulary of 20,000: kept at every step."""

from __future__ import annotations

import random
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.backends.base import Backend
from inference.backends.onnx import OnnxBackend
from inference.backends.torch_reference import TorchBackend
from inference.denoising.denoise import denoise_canvas
from inference.denoising.formed import FormedCanvas, FormTask, shortest_end
from inference.denoising.plan import FREE, CanvasPlan, first_step_of, noised
from inference.denoising.sampler import Draws
from inference.forms.bytes_dfa import compile_bytes
from inference.forms.live import live_tokens, view_of
from inference.forms.regex import regex
from inference.forms.tokens_dfa import compile_tokens
from inference.forms.vocabulary import vocabulary
from inference.model_config import SamplerDefaults
from tests.helpers.heads import beliefs_agree
from tests.helpers.random_models import TINY, Setting, Shape, save_with, transformers_model

pytestmark = pytest.mark.usefixtures("one_torch_thread")
PLACES, END, PAD = 16, 1, 0
SETTINGS = SamplerDefaults(max_denoising_steps=5)


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def texts_of(size: int) -> list[bytes | None]:
    """Bytes of a made-up vocabulary: an end, padding, and short pieces, some of them parts of characters."""
    rng = random.Random(size)
    pieces = [bytes([byte]) for byte in (*b"abcxyz0123456789 .", *"é漢".encode())]
    found: set[bytes] = set(pieces)
    while len(found) < size - 2:
        found.add(b"".join(rng.choices(pieces, k=rng.randint(2, 5))))
    return [None, None, *sorted(found, key=lambda piece: (len(piece), piece))][:size]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> TorchBackend:
    """A random model with 20,011 tokens, a prompt in its cache."""
    folder = tmp_path_factory.mktemp("large")
    shape = Shape(**{**TINY.__dict__, "vocab": 20_011})
    save_with(transformers_model(shape), folder, Setting(window=24, canvas=PLACES, prompts=(5,)))
    backend = TorchBackend.open(folder, _quiet)
    backend.encode(np.arange(7))
    return backend


def task_of(backend: Backend, pattern: str, left: int = 0) -> tuple[FormTask, list[bytes | None]]:
    size = backend.config.vocab_size
    texts = texts_of(size)
    form = compile_tokens(compile_bytes(regex(pattern)), vocabulary(texts, [END], PAD))
    return FormTask(form, live_tokens(form), form.start, left), texts


def written(canvas: np.ndarray, texts: list[bytes | None]) -> str:
    """The text of a canvas: pieces, an end, padding and nothing else."""
    end = canvas.tolist().index(END)
    assert (canvas[end + 1 :] == PAD).all()
    return b"".join(texts[token] or b"?" for token in canvas[:end].tolist()).decode()


PATTERNS = ("[abc]+", r"\d{2}\.\d", "(é|漢)*x", "(ab|cx)+ y?", "a|b|cc")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_draft_and_the_end_at_any_step_have_the_form(large: TorchBackend, pattern: str) -> None:
    task, texts = task_of(large, pattern)
    draws = Draws(3, large.config.vocab_size, PLACES)
    canvas = FormedCanvas(large, task, draws)
    steps = list(denoise_canvas(large, SETTINGS, draws, threading.Event(), plan=CanvasPlan(proposer=canvas)))
    for step in steps:
        assert re.fullmatch(pattern, written(step.argmax, texts))
    ended = canvas.ended_here()
    assert ended is not None
    assert re.fullmatch(pattern, written(ended, texts))


def test_a_form_that_goes_on_is_closed_by_the_shortest_way(large: TorchBackend) -> None:
    task, texts = task_of(large, "[abc]{90}", left=200)
    draws = Draws(3, large.config.vocab_size, PLACES)
    canvas = FormedCanvas(large, task, draws)
    last = list(denoise_canvas(large, SETTINGS, draws, threading.Event(), plan=CanvasPlan(proposer=canvas)))[-1]
    assert canvas.ended_here() is None or re.fullmatch("[abc]{90}", written(last.argmax, texts))
    rest = shortest_end(task, int(canvas.states[-1]))
    whole = np.append(last.argmax, rest) if END not in last.argmax else last.argmax
    assert re.fullmatch("[abc]{90}", written(whole, texts))


def test_a_form_of_everything_is_the_model_itself(large: TorchBackend) -> None:
    """Entropies and argmax are the head's own where the form allows every canvas that the model would write."""
    form = compile_tokens(compile_bytes(regex("(?:.|\n)*")), vocabulary(texts_of(20_011), [END], PAD))
    live = live_tokens(form)
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (PLACES, len(live.ids))).astype(np.float32)
    seen = view_of(live, logits)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    masses = np.exp(seen.logs)
    entropy = (masses * (seen.inner - seen.logs)).sum(axis=1)
    np.testing.assert_allclose(entropy, -(shares * np.log(shares)).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(masses.sum(axis=1), 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_held_places_are_kept_by_real_models(exported: Path, large: TorchBackend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    small = OnnxBackend.open(exported, _quiet)
    small.encode(np.arange(7))
    for backend in (small, large):
        size = backend.config.vocab_size
        fixed = np.where(rng.random(PLACES) < rng.random(), rng.integers(0, size, PLACES), FREE)
        held = fixed != FREE
        start = rng.integers(0, size, PLACES) if seed % 2 else None
        draws = Draws(seed, size, PLACES)
        for step in denoise_canvas(backend, SETTINGS, draws, threading.Event(), plan=CanvasPlan(fixed, start)):
            assert np.array_equal(step.argmax[held], fixed[held])
            assert (step.entropy[held] == 0).all()
            assert held.all() or step.accepted[held].all()
    small.close()


def test_the_model_is_told_what_is_held(large: TorchBackend) -> None:
    """The first step sees the held tokens as certain: it is another one than that of a canvas that merely starts so."""
    fixed = np.full(PLACES, FREE)
    fixed[:8] = np.arange(30, 38)
    start = Draws(1, 20_011, PLACES).noise()
    plans: dict[str, Any] = {
        "held": CanvasPlan(fixed, start),
        "started": CanvasPlan(None, np.where(fixed != FREE, fixed, start)),
    }
    first = {
        name: next(denoise_canvas(large, SETTINGS, Draws(2, 20_011, PLACES), threading.Event(), plan=plan))
        for name, plan in plans.items()
    }
    assert not np.allclose(first["held"].entropy[8:], first["started"].entropy[8:])
    assert not np.array_equal(first["held"].thought, first["held"].argmax)


def test_noise_of_a_start_is_a_share_of_its_places() -> None:
    ids, draws = np.full(4000, 7), Draws(1, 1_000_000, 4000)
    for level in (0.0, 0.3, 1.0):
        assert (noised(ids, level, draws) != 7).mean() == pytest.approx(level, abs=0.03)
    assert [first_step_of(level, 10) for level in (1.0, 0.5, 0.0)] == [1, 6, 10]


def test_beliefs_are_those_of_a_vocabulary_in_several_pieces(large: TorchBackend) -> None:
    canvas = np.random.default_rng(1).integers(0, 20_011, PLACES)
    beliefs_agree(large, canvas, None)
