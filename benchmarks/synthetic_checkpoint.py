"""A checkpoint of the published shape and file layout with random weights, larger than this machine's disk.

The shards have the size and the headers of the real ones and are sparse: a layer's weights are written just before they
are wanted, and their room on the disk is given back afterwards. Norms and scalars are ones, matrices normal with a
standard deviation of one over the root of their inputs, so that nothing overflows and nothing is lost in any layer. The
vision tower is left out: nothing reads it.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SHARDS = 11
_BLOCK = (1 << 24) + 43  # random numbers that all matrices are cut from; of no width a multiple, so that no rows repeat
_SHARPNESS = 4.0  # of the last norm: logits are spread as in a model that prefers some tokens
_PUNCH, _KEEP_SIZE = 2, 1  # of fallocate: the range reads as zeros, the file keeps its length
_TINY_VISION = {
    "model_type": "gemma4_vision", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8, "patch_size": 2, "position_embedding_size": 4,
}  # fmt: skip
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where a tensor lies."""

    shape: tuple[int, ...]
    file: Path
    offset: int

    @property
    def size(self) -> int:
        return 2 * int(np.prod(self.shape))


class SyntheticCheckpoint:
    """One folder; `write` and `release` bring weights and take them away.

    Attributes:
        folder: The checkpoint.
        layers: How many it has.
    """

    def __init__(self, folder: Path, layers: int, vocab: int | None = None, dtype: str = "bfloat16") -> None:
        """Write configuration, tokenizer, index and empty shards.

        Args:
            folder: Made anew.
            layers: The last one of two is a full layer; 30 are the published ones.
            vocab: Another size of the vocabulary, None: the published one.
            dtype: What the configuration says that is computed in; the weights are BF16.
        """
        from inference.checkpoint.tensors import expected_tensors
        from inference.config import model_config_from_dicts
        from tests.helpers.published import published_config, published_generation_config

        self.folder, self.layers = folder, layers
        config = published_config()
        text = config["text_config"]
        kinds = ["sliding_attention", "full_attention"] if layers == 2 else text["layer_types"][:layers]
        text |= {"num_hidden_layers": layers, "layer_types": kinds, "vocab_size": vocab or text["vocab_size"]}
        config["dtype"] = text["dtype"] = dtype
        config["vision_config"] = _TINY_VISION
        self._wanted = expected_tensors(model_config_from_dicts(config, {}, Path()))
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config, indent=1), "utf-8")
        (folder / "generation_config.json").write_text(json.dumps(published_generation_config()), "utf-8")
        for name in TOKENIZER:
            shutil.copyfile(ROOT / "resources" / "starter" / name, folder / name)
        self._tensors: dict[str, _Tensor] = {}
        self._block = np.random.default_rng(5).standard_normal(_BLOCK, np.float32)
        self._scaled: dict[int, NDArray[Any]] = {}
        self._lay_out()

    def write(self, layer: int | None) -> None:
        """Write the weights of one layer, or (None) those outside of all."""
        for number, (name, tensor) in enumerate(self._of(layer)):
            with tensor.file.open("r+b") as file:
                file.seek(tensor.offset)
                if len(tensor.shape) == 1:
                    value = _SHARPNESS if name == "model.decoder.norm.weight" else 1.0
                    file.write(np.full(tensor.shape, value, ml_dtypes.bfloat16).tobytes())
                    continue
                source, left = self._values(tensor.shape[-1]), tensor.size
                start = (sum(name.encode()) * 7919 + number * 104_729) % _BLOCK * 2
                while left:
                    piece = source[start : start + left]
                    file.write(piece)
                    left, start = left - len(piece), 0

    def replace(self, name: str, number: int, values: NDArray[np.float32]) -> None:
        """Write one matrix of a stack anew, in BF16."""
        tensor = self._tensors[name]
        with tensor.file.open("r+b") as file:
            file.seek(tensor.offset + number * 2 * values.size)
            file.write(values.astype(ml_dtypes.bfloat16).tobytes())

    def release(self, layer: int) -> None:
        """Give back the disk's room of a layer's matrices; they read as zeros from now on. Linux only."""
        library = ctypes.CDLL(None, use_errno=True)
        library.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        for _, tensor in self._of(layer):
            if len(tensor.shape) > 1:
                with tensor.file.open("r+b") as file:
                    os.fsync(file.fileno())
                    if library.fallocate(file.fileno(), _PUNCH | _KEEP_SIZE, tensor.offset, tensor.size):
                        raise OSError(ctypes.get_errno(), "the file system gives no room back", str(tensor.file))

    def _of(self, layer: int | None) -> list[tuple[str, _Tensor]]:
        return [(name, tensor) for name, tensor in self._tensors.items() if _layer_of(name) == layer]

    def _values(self, inputs: int) -> memoryview:
        if inputs not in self._scaled:
            self._scaled[inputs] = (self._block * np.float32(inputs**-0.5)).astype(ml_dtypes.bfloat16)
        return memoryview(self._scaled[inputs].view(np.uint8).data)

    def _lay_out(self) -> None:
        """Headers, index, and files of their full length."""
        sizes = {name: 2 * int(np.prod(shape)) for name, shape in self._wanted.items()}
        order = sorted(self._wanted, key=lambda name: (-1 if (n := _layer_of(name)) is None else n, name))
        total, before, files = sum(sizes.values()), 0, [list[str]() for _ in range(SHARDS)]
        for name in order:
            files[min(SHARDS - 1, before * SHARDS // total)].append(name)
            before += sizes[name]
        files = [names for names in files if names]
        index = {}
        for number, names in enumerate(files, 1):
            path = self.folder / f"model-{number:05}-of-{len(files):05}.safetensors"
            header, offset = {}, 0
            for name in names:
                header[name] = {
                    "dtype": "BF16",
                    "shape": self._wanted[name],
                    "data_offsets": [offset, offset + sizes[name]],
                }
                offset += sizes[name]
            text = json.dumps(header).encode()
            text += b" " * (-(len(text) + 8) % 4096)
            with path.open("wb") as file:
                file.write(len(text).to_bytes(8, "little") + text)
                file.truncate(8 + len(text) + offset)
            for name in names:
                at = 8 + len(text) + header[name]["data_offsets"][0]
                self._tensors[name] = _Tensor(tuple(self._wanted[name]), path, at)
                index[name] = path.name
        text = json.dumps({"metadata": {"total_size": total}, "weight_map": index})
        (self.folder / "model.safetensors.index.json").write_text(text, "utf-8")


def _layer_of(name: str) -> int | None:
    """Its layer; None: outside of all, such as the scalars of the encoder."""
    parts = name.split(".")
    return int(parts[3]) if parts[:3] == ["model", "decoder", "layers"] else None
