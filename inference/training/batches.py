"""From examples to batches: pooling by length, choice of canvas, corruption with uniformly random tokens.

At inference the canvas always has 256 positions. Most training canvases are shorter, because most answers are: a model
trained so is as good on 256 positions (measured: the same cross-entropy), and sees three times as many answers in the
same time. The length is drawn at random above what the answer needs, so that it says nothing about the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inference.training.forward import Batch

Ids = NDArray[np.int64]
CANVAS_SIZES = (32, 48, 64, 96)
CANVAS_SHARES = (0.6, 0.25, 0.1, 0.05)
# Share of rows whose encoder sees the answer too. The causal loss on answers is learned long before the canvas is.
ANSWERS_ENCODED = 0.3
BLOCK = 256


@dataclass(frozen=True)
class Row:
    """One row before padding: known tokens, where the canvas begins in them, and the clean canvas."""

    known: Ids
    context_length: int
    clean: Ids


def make_row(prompt: Ids, answer: Ids, pad_id: int, rng: np.random.Generator, full_canvas: float) -> Row:
    """Choose a canvas for one example.

    Args:
        prompt: Tokens of the rendered chat.
        answer: Tokens of the answer with its end-of-text token.
        pad_id: What fills a canvas behind the answer.
        rng: Source of the choice.
        full_canvas: Share of rows with the full 256 positions, whatever the answer's length.
    """
    blocks = -(-len(answer) // BLOCK)
    known = np.concatenate([prompt, answer]) if blocks > 1 or rng.random() < ANSWERS_ENCODED else prompt
    if blocks > 1:
        start = BLOCK * int(rng.integers(blocks))
        size = BLOCK
    else:
        start = 0
        size = BLOCK if rng.random() < full_canvas else _canvas_size(len(answer), rng)
    piece = answer[start : start + size]
    clean = np.concatenate([piece, np.full(size - len(piece), pad_id, dtype=np.int64)])
    return Row(known, len(prompt) + start, clean)


def _canvas_size(needed: int, rng: np.random.Generator) -> int:
    fitting = [(size, share) for size, share in zip(CANVAS_SIZES, CANVAS_SHARES, strict=True) if size >= needed]
    sizes, shares = zip(*fitting, strict=True)
    return int(rng.choice(sizes, p=np.array(shares) / sum(shares)))


def corrupt(clean: Ids, pad_id: int, vocab_size: int, rng: np.random.Generator) -> Ids:
    """Replace tokens of [C] by uniformly random ones, at a noise level drawn for the row.

    Half of the rows is pure noise (the first denoising step, the hardest), a third is in 0.5..1, the rest in 0..1.
    In half of the rows the padding behind the answer is cleaner than the text, as it settles first at inference.
    """
    kind = rng.random()
    level = 1.0 if kind < 0.5 else rng.uniform(0.5, 1.0) if kind < 0.83 else rng.uniform(0.0, 1.0)
    levels = np.full(clean.shape, level)
    if level < 1.0 and rng.random() < 0.5:
        levels[clean == pad_id] = level * rng.random()
    noise = rng.integers(0, vocab_size, size=clean.shape)
    return np.where(rng.random(clean.shape) < levels, noise, clean)


def batches(
    rows: Iterator[Row], pad_id: int, vocab_size: int, rng: np.random.Generator, tokens: int = 4096, pool: int = 1536
) -> Iterator[Batch]:
    """Endless batches of about `tokens` tokens (known and canvas together), pooled by length."""
    while True:
        drawn = sorted((next(rows) for _ in range(pool)), key=lambda row: (len(row.clean), len(row.known)))
        groups: list[list[Row]] = [[]]
        for row in drawn:
            group = groups[-1]
            wide = group and (len(row.clean) != len(group[0].clean))
            full = (len(group) + 1) * (len(row.known) + len(row.clean)) > tokens
            if group and (wide or full):
                groups.append([row])
            else:
                group.append(row)
        for number in rng.permutation(len(groups)):
            yield _stack(groups[number], pad_id, vocab_size, rng)


def _stack(rows: list[Row], pad_id: int, vocab_size: int, rng: np.random.Generator) -> Batch:
    longest = max(len(row.known) for row in rows)
    known = np.full((len(rows), longest), pad_id, dtype=np.int64)
    for number, row in enumerate(rows):
        known[number, : len(row.known)] = row.known
    clean = np.stack([row.clean for row in rows])
    noisy = np.stack([corrupt(row.clean, pad_id, vocab_size, rng) for row in rows])
    return Batch(
        known=torch.from_numpy(known),
        known_length=torch.tensor([len(row.known) for row in rows]),
        context_length=torch.tensor([row.context_length for row in rows]),
        clean=torch.from_numpy(clean),
        noisy=torch.from_numpy(noisy),
    )
