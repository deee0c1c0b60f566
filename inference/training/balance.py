"""Expert mixing that also measures how evenly the experts are used (Switch Transformer's balance loss)."""

from __future__ import annotations

import torch
from torch import Tensor

from inference.model.experts import mix_exact
from inference.model.layers import Experts


class BalancedMix:
    """`mix_exact` that gathers, layer by layer, a loss of 1 for even use and more for uneven use."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []

    @torch.compiler.disable
    def __call__(self, experts: Experts, x: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        """See `mix_exact`."""
        number = experts.gate_up_proj.shape[0]
        flat = ids.reshape(-1)
        load = torch.bincount(flat, minlength=number).float() / flat.numel()
        share = torch.zeros(number).index_add(0, flat, weights.reshape(-1).float()) / ids.shape[0]
        self._losses.append(number * (load * share).sum())
        return mix_exact(experts, x, ids, weights)

    def loss(self) -> Tensor:
        """Mean over all layers that ran."""
        return torch.stack(self._losses).mean()
