"""The local hub is one for the real `huggingface_hub` client, and gives our downloads the same files."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._http import default_client_factory

from app.transfers.errors import TransferError
from tests.app.transfers.support import TOKEN, assert_all_right, content, remote_files, run
from tests.helpers.hub_behaviour import Repo, make_repo, random_contents, repo_of
from tests.helpers.hub_server import Hub
from tests.helpers.waiting import wait_until

FILES = [("config.json", 900), ("a/empty", 0), ("a/b/model.safetensors", 3_000_000), ("ü b.txt", 10)]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Their client (not the one that a program of another test has set), without Xet and allowed to ask."""
    huggingface_hub.set_client_factory(default_client_factory)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    huggingface_hub.close_session()


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add(make_repo(1, FILES))


def test_model_info(hub: Hub, repo: Repo) -> None:
    api = HfApi(endpoint=hub.url, token=False)
    info = api.model_info(repo.name, files_metadata=True)
    assert (info.id, info.sha, info.gated, info.private) == (repo.name, repo.sha, False, False)
    assert info.card_data is not None
    assert info.card_data.license == "apache-2.0"
    assert info.siblings is not None
    found = {sibling.rfilename: sibling for sibling in info.siblings}
    assert set(found) == set(repo.files)
    large = found["a/b/model.safetensors"]
    assert large.lfs is not None
    assert (large.size, large.lfs.size) == (3_000_000, 3_000_000)
    assert large.lfs.sha256 == repo.files["a/b/model.safetensors"].sha256
    assert found["config.json"].lfs is None
    assert found["a/empty"].blob_id == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "Git's name of an empty file"
    assert api.model_info(repo.name, revision=repo.sha).sha == repo.sha
    assert {entry.path for entry in api.list_repo_tree(repo.name, recursive=True)} == set(repo.files)


@pytest.mark.parametrize("resolve_cache", [False, True])
def test_snapshot_download(tmp_path: Path, resolve_cache: bool) -> None:
    with Hub(resolve_cache=resolve_cache) as hub:
        repo = hub.add(make_repo(1, FILES))
        folder = Path(snapshot_download(repo.name, endpoint=hub.url, cache_dir=tmp_path / "theirs", token=False))
        for path, file in repo.files.items():
            assert (folder / path).read_bytes() == content(file)
        assert_all_right(repo, tmp_path / "ours", run(remote_files(hub, repo), tmp_path / "ours"))
        one = hf_hub_download(repo.name, "config.json", endpoint=hub.url, cache_dir=tmp_path / "one", token=False)
        assert Path(one).read_bytes() == content(repo.files["config.json"])


def test_conditions(hub: Hub, repo: Repo, tmp_path: Path) -> None:
    contents = random_contents(1, [("a.bin", 10), ("b.bin", 200_000)])
    gated = hub.add(repo_of("owner/gated", contents, gated="manual", allowed=[TOKEN], licence="gemma"))
    private = hub.add(repo_of("owner/private", contents, private=True, allowed=[TOKEN]))
    api = HfApi(endpoint=hub.url)
    info = api.model_info(gated.name, token=False)
    assert (info.gated, info.card_data and info.card_data.license) == ("manual", "gemma")
    for repo_id, filename, token, error in (
        (gated.name, "a.bin", False, GatedRepoError),
        (gated.name, "b.bin", "hf_other", GatedRepoError),
        (private.name, "a.bin", "hf_other", RepositoryNotFoundError),
        ("owner/none", "a.bin", False, RepositoryNotFoundError),
        (repo.name, "none", False, EntryNotFoundError),
    ):
        with pytest.raises(error):
            hf_hub_download(repo_id, filename, endpoint=hub.url, cache_dir=tmp_path, token=token)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("owner/none", token=False)
    with pytest.raises(RevisionNotFoundError):
        api.model_info(repo.name, revision="v9", token=False)
    found = hf_hub_download(gated.name, "b.bin", endpoint=hub.url, cache_dir=tmp_path, token=TOKEN)
    assert Path(found).stat().st_size == 200_000


@pytest.mark.parametrize(
    ("token", "kind"), [(None, "unauthorized"), ("hf_other", "gated"), (TOKEN, "")], ids=["none", "other", "good"]
)
def test_our_downloads_of_a_gated_repository(hub: Hub, folder: Path, token: str | None, kind: str) -> None:
    contents = random_contents(1, [("a.bin", 10), ("b.bin", 200_000)])
    repo = hub.add(repo_of("owner/gated", contents, gated="auto", allowed=[TOKEN]))
    if not kind:
        assert_all_right(repo, folder, run(remote_files(hub, repo), folder, token=token))
        return
    with pytest.raises(TransferError) as caught:
        run(remote_files(hub, repo), folder, token=token)
    assert caught.value.kind == kind


def test_the_server_as_a_program(tmp_path: Path) -> None:
    source = tmp_path / "source" / "a"
    source.mkdir(parents=True)
    (source / "x.bin").write_bytes(bytes(300_000))
    words = ["--folder", str(source.parent), "--repo", "o/m", "--port-file", str(tmp_path / "port")]
    command = [sys.executable, "-m", "tests.helpers.hub_server", *words, "--rate", "50000000"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        wait_until((tmp_path / "port").exists)
        url = (tmp_path / "port").read_text("ascii")
        with urllib.request.urlopen(f"{url}/o/m/resolve/main/a/x.bin") as answer:
            assert answer.read() == bytes(300_000)
        with urllib.request.urlopen(f"{url}/_stats") as answer:
            assert json.load(answer) == {"a/x.bin": 300_000}
        process.communicate()
    assert process.returncode == 0
