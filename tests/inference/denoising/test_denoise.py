"""The loop over one canvas, against a transcript of transformers' loop on a toy model, and by itself."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.diffusion_gemma.generation_diffusion_gemma import (
    EntropyBoundSampler,
    EntropyBoundSamplerConfig,
    LinearTemperatureScheduleLogitsProcessor,
    StableAndConfidentStoppingCriteria,
)

from inference.backends.base import DenoiseStep
from inference.backends.fake import FakeBackend
from inference.backends.fake_model import fake_config
from inference.denoising.denoise import denoise_canvas
from inference.denoising.sampler import Draws
from inference.errors import GraphError
from inference.model_config import SamplerDefaults
from tests.inference.support import CancelAfter

pytestmark = pytest.mark.usefixtures("one_torch_thread")
SIZE, VOCAB = 12, 20


class ToyModel:
    """Logits from the canvas and the self-conditioning state; it pulls towards a target, more so the more is right."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.target = torch.randint(0, VOCAB, (SIZE,), generator=generator)
        self.base = torch.randn(SIZE, VOCAB, generator=generator) * 2

    def logits(self, canvas: torch.Tensor, state: torch.Tensor | None) -> torch.Tensor:
        """float32 [C, V]."""
        right = (canvas == self.target).float().mean()
        pull = torch.nn.functional.one_hot(self.target, VOCAB).float() * (2 + 12 * right)
        return self.base + pull + (0 if state is None else 0.1 * state)

    def denoise(self, canvas: Any, state: Any, temperature: float, uniforms: Any) -> DenoiseStep:
        """The backend's contract on top of `logits`."""
        scaled = self.logits(torch.from_numpy(canvas), state) / temperature
        entropy = torch.distributions.Categorical(logits=scaled[None]).entropy()[0]
        ids = scaled.argmax(-1).numpy()
        kept = np.zeros((SIZE, 1))
        return DenoiseStep(ids, draw(scaled, uniforms), entropy.numpy(), ids[:, None], kept.astype("f4"), scaled)


def draw(logits: torch.Tensor, uniforms: Any) -> Any:
    """The token at which the cumulative probability passes the uniform number: stands in for torch.multinomial."""
    summed = torch.softmax(logits, -1).cumsum(-1)
    return torch.searchsorted(summed, torch.from_numpy(uniforms)[:, None]).clamp(max=VOCAB - 1)[:, 0].numpy()


def transformers_loop(model: ToyModel, settings: SamplerDefaults, draws: Draws) -> list[list[int]]:
    """What `DiffusionGemmaGenerationMixin._denoising_step` does, step by step, with our draws for its random ones."""
    steps = settings.max_denoising_steps
    sampler = EntropyBoundSampler(EntropyBoundSamplerConfig(settings.entropy_bound), SIZE, VOCAB, steps)
    sampler.initialize_canvas = lambda batch_size, device: torch.from_numpy(draws.noise())[None]
    processor = LinearTemperatureScheduleLogitsProcessor(settings.t_min, settings.t_max, steps)
    stopping = StableAndConfidentStoppingCriteria(settings.stability_threshold, settings.confidence_threshold)
    canvas, state, drafts = sampler.initialize_canvas(1, None), None, []
    for cur_step in reversed(range(1, steps + 1)):
        raw = model.logits(canvas[0], None if state is None else state[0])[None]
        scaled = processor(None, raw, cur_step=torch.tensor(cur_step, dtype=torch.int32))
        sampled = torch.from_numpy(draw(scaled[0], draws.uniforms()))[None]
        argmax = scaled.argmax(-1)
        canvas = sampler.renoise_canvas(sampler.accept_canvas(canvas, sampled, scaled, cur_step), cur_step)
        state = scaled
        drafts.append(argmax[0].tolist())
        if bool(stopping(argmax, scaled)):
            break
    return drafts


def test_same_drafts_as_the_loop_of_transformers() -> None:
    lengths = set()
    for seed in range(40):
        settings = SamplerDefaults(max_denoising_steps=4 + seed % 20, confidence_threshold=0.05)
        model: Any = ToyModel(seed)
        expected = transformers_loop(model, settings, Draws(seed, VOCAB, SIZE))
        steps = list(denoise_canvas(model, settings, Draws(seed, VOCAB, SIZE), threading.Event()))
        assert [step.argmax.tolist() for step in steps] == expected
        assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True]
        lengths.add(steps[-1].settled)
    assert lengths == {True, False}  # some settled, some reached the limit


def fake_run(backend: FakeBackend, cancel: Any = None, **settings: Any) -> list[Any]:
    """Denoise the first canvas of a fake backend."""
    config = backend.config
    draws = Draws(1, config.vocab_size, config.canvas_length)
    return list(denoise_canvas(backend, SamplerDefaults(**settings), draws, cancel or threading.Event()))


def test_the_settled_step_is_the_last_change() -> None:
    steps = fake_run(FakeBackend("Some text.", config=fake_config(16)))
    drafts = np.array([step.argmax for step in steps])
    for position, settled in enumerate(steps[-1].settled_step.tolist()):
        column = drafts[:, position]
        changes = np.flatnonzero(column[1:] != column[:-1]) + 2  # steps count from 1
        assert settled == (changes[-1] if len(changes) else 1)
    assert steps[-1].settled_step.max() > 1


def test_the_limit_of_steps_ends_a_canvas_unsettled() -> None:
    steps = fake_run(FakeBackend(config=fake_config(16)), max_denoising_steps=3)
    assert [(step.step, step.settled, step.final) for step in steps] == [
        (1, False, False),
        (2, False, False),
        (3, False, True),
    ]


def test_no_step_begins_after_a_cancel() -> None:
    backend = FakeBackend(config=fake_config(16))
    steps = fake_run(backend, CancelAfter(looks=4))
    assert len(steps) == backend.denoise_calls == 3
    assert not steps[-1].final


def test_entropies_that_are_no_numbers_are_an_error() -> None:
    backend = FakeBackend(config=fake_config(16))
    good = backend.denoise

    def broken(*arguments: Any) -> DenoiseStep:
        step = good(*arguments)
        step.entropy[3] = np.nan
        return step

    backend.denoise = broken  # type: ignore[method-assign]
    with pytest.raises(GraphError, match="not numbers"):
        fake_run(backend)
