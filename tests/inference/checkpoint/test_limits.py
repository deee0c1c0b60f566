"""Every number and every file of a folder has a limit, and each is looked at before it is believed."""

from __future__ import annotations

import errno
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.checkpoint.adapters import merge_adapter
from inference.checkpoint.folder import FolderFacts, inspect_folder
from inference.checkpoint.name import model_name
from inference.config import model_config_from_dicts
from inference.errors import ModelFolderError
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, small_config, write_model
from tests.helpers.published import published_config
from trt_engines.errors import DewpointError, WeightsError
from trt_engines.files import parse_json, read_json, read_regular
from trt_engines.weights.index import index_checkpoint, index_file_tensors, read_weight_map
from trt_engines.weights.source import WeightSource

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and devices")
SMALL = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "model.safetensors", "model.safetensors.index.json",
)  # fmt: skip


def refused(folder: Path, texts: bool = True) -> str:
    with pytest.raises(ModelFolderError) as caught:
        inspect_folder(folder, texts=texts)
    assert caught.value.hint
    return caught.value.user_text


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", random_tensors(small_config()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("text_config.num_hidden_layers", 10**9),
        ("text_config.num_hidden_layers", 2000),
        ("text_config.vocab_size", 10**9),
        ("text_config.hidden_size", 10**12),
        ("text_config.intermediate_size", 2**40),
        ("text_config.moe_intermediate_size", 2**63),
        ("text_config.num_attention_heads", 10**6),
        ("text_config.num_key_value_heads", 10**6),
        ("text_config.head_dim", 10**6),
        ("text_config.global_head_dim", 10**400),
        ("text_config.num_experts", 10**6),
        ("text_config.num_experts", -1),
        ("text_config.sliding_window", 10**18),
        ("text_config.max_position_embeddings", 10**10),
        ("text_config.final_logit_softcapping", 1e300),
        ("text_config.final_logit_softcapping", 1e-300),
        ("text_config.rms_norm_eps", 10**400),
        ("text_config.rope_parameters.full_attention.rope_theta", float("inf")),
        ("text_config.rope_parameters.full_attention.partial_rotary_factor", 7.0),
        ("text_config.per_layer_config", {"9" * 5000: {"head_dim": 7}, "0": {"head_dim": 10**9}}),
        ("canvas_length", 10**6),
        ("canvas_length", True),
        ("eos_token_id", [1] * 100_000),
        ("dtype", "x" * 100_000),
        ("dtype", {"text": "bfloat16"}),
        ("generation.max_new_tokens", 10**400),
        ("generation.t_max", 1e-30),
        ("generation.t_max", float("nan")),
        ("generation.sampler_config", {"entropy_bound": 1e300}),
    ],
)
def test_numbers_beyond_any_model_are_refused(path: str, value: Any) -> None:
    config, generation = published_config(), {}
    if path == "text_config.num_hidden_layers":
        del config["text_config"]["layer_types"]
    first, *rest = path.split(".")
    inside: Any = generation if first == "generation" else config
    for step in rest[:-1] if first == "generation" else path.split(".")[:-1]:
        inside = inside[step]
    inside[path.split(".")[-1]] = value
    with pytest.raises(ModelFolderError) as caught:
        model_config_from_dicts(config, generation, Path("folder"))
    assert len(caught.value.user_text) < 400, "a number of 400 digits is not shown whole"


def test_numbers_that_are_too_large_together_are_refused() -> None:
    config = published_config()
    config["text_config"] |= {"hidden_size": 1 << 20, "moe_intermediate_size": 1 << 20}
    with pytest.raises(ModelFolderError, match="the number of weights"):
        model_config_from_dicts(config, {}, Path("folder"))
    config = published_config()
    config["text_config"] |= {"num_hidden_layers": 1000, "layer_types": ["full_attention"] * 1000, "num_experts": 4096}
    with pytest.raises(ModelFolderError, match="num_experts is 4096, expected a whole number from 1 to 262"):
        model_config_from_dicts(config, {}, Path("folder"))


def test_the_names_of_layers_may_have_zeros_in_front() -> None:
    config = published_config()
    config["text_config"]["per_layer_config"] = {
        "00": {"head_dim": 128},
        "05": {"head_dim": 64},
        "29": {"head_dim": 32},
    }
    layers = model_config_from_dicts(config, {}, Path("folder")).layers
    assert [layers[number].head_dim for number in (0, 1, 5, 29)] == [128, 256, 64, 32]


@posix
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "circle"])
def test_what_is_no_file_is_not_read(model: Path, name: str, kind: str) -> None:
    """A pipe never ends, nor does /dev/zero behind a link."""
    file = model / name
    file.unlink(missing_ok=True)
    if name == "model.safetensors.index.json":
        (model / "model.safetensors").unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero" if kind == "device" else file)
    optional = name in ("generation_config.json", "tokenizer_config.json")
    if kind == "circle" and optional:
        assert isinstance(inspect_folder(model), FolderFacts)
    else:
        assert refused(model)


@pytest.mark.parametrize("name", [*SMALL[:5], "special_tokens_map.json", SMALL[-1]])
def test_files_that_are_too_large_are_not_read(model: Path, name: str) -> None:
    if name == "model.safetensors.index.json":
        (model / "model.safetensors").unlink()
    with (model / name).open("wb") as stream:
        stream.truncate(200 << 20)
    assert "cannot be read: it has more than" in (text := refused(model)) or "no usable weight_map" in text


def test_what_the_system_says_of_a_size_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    assert read_regular(file, 1000) == b"x" * 1000
    with pytest.raises(OSError, match="more than"):
        read_regular(file, 999)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and /sys")
@pytest.mark.parametrize("name", ["/proc/kmsg", "/proc/self/status", "/proc/sys/kernel/ostype", "/sys/kernel/notes"])
def test_what_the_kernel_makes_up_is_no_file_of_a_model(model: Path, name: str) -> None:
    """They call themselves regular files of no bytes; to read /proc/kmsg waits for ever."""
    proc = Path(name)
    if not proc.exists():
        pytest.skip("this system has no such file")
    with pytest.raises(OSError, match="no regular file"):
        read_regular(proc, 1000)
    (model / "chat_template.jinja").unlink(missing_ok=True)
    (model / "chat_template.jinja").symlink_to(proc)
    assert "it is no regular file" in refused(model)


@pytest.mark.parametrize(
    ("most", "said"), [(999, "1 kB"), (200_000, "200 kB"), (1_000_000, "1 MB"), (4 << 20, "4 MB"), (32 << 20, "34 MB")]
)
def test_a_limit_is_said_in_a_unit_that_fits_it(tmp_path: Path, most: int, said: str) -> None:
    file = tmp_path / "file"
    with file.open("wb") as stream:
        stream.truncate(most + 1)
    with pytest.raises(OSError, match=f"it has more than {said}:"):
        read_regular(file, most)


def test_the_limit_of_a_chat_template_is_said_in_kilobytes(model: Path) -> None:
    (model / "chat_template.jinja").write_bytes(b"a" * 200_001)
    assert "it has more than 200 kB" in refused(model)


@pytest.mark.parametrize("text", ["[" * 101 + "]" * 101, '{"a":' * 500 + "1" + "}" * 500, "[" * 100_000, "9" * 5000])
def test_json_that_is_deep_or_long_is_an_error_of_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (any of them)
        parse_json(text)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011
        read_json(tmp_path / "config.json")
    assert parse_json("[" * 99 + "]" * 99)


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_of_json_are_named_with_their_place(name: str) -> None:
    with pytest.raises(json.JSONDecodeError, match=f"^{name} is no number of JSON: line 2 column 7 ") as raised:
        parse_json('{"NaN -Infinity \\" NaN": -1.5,\n"a": [' + name + "]}")
    assert raised.value.pos == 37


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"\xff", "no text in UTF-8"), ("9" * 5000, "more than 4000 digits"), ("[" * 100_000, "nested too deeply")],
)
def test_what_is_said_of_json_that_is_none_is_not_pythons(data: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=f"^it (is|holds) .*{said}$"):
        parse_json(data)


def test_two_fields_of_one_name() -> None:
    assert parse_json('{"a": 1, "a": 2}') == {"a": 2}, "as everywhere in Python"
    with pytest.raises(ValueError, match="two fields"):
        parse_json('{"a": {"b": 1, "b": 2}}', unique=True)


def write_header(folder: Path, header: str | dict[str, Any], data: int = 64) -> Path:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))
    return file


def entry(**fields: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | fields


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"a": entry(shape=[-2, -2])}, "cannot be read"),
        ({"a": entry(shape=["4"])}, "cannot be read"),
        ({"a": entry(shape=[4.0])}, "cannot be read"),
        ({"a": entry(shape=[True, 4])}, "cannot be read"),
        ({"a": entry(shape=[float("inf")])}, "not valid JSON"),
        ({"a": entry(shape=[10**400, 0], data_offsets=[0, 0])}, "cannot be read"),
        ({"a": entry(shape=[2**60, 2**60])}, "does not fit its bytes"),
        ({"a": entry(shape=[1] * 1000 + [4])}, "cannot be read"),
        ({"a": entry(data_offsets=[-16, 0])}, "cannot be read"),
        ({"a": entry(data_offsets=[16, 0])}, "does not fit its bytes"),
        ({"a": entry(data_offsets=[2**60 - 16, 2**60])}, "ends at byte"),
        ({"a": entry(data_offsets=[0, 16, 32])}, "cannot be read"),
        ({"a": entry(dtype=["F32"])}, "cannot be read"),
        ({"a": entry(dtype={})}, "cannot be read"),
        ({"a": entry(), "b": entry(data_offsets=[8, 24])}, "lie in one place"),
        ({"a": entry()}, "its last tensor ends at byte"),
        ({}, "its last tensor ends at byte"),
        ({"a": []}, "cannot be read"),
        ('{"a": 1, "a": 2}', "not valid JSON"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
        ("[" * 5000, "not valid JSON"),
    ],
)
def test_headers_are_read_strictly(tmp_path: Path, header: str | dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=said) as caught:
        index_file_tensors(write_header(tmp_path, header))
    assert caught.value.hint


@pytest.mark.parametrize(
    "name", ["..", "", ".", "a\0b.safetensors", "x" * 300 + ".safetensors", "/etc/passwd", "\ud800.safetensors"]
)
def test_an_index_names_files_of_its_folder_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(WeightsError):
        index_checkpoint(tmp_path)


def test_an_index_with_values_of_any_kind(tmp_path: Path) -> None:
    for weight_map in ([], {}, None, {"a": []}, {"a": None}, {"a": {}}, 3):
        (tmp_path / "index.json").write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(WeightsError, match="no usable weight_map"):
            read_weight_map(tmp_path / "index.json")


def test_names_of_shards_make_no_millions_of_names(tmp_path: Path) -> None:
    """Each of these files alone said that there were 99,999 others."""
    for number in range(300):
        (tmp_path / f"model{number}-00001-of-99999.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="weight files are missing") as caught:
        index_checkpoint(tmp_path)
    missing = int(caught.value.user_text.split()[0])
    assert missing < 30_000


@pytest.mark.parametrize("number", ["1000000000", "9" * 5000])
def test_the_number_of_an_expert_is_not_counted_up_to(tmp_path: Path, number: str) -> None:
    layer = "model.decoder.layers.0.experts"
    header = {f"{layer}.{number}.down_proj.weight": entry(dtype="F8_E4M3", shape=[4, 4]),
              f"{layer}.{number}.down_proj.weight_scale": entry(data_offsets=[16, 32])}  # fmt: skip
    write_header(tmp_path, header, data=32)
    with pytest.raises(WeightsError, match="layer 0 has no expert 0"):
        WeightSource.open(tmp_path).expert_count(0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("r", 10**400), ("r", 0), ("r", 2.0), ("r", True), ("r", 10**6), ("r", [2]), ("r", "9" * 5000),
        ("lora_alpha", float("inf")), ("lora_alpha", float("nan")), ("lora_alpha", 10**400), ("lora_alpha", 1e300),
        ("rank_pattern", [1]), ("rank_pattern", {"q_proj": 10**400}), ("rank_pattern", {"q_proj": -1}),
        ("alpha_pattern", "x"), ("alpha_pattern", {"q_proj": None}), ("alpha_pattern", {"": {}}),
        ("target_parameters", {"a": 1}), ("target_parameters", ["a"] * 20_000), ("peft_type", ["x" * 100_000]),
        ("init_lora_weights", "pissa" * 10_000), ("bias", [1]),
    ],
)  # fmt: skip
def test_numbers_of_an_adapter(tmp_path: Path, field: str, value: Any) -> None:
    base = write_model(tmp_path / "base", random_tensors(small_config()))
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 64, 64), **{field: value})
    with pytest.raises(ModelFolderError) as caught:
        list(merge_adapter(base, adapter, tmp_path / "out"))
    assert len(caught.value.user_text) < 400
    assert caught.value.hint
    facts = inspect_folder(adapter)
    assert facts.adapter is not None
    assert len(facts.architecture) <= 200
    assert not (tmp_path / "out").exists()


def test_what_a_folder_says_of_itself_is_short(model: Path) -> None:
    (model / "dewpoint.json").write_text(json.dumps({"display_name": " a\n\tb " + "x" * 1_000_000}))
    assert model_name(model).startswith("a b x")
    assert len(model_name(model)) == 100
    said = {"base_model_name_or_path": "y" * 100_000, "modules_to_save": [f"m{n}" for n in range(999)]}
    adapter = write_adapter(model.parent / "a", factors(QUERY, 64, 64), target_modules=["x" * 9999] * 3, **said)
    facts = inspect_folder(adapter).adapter
    assert facts is not None
    assert len(facts.base) <= 200
    assert len(facts.targets) <= 100
    assert max(map(len, facts.targets)) <= 200


def test_a_sentence_is_no_book() -> None:
    assert len(DewpointError("x" * 10**6, "y\x1b" * 10**6).user_text) == 1200
    assert len(str(DewpointError("x" * 10**6, "\ud800" * 10**6))) < 3000


def test_a_folder_of_the_cache_without_snapshots(tmp_path: Path) -> None:
    folder = tmp_path / "models--a--b"
    folder.mkdir()
    (folder / "snapshots").write_text("")
    assert refused(folder)


@pytest.mark.parametrize("name", ["LICENSE", "preprocessor_config.json"])
def test_texts_of_any_size_are_not_copied_into_a_merged_model(tmp_path: Path, name: str) -> None:
    base = write_model(tmp_path / "base", random_tensors(small_config()))
    with (base / name).open("wb") as stream:
        stream.truncate(10 << 30)
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 64, 64))
    with pytest.raises(ModelFolderError, match=f"{name} cannot be read: it has more than"):
        list(merge_adapter(base, adapter, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def merged(base: Path, adapter: Path, out: Path) -> Path:
    list(merge_adapter(base, adapter, out))
    return out


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the user's that is no part of a model."""
    file = tmp_path / "secret"
    file.write_text('{"secret": 1}')
    return file


@posix
@pytest.mark.parametrize(
    ("side", "name"),
    [
        ("model", "LICENSE"), ("model", "NOTICE.txt"), ("model", "preprocessor_config.json"),
        ("model", "special_tokens_map.json"), ("adapter", "chat_template.jinja"),
    ],
)  # fmt: skip
def test_links_that_lead_out_of_a_folder_are_not_copied(
    model: Path, tmp_path: Path, secret: Path, side: str, name: str
) -> None:
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 64, 64))
    (tmp_path / side / name).symlink_to(secret)
    with pytest.raises(ModelFolderError, match=f"{name} is a link that leads out of its folder") as caught:
        merged(model, adapter, tmp_path / "out")
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


@posix
def test_links_within_a_folder_and_into_the_cache_are_followed(model: Path, tmp_path: Path, secret: Path) -> None:
    """Hugging Face's cache keeps files as blobs; a folder called snapshots elsewhere opens nothing but its blobs."""
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 64, 64))
    cache = tmp_path / "models--a--b"
    (cache / "blobs").mkdir(parents=True)
    (cache / "snapshots" / "1f").mkdir(parents=True)
    snapshot = cache / "snapshots" / "1f"
    for number, file in enumerate(sorted(model.iterdir())):
        file.rename(cache / "blobs" / str(number))
        (snapshot / file.name).symlink_to(f"../../blobs/{number}")
    (snapshot / "README").write_text("Free.")
    (snapshot / "LICENSE").symlink_to("README")
    seen = tmp_path / "seen"
    seen.symlink_to(snapshot)
    out = merged(seen, adapter, tmp_path / "out")
    assert (out / "LICENSE").read_text() == "Free."
    assert (out / "config.json").is_file()
    assert not (out / "config.json").is_symlink()
    (snapshot / "NOTICE").symlink_to(secret)
    with pytest.raises(ModelFolderError, match="NOTICE is a link that leads out of its folder"):
        merged(seen, adapter, tmp_path / "second")


@pytest.mark.parametrize("more", [1, 8 << 40])
def test_a_file_that_is_longer_than_its_header_says(model: Path, more: int) -> None:
    file = model / "model.safetensors"
    with file.open("rb+") as stream:
        stream.truncate(file.stat().st_size + more)
    assert "model.safetensors is damaged: " in (text := refused(model))
    assert "its last tensor ends at byte" in text


def test_an_index_is_looked_at_before_other_files_are_named(model: Path) -> None:
    """Beside it lie our own graphs, or a file of another world."""
    (model / "model.safetensors").unlink()
    (model / "dewpoint-embed.onnx").touch()
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "/etc/passwd"}}))
    assert "index.json is damaged: it has no usable weight_map" in refused(model)
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "a.safetensors"}}))
    assert "1 of 1 weight files are missing: a.safetensors" in refused(model)


def test_graphs_of_ours_are_not_named_where_weights_are_missing(model: Path) -> None:
    (model / "model.safetensors").unlink()
    for name in ("dewpoint-embed.onnx", "dewpoint-graphs.json"):
        (model / name).touch()
    assert "holds no weights" in refused(model)
    (model / "dewpoint-graphs.json").unlink()
    assert "is an ONNX graph" in refused(model), "of whoever made it"


@pytest.mark.parametrize("name", SMALL[1:6])
def test_drives_that_answer_with_errors(model: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """EIO, ESTALE, EACCES of one file, wherever the system is asked for it."""
    stat = Path.stat

    def broken(self: Path, **options: Any) -> os.stat_result:
        if self.name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", broken)
    assert os.strerror(errno.EIO) in refused(model)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "LICENSE"])
def test_drives_that_answer_with_errors_of_an_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    base = write_model(tmp_path / "base", random_tensors(small_config()))
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 64, 64))
    stat = Path.stat

    def broken(self: Path, **options: Any) -> os.stat_result:
        if self.name == name and self.parent == adapter:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", broken)
    try:
        inspect_folder(adapter)
        list(merge_adapter(base, adapter, tmp_path / "out"))
    except ModelFolderError as exc:
        sentence = exc.user_text
    else:
        sentence = ""
    assert bool(sentence) == name.startswith("adapter_"), "what is no part of an adapter is not missed"
