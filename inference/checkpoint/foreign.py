"""What a folder is when it is not what we can open: named, and what to take instead. No weights are read."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from inference.config import read_object
from inference.errors import ModelFolderError
from inference.graphs.names import MANIFEST
from inference.paths import refuse_undecodable
from trt_engines.files import is_readable_file, open_regular
from trt_engines.weight_names import INDEX

ARCHITECTURE = "DiffusionGemmaForBlockDiffusion"
MODEL_TYPE = "diffusion_gemma"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_LAYOUT_HINT = "Choose a folder in Hugging Face layout (config.json, tokenizer.json, *.safetensors)."
_MODEL_HINT = "Take a DiffusionGemma checkpoint, for example google/diffusiongemma-26B-A4B-it."
# Files of other worlds, by suffix: what they are, and what to do.
_FOREIGN_FILES = {
    ".gguf": ("a GGUF file of llama.cpp", "Take the same model in Hugging Face layout (*.safetensors) instead."),
    ".nemo": ("a NeMo archive", "Export it to Hugging Face layout with NeMo's own exporter, and open that folder."),
    ".distcp": ("a distributed training checkpoint", "Export it to Hugging Face layout with the tool that trained it."),
    ".bin": ("a PyTorch file", "Take the same model as *.safetensors; .bin files can run code and are not opened."),
    ".pt": ("a PyTorch file", "Save the model as *.safetensors (save_pretrained of transformers does)."),
    ".pth": ("a PyTorch file", "Save the model as *.safetensors (save_pretrained of transformers does)."),
    ".ckpt": ("a training checkpoint", "Save the model as *.safetensors (save_pretrained of transformers does)."),
    ".onnx": ("an ONNX graph", "Take the checkpoint that it was made of, in Hugging Face layout."),
    ".zip": ("an archive", "Unpack it, and choose the folder that holds config.json."),
}
_MODEL_FILES = (".safetensors", ".json", ".jinja", ".model")
_POINTER, _LARGEST_POINTER = b"version https://git-lfs.github.com/spec/", 1024
_PLAIN = "Take the BF16 checkpoint, or one in NVFP4 or FP8 (NVIDIA ModelOpt, compressed-tensors)."
# "quant_method" of config.json: what people call it. The two layouts that we read are told by their tensors.
_METHODS = {
    "awq": "AWQ", "gptq": "GPTQ", "bitsandbytes": "bitsandbytes", "auto-round": "AutoRound", "hqq": "HQQ",
    "fp8": "FP8 in blocks", "fbgemm_fp8": "FBGEMM FP8", "mxfp4": "MXFP4", "torchao": "torchao", "quanto": "Quanto",
    "aqlm": "AQLM", "eetq": "EETQ", "gguf": "GGUF",
}  # fmt: skip


def is_adapter(folder: Path) -> bool:
    """True for a PEFT adapter without a model beside it; some bring the configuration of their base.

    Raises:
        ModelFolderError: The folder's name is longer than names may be, or nobody may look into it.
    """
    try:
        if not (folder / ADAPTER_CONFIG).is_file():
            return False
    except OSError as exc:
        too_long = exc.errno == errno.ENAMETOOLONG
        text = (
            "The name of the model's folder is too long." if too_long else f"{folder} cannot be read: {exc.strerror}."
        )
        raise ModelFolderError(text, "Choose the folder that holds config.json.") from exc
    weights = any(not file.name.startswith("adapter_") for file in folder.glob("*.safetensors"))
    return not (weights and is_readable_file(folder / "config.json"))


def refuse_foreign(folder: Path) -> None:
    """Everything that config.json and the names of the files give away.

    Raises:
        ModelFolderError: No folder, an empty one, or one that holds something else than a DiffusionGemma checkpoint.
    """
    names = _names(folder)
    refuse_pointers(folder)
    if "config.json" not in names:
        _refuse_files(folder, names)
        raise ModelFolderError(f"{folder} holds no config.json.", _LAYOUT_HINT)
    config = read_object(folder / "config.json")
    _refuse_architecture(config)
    _refuse_quantisation(config)
    if INDEX not in names and not any(name.endswith(".safetensors") for name in names):  # an index is looked at first
        _refuse_files(folder, names)


def refuse_pointers(folder: Path) -> None:
    """A clone without Git LFS holds a few lines in place of each large file.

    Raises:
        ModelFolderError: A file of the model is only such lines.
    """
    pointers = [name for name in _inside(folder) if Path(name).suffix in _MODEL_FILES and _is_pointer(folder / name)]
    if pointers:
        more = f" (and {len(pointers) - 1} more files)" if len(pointers) > 1 else ""
        raise ModelFolderError(
            f"{folder / pointers[0]}{more} is only a pointer of Git LFS, not the file itself.",
            "Run `git lfs pull` in that folder, or download the model again.",
        )


def _is_pointer(file: Path) -> bool:
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_POINTER:
            return False
        with open_regular(file) as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:
        return False  # told where the file is read


def _inside(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError as exc:
        raise ModelFolderError(f"{folder} cannot be read: {exc.strerror}.", "Check the folder's rights.") from exc


def _names(folder: Path) -> list[str]:
    if is_readable_file(folder):
        _refuse_files(folder.parent, [folder.name])
        raise ModelFolderError(f"{folder} is a file, not a model's folder.", "Choose the folder that holds it.")
    if not folder.is_dir():
        raise ModelFolderError(f"There is no model folder at {folder}.", "Choose the folder that holds config.json.")
    refuse_undecodable(folder)
    names = [name for name in _inside(folder) if not name.startswith(".")]
    if not names:
        raise ModelFolderError(f"{folder} is empty.", _LAYOUT_HINT)
    return names


def _refuse_files(folder: Path, names: list[str]) -> None:
    if MANIFEST in names:  # the graphs beside it are ours
        names = [name for name in names if not name.endswith(".onnx")]
    for suffix, (what, hint) in _FOREIGN_FILES.items():
        found = [name for name in names if name.lower().endswith(suffix)]
        if found:
            raise ModelFolderError(f"{folder / found[0]} is {what}, which cannot be opened.", hint)
    if "snapshots" in names and folder.name.startswith("models--"):
        found = _inside(folder / "snapshots")
        raise ModelFolderError(
            f"{folder} is a folder of Hugging Face's cache; the models lie in its folder snapshots.",
            f"Choose {folder / 'snapshots' / (found[-1] if found else '')}.",
        )
    if {"weights", "context"} <= set(names) or "model_weights" in names or "model_config.yaml" in names:
        hint = "Export it to Hugging Face layout with NeMo's own exporter, and open that folder."
        raise ModelFolderError(f"{folder} is a NeMo checkpoint, which cannot be opened.", hint)


def _refuse_architecture(config: dict[str, Any]) -> None:
    named = config.get("architectures")
    name = str(named[0]) if isinstance(named, list) and named else ""
    model_type = str(config.get("model_type") or "")
    if model_type == MODEL_TYPE:
        return
    if model_type.startswith("gemma4") or name.startswith("Gemma4"):
        text = (
            "This folder holds the plain, autoregressive Gemma 4; Dewpoint runs DiffusionGemma, its diffusion sister."
        )
        raise ModelFolderError(text, _MODEL_HINT)
    what = name or model_type or "a model that config.json does not name"
    raise ModelFolderError(f"This folder holds {what}; Dewpoint runs DiffusionGemma ({MODEL_TYPE}).", _MODEL_HINT)


def _refuse_quantisation(config: dict[str, Any]) -> None:
    section = config.get("quantization_config")
    method = str(section.get("quant_method") or "").lower() if isinstance(section, dict) else ""
    if method in _METHODS:
        text = f"This checkpoint is quantised with {_METHODS[method]}, a layout that Dewpoint does not read."
        raise ModelFolderError(text, _PLAIN)
    own = config.get("quantization")
    if isinstance(own, dict) and "bits" in own:
        raise ModelFolderError(
            f"This is an MLX checkpoint with {own['bits']} bits, which only Apple's MLX runs.", _PLAIN
        )
