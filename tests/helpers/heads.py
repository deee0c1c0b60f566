"""Whether what a backend says by logits is what its head says by candidates, entropies and states."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.backends.base import Backend, Ids

PLACES = 16


def head_agrees(backend: Backend, temperature: float = 0.7) -> None:
    """Two steps, the second one from a state that was told the first one's own distribution."""
    rng, state = np.random.default_rng(3), None
    everything = np.arange(backend.config.vocab_size)
    for _ in range(2):
        canvas, uniforms = rng.integers(0, backend.config.vocab_size, PLACES), rng.random(PLACES, dtype=np.float32)
        logits = backend.logits(canvas, state).astype(np.float64) / temperature
        some = rng.permutation(backend.config.vocab_size)[:20]
        np.testing.assert_allclose(backend.logits(canvas, state, some) / temperature, logits[:, some], atol=1e-4)
        beliefs_agree(backend, canvas, state)
        step = backend.denoise(canvas, state, temperature, uniforms)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(np.take_along_axis(shares, step.top_ids, axis=1), step.top_probs, atol=1e-4)
        np.testing.assert_allclose(-(shares * np.log(shares)).sum(axis=1), step.entropy, atol=1e-3)
        expected = backend.logits(canvas, step.state)
        state = backend.conditioned(step.state, PLACES, np.arange(PLACES), everything, shares.astype(np.float32))
        np.testing.assert_allclose(backend.logits(canvas, state), expected, atol=2e-3)
    one, place = np.ones((1, 1), np.float32), np.array([3])
    told = backend.logits(canvas, backend.conditioned(None, PLACES, place, np.array([5]), one))
    assert not np.allclose(told, backend.logits(canvas, None))


def beliefs_agree(backend: Backend, canvas: Ids, state: Any) -> None:
    """Log-probabilities, the likeliest tokens and entropies are those of the logits."""
    logits = backend.logits(canvas, state).astype(np.float64)
    logs = logits - logits.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    places = np.array([2, 7, 15])
    seen = backend.beliefs(canvas, state, places, canvas[places], 5)
    np.testing.assert_allclose(seen.logs, logs[places, canvas[places]], atol=1e-4)
    np.testing.assert_allclose(seen.top_logs, np.sort(logs[places], axis=1)[:, :-6:-1], atol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(logs[places], seen.top_ids, axis=1), seen.top_logs, atol=1e-4)
    np.testing.assert_allclose(seen.entropy, -(np.exp(logs) * logs).sum(axis=1)[places], atol=1e-4)
