"""Weights between this module and a `transformers` checkpoint.

The checkpoint ties encoder and decoder: it holds one copy of the stack under `model.decoder.`, and the encoder's own
layer scalars under `model.encoder.language_model.`. The vision tower is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from inference.checkpoint.tensors import check_plain, weights_errors
from inference.errors import ModelFolderError
from inference.model.stack import DiffusionGemma
from inference.model_config import ModelConfig
from trt_engines.weights.index import index_checkpoint

_OUR_ENCODER_SCALAR = re.compile(r"^layers\.(\d+)\.encoder_scalar$")


def checkpoint_name(name: str) -> str:
    """Name in the checkpoint of our parameter or buffer `name`."""
    match = _OUR_ENCODER_SCALAR.match(name)
    if match:
        return f"model.encoder.language_model.layers.{match[1]}.layer_scalar"
    return f"model.decoder.{name}"


def model_from_folder(
    folder: Path,
    config: ModelConfig,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    lowered: torch.dtype | None = None,
    progress: Callable[[float], None] | None = None,
) -> DiffusionGemma:
    """The torch model with the weights of `folder`, ready for inference.

    Tensor by tensor to the device: no more than one of them is in the machine's memory at a time.

    Args:
        folder: The checkpoint.
        config: Its configuration.
        dtype: Type of all weights.
        device: Where they go.
        lowered: Type of the large weight matrices, if another one; see `DiffusionGemma.lower`.
        progress: Told the share that is done.

    Raises:
        ModelFolderError: A file or tensor is missing, damaged, or of another shape than the configuration says.
    """
    with weights_errors():
        records = index_checkpoint(folder)
    check_plain(config, records)
    with torch.device("meta"):
        model = DiffusionGemma(config).to(dtype)
    if lowered is not None:
        model.lower(lowered)
    state: dict[str, Tensor] = {}
    wanted = model.state_dict()
    for number, (name, expected) in enumerate(wanted.items()):
        record = records[checkpoint_name(name)]
        try:
            with safe_open(record.file, framework="pt") as stream:
                state[name] = stream.get_tensor(record.name).to(device=device, dtype=expected.dtype)
        except (SafetensorError, OSError) as exc:  # it is stricter than our index: no gaps, nothing behind the last one
            text = f"{record.file} is damaged: {exc}."
            raise ModelFolderError(text, "Download this file again, or choose another copy of the model.") from exc
        if progress is not None:
            progress((number + 1) / len(wanted))
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def checkpoint_tensors(model: DiffusionGemma, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of the text model under their checkpoint names, in `dtype`."""
    state = model.state_dict()
    return {checkpoint_name(name): tensor.detach().to(dtype).contiguous() for name, tensor in state.items()}
