"""Two ways to compute the chosen experts: an exact loop (the reference) and batched products with checked capacity.

`mix_exact` lists the rows of each expert; ONNX Runtime runs that well where experts are few (the starter model, most of
whose canvas is padding that one or two experts get whole). `CapacityMix` has no data-dependent shapes, so that
TensorRT runs it too, and its size does not grow with the number of experts (docs/decisions.md, 5). It is exact as long
as no expert gets more than C tokens; `max_load` tells the caller whether that held, and the caller runs the step again
with a larger C if not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from inference.model.layers import Experts


def mix_exact(experts: Experts, x: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """Each expert over just the tokens that chose it; differentiable, any load.

    Args:
        experts: Fused weights of E experts.
        x: [N, hidden].
        ids: int64 [N, k] chosen experts.
        weights: [N, k] their shares.

    Returns:
        [N, hidden].
    """
    count, k = ids.shape
    flat = ids.reshape(-1)
    x = x.to(experts.gate_up_proj.dtype)
    rows, parts = [], []
    for number in range(experts.gate_up_proj.shape[0]):
        own = torch.nonzero(flat == number).squeeze(1)
        part = x.index_select(0, torch.div(own, k, rounding_mode="floor"))
        both = functional.linear(part, experts.gate_up_proj[number]).float()
        half = both.shape[1] // 2
        inner = functional.gelu(both[:, :half], approximate="tanh") * both[:, half:]
        parts.append(functional.linear(inner.to(x.dtype), experts.down_proj[number]).float())
        rows.append(own)
    mixed = torch.cat(parts)
    out = torch.zeros(count * k, x.shape[1], dtype=mixed.dtype, device=x.device).index_copy(0, torch.cat(rows), mixed)
    return (out.reshape(count, k, -1) * weights.unsqueeze(-1)).sum(dim=1)


class CapacityMix:
    """All experts at once over [E, C] slots.

    Attributes:
        slots: int64 [C], the numbers 0..C-1; its length is the capacity.
        weights_first: ONNX Runtime: weights times tokens, as they lie on disk; tokens times transposed weights would
            become a transposed copy of the weights. TensorRT: the other way round, which it fuses with the weights'
            dequantisation (the first way crashes the builder of TensorRT for RTX 1.7.1 on INT4 weights).
        loads: Largest expert load of every layer that ran, each int64 [1].
    """

    def __init__(self, slots: Tensor, weights_first: bool = True) -> None:
        self.slots = slots
        self.weights_first = weights_first
        self.loads: list[Tensor] = []

    def __call__(self, experts: Experts, x: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        """See `mix_exact`; exact if every expert's load is at most C.

        1. Number the assignments of each expert: a running count over the one-hot matrix gives each its slot.
        2. Put token numbers into a table [E, C]; assignments beyond C fall into a spare entry that nobody reads.
        3. Gather tokens, three batched products (weights as they lie on disk: no transposed copy), gather back.
        """
        count, k = ids.shape
        number = experts.gate_up_proj.shape[0]
        capacity = self.slots.shape[0]
        flat = ids.reshape(-1)
        # 1.
        hot = (flat.unsqueeze(1) == torch.arange(number, device=x.device)).to(torch.float32)
        slot = ((torch.cumsum(hot, dim=0) - 1.0) * hot).sum(dim=-1).to(torch.int64)
        self.loads.append(hot.sum(dim=0).max().to(torch.int64).reshape(1))
        # 2.
        spare = number * capacity
        place = torch.where(slot < capacity, flat * capacity + slot, spare)
        token = torch.arange(count, device=x.device).unsqueeze(1).expand(count, k).reshape(-1)
        empty = torch.full((spare + 1,), count, dtype=torch.int64, device=x.device)
        table = empty.scatter(0, place, token)[:-1]
        # 3.
        x = x.to(experts.gate_up_proj.dtype)
        padded = torch.cat([x, torch.zeros(1, x.shape[1], dtype=x.dtype, device=x.device)])
        out = self._products(experts, padded[table].reshape(number, capacity, x.shape[1])).reshape(spare, x.shape[1])
        out = torch.cat([out, torch.zeros(1, x.shape[1], dtype=out.dtype, device=x.device)])
        chosen = out[place].reshape(count, k, x.shape[1]).float()
        return (chosen * weights.unsqueeze(-1)).sum(dim=1)

    def _products(self, experts: Experts, gathered: Tensor) -> Tensor:
        """Every expert over its own slots, [E, C, hidden] -> the same."""
        if not self.weights_first:
            both = torch.matmul(gathered, experts.gate_up_proj.transpose(1, 2)).float()
            half = both.shape[2] // 2
            inner = functional.gelu(both[:, :, :half], approximate="tanh") * both[:, :, half:]
            return torch.matmul(inner.to(gathered.dtype), experts.down_proj.transpose(1, 2))
        both = torch.matmul(experts.gate_up_proj, gathered.transpose(1, 2)).float()
        half = both.shape[1] // 2
        inner = functional.gelu(both[:, :half], approximate="tanh") * both[:, half:]
        return torch.matmul(experts.down_proj, inner.to(gathered.dtype)).transpose(1, 2)

    def max_load(self) -> Tensor:
        """Largest load over all layers, int64 [1]."""
        return torch.cat(self.loads).max().reshape(1)
