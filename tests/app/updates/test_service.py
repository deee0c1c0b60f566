"""Asking, fetching and checking, against a page of releases on this machine."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
from pathlib import Path

import httpx2
import pytest

from app import __version__
from app.base.paths import AppPaths
from app.library.ledger import FolderOwner
from app.library.services import LibraryServices
from app.network.client import OfflineError
from app.transfers.errors import TransferError
from app.transfers.values import TransferFinished, TransferStopped
from app.updates import service
from app.updates.errors import UpdateError
from app.updates.release import ReleaseFile
from app.updates.service import UpdateService
from app.updates.values import Found
from tests.app.conftest import SetKind
from tests.helpers.release_server import ReleaseServer

DEB = b"a package" * 200_000


def fetched(updates: UpdateService, found: Found, cancel: threading.Event | None = None) -> object:
    """Fetch to the end; returns the last event."""
    return list(updates.fetch(found, cancel or threading.Event()))[-1]


def test_ask_fetch_check(updates: UpdateService, server: ReleaseServer) -> None:
    server.publish("0.2.0", deb=DEB, windows=b"exe")
    found = updates.ask()
    assert found is not None
    assert found.release.version == "0.2.0"
    assert found.file is not None
    assert found.file.kind == "deb"
    assert found.fetched is None
    assert found.page == f"{server.releases}/tag/v0.2.0"
    assert server.seen == ["/owner/dewpoint/releases/latest/download/updates.json"], "asking fetches nothing"
    assert server.agents == {f"dewpoint/{__version__}"}
    assert isinstance(fetched(updates, found), TransferFinished)
    path = updates.placed(found)
    assert path == updates.folder / "0.2.0" / "dewpoint_0.2.0_amd64.deb"
    assert path.read_bytes() == DEB
    again = updates.ask()
    assert again is not None
    assert again.fetched == path


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9"])
def test_the_same_or_an_older_one_is_no_news(updates: UpdateService, server: ReleaseServer, version: str) -> None:
    server.publish(version, deb=DEB)
    assert updates.ask() is None


def test_a_release_without_our_package(updates: UpdateService, server: ReleaseServer) -> None:
    server.publish("0.2.0", windows=b"exe")
    found = updates.ask()
    assert found is not None
    assert found.file is None
    with pytest.raises(UpdateError, match="no package"):
        fetched(updates, found)
    with pytest.raises(UpdateError, match="no package"):
        updates.placed(found)


def test_a_copy_that_nobody_released(updates: UpdateService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEWPOINT_RELEASES")
    with pytest.raises(UpdateError, match="not installed from a release"):
        updates.ask()


def test_offline_asks_nobody(server: ReleaseServer, dewpoint_home: Path) -> None:
    server.publish("0.2.0", deb=DEB)
    offline = UpdateService(LibraryServices.open(AppPaths(dewpoint_home).ensure(), offline=True), "0.1.0")
    with pytest.raises(OfflineError):
        offline.ask()
    assert server.seen == []


def test_a_download_is_as_slow_as_the_others_and_refused_offline(
    updates: UpdateService, server: ReleaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish("0.2.0", deb=DEB)
    found = updates.ask()
    assert found is not None
    limits: list[object] = []
    monkeypatch.setattr("app.transfers.fetch.fetch", lambda *_, rate_limit, **__: limits.append(rate_limit) or iter(()))
    assert not list(updates.fetch(found, threading.Event()))
    assert limits == [updates._services.rate]
    updates._services.network.offline = True
    with pytest.raises(OfflineError):
        fetched(updates, found)


@pytest.mark.parametrize(
    ("status", "text"), [(404, "no published release"), (500, "status 500"), (403, "status 403"), (302, "status 302")]
)
def test_statuses(updates: UpdateService, server: ReleaseServer, status: int, text: str) -> None:
    server.status = status
    with pytest.raises(UpdateError, match=text) as caught:
        updates.ask()
    assert caught.value.hint


def test_nobody_listens(updates: UpdateService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEWPOINT_RELEASES", "http://127.0.0.1:9/releases")
    with pytest.raises(UpdateError, match=r"127\.0\.0\.1:9 cannot be reached"):
        updates.ask()


@pytest.mark.parametrize("hops", [["http://example.org/a"], ["http://example.org/a", "https://example.org/b"]])
def test_from_tls_it_never_goes_to_plain_text(
    updates: UpdateService, server: ReleaseServer, monkeypatch: pytest.MonkeyPatch, hops: list[str]
) -> None:
    way, body = iter(hops), json.dumps(server.publish("0.2.0", deb=DEB)).encode()

    def answer(request: httpx2.Request) -> httpx2.Response:
        place = next(way, None)
        return httpx2.Response(302, headers={"Location": place}) if place else httpx2.Response(200, content=body)

    monkeypatch.setenv("DEWPOINT_RELEASES", "https://example.org/releases")
    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", lambda _, request: answer(request))
    with pytest.raises(UpdateError, match="not encrypted"):
        updates.ask()


def test_an_endless_answer_is_not_read_to_its_end(updates: UpdateService, server: ReleaseServer) -> None:
    server.description = json.dumps(server.publish("0.2.0", deb=DEB)).encode() + b" " * 10_000_000
    with pytest.raises(UpdateError, match="sent more than 262 kB"):
        updates.ask()


def test_a_file_that_is_another_one_is_never_used(updates: UpdateService, server: ReleaseServer) -> None:
    server.publish("0.2.0", deb=DEB)
    server.files["dewpoint_0.2.0_amd64.deb"] = b"b" + DEB[1:]
    found = updates.ask()
    assert found is not None
    with pytest.raises(TransferError):
        fetched(updates, found)
    assert not list(updates.folder.rglob("*.deb"))
    with pytest.raises(UpdateError, match="not there any more"):
        updates.placed(found)


@pytest.mark.parametrize("changed", [b"b" + DEB[1:], DEB + b"b"], ids=["same length", "longer"])
def test_a_file_that_was_changed_afterwards_is_never_used(
    updates: UpdateService, server: ReleaseServer, changed: bytes
) -> None:
    server.publish("0.2.0", deb=DEB)
    found = updates.ask()
    assert found is not None
    fetched(updates, found)
    path = updates.placed(found)
    path.write_bytes(changed)
    again = updates.ask()
    assert again is not None
    assert again.fetched is None, "it is hashed, not only measured"
    with pytest.raises(UpdateError, match="not used"):
        updates.placed(found)
    assert not path.exists()


def test_stopped_and_gone_on(updates: UpdateService, server: ReleaseServer) -> None:
    server.publish("0.2.0", deb=DEB)
    found = updates.ask()
    assert found is not None
    cancel = threading.Event()
    cancel.set()
    assert isinstance(fetched(updates, found, cancel), TransferStopped)
    assert isinstance(fetched(updates, found), TransferFinished)


def test_tidying_keeps_only_what_is_newer(updates: UpdateService) -> None:
    ledger = updates._services.ledger
    updates.folder.mkdir()
    for name in ("0.0.9", "0.1.0", "0.2.0"):
        ledger.new_folder(updates.folder / name)
        (updates.folder / name / "file").touch()
        FolderOwner(ledger, updates.folder / name).made(updates.folder / name / "file")
        (updates.folder / name / "file").write_text("a package")
    (updates.folder / "0.0.9" / "notes.txt").write_text("mine")
    (updates.folder / "0.0.8").mkdir()
    (updates.folder / "0.0.8" / "file").write_text("mine")
    updates.tidy()
    assert {path.name for path in updates.folder.iterdir()} == {"0.0.8", "0.0.9", "0.2.0"}
    assert [path.name for path in (updates.folder / "0.0.9").iterdir()] == ["notes.txt"]
    shutil.rmtree(updates.folder)
    updates.tidy()
    assert not updates.folder.exists()
    updates.tidy()


def test_an_appimage_goes_beside_the_old_one(
    updates: UpdateService, server: ReleaseServer, set_kind: SetKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_kind("appimage")
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("APPIMAGE", str(programs / "Dewpoint-0.1.0-x86_64.AppImage"))
    server.publish("0.2.0", appimage=DEB)
    found = updates.ask()
    assert found is not None
    fetched(updates, found)
    path = updates.placed(found)
    assert path == programs / "Dewpoint-0.2.0-x86_64.AppImage"
    assert path.read_bytes() == DEB
    assert path.stat().st_mode & 0o777 == 0o755
    assert [file.name for file in programs.iterdir()] == [path.name]
    assert not list(updates.folder.rglob("*.AppImage")), "it is not kept twice"
    again = updates.ask()
    assert again is not None
    assert again.fetched == path
    assert updates.placed(dataclasses.replace(found, fetched=path)) == path


def test_a_file_of_the_users_beside_the_appimage_is_not_deleted(
    updates: UpdateService, server: ReleaseServer, set_kind: SetKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_kind("appimage")
    monkeypatch.setenv("APPIMAGE", str(tmp_path / "Dewpoint.AppImage"))
    mine = tmp_path / "Dewpoint-0.2.0-x86_64.AppImage"
    mine.write_bytes(b"half of it, from a browser")
    server.publish("0.2.0", appimage=DEB)
    found = updates.ask()
    assert found is not None
    assert found.fetched is None
    with pytest.raises(UpdateError, match="not there"):
        updates.placed(found)
    assert mine.read_bytes() == b"half of it, from a browser"
    fetched(updates, found)
    with pytest.raises(UpdateError, match="File exists"):
        updates.placed(found)
    assert mine.read_bytes() == b"half of it, from a browser"
    mine.unlink()
    assert updates.placed(found).read_bytes() == DEB


def test_a_package_that_another_program_holds(
    updates: UpdateService, server: ReleaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a virus scanner on Windows does."""
    server.publish("0.2.0", deb=DEB)
    found = updates.ask()
    assert found is not None
    fetched(updates, found)

    looks, really = [0], service._is_right

    def held(path: Path, file: ReleaseFile) -> bool:
        looks[0] += 1
        if looks[0] in (1, 2, 3):
            raise PermissionError(13, "Permission denied")
        return really(path, file)

    monkeypatch.setattr(service, "_is_right", held)
    with pytest.raises(UpdateError, match="cannot be read: Permission denied"):
        updates.placed(found)
    for _ in range(2):  # the first of these looks twice
        assert updates.placed(found).read_bytes() == DEB, "it is kept"


def test_an_appimage_whose_folder_cannot_be_written(
    updates: UpdateService, server: ReleaseServer, set_kind: SetKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_kind("appimage")
    monkeypatch.setenv("APPIMAGE", str(tmp_path / "gone" / "Dewpoint.AppImage"))
    server.publish("0.2.0", appimage=DEB)
    found = updates.ask()
    assert found is not None
    fetched(updates, found)
    with pytest.raises(UpdateError, match="could not be put into") as caught:
        updates.placed(found)
    kept = updates.folder / "0.2.0" / "Dewpoint-0.2.0-x86_64.AppImage"
    assert str(kept) in caught.value.hint
    assert kept.read_bytes() == DEB
