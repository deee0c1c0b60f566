"""A computation as a CUDA graph, and attention whose memory does not grow with context times canvas.

Not yet run on a GPU: on a processor nothing is captured, and the rest is tested there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from inference.model.device_kv import Pairs

Result = TypeVar("Result")
_WARM_UPS = 2  # cuBLAS makes its workspaces and picks its kernels before the capture


def captured(function: Callable[[], Result], pool: Any) -> Callable[[], Result]:
    """Capture what `function` puts on the device; the returned function replays it into the same output tensors.

    Args:
        function: Reads tensors that stay where they are; it must not look at values from the host.
        pool: Memory that several graphs share, `torch.cuda.graph_pool_handle()`; so an output is overwritten by the
            next replay of any of them.

    Raises:
        torch.OutOfMemoryError: The card has not enough free memory.
        RuntimeError: Something in `function` cannot be captured.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UPS):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        result = function()

    def replay() -> Result:
        graph.replay()
        return result

    return replay


class FusedAttend:
    """Attention over a past and the new tokens themselves by torch's fused kernels; see `CachedAttend`.

    The query heads that share a key head become more rows of that head: so no key is repeated, and any kernel that
    takes a mask will do.
    """

    def __init__(self, past: Pairs, masks: list[Tensor]) -> None:
        """`masks`: per layer, bool [1 or N, P + N]."""
        self._past = past
        self._masks = masks

    def __call__(self, number: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [N, heads, d], k and v [N, kv_heads, d] -> [N, heads * d]; the scale of the scores is 1."""
        past_k, past_v = self._past[number]
        count, heads, dim = q.shape
        kv_heads = k.shape[1]
        group = heads // kv_heads
        rows = q.reshape(count, kv_heads, group, dim).permute(1, 2, 0, 3).reshape(1, kv_heads, group * count, dim)
        keys, values = (torch.cat(pair).transpose(0, 1)[None] for pair in ((past_k, k), (past_v, v)))
        mask = self._masks[number].expand(count, -1).repeat(group, 1)
        out = functional.scaled_dot_product_attention(rows, keys, values, attn_mask=mask, scale=1.0)
        return out.reshape(kv_heads, group, count, dim).permute(2, 0, 1, 3).reshape(count, heads * dim)
