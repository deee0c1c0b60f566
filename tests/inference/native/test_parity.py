"""The native backend over random architectures: float path against transformers, INT8 and INT4 against that.

The architectures and settings are those of tests/inference/model/test_parity.py, with two larger vocabularies: layers,
experts, heads, canvas, window, prompt, K = V layers, scalars of each phase.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from inference.backends.base import DenoiseStep
from inference.backends.native import NativeBackend
from inference.native.cores import Cores
from inference.native.library import usable_isas
from inference.native.weights import PRECISIONS, Precision
from tests.helpers.random_models import Setting, Shape, random_settings, random_shape, save_with, transformers_model
from tests.inference.model.test_parity import TOLERANCE, compare, quick_first

ARCHITECTURES = 30
# Beyond EXACT_VOCABULARY, up to which no setting makes the other backends inexact; with and without padding.
LARGE = (20_011, 32_768)


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def open_native(folder: Path, precision: Precision, threads: int = 2, isa: str | None = None) -> NativeBackend:
    return NativeBackend.open(folder, _quiet, precision, isa, Cores(threads, ()))


def shape_of(seed: int) -> Shape:
    """An architecture; some with a large vocabulary."""
    shape = random_shape(seed)
    return dataclasses.replace(shape, vocab=LARGE[seed // 6 % 2]) if seed % 6 == 3 else shape


class FloatNative(NativeBackend):
    """Weights as they are stored; each architecture with another instruction set and number of threads."""

    @classmethod
    def open(cls, folder: Path, *ignored: object) -> NativeBackend:  # type: ignore[override]
        number = sum(folder.name.encode())
        isas = usable_isas()
        return open_native(folder, "float32", 1 + number % 3, isas[number % len(isas)])


@pytest.mark.parametrize("seed", quick_first(ARCHITECTURES))
def test_float_path_agrees_with_transformers(seed: int, tmp_path: Path) -> None:
    setting = random_settings(seed)[seed % 5]
    model = transformers_model(shape_of(seed))
    save_with(model, tmp_path, setting)
    compare(model, tmp_path, FloatNative, setting)


@pytest.mark.parametrize("seed", [3, 4])
def test_every_instruction_set_agrees_with_transformers(seed: int, tmp_path: Path) -> None:
    """Plain C with transformers, and all others with plain C, which costs far less."""
    setting = Setting(window=30, canvas=32, prompts=(45, 20))
    model = transformers_model(shape_of(seed))
    save_with(model, tmp_path, setting)

    class Plain(NativeBackend):
        @classmethod
        def open(cls, folder: Path, *ignored: object) -> NativeBackend:  # type: ignore[override]
            return open_native(folder, "float32", 2, "plain")

    compare(model, tmp_path, Plain, setting)
    truth, *others = [steps_of(tmp_path, setting, isa) for isa in usable_isas()]
    for made in others:
        for one, other in zip(truth, made, strict=True):
            for field in ("entropy", "top_probs", "state"):
                np.testing.assert_allclose(getattr(other, field), getattr(one, field), atol=TOLERANCE, rtol=TOLERANCE)
            assert (other.argmax == one.argmax).mean() > 0.9, "ties alone may differ"


def steps_of(folder: Path, setting: Setting, isa: str) -> list[DenoiseStep]:
    """`two_steps` in float32."""
    backend = open_native(folder, "float32", 2, isa)
    made = two_steps(backend, setting)
    backend.close()
    return made


def two_steps(backend: NativeBackend, setting: Setting) -> list[DenoiseStep]:
    """A prompt, then two steps, the second with the first one's state."""
    rng = np.random.default_rng(setting.window)
    vocab, count = backend.config.vocab_size, backend.config.canvas_length
    backend.encode(rng.integers(0, vocab, setting.prompts[0]))
    uniforms = rng.random(count).astype(np.float32)
    first = backend.denoise(rng.integers(0, vocab, count), None, 0.8, uniforms)
    return [first, backend.denoise(rng.integers(0, vocab, count), first.state, 0.5, uniforms)]


# Random weights of a few dozen inputs, nearly flat distributions and hard choices of experts: far harder than a trained
# model. Measured: mean error of the entropy 0.08 and 0.22 nats (of 3.6), same argmax in 89 and 74 % of the places.
def test_few_bits_stay_near(tmp_path: Path) -> None:
    errors, agreed = defaultdict(list), defaultdict(list)
    for seed in range(6):
        setting = random_settings(seed)[1]
        folder = tmp_path / str(seed)
        save_with(transformers_model(shape_of(seed)), folder, setting)
        made = {}
        for precision in PRECISIONS:
            backend = open_native(folder, precision)
            made[precision] = two_steps(backend, setting)[0]
            backend.close()
        truth = made.pop("float32")
        for precision, step in made.items():
            errors[precision].append(float(np.abs(step.entropy - truth.entropy).mean()))
            agreed[precision].append(float((step.argmax == truth.argmax).mean()))
    for name, entropy, argmax in (("int8", 0.12, 0.82), ("int4", 0.35, 0.65)):
        assert np.mean(errors[name]) < entropy
        assert np.mean(agreed[name]) > argmax


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
def test_the_number_of_threads_changes_no_bit(precision: Precision, tmp_path: Path) -> None:
    setting = random_settings(4)[2]
    save_with(transformers_model(shape_of(4)), tmp_path, setting)
    made = []
    for threads in (1, 2, 5):
        backend = open_native(tmp_path, precision, threads)
        made.append(two_steps(backend, setting))
        backend.close()
    for others in made[1:]:
        for one, other in zip(made[0], others, strict=True):
            for field in dataclasses.fields(DenoiseStep):
                np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_every_instruction_set_gives_the_same_with_few_bits(precision: Precision, tmp_path: Path) -> None:
    """Integers alike to the bit; floats between them differ in their last bits, and so may a rounding."""
    setting = random_settings(2)[1]
    save_with(transformers_model(shape_of(2)), tmp_path, setting)
    made = []
    for isa in usable_isas():
        backend = open_native(tmp_path, precision, 2, isa)
        made.append(two_steps(backend, setting)[0])
        backend.close()
    for other in made[1:]:
        np.testing.assert_allclose(other.entropy, made[0].entropy, atol=5e-3)
