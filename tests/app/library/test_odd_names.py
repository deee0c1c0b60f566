"""Names of users, folders and files that are not what a programmer types."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.library import care, download
from app.library.overview import library_status
from app.library.services import LibraryServices
from app.transfers.errors import TransferError
from tests.helpers.hub_behaviour import Repo, repo_of
from tests.helpers.hub_server import Hub
from tests.helpers.tiny_models import NAME, OPTIONS, accepted, downloaded, tiny_contents


@pytest.mark.parametrize(
    "name", ["Jürgen Мария 用户", "a b'c\"d$e%f&g", "x" * 60 + "/" + "y" * 60 + "/" + "z" * 80, "émoji 🙂"]
)
def test_odd_data_folders(services: LibraryServices, repo: Repo, tmp_path: Path, name: str, hub: Hub) -> None:
    odd = LibraryServices.open(AppPaths(tmp_path / name).ensure(), options=OPTIONS)
    record = downloaded(odd)
    assert record.folder.is_relative_to(tmp_path / name)
    assert all((record.folder / path).read_bytes() == content for path, content in tiny_contents().items())
    assert len(str(record.folder)) > 200 or "x" not in name
    list(care.verify(odd, record, threading.Event()))
    assert care.remove(odd, care.removal(odd, library_status(odd).models[1])) > 2_000_000


def test_odd_file_names(services: LibraryServices, hub: Hub) -> None:
    odd = {
        f"{name}.json": f'{{"{number}": 1}}'.encode()
        for number, name in enumerate(
            ["näme", "模型", "a b", "q?x=1&y#z", "100%", "plus+", "semi;colon", "'quoted'", "🙂", "~t", "[b]"]
        )
    }
    repo = hub.add(repo_of(NAME, tiny_contents() | odd))
    record = accepted(services)
    list(download.download(services, record, threading.Event()))
    for path, content in odd.items():
        assert (record.folder / path).read_bytes() == content
    assert services.library.find(record.id).download is None
    assert len(repo.files) == len([file for file in record.folder.rglob("*") if file.is_file()]) - 2


@pytest.mark.parametrize("path", ["C:outside.json", "\\outside.json"])
def test_names_that_lead_out_of_the_folder_are_refused(services: LibraryServices, hub: Hub, path: str) -> None:
    hub.add(repo_of(NAME, tiny_contents() | {path: b"{}"}))
    with pytest.raises(TransferError) as caught:
        download.offer(services, NAME)
    assert caught.value.kind == "unsafe"
    assert path in caught.value.user_text
    assert not services.library.models()


@pytest.mark.parametrize(
    "path",
    ["../outside.json", "a/../../outside.json", ".hidden/outside.json", "/etc/outside.json", "C:/outside.json",
     "a//outside.json"],
)  # fmt: skip
def test_names_with_dots_or_folders_are_left_out(services: LibraryServices, hub: Hub, path: str) -> None:
    hub.add(repo_of(NAME, tiny_contents() | {path: b"{}"}))
    offer = download.offer(services, NAME)
    assert (offer.remote.left_out, len(offer.remote.files)) == (1, len(tiny_contents()))
    downloaded(services)
    assert not list(services.paths.base.rglob("outside.json"))
