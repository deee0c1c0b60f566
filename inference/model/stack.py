"""Embed, stack and head of DiffusionGemma as torch modules over one shared set of weights.

Two phases use the same weights: *encode* is causal over known tokens and gives the KV cache its new entries;
*denoise* is bidirectional over the canvas and reads that cache. Shapes are for batch 1: N tokens, P cached
positions, C canvas positions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.model.layers import Attend, Experts, GatedMlp, Layer, MixExperts, Norm, Router, rotary_tables
from inference.model_config import ModelConfig

_SAMPLING_BLOCK = 64
LARGEST_FUSED_HEAD = 256


class SelfConditioning(GatedMlp):
    """Mixes the soft embedding of the previous step's prediction into the canvas embedding."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.hidden_size, config.intermediate_size)
        self.pre_norm = Norm(config.hidden_size, config.rms_eps)
        self.post_norm = Norm(config.hidden_size, config.rms_eps, scale=False)

    def mix(self, embedded: Tensor, soft: Tensor) -> Tensor:
        """[C, hidden] token embeddings and soft embeddings (zeros in the first step) -> [C, hidden]."""
        return self.post_norm(embedded + self(self.pre_norm(soft)))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Prediction:
    """What the head makes of C positions; see `inference.backends.base.DenoiseStep` for the fields.

    `soft` is [C, hidden]: the soft embedding that the next step is conditioned on.
    """

    argmax: Tensor
    sampled: Tensor
    entropy: Tensor
    top_ids: Tensor
    top_probs: Tensor
    soft: Tensor


class DiffusionGemma(nn.Module):
    """The whole text model; parameter names follow the checkpoint (see `weights.py`)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config, number) for number in range(len(config.layers))])
        self.norm = Norm(config.hidden_size, config.rms_eps)
        self.self_conditioning = SelfConditioning(config)
        self.scale = math.sqrt(config.hidden_size)

    def lower(self, dtype: torch.dtype) -> DiffusionGemma:
        """Turn the large weight matrices into `dtype`; norms, router and scalars keep theirs. Returns itself."""
        routers = {module.proj for module in self.modules() if isinstance(module, Router)}
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding | Experts) and module not in routers:
                for name, weight in list(module.named_parameters(recurse=False)):
                    setattr(module, name, nn.Parameter(weight.detach().to(dtype), requires_grad=False))
        # transformers rounds the scale to the type of the checkpoint (sqrt(2816) is 53.0 in bfloat16).
        self.scale = float(torch.tensor(self.scale, dtype=getattr(torch, self.config.dtype)))
        return self

    def embed(self, ids: Tensor) -> Tensor:
        """int64 [N] -> float32 [N, hidden], scaled; what the encode phase starts from."""
        return self.embed_tokens(ids).float() * self.scale  # type: ignore[no-any-return]

    def embed_canvas(self, ids: Tensor, soft: Tensor) -> Tensor:
        """int64 [C] and soft embedding [C, hidden] -> [C, hidden]; what the denoise phase starts from."""
        return self.self_conditioning.mix(self.embed(ids), soft)

    def run_layers(
        self,
        x: Tensor,
        positions: Tensor,
        denoising: Tensor,
        attend: Attend,
        mix: MixExperts,
        first: int = 0,
        last: int | None = None,
        tables: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Layers first..last-1 over x [N, hidden] at int [N] positions.

        `tables`: `rotary_tables` of each layer kind, where the caller has them already.

        Returns:
            The residual stream [N, hidden] and each layer's new (k, v), [N, kv_heads, d].
        """
        specs = self.config.layers[first:last]
        # Layers of one kind share their rotary table.
        if tables is None:
            tables = {spec.kind: rotary_tables(positions, spec) for spec in reversed(specs)}
        new_kv = []
        for spec, layer in zip(specs, list(self.layers)[first:last], strict=True):
            x, k, v = layer(x, *tables[spec.kind], denoising, attend, mix)
            new_kv.append((k, v))
        return x, new_kv

    def logits(self, x: Tensor) -> Tensor:
        """[N, hidden] from the last layer -> softcapped logits, float32 [N, vocab]."""
        weight = self.embed_tokens.weight
        raw = (self.norm(x).to(weight.dtype) @ weight.T).float()
        return torch.tanh(raw / self.config.softcap) * self.config.softcap

    def predict(self, x: Tensor, temperature: Tensor, uniforms: Tensor, kept: int, exact: bool) -> Prediction:
        """The head: everything the sampler needs, nothing of the vocabulary's size.

        Args:
            x: [C, hidden] from the last layer.
            temperature: float [1], above 0.
            uniforms: float [C] in [0, 1), one draw a position (inverse transform sampling).
            kept: How many candidates a position are kept.
            exact: Soft embedding from the whole vocabulary; otherwise from the kept candidates.
        """
        # Few tensors of the vocabulary's size: each has 268 MB for the published model.
        tempered = self.logits(x) / temperature
        centred = tempered - tempered.amax(dim=-1, keepdim=True)
        shares = centred.exp()
        total = shares.sum(dim=-1, keepdim=True)
        entropy = total.log().squeeze(1) - (shares * centred).sum(dim=-1) / total.squeeze(1)
        top_shares, top_ids = torch.topk(shares, kept, dim=-1)
        top_probs = top_shares / total
        sampled = _inverse_transform(shares, uniforms)
        weight = self.embed_tokens.weight
        if exact:
            soft = ((shares / total).to(weight.dtype) @ weight).float() * self.scale
        else:
            soft = (top_probs[:, :, None] * self.embed_tokens(top_ids).float()).sum(dim=1) * self.scale
        return Prediction(torch.argmax(tempered, dim=-1), sampled, entropy, top_ids, top_probs, soft)


def _inverse_transform(shares: Tensor, uniforms: Tensor) -> Tensor:
    """The token in whose share of the cumulated distribution each draw falls.

    Two levels, 64 tokens at a time: the block by cumulated block sums, then the token within it. That is as exact as
    one long running sum, and never sums a whole vocabulary one by one.

    Args:
        shares: float [C, vocab], probabilities times a factor of the row.
        uniforms: float [C] in [0, 1).

    Returns:
        int64 [C].
    """
    count, vocab = shares.shape
    blocks = -(-vocab // _SAMPLING_BLOCK)
    if vocab % _SAMPLING_BLOCK:
        shares = functional.pad(shares, (0, blocks * _SAMPLING_BLOCK - vocab))
    padded = shares.reshape(count, blocks, _SAMPLING_BLOCK)
    upper = torch.cumsum(padded.sum(dim=-1), dim=-1)
    # A draw is scaled by the row's sum.
    draws = uniforms.unsqueeze(1) * upper[:, -1:]
    block = _places_below(upper, draws).clamp(max=blocks - 1)
    inside = torch.gather(padded, 1, block.unsqueeze(2).expand(-1, 1, _SAMPLING_BLOCK)).squeeze(1)
    before = torch.gather(upper, 1, block) - inside.sum(dim=-1, keepdim=True)
    place = _places_below(torch.cumsum(inside, dim=-1) + before, draws)
    return (block * _SAMPLING_BLOCK + place.clamp(max=_SAMPLING_BLOCK - 1)).squeeze(1).clamp(max=vocab - 1)


def _places_below(rising: Tensor, draws: Tensor) -> Tensor:
    """How many entries of each row are at most the draw: [C, n] and [C, 1] -> int64 [C, 1], counted in float."""
    return (rising <= draws).to(torch.float32).sum(dim=-1, keepdim=True).to(torch.int64)


class CachedAttend:
    """Attention over cached positions and the new tokens themselves, for batch 1.

    Attributes:
        past: Per layer (k, v), each [P_layer, kv_heads, d]; a sliding layer holds its window only.
        masks: Per layer kind, bool [N, P_layer + N], True where the token may look.
    """

    def __init__(
        self, past: list[tuple[Tensor, Tensor]], masks: list[Tensor], first: int = 0, fused: bool = False
    ) -> None:
        """`fused`: heads of up to 256 become one Attention operator, for which TensorRT has its own kernels."""
        self._past = past
        self._masks = masks
        self._first = first
        self._fused = fused

    def __call__(self, number: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [N, heads, d], k and v [N, kv_heads, d] -> [N, heads * d]; the scale of the scores is 1."""
        past_k, past_v = self._past[number - self._first]
        mask = self._masks[number - self._first]
        count, heads, dim = q.shape
        if self._fused and dim <= LARGEST_FUSED_HEAD:
            keys, values = torch.cat([past_k, k]).transpose(0, 1), torch.cat([past_v, v]).transpose(0, 1)
            out = functional.scaled_dot_product_attention(
                q.transpose(0, 1)[None], keys[None], values[None], attn_mask=mask, scale=1.0, enable_gqa=True
            )
            return out[0].transpose(0, 1).reshape(count, heads * dim)
        kv_heads = k.shape[1]
        group = heads // kv_heads
        keys = torch.cat([past_k, k]).permute(1, 2, 0)
        values = torch.cat([past_v, v]).permute(1, 0, 2)
        queries = q.reshape(count, kv_heads, group, dim).permute(1, 2, 0, 3).reshape(kv_heads, group * count, dim)
        scores = torch.matmul(queries, keys).reshape(kv_heads, group, count, -1)
        bias = torch.where(mask, 0.0, torch.finfo(torch.float32).min)
        shares = torch.softmax(scores.float() + bias, dim=-1).to(q.dtype)
        out = torch.matmul(shares.reshape(kv_heads, group * count, -1), values)
        return out.reshape(kv_heads, group, count, dim).permute(2, 0, 1, 3).reshape(count, heads * dim)
