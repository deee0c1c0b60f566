"""What lies in a folder: checkpoints as trainers write them pass; everything else is named in one sentence."""

from __future__ import annotations

import json
import math
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from inference.checkpoint.folder import checked_model, inspect_folder
from inference.checkpoint.tensors import expected_tensors
from inference.config import model_config_from_dicts
from inference.errors import ModelFolderError
from tests.helpers.checkpoints import STARTER, Tensors, random_tensors, shard, small_config, write_model
from tests.helpers.published import published_config
from tests.helpers.weight_files import write_checkpoint
from trt_engines.weights.index import DECODER, EMBEDDING, ENCODER
from trt_engines.weights.source import WeightSource

LAYER = "model.decoder.layers.1."


@pytest.fixture
def tensors() -> Tensors:
    return random_tensors(small_config())


@pytest.fixture
def model(tmp_path: Path, tensors: Tensors) -> Path:
    return write_model(tmp_path / "model", tensors)


def sentence(folder: Path) -> str:
    with pytest.raises(ModelFolderError) as raised:
        inspect_folder(folder)
    assert raised.value.hint
    assert raised.value.user_text.endswith(".")
    return raised.value.user_text


def edit(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


def test_the_starter_and_a_small_model(model: Path, tensors: Tensors) -> None:
    assert inspect_folder(STARTER).dtype == "F16"
    facts = inspect_folder(model)
    assert (facts.kind, facts.title, facts.layout, facts.dtype) == ("model", "model", "plain", "BF16")
    assert facts.architecture == "DiffusionGemmaForBlockDiffusion"
    assert facts.parameters == sum(tensor.size for tensor in tensors.values())
    assert facts.bytes == 2 * facts.parameters
    assert not facts.sharded
    assert facts.adapter is None


def test_the_published_model_has_25_billion_weights() -> None:
    wanted = expected_tensors(model_config_from_dicts(published_config(), {}, Path()))
    assert sum(map(math.prod, wanted.values())) == pytest.approx(25.25e9, rel=2e-3)
    assert wanted[f"{LAYER}experts.gate_up_proj"] == (128, 1408, 2816)
    assert wanted["model.decoder.layers.0.self_attn.q_proj.weight"] == (4096, 2816)
    assert "model.decoder.layers.5.self_attn.v_proj.weight" not in wanted


def bytes_read() -> int:
    """What this process has read so far, by calls and through mapped files."""
    import resource  # there is none on Windows

    usage = resource.getrusage(resource.RUSAGE_SELF)
    faults = (usage.ru_minflt + usage.ru_majflt) * resource.getpagesize()
    return psutil.Process().io_counters().read_chars + faults


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes: 50 GB that take no room")
def test_fifty_gigabytes_take_no_longer(tmp_path: Path) -> None:
    config = published_config()
    folder = write_model(tmp_path / "m", {}, config)
    header: dict[str, Any] = {}
    end = 0
    for name, shape in expected_tensors(model_config_from_dicts(config, {}, Path())).items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end := end + 2 * math.prod(shape)]}
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    before = bytes_read()
    facts = inspect_folder(folder)
    assert bytes_read() - before < 50_000_000
    assert facts.bytes == end == pytest.approx(50.5e9, rel=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("index", [True, False, None])
def test_types_and_shards(tmp_path: Path, dtype: Any, index: bool | None) -> None:
    tensors = random_tensors(small_config(), dtype=dtype)
    folder = write_model(tmp_path / "m", tensors)
    if index is not None:
        shard(folder, tensors, 3, index)
    facts = inspect_folder(folder)
    assert facts.sharded == (index is not None)
    assert facts.bytes == sum(tensor.nbytes for tensor in tensors.values())


def test_weights_saved_whole_over_shards_are_the_new_ones(tmp_path: Path, tensors: Tensors) -> None:
    folder = write_model(tmp_path / "m", tensors)
    shard(folder, tensors, 3)
    newer = random_tensors(small_config(), seed=9)
    write_checkpoint(folder, newer)
    for gone in (False, True):
        if gone:
            (folder / "model-00002-of-00003.safetensors").unlink()
        assert not inspect_folder(folder).sharded
        source = WeightSource.open(folder)
        for name in (EMBEDDING, f"{DECODER}norm.weight"):
            np.testing.assert_array_equal(source.array(name), newer[name])


def to_encoder(name: str) -> str:
    shared = name.startswith(DECODER) and not name.endswith("layer_scalar") and "self_conditioning" not in name
    return name.replace(DECODER, ENCODER) if shared else name


NAMINGS: dict[str, Callable[[Tensors], Tensors]] = {
    "bare model": lambda t: {name.removeprefix("model."): tensor for name, tensor in t.items()},
    "one model. too many": lambda t: {f"model.{name}": tensor for name, tensor in t.items()},
    "encoder only": lambda t: {to_encoder(name): tensor for name, tensor in t.items()},
    "both, equal": lambda t: t | {to_encoder(name): tensor for name, tensor in t.items()},
    "tied head": lambda t: t | {"lm_head.weight": t[EMBEDDING]},
    "head only": lambda t: {"lm_head.weight" if n == EMBEDDING else n: x for n, x in t.items()},
    "vision and others": lambda t: t | {"model.encoder.vision_tower.x.weight": np.ones(3, np.float32)},
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_names_that_transformers_takes(tmp_path: Path, tensors: Tensors, naming: str) -> None:
    """That it takes them was tried with transformers 5.23: no missing keys, equal weights."""
    folder = write_model(tmp_path / "m", NAMINGS[naming](tensors))
    records = checked_model(folder).records
    data = (folder / "model.safetensors").read_bytes()
    for name, tensor in tensors.items():
        record = records[name]
        assert data[record.offset : record.offset + record.length] == tensor.tobytes()


def test_copies_that_differ(tmp_path: Path, tensors: Tensors) -> None:
    name = f"{LAYER}mlp.up_proj.weight"
    other = {to_encoder(name): (tensors[name].astype(np.float32) * 1.1).astype(tensors[name].dtype)}
    assert "different values" in sentence(write_model(tmp_path / "a", tensors | other))
    head = {"lm_head.weight": tensors[EMBEDDING][::-1].copy()}
    assert "lm_head.weight and model.decoder.embed_tokens.weight" in sentence(
        write_model(tmp_path / "b", tensors | head)
    )


def test_one_tensor_under_two_names(tmp_path: Path, tensors: Tensors) -> None:
    twice = tensors | {"decoder.norm.weight": tensors["model.decoder.norm.weight"]}
    assert "which are the same tensor" in sentence(write_model(tmp_path / "m", twice))


def test_missing_tensors_are_named_and_counted(tmp_path: Path, tensors: Tensors) -> None:
    for number, name in enumerate(tensors):
        less = {key: tensor for key, tensor in tensors.items() if key != name}
        text = sentence(write_model(tmp_path / str(number), less))
        assert text == f"The weights hold no {name} that config.json asks for."
    wrapped = {f"module.{name}": tensor for name, tensor in tensors.items()}
    text = sentence(write_model(tmp_path / "wrapped", wrapped))
    assert f"and {len(tensors) - 1} more tensors" in text
    assert "they do hold module.model." in text


def test_wrong_shapes_and_types(tmp_path: Path, model: Path, tensors: Tensors) -> None:
    for number, name in enumerate(tensors):
        other = {name: np.zeros((*tensors[name].shape, 1), np.float32)}
        text = sentence(write_model(tmp_path / str(number), tensors | other))
        assert text.startswith(f"{name} has the shape")
    integers = {"model.decoder.norm.weight": np.zeros(64, np.int64)}
    assert "is stored as I64" in sentence(write_model(tmp_path / "i", tensors | integers))
    edit(model, "config.json", lambda c: c["text_config"].update(hidden_size=72))
    assert "more tensors do not fit either" in sentence(model)


def test_missing_and_truncated_shards(model: Path, tensors: Tensors) -> None:
    for index in (True, False):
        shard(model, tensors, 3, index)
        two = model / "model-00002-of-00003.safetensors"
        whole = two.read_bytes()
        two.write_bytes(whole[:-10])
        assert "is incomplete" in sentence(model)
        two.unlink()
        assert sentence(model) == "1 of 3 weight files are missing: model-00002-of-00003.safetensors."
        two.write_bytes(whole)
        assert inspect_folder(model).sharded
        (model / "model.safetensors.index.json").unlink(missing_ok=True)


def test_missing_files(model: Path) -> None:
    for name, text in {
        "chat_template.jinja": "chat template",
        "tokenizer.json": "holds no tokenizer.json",
        "model.safetensors": "holds no weights",
        "config.json": "holds no config.json",
    }.items():
        (model / name).unlink()
        if name == "chat_template.jinja":
            edit(model, "tokenizer_config.json", lambda c: c.pop("chat_template", None))
        assert text in sentence(model)


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_damaged_config(model: Path, content: str) -> None:
    (model / "config.json").write_bytes(content.encode("latin-1"))
    assert "config.json is damaged" in sentence(model)


ARCHITECTURES = {
    "LlamaForCausalLM": ("llama", "This folder holds LlamaForCausalLM; Dewpoint runs DiffusionGemma"),
    "Gemma4ForConditionalGeneration": ("gemma4", "plain, autoregressive Gemma 4"),
    "Gemma4ForCausalLM": ("gemma4_text", "plain, autoregressive Gemma 4"),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_other_architectures(model: Path, name: str) -> None:
    edit(model, "config.json", lambda c: c.update(architectures=[name], model_type=ARCHITECTURES[name][0]))
    assert ARCHITECTURES[name][1] in sentence(model)


QUANTISED = {
    "awq": {"quantization_config": {"quant_method": "awq"}},
    "gptq": {"quantization_config": {"quant_method": "gptq"}},
    "bitsandbytes": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    "mlx": {"quantization": {"group_size": 64, "bits": 4}},
}


@pytest.mark.parametrize("method", QUANTISED)
def test_other_quantisations_by_config(model: Path, method: str) -> None:
    edit(model, "config.json", lambda c: c.update(QUANTISED[method]))
    assert method in sentence(model).lower()


@pytest.mark.parametrize(
    ("suffix", "word"),
    [
        ("qweight", "GPTQ or AWQ"),
        ("weight.absmax", "bitsandbytes"),
        ("biases", "MLX"),
        ("weight_packed", "packed integers"),
        ("weight_scale_inv", "FP8 in blocks"),
    ],
)
def test_other_quantisations_by_names(tmp_path: Path, tensors: Tensors, suffix: str, word: str) -> None:
    name = f"{LAYER}mlp.up_proj"
    del tensors[f"{name}.weight"]
    tensors[f"{name}.{suffix}"] = np.zeros((4, 4), np.uint8)
    assert word in sentence(write_model(tmp_path / "m", tensors))


@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("m-Q4_K_M.gguf", "GGUF"),
        ("pytorch_model.bin", "PyTorch file"),
        ("model.pt", "PyTorch file"),
        ("model.nemo", "NeMo archive"),
        ("x.ckpt", "training checkpoint"),
    ],
)
def test_files_of_other_worlds(tmp_path: Path, model: Path, file: str, word: str) -> None:
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / file).write_bytes(b"x")
    assert word in sentence(tmp_path / "only")
    assert word in sentence(tmp_path / "only" / file)
    (model / file).write_bytes(b"x")
    assert inspect_folder(model).kind == "model"  # beside a whole model it does no harm
    (model / "model.safetensors").unlink()
    assert word in sentence(model)


def test_no_folder_and_empty_ones(tmp_path: Path) -> None:
    assert "no model folder" in sentence(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert sentence(tmp_path / "empty").endswith("is empty.")
    (tmp_path / "nemo" / "weights").mkdir(parents=True)
    (tmp_path / "nemo" / "context").mkdir()
    assert "NeMo checkpoint" in sentence(tmp_path / "nemo")


def test_adapters(tmp_path: Path) -> None:
    config = {
        "peft_type": "LORA",
        "r": 8,
        "base_model_name_or_path": "google/x",
        "target_modules": ["q_proj", "k_proj"],
    }
    tmp_path.joinpath("adapter_config.json").write_text(json.dumps(config))
    assert "holds no adapter_model.safetensors" in sentence(tmp_path)
    (tmp_path / "adapter_model.bin").write_bytes(b"x")
    assert "adapter_model.bin" in sentence(tmp_path)
    write_checkpoint(tmp_path, {"a.lora_A.weight": np.zeros((8, 4), np.float32)})
    (tmp_path / "model.safetensors").rename(tmp_path / "adapter_model.safetensors")
    facts = inspect_folder(tmp_path)
    assert (facts.kind, facts.architecture, facts.parameters, facts.bytes) == ("adapter", "LORA", 32, 128)
    assert facts.adapter is not None
    assert (facts.adapter.base, facts.adapter.rank, facts.adapter.targets) == ("google/x", 8, ("k_proj", "q_proj"))
    with pytest.raises(ModelFolderError, match="holds a LoRA adapter"):
        checked_model(tmp_path)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 123456789\n"


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja"])
def test_a_pointer_of_git_lfs_is_named(model: Path, name: str) -> None:
    (model / name).write_bytes(POINTER)
    assert f"{name} is only a pointer of Git LFS" in sentence(model)


def test_pointers_in_place_of_all_shards_are_counted(model: Path, tensors: Tensors) -> None:
    shard(model, tensors, 3)
    for file in model.glob("*.safetensors"):
        file.write_bytes(POINTER)
    assert "model-00001-of-00003.safetensors (and 2 more files) is only a pointer" in sentence(model)


def test_a_pointer_in_place_of_an_adapter_is_named(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(POINTER)
    assert "adapter_model.safetensors is only a pointer" in sentence(tmp_path)


def test_an_adapter_configuration_beside_full_weights_is_a_model(model: Path) -> None:
    (model / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    write_file(model / "adapter_model.safetensors")
    assert inspect_folder(model).kind == "model"


def test_an_adapter_that_brings_the_configuration_of_its_base_is_an_adapter(model: Path) -> None:
    (model / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (model / "model.safetensors").unlink()
    write_file(model / "adapter_model.safetensors")
    assert inspect_folder(model).kind == "adapter"


def test_the_folder_of_a_cache_names_the_snapshot(tmp_path: Path) -> None:
    folder = tmp_path / "models--google--x"
    (folder / "snapshots" / "abc123").mkdir(parents=True)
    assert "is a folder of Hugging Face's cache" in sentence(folder)


def write_file(file: Path) -> None:
    """One small tensor."""
    save_file({"a": np.zeros(3, np.float32)}, file)
