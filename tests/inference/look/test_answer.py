"""What a look says of folders and texts that strangers made."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from inference.errors import LookError, ModelFolderError
from inference.look.answer import answer, answers
from inference.look.questions import (
    AdapterConfig,
    FolderLook,
    IdentifyWeights,
    LookAtFolder,
    NoAnswer,
    ReadAdapterConfig,
    ReadConfig,
    ReadRepoConfig,
    RepoConfig,
)
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model

DEEP = "[" * 100_000


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", random_tensors(tiny_config()), tiny_config())


def look(folder: Path) -> FolderLook:
    return answer(LookAtFolder(folder))


def test_a_model(model: Path) -> None:
    found = look(model)
    assert found.there
    assert found.problem is None
    assert found.facts is not None
    assert found.config is not None
    assert found.weights is not None
    assert found.size == sum(file.stat().st_size for file in model.iterdir())


def test_no_folder(tmp_path: Path) -> None:
    found = look(tmp_path / "nowhere")
    assert not found.there
    assert found.problem is not None


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "model.safetensors.index.json"])
def test_a_file_that_is_nested_without_end_is_a_sentence(model: Path, name: str) -> None:
    (model / name).write_text(DEEP, encoding="utf-8")
    if name.endswith("index.json"):
        (model / "model.safetensors").rename(model / "other.safetensors")
    found = look(model)
    assert found.facts is None
    assert found.problem is not None
    assert found.problem.text


@pytest.mark.skipif(os.name != "posix", reason="this system has no pipes in folders")
@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"])
def test_a_pipe_in_the_place_of_a_file_is_a_sentence(model: Path, name: str) -> None:
    (model / name).unlink(missing_ok=True)
    os.mkfifo(model / name)
    assert look(model).problem is not None


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG])
def test_a_drive_that_fails_is_a_sentence(model: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, **_: object) -> os.stat_result:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "stat", fail)
    found = look(model)
    monkeypatch.undo()
    assert found.there  # for all that is known
    assert found.problem is not None
    assert found.config is None


def test_more_numbers_than_any_model_has(model: Path) -> None:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["eos_token_id"] = [1] * 200_000
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (model / "generation_config.json").unlink(missing_ok=True)
    with pytest.raises((LookError, ModelFolderError)):
        answer(ReadConfig(model))
    assert look(model).config is None


def test_a_name_that_no_system_has_is_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "a\0b") == FolderLook(False)


def test_which_weights_count(model: Path) -> None:
    (model / "other.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    found = look(model).weights
    assert found is not None
    assert (found.source, found.unread, found.names) == ("model.safetensors", 1, ("other.safetensors",))


def test_weights_are_known_by_their_hash(model: Path, tmp_path: Path) -> None:
    known = answer(IdentifyWeights(model))
    assert len(known) == 64
    assert answer(IdentifyWeights(tmp_path / "nowhere")) == ""


def test_the_configuration_of_a_repository(model: Path) -> None:
    found = answer(ReadRepoConfig("owner/name", (model / "config.json").read_bytes()))
    assert found.config == answer(ReadConfig(model)) or found.config is not None
    assert (found.problem, found.damaged, found.model_type) == (None, "", "diffusion_gemma")


@pytest.mark.parametrize(
    ("data", "kind"),
    [(DEEP.encode(), "odd"), (b"[]", "odd"), (b"\xff", "odd"), (b"", "empty"), (b"nonsense", "odd"), (b"<p>", "page")],
)
def test_a_repository_whose_configuration_is_damaged(data: bytes, kind: Any) -> None:
    instead, generated = NoAnswer(kind), "generation_config.json"
    assert answer(ReadRepoConfig("owner/name", data)) == RepoConfig(None, None, "config.json", instead)
    assert answer(ReadRepoConfig("owner/name", b"{}", data)) == RepoConfig(None, None, generated, instead)
    assert answer(ReadAdapterConfig("owner/name", data)) == AdapterConfig(instead=instead)


@pytest.mark.parametrize("text", [b'{"model_type": 5, "architectures": {"a": 1}}', b'{"architectures": [[]]}', b"{}"])
def test_a_repository_of_an_odd_kind(text: bytes) -> None:
    found = answer(ReadRepoConfig("owner/name", text))
    assert found.config is None
    assert found.problem is not None
    assert (found.model_type, found.architecture) == ("", "")


def test_a_question_with_one_answer_has_one(model: Path) -> None:
    assert list(answers(ReadConfig(model), print)) == [answer(ReadConfig(model))]
