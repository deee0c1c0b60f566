"""Random configurations: KV cache, hidden states, entropies, argmax and top-k against `transformers`.

The torch module runs 60 architectures, each with its own window, canvas and prompts. ONNX Runtime runs 30
configurations over 6 exported architectures of their last layers (60 over 12 of all their layers with
`dev.py test --full`; exporting a layer takes seconds): the 5 settings of each change window, canvas and prompts, which
are no part of a graph. Two turns and two blocks each, with self-conditioning.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from _pytest.mark import ParameterSet
from transformers import DynamicCache

from inference.backends.base import DenoiseStep
from inference.backends.cached import CachedBackend
from inference.backends.onnx import OnnxBackend
from inference.backends.torch_reference import TorchBackend
from inference.config import model_config_from_folder
from inference.graphs.made import remember
from inference.graphs.manifest import (
    EXACT_VOCABULARY,
    KEPT_ONLY,
    SELF_CONDITIONING_VARIABLE,
    exact_self_conditioning,
    fits,
)
from inference.graphs.shipped import configuration_fingerprint
from inference.model.export_graphs import write_graphs
from tests.helpers.random_models import TINY, Setting, random_settings, random_shape, save_with, transformers_model
from tests.helpers.scale import sized
from trt_engines.weights.index import index_checkpoint

TOLERANCE = 1e-4
TORCH_ARCHITECTURES = 60
ONNX_ARCHITECTURES, ONNX_LAYERS = sized((6, 2), (12, 8))
FAST_ARCHITECTURES = 10


def quick_first(count: int) -> list[ParameterSet]:
    """All seeds; those behind the first ten are left out of a fast run."""
    return [pytest.param(seed, marks=[pytest.mark.slow] if seed >= FAST_ARCHITECTURES else []) for seed in range(count)]


@dataclass
class Reference:
    """The `transformers` model with its cache."""

    model: object
    cache: DynamicCache

    def encode(self, ids: np.ndarray) -> np.ndarray:
        """Appends ids; returns the normed hidden states [n, hidden]."""
        made = self.model.model.encoder(input_ids=torch.from_numpy(ids)[None], past_key_values=self.cache)
        self.cache = made.past_key_values
        return made.last_hidden_state[0].numpy()

    def denoise(self, canvas: np.ndarray, previous: torch.Tensor | None, temperature: float) -> torch.Tensor:
        """Tempered logits [C, vocab] of one step."""
        made = self.model(
            decoder_input_ids=torch.from_numpy(canvas)[None],
            past_key_values=self.cache,
            self_conditioning_logits=None if previous is None else previous[None],
        )
        return made.logits[0] / temperature


@pytest.mark.parametrize("seed", quick_first(TORCH_ARCHITECTURES))
def test_torch_agrees_with_transformers(seed: int, tmp_path: Path) -> None:
    setting = random_settings(seed)[seed % 5]
    model = transformers_model(random_shape(seed))
    save_with(model, tmp_path, setting)
    compare(model, tmp_path, TorchBackend, setting)


@pytest.mark.slow
@pytest.mark.usefixtures("without_collections")
@pytest.mark.parametrize("seed", range(ONNX_ARCHITECTURES))
def test_onnx_agrees_with_transformers(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thirds of the architectures with checked capacity, as the published model; the rest with the exact loop."""
    shape = random_shape(seed)
    model = transformers_model(dataclasses.replace(shape, kinds=shape.kinds[-ONNX_LAYERS:]))
    for number, setting in enumerate(random_settings(seed)):
        save_with(model, tmp_path, setting, weights=number == 0)
        if number == 0:
            config, records = model_config_from_folder(tmp_path), index_checkpoint(tmp_path)
            few_experts = 16 if seed % 3 == 0 else 0
            remember(write_graphs(tmp_path, config, records, lambda stage, fraction: None, few_experts))
        monkeypatch.setattr("inference.backends.onnx_graphs.can_export", lambda: False)  # once is enough
        compare(model, tmp_path, OnnxBackend, setting)


LARGE = (20_011, 33_000)  # vocabularies above what was once taken exactly; small ones hid that larger ones were not


@pytest.mark.parametrize(("seed", "vocab"), [(1, LARGE[0]), (4, LARGE[1])])
def test_torch_agrees_on_large_vocabularies(seed: int, vocab: int, tmp_path: Path) -> None:
    model = transformers_model(dataclasses.replace(random_shape(seed), vocab=vocab))
    save_with(model, tmp_path, LARGE_SETTING)
    compare(model, tmp_path, TorchBackend, LARGE_SETTING)


LARGE_SETTING = Setting(window=24, canvas=16, prompts=(11, 30))


@pytest.mark.usefixtures("without_collections")
def test_onnx_agrees_on_large_vocabularies(tmp_path: Path) -> None:
    model = transformers_model(dataclasses.replace(TINY, vocab=LARGE[0]))
    save_with(model, tmp_path, LARGE_SETTING)
    config, records = model_config_from_folder(tmp_path), index_checkpoint(tmp_path)
    made = write_graphs(tmp_path, config, records, lambda stage, fraction: None, 0)
    assert made.exact
    remember(made)
    compare(model, tmp_path, OnnxBackend, LARGE_SETTING)


def test_the_kept_candidates_alone_are_a_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs that were made for the other way are not used, and the fast way is another set of engines."""
    save_with(transformers_model(dataclasses.replace(TINY, vocab=LARGE[0])), tmp_path, LARGE_SETTING)
    config, records = model_config_from_folder(tmp_path), index_checkpoint(tmp_path)
    exact = configuration_fingerprint(config)
    monkeypatch.setenv(SELF_CONDITIONING_VARIABLE, KEPT_ONLY)
    made = write_graphs(tmp_path, config, records, lambda stage, fraction: None, 0)
    assert not made.exact
    assert configuration_fingerprint(config) != exact
    assert exact_self_conditioning(dataclasses.replace(config, vocab_size=EXACT_VOCABULARY))
    assert fits(made, tmp_path, config, records)
    monkeypatch.delenv(SELF_CONDITIONING_VARIABLE)
    assert not fits(made, tmp_path, config, records)


@torch.inference_mode()
def compare(model: object, folder: Path, backend_class: type[CachedBackend], setting: Setting) -> None:
    """Two turns, each followed by three denoising steps and the commit of the canvas."""
    backend = backend_class.open(folder, lambda stage, fraction: None)
    reference = Reference(model, DynamicCache(config=model.config.get_text_config(decoder=True)))
    rng = np.random.default_rng([3, setting.window])
    vocab = backend.config.vocab_size
    norm = model.model.decoder.norm
    for prompt in setting.prompts:
        ids = rng.integers(0, vocab, prompt)
        if prompt <= setting.window:
            ours = norm(torch.from_numpy(backend.hidden_states(ids, None, denoising=False))).numpy()
            np.testing.assert_allclose(ours, reference.encode(ids), atol=TOLERANCE, rtol=TOLERANCE)
        else:
            reference.encode(ids)
        backend.encode(ids)
        _same_cache(backend, reference.cache)
        canvas = _denoise_both(backend, reference, rng)
        backend.encode(canvas)
        reference.encode(canvas)
        _same_cache(backend, reference.cache)
    backend.close()


def _denoise_both(backend: CachedBackend, reference: Reference, rng: np.random.Generator) -> np.ndarray:
    """Three steps with self-conditioning, compared one by one; returns the last argmax canvas."""
    count, vocab = backend.config.canvas_length, backend.config.vocab_size
    state, previous = None, None
    for temperature in (0.8, 0.55, 0.4):
        canvas = rng.integers(0, vocab, count)
        uniforms = rng.random(count).astype(np.float32)
        step = backend.denoise(canvas, state, temperature, uniforms)
        logits = reference.denoise(canvas, previous, temperature)
        _same_step(step, logits, uniforms)
        state, previous = step.state, logits
    return step.argmax


def _same_cache(backend: CachedBackend, cache: DynamicCache) -> None:
    for (keys, values), layer in zip(backend.kv(), cache.layers, strict=True):
        np.testing.assert_allclose(keys, layer.keys[0].transpose(0, 1).numpy(), atol=TOLERANCE, rtol=TOLERANCE)
        np.testing.assert_allclose(values, layer.values[0].transpose(0, 1).numpy(), atol=TOLERANCE, rtol=TOLERANCE)


def _same_step(step: DenoiseStep, logits: torch.Tensor, uniforms: np.ndarray) -> None:
    probs = torch.softmax(logits, dim=-1)
    entropy = torch.distributions.Categorical(logits=logits).entropy().numpy()
    np.testing.assert_allclose(step.entropy, entropy, atol=TOLERANCE, rtol=TOLERANCE)
    best = logits.max(dim=-1).values
    chosen = logits.gather(1, torch.from_numpy(step.argmax)[:, None])[:, 0]
    assert float((best - chosen).max()) < TOLERANCE, "the argmax differs by more than a tie"
    count = step.top_probs.shape[1]
    np.testing.assert_allclose(step.top_probs, probs.topk(count).values.numpy(), atol=TOLERANCE, rtol=TOLERANCE)
    ours = probs.gather(1, torch.from_numpy(step.top_ids)).numpy()
    np.testing.assert_allclose(ours, step.top_probs, atol=TOLERANCE, rtol=TOLERANCE)
    # The sampled token is the one in whose share of the cumulated distribution the draw falls.
    upper = probs.cumsum(dim=-1).gather(1, torch.from_numpy(step.sampled)[:, None])[:, 0].numpy()
    lower = upper - probs.gather(1, torch.from_numpy(step.sampled)[:, None])[:, 0].numpy()
    assert np.all(uniforms >= lower - TOLERANCE)
    assert np.all(uniforms <= upper + TOLERANCE)
