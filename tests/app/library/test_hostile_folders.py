"""Files of a model's folder that nobody wrote for us: a bad folder is said to be bad, and hides no other one."""

from __future__ import annotations

import codecs
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from app.library import adding
from app.library.overview import library_status
from app.library.services import LibraryServices
from app.library.values import ModelState
from inference.errors import ModelFolderError
from inference.graphs.names import MODEL_NOTE as MANIFEST
from inference.opening import open_session
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.own_folders import add_folder
from trt_engines.errors import WeightsError
from trt_engines.streams import escaped
from trt_engines.weights.lora_config import lora_config

DEEP = b"[" * 100_000
# Files without which a model runs all the same (the starter's tokenizer_config.json says all that the map could).
NOTES = ("dewpoint.json", "dewpoint-graphs.json", "special_tokens_map.json", MANIFEST)
UNSAFE = (
    b'{"version": 1, "display_name": "x", "repo": "", "revision": "", "licence": "", "accepted": "", "files": '
    b'[{"path": "%s", "size": %s, "kind": "sha256", "digest": "", "verified": true}]}'
)


def own_model(folder: Path) -> Path:
    """A checkpoint of the user's."""
    return write_model(folder, random_tensors(tiny_config(), dtype=np.float32), tiny_config())


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "generation_config.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "model.safetensors.index.json",
        "dewpoint.json",
        "dewpoint-graphs.json",
        MANIFEST,
    ],
)
@pytest.mark.parametrize("content", [DEEP, b'{"a":' * 100_000, b"\xff\xfe", b"[]"])
def test_a_bad_file_hides_no_other_model(services: LibraryServices, tmp_path: Path, name: str, content: bytes) -> None:
    good = add_folder(services, own_model(tmp_path / "good"))
    bad = add_folder(services, own_model(tmp_path / "bad"))
    (tmp_path / "bad" / name).write_bytes(content)
    if name.endswith("index.json"):
        (tmp_path / "bad" / "model.safetensors").unlink()
    found = library_status(services)
    states = {model.id: model.state for model in found.models}
    assert states[good.id] in (ModelState.INSTALLED, ModelState.READY)
    if name not in NOTES:
        assert states[bad.id] == ModelState.DAMAGED


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        UNSAFE % (b"../x", b"1"),
        UNSAFE % (b"a\\u0000", b"1"),
        UNSAFE % (b"\\ud800", b"1"),
        UNSAFE % (b"a", b"1e999"),
    ],
)
def test_a_bad_list_of_files_in_the_models_folder_hides_nothing(services: LibraryServices, content: bytes) -> None:
    bad = services.paths.models / "e"
    bad.mkdir(parents=True)
    (bad / MANIFEST).write_bytes(content)
    assert library_status(services).leftovers == ()
    record = services.library.add("download", bad, "e", "owner/e")
    model = library_status(services).model(record.id)
    assert model is not None
    assert model.state == ModelState.DAMAGED


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "generation_config.json", "tokenizer.json"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_not_waited_for(services: LibraryServices, tmp_path: Path, name: str) -> None:
    folder = own_model(tmp_path / "piped")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(ModelFolderError) as caught:
        add_folder(services, folder)
    assert name in caught.value.user_text


@pytest.mark.parametrize("content", [b"", b"{", bytes(range(256)), b"[]", "cut", "bom", b"{}"])
def test_a_damaged_tokenizer_is_refused_at_import(
    services: LibraryServices, tmp_path: Path, content: bytes | str
) -> None:
    folder = own_model(tmp_path / "own")
    good = (folder / "tokenizer.json").read_bytes()
    named = {"cut": good[: len(good) // 2], "bom": codecs.BOM_UTF8 + good}
    (folder / "tokenizer.json").write_bytes(named[content] if isinstance(content, str) else content)
    with pytest.raises(ModelFolderError) as caught:
        add_folder(services, folder)
    assert "tokenizer.json is damaged" in caught.value.user_text


def test_a_tokenizer_that_is_damaged_later_is_not_called_ready(services: LibraryServices, tmp_path: Path) -> None:
    folder = own_model(tmp_path / "own")
    record = add_folder(services, folder)
    (folder / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes()[:-100])
    model = library_status(services).model(record.id)
    assert model is not None
    assert model.state == ModelState.DAMAGED


@pytest.mark.parametrize(
    ("template", "words"),
    [("", "holds no chat template"), (" \n", "holds no chat template"), ("<bos>", "leaves out the messages")],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_template_without_messages_is_refused_at_import(
    services: LibraryServices, tmp_path: Path, template: str, words: str, inside: bool
) -> None:
    folder = own_model(tmp_path / "own")
    (folder / "chat_template.jinja").write_text(template)
    if inside:
        (folder / "chat_template.jinja").unlink()
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    for attempt in (lambda: add_folder(services, folder), lambda: open_session(folder, "onnx")):
        with pytest.raises(ModelFolderError) as caught:
            attempt()
        assert words in caught.value.user_text


def test_weights_that_are_links_are_said_to_be(services: LibraryServices, tmp_path: Path) -> None:
    folder = own_model(tmp_path / "own")
    blob = (folder / "model.safetensors").rename(tmp_path / "blob")
    (folder / "model.safetensors").symlink_to(blob)
    record = add_folder(services, folder)
    model = library_status(services).model(record.id)
    assert model is not None
    assert "cp -rL" in model.note
    assert model.state == ModelState.INSTALLED, "not ready"


@pytest.mark.skipif(
    os.name == "nt" or sys.platform == "darwin", reason="on Windows and macOS names of files are text, never bytes"
)
def test_a_path_that_is_no_text_is_refused(services: LibraryServices, tmp_path: Path) -> None:
    folder = own_model(tmp_path / "undec\udcff")
    for attempt in (
        lambda: add_folder(services, folder),
        lambda: adding.look_into(services, folder),
        lambda: open_session(folder, "onnx"),
    ):
        with pytest.raises(ModelFolderError) as caught:
            attempt()
        assert "undec\\xff holds bytes that are no text" in caught.value.user_text
        assert "Rename" in caught.value.hint
    assert not services.library.models()
    with pytest.raises(ModelFolderError, match=r"There is no model folder at .*none\\xff"):
        open_session(tmp_path / "none\udcff", "onnx")


def test_an_error_can_be_written_anywhere() -> None:
    text = escaped("a\x1b[31m\udcff\u202e\r\n\t\x9bé🙂👨‍👩‍👧")
    assert text == "a\\x1b[31m\\xff\\u202e\\r\n\t\\x9bé🙂👨‍👩‍👧"
    assert ModelFolderError("a\x1b\udcff", "b\x07").user_text == "a\\x1b\\xff"
    assert ModelFolderError("a", "b\x07").hint == "b\\x07"


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("generation_config.json", "max_denoising_steps", "100000000000"),
        ("generation_config.json", "max_new_tokens", "100000000000"),
        ("generation_config.json", "t_max", "1e999"),
        ("generation_config.json", "t_max", "1" + "0" * 400),
        ("generation_config.json", "confidence_threshold", "NaN"),
        ("config.json", "canvas_length", "100000000000"),
    ],
)
def test_numbers_beyond_any_model_are_refused(
    services: LibraryServices, tmp_path: Path, name: str, field: str, value: str
) -> None:
    folder = own_model(tmp_path / "own")
    file = folder / name
    content = json.loads(file.read_text()) if file.exists() else {}
    content.pop(field, None)
    file.write_text(json.dumps(content)[:-1].rstrip() + (", " if content else "") + f'"{field}": {value}}}')
    with pytest.raises(ModelFolderError) as caught:
        add_folder(services, folder)
    assert field in caught.value.user_text


@pytest.mark.parametrize("field", ["alpha_pattern", "rank_pattern", "target_parameters"])
@pytest.mark.parametrize("value", [[1], 1, "x", {"a": []}])
def test_an_adapter_with_an_odd_field_is_said_to_be_damaged(tmp_path: Path, field: str, value: object) -> None:
    folder = write_adapter(tmp_path / "adapter", factors(QUERY, 16, 16))
    content = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(content | {field: value}))
    with pytest.raises(WeightsError) as caught:
        lora_config(folder)
    assert "adapter_config.json is damaged: " in caught.value.user_text
    assert "object has no" not in caught.value.user_text
    assert "iterable" not in caught.value.user_text
