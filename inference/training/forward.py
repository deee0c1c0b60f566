"""The training pass: a batch of chats through both phases of the same stack.

A chat is a known sequence (all its turns) and canvases, one or more of its answers. The *encode* pass runs causally
over the known sequences and carries the causal loss; the *denoise* pass runs over the noised canvases, each of which
sees only what comes before it in its own chat.

Everything but attention works on flat tokens, one after the other without padding between chats. Attention gathers its
rows in groups of like size, since a product over a padded rectangle is faster than one call a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inference.model.layers import MixExperts
from inference.model.stack import DiffusionGemma

KeysValues = list[tuple[Tensor, Tensor]]
_HIDDEN = -1e9  # added to scores that a query must not see


@dataclass(frozen=True)
class Group:
    """B rows of like size.

    Attributes:
        queries: int64 [B, T] places among the new tokens; padding repeats the row's last one.
        real: int64 [R] which of the B*T queries are no padding.
        past: int64 [B, P] places among the known tokens that come before; padding is any place. None: no past.
        biases: Per layer kind float32 [B or 1, 1, T or 1, P + T]: 0 where a query may look, else far below.
    """

    queries: Tensor
    real: Tensor
    past: Tensor | None
    biases: dict[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """Flat tokens of several chats and of their canvases; N and M include padding at the end that belongs to no group.

    Attributes:
        known: int64 [N] tokens of the chats.
        known_places: int64 [N] position of each in its chat.
        known_groups: The chats.
        causal: int64 [K] known tokens whose successor is a target of the causal loss.
        clean: int64 [M] the canvases as they should become: answer tokens, end-of-text, padding.
        noisy: int64 [M] the canvases with some tokens replaced by uniformly random ones.
        canvas_places: int64 [M] position of each in its chat.
        canvas_groups: The canvases.
        targets: int64 [L] canvas places that are targets.
        weights: float32 [L] their weights.
    """

    known: Tensor
    known_places: Tensor
    known_groups: Sequence[Group]
    causal: Tensor
    clean: Tensor
    noisy: Tensor
    canvas_places: Tensor
    canvas_groups: Sequence[Group]
    targets: Tensor
    weights: Tensor


def bias(seen: Tensor) -> Tensor:
    """bool [B, T, K], True where a query may look -> float32 [B, 1, T, K], what is added to its scores."""
    return torch.where(seen, 0.0, _HIDDEN)[:, None]


class _Scored(torch.autograd.Function):
    """softmax(q k^T + bias) v in float32, with a backward pass of four products and no copies of the scores."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, added: Tensor, groups: int) -> Tensor:
        """q [B, KV, G * T, d], k and v [B, KV, S, d], added [B or 1, 1, 1, T or 1, S] -> as q."""
        scores = torch.matmul(q, k.transpose(-1, -2))
        rows, kv_heads, _, seen = scores.shape
        scores.view(rows, kv_heads, groups, -1, seen).add_(added)
        shares = torch.softmax(scores, dim=-1)
        ctx.save_for_backward(q, k, v, shares)
        return torch.matmul(shares, v)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Gradients of q, k and v."""
        q, k, v, shares = ctx.saved_tensors
        grad = grads[0]
        of_v = torch.matmul(shares.transpose(-1, -2), grad)
        of_shares = torch.matmul(grad, v.transpose(-1, -2))
        of_scores = torch._softmax_backward_data(of_shares, shares, -1, torch.float32)
        of_q = torch.matmul(of_scores, k)
        of_k = torch.matmul(of_scores.transpose(-1, -2), q)
        return of_q, of_k, of_v, None, None


class GroupedAttend:
    """Attention of flat new tokens, group by group, over optional keys and values from before; collects its own."""

    def __init__(self, groups: Sequence[Group], kinds: list[str], past: KeysValues | None) -> None:
        self._groups = groups
        self._kinds = kinds
        self._past = past
        self.new: KeysValues = []

    @torch.compiler.disable
    def __call__(self, number: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Flat q [N, heads, d], k and v [N, kv_heads, d] -> [N, heads * d]; zeros at padding."""
        with torch.autocast("cpu", enabled=False):
            q, k, v = q.float().flatten(1), k.float(), v.float()
            kv_heads, dim = k.shape[1:]
            k, v = k.flatten(1), v.flatten(1)
            self.new.append((k, v))
            places, parts = [], []
            for group in self._groups:
                keys = _gathered(k, group, self._past[number][0] if self._past else None)
                values = _gathered(v, group, self._past[number][1] if self._past else None)
                rows, count = group.queries.shape
                queries = q.index_select(0, group.queries.flatten()).view(rows, count, kv_heads, -1, dim)
                queries = queries.permute(0, 2, 3, 1, 4)
                each = queries.shape[2]
                keys, values = (t.view(rows, -1, kv_heads, dim).transpose(1, 2) for t in (keys, values))
                added = group.biases[self._kinds[number]][:, None]
                out = _Scored.apply(queries.reshape(rows, kv_heads, each * count, dim), keys, values, added, each)
                out = out.view(rows, kv_heads, each, count, dim).permute(0, 3, 1, 2, 4).reshape(rows * count, -1)
                parts.append(out.index_select(0, group.real))
                places.append(group.queries.flatten().index_select(0, group.real))
            return torch.zeros_like(q).index_copy(0, torch.cat(places), torch.cat(parts))


def _gathered(new: Tensor, group: Group, past: Tensor | None) -> Tensor:
    """Keys or values of a group, [B, P + T, kv_heads * d]."""
    rows, count = group.queries.shape
    own = new.index_select(0, group.queries.flatten()).view(rows, count, -1)
    if past is None or group.past is None:
        return own
    before = past.index_select(0, group.past.flatten()).view(rows, group.past.shape[1], -1)
    return torch.cat([before, own], dim=1)


def encode_batch(model: DiffusionGemma, batch: Batch, mix: MixExperts) -> tuple[Tensor, KeysValues]:
    """Causal pass over the known tokens.

    Returns:
        Hidden states before the final norm, flat [N, hidden], and each layer's keys and values [N, kv_heads * d].
    """
    attend = GroupedAttend(batch.known_groups, _kinds(model), None)
    x = model.embed(batch.known)
    x, _ = model.run_layers(x, batch.known_places, torch.zeros(1, dtype=torch.bool), attend, mix)
    return x, attend.new


def denoise_batch(model: DiffusionGemma, batch: Batch, past: KeysValues, soft: Tensor, mix: MixExperts) -> Tensor:
    """Bidirectional pass over the noisy canvases.

    Args:
        model: The model.
        batch: The chats and canvases.
        past: Keys and values of `encode_batch`; a canvas sees those before it in its own chat only.
        soft: Soft embedding of an earlier prediction, [M, hidden], or zeros.
        mix: How the chosen experts are computed.

    Returns:
        Hidden states before the final norm, [M, hidden].
    """
    attend = GroupedAttend(batch.canvas_groups, _kinds(model), past)
    x = model.embed_canvas(batch.noisy, soft)
    x, _ = model.run_layers(x, batch.canvas_places, torch.ones(1, dtype=torch.bool), attend, mix)
    return x


def _kinds(model: DiffusionGemma) -> list[str]:
    return [spec.kind for spec in model.config.layers]
