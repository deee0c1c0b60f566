"""The KV cache beside the weights, for the torch backend on a card: shapes that are known before the length is.

A CUDA graph needs the same addresses and shapes in every replay. So a pass is shown a padded past (the first `rows`
rows of full layers), and masks made from the length, itself a tensor, hide what is not there. A sliding layer is a
ring: the position modulo the ring's size is the row; a pass gathers the window's rows in the order of positions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from inference.model_config import ModelConfig

Pairs = list[tuple[Tensor, Tensor]]


class DeviceKv:
    """Keys and values of every layer, position-major: [rows, kv_heads, head_dim].

    Attributes:
        length: Tokens in the cache.
        room: Rows of a full layer.
    """

    def __init__(self, config: ModelConfig, dtype: torch.dtype, device: torch.device, room: int, slack: int) -> None:
        """`slack`: rows of a ring beyond the window, by which a chat can be cut back; at least a chunk's length."""
        self._config, self._dtype, self._device = config, dtype, device
        self._window = config.sliding_window
        self._ring = self._window - 1 + slack
        self._oldest = 0  # first position that rings still hold
        self.length, self.room = 0, room
        self._pairs: Pairs = [
            (self._zeros(rows, number), self._zeros(rows, number))
            for number, rows in enumerate(self._ring if spec.sliding else room for spec in config.layers)
        ]

    def _zeros(self, rows: int, layer: int) -> Tensor:
        # Zeros, not empty: hidden rows are multiplied by zero, and may not be NaN.
        spec = self._config.layers[layer]
        return torch.zeros(rows, spec.kv_heads, spec.head_dim, dtype=self._dtype, device=self._device)

    def reserve(self, rows: int) -> bool:
        """Make room for `rows` positions; True if full layers moved, so that graphs over them are void.

        Raises:
            torch.OutOfMemoryError: The device has not enough memory; the cache is as it was.
        """
        if rows <= self.room:
            return False
        room = max(rows, 2 * self.room)
        pairs = list(self._pairs)
        for number, spec in enumerate(self._config.layers):
            if not spec.sliding:
                pairs[number] = (self._moved(self._pairs[number][0], room), self._moved(self._pairs[number][1], room))
        self._pairs, self.room = pairs, room
        return True

    def _moved(self, old: Tensor, room: int) -> Tensor:
        new = torch.zeros(room, *old.shape[1:], dtype=old.dtype, device=old.device)
        new[: self.length] = old[: self.length]
        return new

    def sliding_rows(self, rows: int) -> int:
        """Rows of a sliding layer's past where full layers are shown `rows`."""
        return min(self._window - 1, rows)

    def past(self, length: Tensor, rows: int) -> Pairs:
        """(k, v) of each layer, [rows or fewer, kv_heads, head_dim]; what `masks` hides of them means nothing.

        Args:
            length: int64 [1] on the device, tokens in the cache.
            rows: Shown rows of full layers, at least the length and at most `room`.
        """
        places = torch.remainder(self._sliding_positions(length, rows), self._ring)
        return [
            (k.index_select(0, places), v.index_select(0, places)) if spec.sliding else (k[:rows], v[:rows])
            for spec, (k, v) in zip(self._config.layers, self._pairs, strict=True)
        ]

    def _sliding_positions(self, length: Tensor, rows: int) -> Tensor:
        shown = self.sliding_rows(rows)
        return length - shown + torch.arange(shown, device=self._device)

    def masks(self, length: Tensor, rows: int, count: int, denoising: bool) -> tuple[Tensor, Tensor]:
        """What `count` new tokens may see of the past in `past`, and of each other behind it.

        Returns:
            bool [1 or count, rows + count] for full layers, [1 or count, sliding rows + count] for sliding ones.
        """
        full = (torch.arange(rows, device=self._device) < length)[None]
        positions = self._sliding_positions(length, rows)[None]
        if denoising:
            new = torch.ones(1, count, dtype=torch.bool, device=self._device)
            return torch.cat([full, new], dim=1), torch.cat([positions >= 0, new], dim=1)
        place = torch.arange(count, device=self._device)[:, None]
        causal = place >= place.T
        near = (positions >= 0) & (positions > length + place - self._window)
        return torch.cat([full.expand(count, -1), causal], dim=1), torch.cat([near, causal], dim=1)

    def append(self, new: Pairs) -> None:
        """Add n positions, (k, v) of each layer, [n, kv_heads, head_dim]; there is room for them, see `reserve`."""
        count = new[0][0].shape[0]
        if count > self._ring or self.length + count > self.room:
            raise ValueError(f"no room for {count} more positions behind {self.length}")
        places = torch.remainder(torch.arange(self.length, self.length + count, device=self._device), self._ring)
        for spec, pair, parts in zip(self._config.layers, self._pairs, new, strict=True):
            for cached, part in zip(pair, parts, strict=True):
                if spec.sliding:
                    cached.index_copy_(0, places, part.to(cached.dtype))
                else:
                    cached[self.length : self.length + count] = part
        self.length += count
        self._oldest = max(self._oldest, self.length - self._ring)

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens, or none where rings no longer hold their window; returns what is kept."""
        length = max(0, length)
        if length >= self.length:
            return self.length
        sliding = any(spec.sliding for spec in self._config.layers)
        if sliding and max(0, length - self._window + 1) < self._oldest:
            length = 0
        self.length = length
        if length == 0:
            self._oldest = 0
        return length
