"""One pass over the model on a device: known tokens, or the canvas, behind a padded past whose length is a tensor.

Nothing here looks at values from the host, so that a CUDA graph can hold a canvas's pass. Tested on a processor; not
yet run on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.model.captured import FusedAttend
from inference.model.device_kv import DeviceKv, Pairs
from inference.model.experts import CapacityMix, mix_exact
from inference.model.grouped import can_group, mix_grouped
from inference.model.layers import MixExperts, rotary_frequencies, rotary_tables
from inference.model.stack import CachedAttend, DiffusionGemma, Prediction
from inference.model_config import ModelConfig

ExpertsWay = Literal["grouped", "capacity", "exact"]


@dataclass(frozen=True, slots=True)
class Ways:
    """How a pass is computed; all ways give the same up to rounding.

    Attributes:
        capture: Denoising steps become CUDA graphs.
        experts: By grouped products, batched with checked capacity, or (never captured) by the exact loop.
        fused: Attention by torch's fused kernels.
        least_past: Smallest padded past; the next ones are twice as long each.
        room: Positions that the KV cache holds at first.
        slack: Positions beyond the window that sliding layers keep; at least 1.
    """

    capture: bool
    experts: ExpertsWay
    fused: bool = True
    least_past: int = 256
    room: int = 8192
    slack: int = 1024


def usual_ways(config: ModelConfig, device: torch.device) -> Ways:
    """The ways for a device; a processor has no graphs to capture."""
    if device.type != "cuda":
        return Ways(capture=False, experts="grouped")
    grouped = can_group(config, torch.cuda.get_device_capability(device))
    return Ways(capture=True, experts="grouped" if grouped else "capacity")


class CanvasInputs:
    """What changes from step to step, in tensors that stay where they are."""

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        count = config.canvas_length
        self.ids = torch.zeros(count, dtype=torch.int64, device=device)
        self.soft = torch.zeros(count, config.hidden_size, device=device)
        self.temperature = torch.ones(1, device=device)
        self.uniforms = torch.zeros(count, device=device)
        self.length = torch.zeros(1, dtype=torch.int64, device=device)

    def fill(
        self,
        canvas: NDArray[np.int64],
        state: Tensor | None,
        temperature: float,
        uniforms: NDArray[np.float32],
        length: int,
    ) -> None:
        """Copy a step's inputs to the device; `state` None means no self-conditioning yet."""
        self.ids.copy_(torch.from_numpy(np.ascontiguousarray(canvas, np.int64)))
        self.uniforms.copy_(torch.from_numpy(np.ascontiguousarray(uniforms, np.float32)))
        self.temperature.fill_(temperature)
        self.length.fill_(length)
        if state is None:
            self.soft.zero_()
        else:
            self.soft.copy_(state)


class DevicePasses:
    """The passes of one model over one KV cache.

    Attributes:
        inputs: What the canvas's passes read.
    """

    def __init__(self, model: DiffusionGemma, kv: DeviceKv, ways: Ways) -> None:
        config, device = model.config, model.embed_tokens.weight.device
        self.inputs = CanvasInputs(config, device)
        self._model, self._kv, self._ways, self._device = model, kv, ways, device
        self._kinds = {spec.kind: (spec, rotary_frequencies(spec).to(device)) for spec in config.layers}
        self._phases = {phase: torch.tensor([phase], device=device) for phase in (False, True)}

    def canvas(self, slots: int | None, rows: int) -> tuple[Tensor, Tensor | None]:
        """The canvas in `inputs` through embedding and stack.

        Args:
            slots: Slots an expert where experts are batched with checked capacity; None where they are grouped.
            rows: Padded past.

        Returns:
            hidden [C, hidden], and the largest expert load, int64 [1], where there are slots.
        """
        embedded = self._model.embed_canvas(self.inputs.ids, self.inputs.soft)
        hidden, _, load = self._stack(embedded, self.inputs.length, rows, slots, denoising=True)
        return hidden, load

    def step(self, slots: int | None, rows: int, kept: int, exact: bool) -> tuple[Prediction, Tensor | None]:
        """A denoising step: `canvas` and the head, see `DiffusionGemma.predict`."""
        hidden, load = self.canvas(slots, rows)
        return self._model.predict(hidden, self.inputs.temperature, self.inputs.uniforms, kept, exact), load

    def known(self, ids: Tensor, slots: int | None, rows: int) -> tuple[Tensor, Pairs, Tensor | None]:
        """Known tokens int64 [N] through the stack: hidden [N, hidden], each layer's new keys and values, the load."""
        length = torch.tensor([self._kv.length], device=self._device)
        return self._stack(self._model.embed(ids), length, rows, slots, denoising=False)

    def _stack(
        self, x: Tensor, length: Tensor, rows: int, slots: int | None, denoising: bool
    ) -> tuple[Tensor, Pairs, Tensor | None]:
        count, specs = x.shape[0], self._model.config.layers
        full, sliding = self._kv.masks(length, rows, count, denoising)
        masks = [sliding if spec.sliding else full for spec in specs]
        attend = (FusedAttend if self._ways.fused else CachedAttend)(self._kv.past(length, rows), masks)
        capacity = None if slots is None else CapacityMix(torch.arange(slots, device=self._device), weights_first=False)
        plain: MixExperts = mix_exact if self._ways.experts == "exact" else mix_grouped
        mix = plain if capacity is None else capacity
        positions = length + torch.arange(count, device=self._device)
        tables: dict[str, tuple[Tensor, Tensor]] = {
            kind: rotary_tables(positions, spec, frequencies) for kind, (spec, frequencies) in self._kinds.items()
        }
        hidden, new = self._model.run_layers(x, positions, self._phases[denoising], attend, mix, tables=tables)
        return hidden, new, None if capacity is None else capacity.max_load()
