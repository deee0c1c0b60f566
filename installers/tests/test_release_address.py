"""The address of releases: which ones are taken, and that it is one of the files that manifest.json lists."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.updates.source import checked_address
from installers import payload
from installers.linux import build, freeze, libraries
from installers.manifest import verify_manifest
from installers.release_address import AddressError, write_address
from installers.windows.build import remove_macro

ADDRESS = "https://github.com/owner/repo/releases"


class TestAddress:
    """resources/release.json: which addresses it may hold."""

    @pytest.mark.parametrize(
        "address", [ADDRESS, f"{ADDRESS}/", "https://example.org:8443", "http://127.0.0.1:8080/r", "http://localhost/r"]
    )
    def test_good_addresses_are_written_without_a_last_slash(self, tmp_path: Path, address: str) -> None:
        write_address(tmp_path, address)
        assert json.loads((tmp_path / "release.json").read_bytes()) == {"releases": checked_address(address, "here")}
        write_address(tmp_path, None)
        assert not (tmp_path / "release.json").exists()

    @pytest.mark.parametrize(
        "address",
        [
            "http://github.com/owner/repo/releases", "http://127.0.0.1.example.org/r", "http://localhost@example.org/r",
            "http://10.0.0.1/r", "ftp://example.org/r", "file:///r", "example.org/r", "", "https://", "https:///releases",
            "https://github.com//releases", "https://example.org/r?x=1", "https://example.org/r#x", "https://a b/r",
            "https://user:word@example.org/r", "https://example.org/r\n", "HTTPS://example.org/r\"", f"{ADDRESS}//",
            "https://example.org:65536/r",
        ],
    )  # fmt: skip
    def test_others_are_refused_by_both_builds(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str
    ) -> None:
        with pytest.raises(AddressError, match="no address of releases"):
            write_address(tmp_path, address)
        assert not (tmp_path / "release.json").exists()
        for main, arguments in ((payload.main, ["--target", "wine"]), (build.main, [])):
            with pytest.raises(SystemExit):
                main([*arguments, "--out", str(tmp_path / "out"), "--releases", address])
            assert "is no address of releases" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def python_zip(path: Path) -> Path:
    """Something like an embeddable Python."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("python.exe", path.name)
    return path


def digest(path: Path) -> str:
    """A file's sha256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def small_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Payloads are a few files, and what they would download is noted."""
    downloads: list[str] = []
    monkeypatch.setattr(payload, "PYTHON", f"{sys.version_info[0]}.{sys.version_info[1]}")
    pypi, python_org = python_zip(tmp_path / "pypi.zip"), python_zip(tmp_path / "python-org.zip")
    monkeypatch.setattr(payload, "EMBED_SHA256", digest(pypi))
    monkeypatch.setattr(payload, "PYTHON_ORG_SHA256", digest(python_org))

    def embed_zip(scratch: Path) -> bytes:
        downloads.append("python")
        return pypi.read_bytes()

    def install_packages(target: str, site: Path) -> None:
        downloads.append("packages")
        site.mkdir()
        (site / "uv.exe").touch()

    def copy_program(out: Path) -> None:
        (out / "resources").mkdir()
        (out / "resources" / "catalogue.json").touch()

    for stand_in in (embed_zip, install_packages, copy_program):
        monkeypatch.setattr(payload, stand_in.__name__, stand_in)
    for name in ("collect_licences", "copy_kept", "compile_sources", "add_kernels"):
        monkeypatch.setattr(payload, name, lambda *arguments: None)
    return downloads


class TestPayload:
    """The program for Windows."""

    def test_the_address_is_one_of_its_files(self, tmp_path: Path, small_payload: list[str]) -> None:
        out = tmp_path / "out"
        arguments = ["--target", "windows", "--out", str(out), "--python-zip", str(tmp_path / "python-org.zip")]
        assert payload.main([*arguments, "--releases", f"{ADDRESS}/"]) == 0
        assert small_payload == ["packages"]
        assert json.loads((out / "resources" / "release.json").read_bytes()) == {"releases": ADDRESS}
        assert verify_manifest(out) == []
        listed = list(json.loads((out / "manifest.json").read_bytes())["files"])
        assert "resources/release.json" in listed
        assert 'Delete "$INSTDIR\\resources\\release.json"' in remove_macro(listed)
        assert json.loads((tmp_path / "out.json").read_bytes())["releases"] == ADDRESS

    def test_without_the_option_there_is_none(self, tmp_path: Path, small_payload: list[str]) -> None:
        payload.build("windows", tmp_path / "out")
        assert [path.name for path in (tmp_path / "out" / "resources").iterdir()] == ["catalogue.json"]
        assert verify_manifest(tmp_path / "out") == []

    @pytest.mark.parametrize("given", [None, "pypi.zip", "other.zip"])
    def test_the_python_of_pypi_is_not_for_users(
        self, tmp_path: Path, small_payload: list[str], capsys: pytest.CaptureFixture[str], given: str | None
    ) -> None:
        python_zip(tmp_path / "other.zip")
        arguments = ["--target", "windows", "--out", str(tmp_path / "out"), "--releases", ADDRESS]
        assert payload.main([*arguments, *(["--python-zip", str(tmp_path / given)] if given else [])]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"With --releases, --python-zip must be {payload.PYTHON_ORG}, ")
        assert error.endswith(f"{given or 'copy'} is not.\n")
        assert small_payload == []
        assert not (tmp_path / "out").exists()

    def test_tests_under_wine_may_have_it(self, tmp_path: Path, small_payload: list[str]) -> None:
        report = payload.build("wine", tmp_path / "out", releases="http://127.0.0.1:8000/releases/")
        assert report["releases"] == "http://127.0.0.1:8000/releases"
        assert (tmp_path / "out" / "resources" / "release.json").is_file()
        with pytest.raises(AddressError):
            payload.build("wine", tmp_path / "other", releases="http://example.org")
        assert small_payload == ["python", "packages"]


@pytest.fixture
def small_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the Linux build with a program of a few files, which is not packed."""
    scripts = tmp_path / "work" / "venv" / "bin"
    scripts.mkdir(parents=True)
    (tmp_path / "work" / "venv" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (scripts / "uv").touch()

    def frozen(python: Path, work: Path) -> Path:
        tree = work / "dist" / "dewpoint"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "_internal" / "resources").mkdir(parents=True)
        (tree / "_internal" / "resources" / "release.json").write_text("a developer's own", "utf-8")
        (tree / "_internal" / "resources" / "release.json").chmod(0o600)
        return tree

    def pack(self: build.Build, *arguments: Any) -> None:
        self.report["installed_bytes"] = 0

    monkeypatch.setattr(freeze, "make_environment", lambda folder: scripts / "python")
    monkeypatch.setattr(freeze, "freeze", frozen)
    monkeypatch.setattr(freeze, "run_program", lambda program: {})
    monkeypatch.setattr(freeze, "collect_licences", lambda *arguments, **without: None)
    monkeypatch.setattr(freeze, "add_kernels", lambda *arguments: None)
    for name in ("prune", "copy_system_notices", "system_packages"):
        monkeypatch.setattr(libraries, name, lambda *arguments: [])
    monkeypatch.setattr(build.Build, "pack", pack)
    folders = ["--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    return lambda *arguments: build.main([*folders, *arguments])


class TestLinux:
    """The program for Linux."""

    def test_the_address_is_one_of_its_files(self, tmp_path: Path, small_build: Callable[..., int]) -> None:
        assert small_build("--releases", ADDRESS) == 0
        tree = tmp_path / "work" / "dist" / "dewpoint"
        file = tree / "_internal" / "resources" / "release.json"
        assert json.loads(file.read_bytes()) == {"releases": ADDRESS}
        assert file.stat().st_mode & 0o777 == 0o644
        assert "_internal/resources/release.json" in json.loads((tree / "manifest.json").read_bytes())["files"]
        assert verify_manifest(tree) == []
        assert json.loads((tmp_path / "out" / "report.json").read_bytes())["releases"] == ADDRESS

    def test_without_the_option_there_is_none(self, tmp_path: Path, small_build: Callable[..., int]) -> None:
        assert small_build() == 0
        tree = tmp_path / "work" / "dist" / "dewpoint"
        assert not list(tree.rglob("release.json"))
        assert verify_manifest(tree) == []

    def test_a_program_with_another_address_is_not_used_again(
        self, small_build: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert small_build("--releases", ADDRESS) == 0
        assert small_build("--reuse", "--releases", ADDRESS) == 0
        assert small_build("--reuse") == 1
        assert f"looks for releases at {ADDRESS}: build without --reuse" in capsys.readouterr().err
        assert small_build() == 0
        assert small_build("--reuse") == 0
        assert small_build("--reuse", "--releases", ADDRESS) == 1
        assert "looks for releases nowhere" in capsys.readouterr().err
