"""Expert mixing for training: one gradient by hand, and a measure of how evenly the experts are used.

The tokens of an expert are put together and padded to a multiple of 64 rows, so that the products have few different
shapes: oneDNN makes a kernel for each shape it meets, which took longer than most products themselves.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from inference.model.layers import Experts

_ROUNDED = 64


class _Grouped(torch.autograd.Function):
    """Gated products of each expert over its own rows, in bfloat16: rows [P, hidden] -> [P, hidden]."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, gate_up: Tensor, down: Tensor, bounds: list[int]) -> Tensor:
        """`bounds`: where the rows of each expert begin, and the end."""
        inner_size = down.shape[2]
        both = rows.new_empty(len(rows), 2 * inner_size)
        for number, (start, end) in enumerate(pairwise(bounds)):
            torch.mm(rows[start:end], gate_up[number].T, out=both[start:end])
        inner = _gated(both)
        out = torch.empty_like(rows)
        for number, (start, end) in enumerate(pairwise(bounds)):
            torch.mm(inner[start:end], down[number].T, out=out[start:end])
        ctx.save_for_backward(rows, gate_up, down, both, inner)
        ctx.bounds = bounds
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Gradients of rows and of both weights."""
        rows, gate_up, down, both, inner = ctx.saved_tensors
        grad = grads[0]
        of_inner, of_rows = torch.empty_like(inner), torch.empty_like(rows)
        of_gate_up, of_down = torch.empty_like(gate_up), torch.empty_like(down)
        spans = list(pairwise(ctx.bounds))
        for number, (start, end) in enumerate(spans):
            torch.mm(grad[start:end].T, inner[start:end], out=of_down[number])
            torch.mm(grad[start:end], down[number], out=of_inner[start:end])
        of_both = _gated_backward(both, of_inner)
        for number, (start, end) in enumerate(spans):
            torch.mm(of_both[start:end].T, rows[start:end], out=of_gate_up[number])
            torch.mm(of_both[start:end], gate_up[number], out=of_rows[start:end])
        return of_rows, of_gate_up, of_down, None


def _gated(both: Tensor) -> Tensor:
    half = both.shape[1] // 2
    return torch.nn.functional.gelu(both[:, :half].float(), approximate="tanh").mul_(both[:, half:]).to(both.dtype)


def _gated_backward(both: Tensor, grad: Tensor) -> Tensor:
    half = both.shape[1] // 2
    gate, up, grad = both[:, :half].float(), both[:, half:].float(), grad.float()
    out = torch.empty_like(both)
    out[:, half:] = torch.nn.functional.gelu(gate, approximate="tanh").mul_(grad)
    out[:, :half] = torch.ops.aten.gelu_backward(grad * up, gate, approximate="tanh")
    return out


class BalancedMix:
    """`mix_exact` in bfloat16 that gathers, layer by layer, a loss of 1 for even use and more for uneven use."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []

    @torch.compiler.disable
    def __call__(self, experts: Experts, x: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        """See `mix_exact`."""
        number, (count, k) = experts.gate_up_proj.shape[0], ids.shape
        flat = ids.reshape(-1)
        load = torch.bincount(flat, minlength=number)
        share = torch.zeros(number).index_add(0, flat, weights.reshape(-1).float()) / count
        self._losses.append(number * (load / flat.numel() * share).sum())
        sizes = -(-load // _ROUNDED) * _ROUNDED
        begins = torch.cumsum(sizes, 0) - sizes
        order = torch.argsort(flat, stable=True)
        inside = torch.arange(len(flat)) - (torch.cumsum(load, 0) - load)[flat[order]]
        slots = torch.empty_like(flat)
        slots[order] = begins[flat[order]] + inside
        with torch.autocast("cpu", enabled=False):
            wide = x.to(torch.bfloat16).repeat_interleave(k, dim=0)
            rows = torch.zeros(int(sizes.sum()), x.shape[1], dtype=wide.dtype).index_copy(0, slots, wide)
            bounds = [0, *torch.cumsum(sizes, 0).tolist()]
            gate_up, down = (w.to(torch.bfloat16) for w in (experts.gate_up_proj, experts.down_proj))
            out: Tensor = _Grouped.apply(rows, gate_up, down, bounds)
            chosen = out.index_select(0, slots).view(count, k, -1).float()
            return (chosen * weights.float().unsqueeze(-1)).sum(dim=1)

    def loss(self) -> Tensor:
        """Mean over all layers that ran."""
        return torch.stack(self._losses).mean()
