"""One layer of the stack: grouped-query attention, a dense MLP and a mixture of experts side by side.

Where weight matrices are of a half-precision type, products, keys and values are of that type; the residual stream,
norms, router, rotary embedding and activations stay float32.

Tokens are flat, [N, hidden]: linear layers, norms and experts never see a batch. What a token may attend to is
decided by the caller, who passes an `Attend` function; so the same layer serves prefill, denoising, export and
batched training. Source: transformers `modeling_diffusion_gemma.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.model_config import LayerSpec, ModelConfig

# (layer number, q [N, heads, d], k [N, kv_heads, d], v [N, kv_heads, d]) -> [N, heads * d]
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
# (experts, x [N, hidden], expert ids [N, k], weights [N, k]) -> [N, hidden]
MixExperts = Callable[["Experts", Tensor, Tensor, Tensor], Tensor]


class Norm(nn.Module):
    """RMS norm in fp32, with or without a learned scale."""

    def __init__(self, size: int, eps: float, scale: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size)) if scale else None

    def forward(self, x: Tensor) -> Tensor:
        """[..., size] -> [..., size]."""
        wide = x.float()
        if wide.is_cuda:
            return fused_norm(wide, self.weight, self.eps).to(x.dtype)
        # Written as a division: ONNX Runtime knows this form and runs the norm as one kernel.
        normed = wide / torch.sqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        if self.weight is not None:
            normed = normed * self.weight.float()
        return normed.to(x.dtype)


def fused_norm(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """The same as one kernel, float32 [..., size]; a step has some 300 norms. Not yet run on a GPU."""
    return functional.rms_norm(x, (x.shape[-1],), None if weight is None else weight.float(), eps)


def project(linear: nn.Linear, x: Tensor) -> Tensor:
    """Product with a weight matrix in the matrix's own type: [N, in] -> [N, out]."""
    return functional.linear(x.to(linear.weight.dtype), linear.weight)


class GatedMlp(nn.Module):
    """down(gelu(gate(x)) * up(x)) with the tanh form of gelu."""

    def __init__(self, hidden: int, intermediate: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(hidden, intermediate, bias=False)
        self.up_proj = nn.Linear(hidden, intermediate, bias=False)
        self.down_proj = nn.Linear(intermediate, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, hidden] -> [N, hidden]."""
        gated = functional.gelu(project(self.gate_proj, x).float(), approximate="tanh") * project(self.up_proj, x)
        return project(self.down_proj, gated).float()


class Attention(nn.Module):
    """Projections, norms and rotary embedding of one layer; a full layer has no v_proj (v = k before its norm)."""

    def __init__(self, config: ModelConfig, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.heads = config.heads
        self.q_proj = nn.Linear(config.hidden_size, config.heads * spec.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, spec.kv_heads * spec.head_dim, bias=False)
        width = spec.kv_heads * spec.head_dim
        self.v_proj = nn.Linear(config.hidden_size, width, bias=False) if spec.sliding else None
        self.o_proj = nn.Linear(config.heads * spec.head_dim, config.hidden_size, bias=False)
        self.q_norm = Norm(spec.head_dim, config.rms_eps)
        self.k_norm = Norm(spec.head_dim, config.rms_eps)
        self.v_norm = Norm(spec.head_dim, config.rms_eps, scale=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[N, hidden] and tables [N, d] -> q [N, heads, d], k and v [N, kv_heads, d]; q and k are rotated."""
        count, dim = x.shape[0], self.spec.head_dim
        q = self.q_norm(project(self.q_proj, x).float().view(count, self.heads, dim))
        raw_k = project(self.k_proj, x).float().view(count, self.spec.kv_heads, dim)
        raw_v = raw_k if self.v_proj is None else project(self.v_proj, x).float().view(count, self.spec.kv_heads, dim)
        parts = (rotate(q, cos, sin), rotate(self.k_norm(raw_k), cos, sin), self.v_norm(raw_v))
        q, k, v = (part.to(self.q_proj.weight.dtype) for part in parts)
        return q, k, v


class Router(nn.Module):
    """Chooses `top_k` experts a token from the raw residual (no learned norm before it)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.top_k = config.top_k
        self.norm = Norm(config.hidden_size, config.rms_eps, scale=False)
        self.proj = nn.Linear(config.hidden_size, config.experts, bias=False)
        self.scale = nn.Parameter(torch.ones(config.hidden_size))
        self.per_expert_scale = nn.Parameter(torch.ones(config.experts))
        self.root = config.hidden_size**-0.5

    def forward(self, residual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[N, hidden] -> probabilities [N, experts], expert ids [N, k], weights [N, k]."""
        scores = functional.linear(self.norm(residual) * self.scale.float() * self.root, self.proj.weight.float())
        probabilities = torch.softmax(scores.float(), dim=-1)
        weights, ids = torch.topk(probabilities, self.top_k, dim=-1)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        return probabilities, ids, weights * self.per_expert_scale.float()[ids]


class Experts(nn.Module):
    """Fused 3-D expert weights: gate rows first, then up rows."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.moe_intermediate_size
        self.gate_up_proj = nn.Parameter(torch.empty(config.experts, 2 * inner, hidden))
        self.down_proj = nn.Parameter(torch.empty(config.experts, hidden, inner))


class Layer(nn.Module):
    """One layer, two phases: only the residual scalar differs between encode and denoise."""

    def __init__(self, config: ModelConfig, number: int) -> None:
        super().__init__()
        hidden, eps = config.hidden_size, config.rms_eps
        self.number = number
        self.self_attn = Attention(config, config.layers[number])
        self.mlp = GatedMlp(hidden, config.intermediate_size)
        self.router = Router(config)
        self.experts = Experts(config)
        self.input_layernorm = Norm(hidden, eps)
        self.post_attention_layernorm = Norm(hidden, eps)
        self.pre_feedforward_layernorm = Norm(hidden, eps)
        self.post_feedforward_layernorm = Norm(hidden, eps)
        self.post_feedforward_layernorm_1 = Norm(hidden, eps)
        self.post_feedforward_layernorm_2 = Norm(hidden, eps)
        self.pre_feedforward_layernorm_2 = Norm(hidden, eps)
        self.layer_scalar = nn.Buffer(torch.ones(1))
        self.encoder_scalar = nn.Buffer(torch.ones(1))

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, denoising: Tensor, attend: Attend, mix: MixExperts
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One layer over N tokens.

        Args:
            x: [N, hidden] residual stream.
            cos: [N, d] rotary table of this layer's kind.
            sin: [N, d].
            denoising: bool [1] or [N, 1]; True where the token is in the denoise phase.
            attend: Attention over whatever the caller lets the tokens see.
            mix: How the chosen experts are computed.

        Returns:
            Residual stream [N, hidden], and this layer's new k and v [N, kv_heads, d].
        """
        q, k, v = self.self_attn(self.input_layernorm(x), cos, sin)
        attended = project(self.self_attn.o_proj, attend(self.number, q, k, v)).float()
        x = x + self.post_attention_layernorm(attended)
        dense = self.post_feedforward_layernorm_1(self.mlp(self.pre_feedforward_layernorm(x)))
        # The router reads the raw residual, not the normalised one; other ports got this wrong.
        _, ids, weights = self.router(x)
        mixed = mix(self.experts, self.pre_feedforward_layernorm_2(x), ids, weights)
        both = dense + self.post_feedforward_layernorm_2(mixed)
        x = x + self.post_feedforward_layernorm(both)
        scalar = torch.where(denoising, self.layer_scalar, self.encoder_scalar)
        return x * scalar.float(), k, v


def rotary_frequencies(spec: LayerSpec) -> Tensor:
    """Angle a position, float32 [head_dim / 2]; zero beyond the rotating share."""
    half = spec.head_dim // 2
    rotating = int(spec.rope_proportion * spec.head_dim // 2)
    steps = torch.arange(0, 2 * rotating, 2, dtype=torch.float32) / spec.head_dim
    return torch.cat([1.0 / (spec.rope_theta**steps), torch.zeros(half - rotating)])


def rotary_tables(positions: Tensor, spec: LayerSpec, frequencies: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """cos and sin, float [N, head_dim], of int [N] positions; `frequencies` if they lie on the device already."""
    known = rotary_frequencies(spec).to(positions.device) if frequencies is None else frequencies
    angles = positions.float().unsqueeze(1) * known
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of [N, heads, d] by tables [N, d]."""
    half = x.shape[-1] // 2  # slices, not chunk: a chunk becomes an ONNX sequence, which TensorRT does not know
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos.unsqueeze(1).to(x.dtype) + turned * sin.unsqueeze(1).to(x.dtype)
