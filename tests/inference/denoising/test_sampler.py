"""Our sampler against transformers' with the same logits and the same draws."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.diffusion_gemma.generation_diffusion_gemma import (
    EntropyBoundSampler,
    EntropyBoundSamplerConfig,
)

from inference.denoising.sampler import Draws, accept_mask, accept_tokens, renoise_tokens
from inference.params import fresh_seed

pytestmark = pytest.mark.usefixtures("one_torch_thread")
CASES = 300


def random_logits(generator: torch.Generator, size: int, vocab: int) -> torch.Tensor:
    """Rows from flat to sharp; some rows twice, so that entropies tie."""
    sharpness = torch.rand(size, 1, generator=generator) * 40
    logits = torch.randn(size, vocab, generator=generator) * sharpness
    twins = torch.randint(0, size, (size,), generator=generator)
    keep = torch.rand(size, generator=generator) < 0.7
    return torch.where(keep[:, None], logits, logits[twins])


def compare_with_transformers(case: int, masks_too: bool) -> None:
    """One random case; `masks_too` compares positions, otherwise only what the order of equal entropies leaves open."""
    generator = torch.Generator().manual_seed(case)
    size = int(torch.randint(1, 300, (1,), generator=generator))
    vocab = int(torch.randint(2, 60, (1,), generator=generator))
    bound = float(10 ** (torch.rand(1, generator=generator) * 4 - 3))
    logits = random_logits(generator, size, vocab)
    canvas, sampled, noise = torch.randint(0, vocab, (3, size), generator=generator)
    reference = EntropyBoundSampler(EntropyBoundSamplerConfig(bound), size, vocab, 48)
    reference.initialize_canvas = lambda batch_size, device: noise[None]

    accepted_tokens = reference.accept_canvas(canvas[None], sampled[None], logits[None], cur_step=1)
    renoised = reference.renoise_canvas(accepted_tokens, cur_step=1)
    expected = reference.accepted_token_mask[0].numpy()

    entropy = torch.distributions.Categorical(logits=logits[None]).entropy()[0].numpy()
    accepted = accept_mask(entropy, bound)
    assert np.array_equal(np.sort(entropy[accepted]), np.sort(entropy[expected]))
    if masks_too:
        ours = accept_tokens(canvas.numpy(), sampled.numpy(), accepted)
        assert np.array_equal(accepted, expected)
        assert np.array_equal(ours, accepted_tokens[0].numpy())
        assert np.array_equal(renoise_tokens(ours, noise.numpy(), accepted), renoised[0].numpy())


def test_accepted_entropies_equal_transformers() -> None:
    for case in range(CASES):
        compare_with_transformers(case, masks_too=False)


def test_accept_and_renoise_equal_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.sort leaves the order of equal entropies open (it differs by processor); ours is the stable one."""
    monkeypatch.setattr(torch, "sort", functools.partial(torch.sort, stable=True))
    for case in range(CASES):
        compare_with_transformers(case, masks_too=True)


@given(st.lists(st.floats(0.0, 12.0, width=32), min_size=1, max_size=300), st.floats(1e-6, 10.0))
def test_accepted_are_the_most_certain_and_never_none(entropies: list[float], bound: float) -> None:
    entropy = np.array(entropies, dtype=np.float32)
    accepted = accept_mask(entropy, bound)
    assert accepted[int(np.argmin(entropy))]
    if not accepted.all():
        assert entropy[accepted].max() <= entropy[~accepted].min()


def test_all_equal_entropies_accept_from_the_left() -> None:
    accepted = accept_mask(np.full(10, 0.04, dtype=np.float32), 0.1)
    assert accepted.tolist() == [True, True, True] + [False] * 7


def test_draws_follow_their_seed_and_order() -> None:
    first, second, third = Draws(5, 1000, 64), Draws(5, 1000, 64), Draws(6, 1000, 64)
    for draws in (first, second):
        assert draws.noise().dtype == np.int64
    uniforms = first.uniforms()
    assert uniforms.dtype == np.float32
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    assert np.array_equal(uniforms, second.uniforms())
    assert np.array_equal(first.noise(), second.noise())
    assert not np.array_equal(Draws(5, 1000, 64).noise(), third.noise())
    assert first.noise().max() < 1000


def test_draws_refuse_a_negative_seed() -> None:
    with pytest.raises(ValueError, match="seed must be 0 or more, not -1"):
        Draws(-1, 10, 4)


def test_fresh_seeds_differ_and_are_short() -> None:
    seeds = {fresh_seed() for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed < 2**32 for seed in seeds)
