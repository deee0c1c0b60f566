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

CAUSAL_WEIGHT = 1.0
BALANCE_WEIGHT = 0.03
CONDITIONED = 0.4  # share of steps with self-conditioning


@dataclass(frozen=True)
class Losses:
    """Scalars of one step; `total` carries the gradient."""

    total: Tensor
    canvas: float
    causal: float
    accuracy: float


def training_losses(model: DiffusionGemma, batch: Batch, rng: torch.Generator) -> Losses:
    """All losses of one batch; see the module's docstring."""
    mix = BalancedMix()
    hidden, past = encode_batch(model, batch, mix)
    following = batch.known.index_select(0, batch.causal + 1)
    causal = functional.cross_entropy(model.logits(hidden.index_select(0, batch.causal)), following)
    soft = torch.zeros(len(batch.noisy), model.config.hidden_size)
    if torch.rand((), generator=rng) < CONDITIONED:
        soft = _first_guess(model, batch, past, 0.05 + 0.95 * float(torch.rand((), generator=rng)))
    hidden = denoise_batch(model, batch, past, soft, mix)
    logits = model.logits(hidden.index_select(0, batch.targets))
    losses = functional.cross_entropy(logits, batch.clean.index_select(0, batch.targets), reduction="none")
    canvas = (losses * batch.weights).sum() / batch.weights.sum()
    with torch.no_grad():
        sure = float((losses[batch.weights == 1.0] < math.log(2.0)).float().mean())
    total = canvas + CAUSAL_WEIGHT * causal + BALANCE_WEIGHT * mix.loss()
    return Losses(total, float(canvas.detach()), float(causal.detach()), sure)


@torch.no_grad()
def _first_guess(model: DiffusionGemma, batch: Batch, past: KeysValues, temperature: float) -> Tensor:
    frozen = [(k.detach(), v.detach()) for k, v in past]
    zeros = torch.zeros(len(batch.noisy), model.config.hidden_size)
    hidden = denoise_batch(model, batch, frozen, zeros, BalancedMix())
    shares = torch.softmax(model.logits(hidden) / temperature, dim=-1)
    return (shares @ model.embed_tokens.weight) * math.sqrt(model.config.hidden_size)
