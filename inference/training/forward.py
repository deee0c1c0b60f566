"""The training pass: a batch of chats through both phases of the same stack.

A row is a known sequence (chat so far, then the answer) and one canvas of the answer. The *encode* pass runs
causally over the whole known sequence and carries the causal loss; the *denoise* pass runs over the noised canvas
and sees only that part of the known sequence which comes before the canvas.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from inference.model.layers import MixExperts
from inference.model.stack import DiffusionGemma

KeysValues = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Batch:
    """B rows; every tensor is int64.

    Attributes:
        known: [B, T] chat and answer, padded behind with `pad_id`.
        known_length: [B] true lengths.
        context_length: [B] how many of the known tokens come before the canvas.
        clean: [B, C] the canvas as it should become: answer tokens, end-of-text, padding.
        noisy: [B, C] the canvas with some tokens replaced by uniformly random ones.
    """

    known: Tensor
    known_length: Tensor
    context_length: Tensor
    clean: Tensor
    noisy: Tensor


class BatchAttend:
    """Attention for B rows of T new tokens over optional keys and values from before; collects its own."""

    def __init__(self, rows: int, masks: dict[str, Tensor], kinds: list[str], past: KeysValues | None) -> None:
        self._rows = rows
        self._masks = masks
        self._kinds = kinds
        self._past = past
        self.new: KeysValues = []

    @torch.compiler.disable
    def __call__(self, number: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Flat q [B*T, heads, d], k and v [B*T, kv_heads, d] -> [B*T, heads * d]."""
        queries, keys, values = (t.unflatten(0, (self._rows, -1)).transpose(1, 2) for t in (q, k, v))
        self.new.append((keys, values))
        if self._past is not None:
            keys = torch.cat([self._past[number][0], keys], dim=2)
            values = torch.cat([self._past[number][1], values], dim=2)
        mask = self._masks[self._kinds[number]][:, None]
        values = values.to(queries.dtype)
        out = functional.scaled_dot_product_attention(
            queries, keys.to(queries.dtype), values, attn_mask=mask, scale=1.0, enable_gqa=True
        )
        return out.transpose(1, 2).flatten(0, 1).flatten(1)


def encode_batch(model: DiffusionGemma, batch: Batch, mix: MixExperts) -> tuple[Tensor, KeysValues]:
    """Causal pass over the known tokens.

    Returns:
        Hidden states before the final norm, flat [B*T, hidden], and each layer's keys and values [B, kv_heads, T, d].
    """
    rows, count = batch.known.shape
    place = torch.arange(count)
    causal = place[None, :] <= place[:, None]
    near = place[None, :] > place[:, None] - model.config.sliding_window
    masks = {"full_attention": causal[None], "sliding_attention": (causal & near)[None]}
    attend = BatchAttend(rows, masks, _kinds(model), None)
    x = model.embed(batch.known.flatten())
    positions = place.repeat(rows)
    x, _ = model.run_layers(x, positions, torch.zeros(1, dtype=torch.bool), attend, mix)
    return x, attend.new


def denoise_batch(model: DiffusionGemma, batch: Batch, past: KeysValues, soft: Tensor, mix: MixExperts) -> Tensor:
    """Bidirectional pass over the noisy canvas.

    Args:
        model: The model.
        batch: The rows.
        past: Keys and values of `encode_batch`; a row sees those before its canvas only.
        soft: Soft embedding of an earlier prediction, flat [B*C, hidden], or zeros.
        mix: How the chosen experts are computed.

    Returns:
        Hidden states before the final norm, flat [B*C, hidden].
    """
    rows, count = batch.noisy.shape
    place = torch.arange(past[0][0].shape[2])
    known = place[None, :] < batch.context_length[:, None]
    near = place[None, :] > batch.context_length[:, None] - model.config.sliding_window
    canvas = torch.ones(rows, 1, count, dtype=torch.bool)
    masks = {
        "full_attention": torch.cat([known[:, None], canvas], dim=-1).expand(-1, count, -1),
        "sliding_attention": torch.cat([(known & near)[:, None], canvas], dim=-1).expand(-1, count, -1),
    }
    attend = BatchAttend(rows, masks, _kinds(model), past)
    x = model.embed_canvas(batch.noisy.flatten(), soft)
    positions = (batch.context_length[:, None] + torch.arange(count)[None, :]).flatten()
    x, _ = model.run_layers(x, positions, torch.ones(1, dtype=torch.bool), attend, mix)
    return x


def _kinds(model: DiffusionGemma) -> list[str]:
    return [spec.kind for spec in model.config.layers]
