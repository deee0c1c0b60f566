"""Asking the Hub: what is taken, and one sentence for every way to fail."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.base.errors import KnownAppError
from app.library import download
from app.library.hub import HubError, RepoAddress, repo_address
from app.library.services import LibraryServices
from app.network.client import Network, OfflineError
from app.updates.source import shown_address
from inference.engines.planning import model_shape
from tests.app.conftest import MakeServices
from tests.helpers.hub_behaviour import Repo, repo_of, status
from tests.helpers.hub_server import Hub
from tests.helpers.tiny_models import NAME, MemoryKeyring, accepted, tiny_contents


@pytest.mark.parametrize(
    "text",
    [
        "owner/tiny", " owner/tiny\n", "https://huggingface.co/owner/tiny", "huggingface.co/owner/tiny/",
        "https://hf.co/owner/tiny/tree/main", "https://huggingface.co/owner/tiny?library=transformers#files",
        "https://huggingface.co/owner/tiny/blob/main/config.json", "https://huggingface.co/owner/tiny.git",
        "git@hf.co:owner/tiny.git", "hf://owner/tiny", "https://huggingface.co/owner/tiny/discussions/3",
        "https://huggingface.co/owner/tiny/tree/main/sub/folder", "https://huggingface.co/owner/tiny/main",
    ],
)  # fmt: skip
def test_a_name_or_an_address(text: str) -> None:
    assert repo_address(text) == RepoAddress("owner/tiny")


@pytest.mark.parametrize(
    ("text", "revision"),
    [
        ("https://huggingface.co/owner/tiny/tree/refs%2Fpr%2F1", "refs/pr/1"),
        ("https://huggingface.co/owner/tiny/tree/refs/pr/1", "refs/pr/1"),
        ("https://huggingface.co/owner/tiny/blob/refs%2Fpr%2F1/config.json", "refs/pr/1"),
        ("https://huggingface.co/owner/tiny/blob/v2/config.json", "v2"),
        ("https://huggingface.co/owner/tiny/resolve/v2/model.safetensors?download=true", "v2"),
        ("https://huggingface.co/owner/tiny/raw/v2/config.json", "v2"),
        ("https://huggingface.co/owner/tiny/commits/dev", "dev"),
        ("https://huggingface.co/owner/tiny/commit/" + "a1" * 20, "a1" * 20),
        ("https://huggingface.co/owner/tiny/tree/feature%2Fnew/sub", "feature/new"),
        ("owner/tiny@v2.1", "v2.1"),
        ("hf://owner/tiny@refs/pr/2", "refs/pr/2"),
        ("owner/tiny@main", ""),
    ],
)
def test_an_address_with_a_revision(text: str, revision: str) -> None:
    assert repo_address(text) == RepoAddress("owner/tiny", revision)


@pytest.mark.parametrize(
    "text",
    ["", "tiny", "a/b/c/d", "owner/ti ny", "../etc/passwd", "owner/..", "https://example.org/owner/tiny", "o/a--b",
     "https://huggingface.co/owner/tiny/tree/../x", "https://huggingface.co/owner/tiny/tree/a b",
     "https://huggingface.co/datasets/owner/tiny", "owner/tiny@a@b"],
)  # fmt: skip
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(HubError) as caught:
        repo_address(text)
    assert "name of a repository" in caught.value.user_text
    assert "owner/name" in caught.value.hint


def test_what_a_download_takes(services: LibraryServices, hub: Hub) -> None:
    extra = {"model.gguf": b"x" * 2000, "pytorch_model.bin": b"y" * 2000, ".gitattributes": b"a", "picture.png": b"p",
             "LICENSE": b"Be good.", "original/consolidated.safetensors": b"z" * 2000}  # fmt: skip
    repo = hub.add(repo_of(NAME, tiny_contents() | extra, licence="other"))
    remote = services.hub.look(NAME)
    assert {file.path for file in remote.files} == {*tiny_contents(), "LICENSE"}
    assert remote.left_out == 5
    assert remote.revision == repo.sha
    assert (
        remote.size
        == sum(len(bytes(content)) for content in tiny_contents().values() if isinstance(content, bytes)) + 8
    )
    kinds = {file.path.endswith(".safetensors"): file.digest.kind for file in remote.files}
    assert kinds == {True: "sha256", False: "git-blob"}
    assert [file.path.endswith(".safetensors") for file in remote.files] == [False] * 6 + [True] * 2
    assert remote.config is not None
    assert model_shape(remote.config).vocab_size == 2048
    assert services.hub.licence_text(remote) == "Be good."


def test_apache_is_shown_from_what_ships(services: LibraryServices, repo: Repo) -> None:
    assert "Apache License" in services.hub.licence_text(services.hub.look(NAME))


def test_another_licence_is_named_with_its_address(services: LibraryServices, hub: Hub) -> None:
    hub.add(repo_of(NAME, tiny_contents(), licence="gemma"))
    text = services.hub.licence_text(services.hub.look(NAME))
    assert "\u201cgemma\u201d" in text
    assert f"{hub.url}/{NAME}" in text


def with_config(**changes: Any) -> Callable[[dict[str, bytes | Path]], dict[str, bytes | Path]]:
    """A change of config.json."""

    def change(contents: dict[str, bytes | Path]) -> dict[str, bytes | Path]:
        raw = json.loads(contents["config.json"]) if isinstance(contents["config.json"], bytes) else {}
        return contents | {"config.json": json.dumps(raw | changes).encode()}

    return change


def without(*endings: str) -> Callable[[dict[str, bytes | Path]], dict[str, bytes | Path]]:
    """No files of these endings."""
    return lambda contents: {path: data for path, data in contents.items() if not path.endswith(endings)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_config(model_type="llama", architectures=["LlamaForCausalLM"]), "is LlamaForCausalLM; Dewpoint runs"),
        (with_config(model_type="gemma4", architectures=["Gemma4ForConditionalGeneration"]), "is Gemma4ForCond"),
        (with_config(text_config={}), "config.json"),
        (without("config.json"), "holds no config.json"),
        (without(".safetensors"), "holds no weights"),
        (lambda contents: contents | {"config.json": b"{not json"}, "is damaged at its source"),
        (lambda contents: contents | {"config.json": b"[1]"}, "is damaged at its source"),
    ],
)
def test_what_is_no_model_for_us(
    services: LibraryServices,
    hub: Hub,
    change: Callable[[dict[str, bytes | Path]], dict[str, bytes | Path]],
    words: str,
) -> None:
    hub.add(repo_of(NAME, change(tiny_contents())))
    with pytest.raises(HubError) as caught:
        services.hub.look(NAME)
    assert words in caught.value.user_text
    assert caught.value.hint


def test_other_formats_are_named(services: LibraryServices, hub: Hub) -> None:
    hub.add(repo_of(NAME, {"model-Q4.gguf": b"x" * 5000, "README.md": b"hi"}))
    with pytest.raises(HubError) as caught:
        services.hub.look(NAME)
    assert "GGUF files" in caught.value.hint


def test_an_adapter_names_its_base(services: LibraryServices, hub: Hub) -> None:
    config = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "google/x"}).encode()
    hub.add(repo_of(NAME, {"adapter_config.json": config, "adapter_model.safetensors": b"x" * 200_000}))
    remote = services.hub.look(NAME)
    assert (remote.config, remote.base) == (None, "google/x")
    with pytest.raises(HubError) as caught:
        download.offer(services, NAME)
    assert "is an adapter (LoRA) for google/x" in caught.value.user_text
    assert "add that folder" in caught.value.hint


WEIGHTS = b"w" * 300_000


def test_an_adapter_configuration_beside_full_weights_is_a_model(services: LibraryServices, hub: Hub) -> None:
    config = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "google/x"}).encode()
    extra: dict[str, bytes | Path] = {"adapter_config.json": config, "adapter_model.safetensors": WEIGHTS}
    hub.add(repo_of(NAME, tiny_contents() | extra))
    remote = services.hub.look(NAME)
    assert remote.config is not None
    assert "adapter_model.safetensors" not in {file.path for file in remote.files}


def test_an_adapter_that_brings_the_configuration_of_its_base_is_an_adapter(
    services: LibraryServices, hub: Hub
) -> None:
    config = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "google/x"}).encode()
    small = {path: data for path, data in tiny_contents().items() if not path.endswith(".safetensors")}
    hub.add(repo_of(NAME, small | {"adapter_config.json": config, "adapter_model.safetensors": WEIGHTS}))
    assert (services.hub.look(NAME).config, services.hub.look(NAME).base) == (None, "google/x")


@pytest.mark.parametrize(
    "left",
    [
        "last-checkpoint/model.safetensors", "checkpoint-500/config.json", "checkpoint-500/model.safetensors",
        "runs/notes.md", "dewpoint-graphs.json", "dewpoint-model.json", "optimizer.safetensors",
        "onnx/config.json", "adapter_model.safetensors",
    ],
)  # fmt: skip
def test_what_nobody_reads_is_not_fetched(services: LibraryServices, hub: Hub, left: str) -> None:
    hub.add(repo_of(NAME, tiny_contents() | {left: WEIGHTS}))
    remote = services.hub.look(NAME)
    assert {file.path for file in remote.files} == set(tiny_contents())
    assert remote.left_out == 1


def test_of_weights_saved_twice_those_are_fetched_that_are_read(services: LibraryServices, hub: Hub) -> None:
    extra: dict[str, bytes | Path] = {"model.safetensors": WEIGHTS, "model.safetensors.index.json": b"{}"}
    hub.add(repo_of(NAME, tiny_contents() | extra))
    found = {file.path for file in services.hub.look(NAME).files if "safetensors" in file.path}
    assert found == {"model.safetensors"}
    hub.add(
        repo_of(
            NAME,
            with_config(transformers_weights="tuned.safetensors")(
                tiny_contents() | extra | {"tuned.safetensors": WEIGHTS}
            ),
        )
    )
    assert "tuned.safetensors" in {file.path for file in services.hub.look(NAME).files}


@pytest.mark.parametrize("typed", ["https://huggingface.co/owner/tiny/tree/refs%2Fpr%2F1", "owner/tiny@refs/pr/1"])
def test_a_revision_is_asked_for_and_shown(services: LibraryServices, hub: Hub, typed: str) -> None:
    hub.add(repo_of(NAME, tiny_contents(), revisions=("main", "refs/pr/1")))
    offer = download.offer(services, typed)
    assert (offer.title, offer.remote.asked) == ("owner/tiny @ refs/pr/1", "refs/pr/1")
    assert any("/revision/refs%2Fpr%2F1" in seen.path for seen in hub.behaviour.seen)
    assert offer.folder != download.offer(services, NAME).folder


def test_a_revision_that_is_gone_is_said(services: LibraryServices, repo: Repo) -> None:
    with pytest.raises(HubError) as caught:
        download.offer(services, "https://huggingface.co/owner/tiny/blob/v9/config.json")
    assert "no such revision" in caught.value.user_text


def test_two_revisions_are_two_models(services: LibraryServices, hub: Hub) -> None:
    hub.add(repo_of(NAME, tiny_contents(), revisions=("main", "v2")))
    main, second = accepted(services, NAME), accepted(services, "owner/tiny@v2")
    assert main.folder != second.folder
    assert (main.title, second.title) == (NAME, "owner/tiny @ v2")
    assert accepted(services, NAME).id == main.id
    assert accepted(services, "owner/tiny@v2").id == second.id


def test_no_such_model(services: LibraryServices, hub: Hub) -> None:
    with pytest.raises(HubError) as caught:
        services.hub.look("owner/none")
    assert "There is no model owner/none on the Hub, or it is private." in caught.value.user_text


def test_no_such_revision(services: LibraryServices, repo: Repo) -> None:
    with pytest.raises(HubError) as caught:
        services.hub.look(NAME, "other")
    assert "no such revision" in caught.value.user_text


def test_gated(services: LibraryServices, hub: Hub, memory_keyring: MemoryKeyring) -> None:
    hub.add(repo_of(NAME, tiny_contents(), gated="manual", allowed=["hf_good"]))
    with pytest.raises(HubError) as caught:
        services.hub.look(NAME)
    assert "lets in only accounts" in caught.value.user_text
    assert "access token" in caught.value.hint
    assert services.tokens.set("hf_other")
    with pytest.raises(HubError) as caught:
        services.hub.look(NAME)
    assert "has not been let in" in caught.value.user_text
    services.tokens.set(" hf_good\n")
    assert services.hub.look(NAME).gated
    assert list(memory_keyring.kept.values()) == ["hf_good"]


def test_a_token_is_never_logged(
    services: LibraryServices, hub: Hub, dewpoint_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub.add(repo_of(NAME, tiny_contents(), gated="manual", allowed=["hf_good"]))
    services.tokens.set("hf_secret")
    with caplog.at_level(logging.DEBUG), pytest.raises(HubError) as caught:
        services.hub.look(NAME)
    assert "hf_secret" not in caplog.text + str(caught.value) + repr(caught.value.__cause__)
    assert not any(b"hf_secret" in file.read_bytes() for file in dewpoint_home.rglob("*") if file.is_file())


def test_a_token_of_another_program_is_not_used(
    services: LibraryServices, repo: Repo, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_other_program")
    services.hub.look(NAME)
    assert hub.behaviour.seen
    assert not any("authorization" in seen.headers for seen in hub.behaviour.seen)


@pytest.mark.parametrize("token", ["hf_\u00fc", "hf_a\r\nX-Evil: 1", "\u202ehf", "hf_\x00", "hf_\ud800"])
def test_a_token_that_is_none_is_sent_to_nobody(services: LibraryServices, hub: Hub, token: str) -> None:
    services.tokens.set(token)
    with pytest.raises(HubError, match="The stored access token holds characters that no token has"):
        services.hub.look(NAME)
    assert not hub.behaviour.seen


def test_a_token_is_forgotten(make_services: MakeServices, hub: Hub, memory_keyring: MemoryKeyring) -> None:
    first = make_services()
    first.tokens.set("hf_good")
    assert make_services().tokens.get() == "hf_good", "after a restart"
    first.tokens.remove()
    assert (first.tokens.get(), memory_keyring.kept) == (None, {})


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (500, "", "error of its own (status 500)"),
        (503, "", "error of its own (status 503)"),
        (404, "", "has no file config.json any more"),
        (401, "", "refuses owner/tiny without an account"),
        (403, "GatedRepo", "lets in only accounts"),
    ],
)
def test_errors_of_the_hub(services: LibraryServices, repo: Repo, hub: Hub, number: int, code: str, words: str) -> None:
    hub.behaviour.plan("config.json", status(number, code), where="hub", times=None)
    with pytest.raises(HubError) as caught:
        services.hub.look(NAME)
    assert words in caught.value.user_text
    assert caught.value.hint


def test_nobody_answers(make_services: MakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(HubError) as caught:
            make_services().hub.look(NAME)
    assert "cannot be reached" in caught.value.user_text
    assert "proxy" in caught.value.hint


def test_offline_asks_nobody(make_services: MakeServices, repo: Repo, hub: Hub) -> None:
    services = make_services(offline=True)
    with pytest.raises(OfflineError) as caught:
        services.hub.look(NAME)
    assert "stay offline" in caught.value.user_text
    assert not hub.behaviour.seen
    services.network.offline = False
    assert services.hub.look(NAME).repo == NAME


def test_the_switch_holds_for_a_client_that_is_open(hub: Hub, repo: Repo) -> None:
    network = Network()
    with network.client() as client:
        assert client.get(hub.file_url(repo, "config.json")).status_code == 200
        network.offline = True
        before = len(hub.behaviour.seen)
        with pytest.raises(KnownAppError):
            client.get(hub.file_url(repo, "config.json"))
        assert len(hub.behaviour.seen) == before


def test_every_use_of_the_network_is_listed_with_the_real_address(hub: Hub) -> None:
    uses = Network().uses(shown_address())
    assert all(use.host and use.when and use.sends for use in uses)
    assert [hub.url in use.host for use in uses] == [True] * 3 + [False] * (len(uses) - 3)  # what else is no Hub's
