"""The objective: cross-entropy on the clean canvas, a causal loss on the known tokens, and expert balance.

In half of the steps the canvas pass is conditioned on the model's own first guess (self-conditioning), made without
gradient and tempered by a random temperature, since the sampler feeds back tempered predictions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from inference.model.stack import DiffusionGemma
from inference.training.balance import BalancedMix
from inference.training.forward import Batch, KeysValues, denoise_batch, encode_batch

PAD_WEIGHT = 0.15
CAUSAL_WEIGHT = 1.0
BALANCE_WEIGHT = 0.03


@dataclass(frozen=True)
class Losses:
    """Scalars of one step; `total` carries the gradient."""

    total: Tensor
    canvas: float
    causal: float
    accuracy: float


def training_losses(model: DiffusionGemma, batch: Batch, pad_id: int, rng: torch.Generator) -> Losses:
    """All losses of one batch (B rows); see the module's docstring."""
    mix = BalancedMix()
    hidden, past = encode_batch(model, batch, mix)
    causal = _causal_loss(model, hidden, batch)
    soft = torch.zeros(batch.noisy.numel(), model.config.hidden_size)
    if torch.rand((), generator=rng) < 0.5:
        soft = _first_guess(model, batch, past, 0.05 + 0.95 * float(torch.rand((), generator=rng)))
    hidden = denoise_batch(model, batch, past, soft, mix)
    canvas, accuracy = _canvas_loss(model, hidden, batch, pad_id, rng)
    total = canvas + CAUSAL_WEIGHT * causal + BALANCE_WEIGHT * mix.loss()
    return Losses(total, float(canvas.detach()), float(causal.detach()), accuracy)


def _causal_loss(model: DiffusionGemma, hidden: Tensor, batch: Batch) -> Tensor:
    """Next-token cross-entropy over every known token but the first of a row."""
    rows, count = batch.known.shape
    real = torch.arange(1, count)[None, :] < batch.known_length[:, None]
    x = hidden.unflatten(0, (rows, count))[:, :-1][real]
    return functional.cross_entropy(model.logits(x), batch.known[:, 1:][real])


def _canvas_loss(
    model: DiffusionGemma, hidden: Tensor, batch: Batch, pad_id: int, rng: torch.Generator
) -> tuple[Tensor, float]:
    """Weighted cross-entropy; of the padding, the first 4 positions and a random eighth of the rest are used."""
    clean = batch.clean
    padding = clean == pad_id
    near_end = padding & (padding.cumsum(dim=1) <= 4)
    some = padding & (torch.rand(clean.shape, generator=rng) < 0.125)
    used = (~padding) | near_end | some
    target = clean[used]
    losses = functional.cross_entropy(model.logits(hidden[used.flatten()]), target, reduction="none")
    weights = torch.where(padding[used], PAD_WEIGHT, 1.0)
    with torch.no_grad():
        sure = float((losses[~padding[used]] < math.log(2.0)).float().mean())
    return (losses * weights).sum() / weights.sum(), sure


@torch.no_grad()
def _first_guess(model: DiffusionGemma, batch: Batch, past: KeysValues, temperature: float) -> Tensor:
    frozen = [(k.detach(), v.detach()) for k, v in past]
    zeros = torch.zeros(batch.noisy.numel(), model.config.hidden_size)
    hidden = denoise_batch(model, batch, frozen, zeros, BalancedMix())
    shares = torch.softmax(model.logits(hidden) / temperature, dim=-1)
    weight = model.embed_tokens.weight
    return (shares @ weight.float()) * math.sqrt(model.config.hidden_size)
