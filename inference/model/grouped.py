"""A third way to compute the chosen experts, for CUDA: one grouped product over assignments that are sorted by expert.

Exact for any load, as `mix_exact` is, and without data-dependent shapes or a look at values from the host, as
`CapacityMix` is; so a CUDA graph can hold it. On a processor the same operator runs as a loop; so it is tested here.
Not yet run on a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from inference.model.layers import Experts
from inference.model_config import ModelConfig

# Cards on which torch has one kernel for a grouped product in bfloat16; on others it asks the device for the groups'
# sizes and loops, which a CUDA graph cannot hold.
GROUPED_CAPABILITIES = (9, 10)
_ALIGNED = 8  # rows of a bfloat16 matrix must begin at multiples of 16 bytes


def can_group(config: ModelConfig, capability: tuple[int, int]) -> bool:
    """Whether `mix_grouped` runs as one kernel a product on a card of this compute capability."""
    aligned = config.hidden_size % _ALIGNED == 0 and config.moe_intermediate_size % _ALIGNED == 0
    return hasattr(torch, "_grouped_mm") and capability[0] in GROUPED_CAPABILITIES and aligned


def mix_grouped(experts: Experts, x: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """See `mix_exact`; same arguments, same result.

    1. Sort the assignments by expert; where each expert's rows end is a search in the sorted list.
    2. Gather tokens, two grouped products.
    3. Put every row back to its assignment, so that a token's shares are summed in a fixed order.
    """
    count, k = ids.shape
    number, dtype = experts.gate_up_proj.shape[0], experts.gate_up_proj.dtype
    # 1.
    chosen, order = torch.sort(ids.reshape(-1), stable=True)
    ends = torch.searchsorted(chosen, torch.arange(number, device=x.device), right=True, out_int32=True)
    # 2.
    rows = x.to(dtype).index_select(0, torch.div(order, k, rounding_mode="floor"))
    both = grouped_product(rows, experts.gate_up_proj, ends).float()
    half = both.shape[1] // 2
    inner = functional.gelu(both[:, :half], approximate="tanh") * both[:, half:]
    made = grouped_product(inner.to(dtype), experts.down_proj, ends)
    # 3.
    out = torch.empty_like(made).index_copy_(0, order, made).float()
    return (out.reshape(count, k, -1) * weights.unsqueeze(-1)).sum(dim=1)


def grouped_product(rows: Tensor, matrices: Tensor, ends: Tensor) -> Tensor:
    """Each group of rows times its own transposed matrix.

    Args:
        rows: [R, in], the rows of group 0 first.
        matrices: [G, out, in].
        ends: int32 [G], where each group's rows end; a group may be empty.

    Returns:
        [R, out].
    """
    return torch._grouped_mm(rows, matrices.transpose(1, 2), offs=ends)
