"""Muon for the hidden matrices, AdamW for everything else.

Muon (Keller Jordan, 2024) replaces a matrix's momentum by the nearest semi-orthogonal matrix, found by five
Newton-Schulz steps. torch's own `torch.optim.Muon` takes 2-D parameters only; the fused expert weights are 3-D,
so this one works on any stack of matrices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """[..., m, n] -> same shape with singular values near 1 (quintic Newton-Schulz iteration in bf16)."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.to(torch.bfloat16)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    made: Tensor = (x.mT if tall else x).to(matrix.dtype)
    return made


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum with decoupled weight decay; parameters of 2 or more dimensions.

    A group's `parts` says how many matrices lie below each other in one: gate and up of the experts are two, which is
    also a third less work.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.01,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": 1}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                buffer = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(buffer, group["momentum"])
                rows, columns = update.shape[-2] // group["parts"], update.shape[-1]
                update = orthogonalised(update.reshape(-1, rows, columns)).view_as(parameter)
                scale = max(1.0, rows / columns) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * scale)


def make_optimizers(model: nn.Module, muon_lr: float, adam_lr: float) -> tuple[Muon, torch.optim.AdamW]:
    """The two optimisers; embeddings, norms, scales and the router go to AdamW."""
    hidden: list[nn.Parameter] = []
    double: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        matrix = parameter.dim() >= 2 and "embed" not in name and "router" not in name
        (rest if not matrix else double if "gate_up" in name else hidden).append(parameter)
    groups: list[dict[str, Any]] = [{"params": hidden}, {"params": double, "parts": 2}]
    return Muon(groups, lr=muon_lr), torch.optim.AdamW(
        rest, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True
    )
