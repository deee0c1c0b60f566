"""`python -m app update`: the same as the dialog, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import __version__
from app.base.paths import AppPaths
from app.base.settings import Settings
from app.base.settings_file import SettingsFile
from app.commands.dispatch import run_command
from tests.app.conftest import SetKind
from tests.helpers.release_server import ReleaseServer

DEB = b"a package" * 100_000


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, output, errors."""
    result = run_command(["update", *arguments])
    found = capsys.readouterr()
    return result, found.out, found.err


def test_only_asks(capsys: pytest.CaptureFixture[str], server: ReleaseServer, set_kind: SetKind) -> None:
    set_kind("deb")
    server.publish("9.0.0", deb=DEB)
    result, text, _ = run(capsys)
    assert result == 0
    assert text.splitlines()[0] == f"Dewpoint 9.0.0 of 2026-12-01 is there; you have {__version__}."
    assert "  \u2022 Chats open faster." in text
    assert text.splitlines()[-1] == f"{server.releases}/tag/v9.0.0"
    assert len(server.seen) == 1


def test_downloads_and_says_how_it_is_installed(
    capsys: pytest.CaptureFixture[str], server: ReleaseServer, set_kind: SetKind, dewpoint_home: Path
) -> None:
    set_kind("deb")
    server.publish("9.0.0", deb=DEB)
    package = dewpoint_home / "updates" / "9.0.0" / "dewpoint_9.0.0_amd64.deb"
    result, text, _ = run(capsys, "--download")
    assert result == 0
    assert package.read_bytes() == DEB
    assert f"sudo apt install {package}" in text
    result, text, _ = run(capsys, "--download", "--json")
    last = json.loads(text.splitlines()[-1])
    assert (last["event"], last["newer"]["package"]) == ("update", str(package))
    assert last["newer"]["install"] == f"sudo apt install {package}"


def test_nothing_newer(capsys: pytest.CaptureFixture[str], server: ReleaseServer) -> None:
    server.publish(__version__, deb=DEB)
    assert run(capsys)[:2] == (0, f"Dewpoint {__version__} is the newest version.\n")
    assert json.loads(run(capsys, "--json")[1])["newer"] is None


def test_another_kind_of_installation(
    capsys: pytest.CaptureFixture[str], server: ReleaseServer, set_kind: SetKind
) -> None:
    set_kind("rpm")
    server.publish("9.0.0", deb=DEB)
    assert "no package of 9.0.0 for this kind of installation" in run(capsys)[1]
    result, _, error = run(capsys, "--download")
    assert result == 1
    assert "no package" in error


def test_one_sentence_for_what_goes_wrong(
    capsys: pytest.CaptureFixture[str], server: ReleaseServer, monkeypatch: pytest.MonkeyPatch, dewpoint_home: Path
) -> None:
    result, text, error = run(capsys)
    assert (result, text) == (1, "")
    assert error == "There is no published release yet. Look again another time.\n"
    SettingsFile(AppPaths(dewpoint_home).ensure().settings_file).save(Settings(offline=True))
    assert "stay offline" in run(capsys)[2]
    monkeypatch.delenv("DEWPOINT_RELEASES")
    SettingsFile(AppPaths(dewpoint_home).settings_file).save(Settings())
    assert "git pull" in run(capsys)[2]
