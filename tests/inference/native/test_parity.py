"""The native backend over random architectures: float path against transformers, INT8 and INT4 against that.

The architectures and settings are those of tests/inference/model/test_parity.py, with two larger vocabularies: layers,
experts, heads, canvas, window, prompt, K = V layers, scalars of each phase.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from inference.backends.base import DenoiseStep
from inference.backends.native import NativeBackend
from inference.native.cores import Cores
from inference.native.library import usable_isas
from inference.native.weights import Precision
from tests.helpers.random_models import Setting, Shape, random_settings, random_shape, save_with, transformers_model
from tests.inference.model.test_parity import compare, quick_first

ARCHITECTURES = 30
LARGE = (20_011, 32_768)  # beyond what the other backends compute the whole soft embedding of


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
    setting = Setting(window=30, canvas=32, prompts=(45, 20))
    model = transformers_model(shape_of(seed))
    save_with(model, tmp_path, setting)
    for isa in usable_isas():

        class OneSet(NativeBackend):
            @classmethod
            def open(cls, folder: Path, *ignored: object, isa: str = isa) -> NativeBackend:  # type: ignore[override]
                return open_native(folder, "float32", 2, isa)

        compare(model, tmp_path, OneSet, setting)


def two_steps(backend: NativeBackend, setting: Setting) -> list[DenoiseStep]:
    """A prompt, then two steps; the canvas of the second is the first one's argmax."""
    rng = np.random.default_rng(setting.window)
    vocab, count = backend.config.vocab_size, backend.config.canvas_length
    backend.encode(rng.integers(0, vocab, setting.prompts[0]))
    uniforms = rng.random(count).astype(np.float32)
    first = backend.denoise(rng.integers(0, vocab, count), None, 0.8, uniforms)
    return [first, backend.denoise(first.argmax, first.state, 0.5, uniforms)]


# Random weights of a few dozen inputs, nearly flat distributions and hard choices of experts: far harder than a trained
# model. Measured: mean error of the entropy 0.08 and 0.22 nats (of 3.6), same argmax in 89 and 74 % of the places.
@pytest.mark.parametrize(("precision", "entropy", "argmax"), [("int8", 0.12, 0.82), ("int4", 0.35, 0.65)])
def test_few_bits_stay_near(precision: Precision, entropy: float, argmax: float, tmp_path: Path) -> None:
    errors, agreed = [], []
    for seed in range(6):
        setting = random_settings(seed)[1]
        folder = tmp_path / str(seed)
        save_with(transformers_model(shape_of(seed)), folder, setting)
        full, less = open_native(folder, "float32"), open_native(folder, precision)
        truth, made = two_steps(full, setting)[0], two_steps(less, setting)[0]
        errors.append(float(np.abs(made.entropy - truth.entropy).mean()))
        agreed.append(float((made.argmax == truth.argmax).mean()))
        full.close()
        less.close()
    assert np.mean(errors) < entropy
    assert np.mean(agreed) > argmax


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
