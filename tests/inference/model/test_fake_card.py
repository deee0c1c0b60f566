"""A denoising step of the published size on a card that is not there: torch's fake tensors say what would go wrong.

No step may look at values from the host, or use a tensor on it; a CUDA graph could not hold that. Types and strides of
grouped products are checked by their own rules. Nothing is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from inference.config import model_config_from_dicts
from inference.model.device_kv import DeviceKv
from inference.model.device_pass import DevicePasses, ExpertsWay, Ways
from inference.model.stack import DiffusionGemma
from inference.model_config import ModelConfig
from tests.helpers.published import published_config, published_generation_config

ROOT = Path("model")
CARD = torch.device("cuda")
POSITIONS = 1024


class Watched(FakeTensorMode):
    """Notes each operator that sees a tensor of more than one number on the host."""

    def __init__(self) -> None:
        super().__init__()
        self.watching = False
        self.on_host: list[str] = []

    def dispatch(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operator."""
        out = super().dispatch(func, types, args, kwargs)
        tensors = [leaf for leaf in torch.utils._pytree.tree_leaves((args, kwargs, out)) if torch.is_tensor(leaf)]
        if self.watching and any(tensor.device.type == "cpu" for tensor in tensors):
            self.on_host.append(str(func))
        return out


def _indexed(tensor: torch.Tensor, index: Any) -> torch.Tensor:
    """Tensor.__getitem__ without the device's own runtime, which a processor's build of torch has not."""
    entries = index if isinstance(index, tuple) else (index,)
    if torch.is_tensor(entries[0]):
        return torch.ops.aten.index.Tensor(tensor, [entries[0]])
    named, place = sum(entry is not None and entry is not Ellipsis for entry in entries), 0
    for entry in entries:
        if entry is Ellipsis:
            place += tensor.dim() - named
        elif isinstance(entry, int):
            tensor = tensor.select(place, entry)
        else:
            tensor = (
                tensor.unsqueeze(place)
                if entry is None
                else torch.ops.aten.slice.Tensor(tensor, place, entry.start, entry.stop)
            )
            place += 1
    return tensor


class CardCalls(TorchFunctionMode):
    """The two calls that a processor's build of torch cannot fake; nothing of torch itself is replaced."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One call."""
        if func is torch.Tensor.__getitem__:
            return _indexed(*args)
        if func is torch.tensor and kwargs and kwargs.get("device") is not None:
            value = func(*args, **{name: kwargs[name] for name in kwargs if name != "device"})
            return torch.empty(value.shape, dtype=value.dtype, device=kwargs["device"])
        return func(*args, **(kwargs or {}))


@pytest.fixture
def fake() -> Iterator[Watched]:
    """Fake tensors."""
    with Watched() as watched, CardCalls(), torch.inference_mode():
        yield watched


def on_card(config: ModelConfig) -> DiffusionGemma:
    """The model with bfloat16 matrices on the card."""
    with torch.device("meta"):
        model = DiffusionGemma(config)
    model.scale = 53.0
    large = {id(weight) for name, weight in model.named_parameters() if weight.dim() > 1 and "router" not in name}
    for module in model.modules():
        for store in (module._parameters, module._buffers):
            for name, value in store.items():
                if value is not None:
                    dtype = torch.bfloat16 if id(value) in large else torch.float32
                    store[name] = torch.empty(value.shape, dtype=dtype, device=CARD)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(("experts", "fused"), [("grouped", True), ("grouped", False), ("capacity", True)])
def test_a_step_of_the_published_size_stays_on_the_card(fake: Watched, experts: ExpertsWay, fused: bool) -> None:
    config = model_config_from_dicts(published_config(), published_generation_config(), ROOT)
    kv = DeviceKv(config, torch.bfloat16, CARD, POSITIONS, slack=256)
    passes = DevicePasses(on_card(config), kv, Ways(capture=True, experts=experts, fused=fused))
    fake.watching = True
    made, load = passes.step(24 if experts == "capacity" else None, POSITIONS, 8, False)
    fake.watching = False
    assert not fake.on_host
    assert {value.device.type for value in vars(made).values()} == {"cuda"}
    assert made.top_ids.shape == (256, 8)
    assert made.soft.shape == (256, 2816)
    assert (load is None) == (experts != "capacity")


@pytest.mark.parametrize("experts", ["grouped", "capacity"])
def test_a_chunk_of_a_prompt_stays_on_the_card(fake: Watched, experts: ExpertsWay) -> None:
    config = model_config_from_dicts(published_config(), published_generation_config(), ROOT)
    kv = DeviceKv(config, torch.bfloat16, CARD, POSITIONS, slack=256)
    passes = DevicePasses(on_card(config), kv, Ways(capture=False, experts=experts))
    ids = torch.empty(512, dtype=torch.int64, device=CARD)
    hidden, new, _ = passes.known(ids, 48 if experts == "capacity" else None, POSITIONS)
    assert hidden.dtype == torch.float32
    assert {part.dtype for pair in new for part in pair} == {torch.bfloat16}
    assert new[5][0].shape == (512, 2, 512)
