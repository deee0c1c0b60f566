"""Where releases are, and what this copy was installed from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.updates import source
from app.updates.errors import UpdateError
from app.updates.source import Source, find_source, installed_kind, shown_address

ADDRESS = "https://example.org/owner/dewpoint/releases"


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The resources of an installed program, empty."""
    folder = tmp_path / "program" / "resources"
    folder.mkdir(parents=True)
    monkeypatch.delenv("DEWPOINT_RELEASES", raising=False)
    for name in ("APPIMAGE", "APPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(source, "resources_folder", lambda: folder)
    return folder


def test_addresses() -> None:
    made = Source(ADDRESS, "deb")
    assert made.newest == f"{ADDRESS}/latest/download/updates.json"
    assert made.file("1.2.3", "a.deb") == f"{ADDRESS}/download/v1.2.3/a.deb"
    assert made.page("1.2.3") == f"{ADDRESS}/tag/v1.2.3"


def test_a_checkout_has_no_releases() -> None:
    assert not (source.resources_folder() / source.RELEASE_FILE).exists(), "a build writes it, git never has it"
    assert installed_kind() is None


def test_nothing_is_written_nobody_is_asked(resources: Path) -> None:
    assert find_source() is None
    assert shown_address().startswith("Nobody")


def test_what_the_build_wrote(resources: Path) -> None:
    (resources / "release.json").write_text(json.dumps({"releases": ADDRESS + "/"}))
    assert find_source() == Source(ADDRESS, None)
    assert ADDRESS in shown_address()


def test_the_variable_is_a_mirror(resources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (resources / "release.json").write_text(json.dumps({"releases": ADDRESS}))
    monkeypatch.setenv("DEWPOINT_RELEASES", "http://127.0.0.1:8000/releases/")
    found = find_source()
    assert found is not None
    assert found.releases == "http://127.0.0.1:8000/releases"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"releases": 3}', '{"releases": ""}', "\udcff"])
def test_a_damaged_file_is_one_sentence(resources: Path, content: str) -> None:
    (resources / "release.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UpdateError, match="holds no address"):
        find_source()
    assert "release.json" in shown_address()


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/releases",
        "ftp://example.org/releases",
        "file:///etc/passwd",
        "example.org/releases",
        "https://",
        "https://user:secret@example.org/releases",
        "https://example.org/releases?a=1",
        "https://example.org/releases#a",
        "https://[::1/releases",
        "https://example.org:port/releases",
        "http://127.0.0.1.example.org/releases",
    ],
)
def test_addresses_that_are_refused(resources: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DEWPOINT_RELEASES", address)
    with pytest.raises(UpdateError, match="DEWPOINT_RELEASES holds no address") as caught:
        find_source()
    assert "https://" in caught.value.hint


@pytest.mark.parametrize("address", ["http://localhost:1/r", "http://127.0.0.1/r", "http://[::1]:80/r"])
def test_this_computer_may_be_asked_without_tls(address: str) -> None:
    assert source.checked_address(address, "x") == address


def test_kinds(resources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed_kind() is None
    monkeypatch.setattr(source, "INSTALLED_AT", resources.parent)
    listed = resources / "dewpoint.list"
    monkeypatch.setattr(source, "DPKG_LIST", listed)
    assert installed_kind() == "rpm"
    listed.touch()
    assert installed_kind() == "deb"
    monkeypatch.setenv("APPIMAGE", "/home/somebody/Terminal.AppImage")
    monkeypatch.setenv("APPDIR", "/tmp/.mount_Terminal")
    assert installed_kind() == "deb", "it was started from a program that is an AppImage"
    monkeypatch.setenv("APPIMAGE", "/home/somebody/Dewpoint.AppImage")
    monkeypatch.setenv("APPDIR", str(resources.parent))
    assert installed_kind() == "appimage"
    monkeypatch.setattr(source.sys, "platform", "win32")
    assert installed_kind() is None
    (resources.parent / "uninstall.exe").touch()
    assert installed_kind() == "windows"
