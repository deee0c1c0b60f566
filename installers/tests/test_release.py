"""updates.json and SHA256SUMS of a release."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.updates.release import read_release
from installers import release

NAMES = {
    "windows": "dewpoint-0.2.0-setup.exe", "deb": "dewpoint_0.2.0_amd64.deb", "rpm": "dewpoint-0.2.0-1.x86_64.rpm",
    "appimage": "Dewpoint-0.2.0-x86_64.AppImage",
}  # fmt: skip
CHANGELOG = "# Changelog\n\n## 0.2.0 - 2026-12-01\n\n- It looks for `updates`.\n- **Größer**.\n"


@pytest.fixture(autouse=True)
def changelog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A changelog of version 0.2.0, which is to be released."""
    file = tmp_path / "CHANGELOG.md"
    file.write_text(CHANGELOG, "utf-8")
    monkeypatch.setattr(release, "CHANGELOG", file)
    monkeypatch.setattr(release, "version", lambda: "0.2.0")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release of one small file of each kind."""
    place = tmp_path / "release"
    place.mkdir()
    for kind, name in NAMES.items():
        (place / name).write_bytes(kind.encode() * 100)
    return place


def broken_rules(data: bytes) -> list[str]:
    """Which rules of the programs that read it an updates.json breaks."""
    updates: dict[str, Any] = json.loads(data)
    files, texts = updates["files"], updates["changes"]
    rules = {
        "keys": set(updates) == {"format", "version", "date", "changes", "files"} and updates["format"] == 1,
        "version": re.fullmatch(r"\d+\.\d+\.\d+", updates["version"]),
        "date": re.fullmatch(r"\d{4}-\d{2}-\d{2}", updates["date"]),
        "changes": 0 < len(texts) <= 30 and all(isinstance(text, str) and 0 < len(text) <= 500 for text in texts),
        "file keys": all(set(file) == {"kind", "name", "size", "sha256"} for file in files),
        "kinds": len({file["kind"] for file in files}) == len(files) > 0
        and {file["kind"] for file in files} <= set(NAMES),
        "names": all(re.fullmatch(r"[A-Za-z0-9._+-]{1,120}", file["name"]) for file in files),
        "sizes": all(type(file["size"]) is int and file["size"] > 0 for file in files),
        "hashes": all(re.fullmatch(r"[0-9a-f]{64}", file["sha256"]) for file in files),
        "length": len(data) <= 256 * 1024,
    }
    return [name for name, kept in rules.items() if not kept]


class TestRelease:
    """The folder of a release."""

    def test_what_programs_read_is_right(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert release.main([str(folder)]) == 0
        data = (folder / "updates.json").read_bytes()
        assert broken_rules(data) == []
        assert [file.name for file in read_release(json.loads(data)).files] == list(NAMES.values())
        updates = json.loads(data)
        assert updates["version"] == "0.2.0"
        assert updates["date"] == "2026-12-01"
        assert updates["changes"] == ["It looks for updates.", "Größer."]
        assert {file["kind"]: file["name"] for file in updates["files"]} == NAMES
        for file in updates["files"]:
            content = (folder / file["name"]).read_bytes()
            assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        said = capsys.readouterr().out
        assert all(name in said for name in (*NAMES.values(), "updates.json", "SHA256SUMS"))
        assert f"{len(data)} bytes" in said

    def test_the_longest_one_is_short_enough(self, folder: Path, changelog: Path) -> None:
        changelog.write_text("## 0.2.0\n" + f"- {'😀' * 600}\n" * 40, "utf-8")
        release.write_release(folder)
        assert broken_rules((folder / "updates.json").read_bytes()) == []

    def test_again_it_is_the_same(self, folder: Path) -> None:
        release.write_release(folder)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        (folder / "updates.json.part").write_bytes(b"of a run that was killed")
        release.write_release(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        release.write_release(folder, "2027-01-02")
        assert json.loads((folder / "updates.json").read_bytes())["date"] == "2027-01-02"

    @pytest.mark.skipif(shutil.which("sha256sum") is None, reason="this machine has no sha256sum to read the list with")
    def test_sha256sum_accepts_the_list(self, folder: Path) -> None:
        release.write_release(folder)
        lines = (folder / "SHA256SUMS").read_text("utf-8").split("\n")
        assert all(re.fullmatch(r"[0-9a-f]{64}  [^ ]+", line) for line in lines[:-1])
        command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
        checked = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
        assert sorted(checked.split("\n")[:-1]) == sorted(f"{name}: OK" for name in (*NAMES.values(), "updates.json"))
        (folder / NAMES["deb"]).write_bytes(b"changed")
        assert subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 1

    def test_a_release_may_be_one_package(self, folder: Path) -> None:
        for kind in ("windows", "rpm", "appimage"):
            (folder / NAMES[kind]).unlink()
        assert [file["kind"] for file in release.write_release(folder)["files"]] == ["deb"]

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("dewpoint_0.2.0_arm64.deb", "same kind"), ("report.json", "does not belong"),
            (".hidden", "does not belong"), ("dewpoint-0.2.0.exe", "does not belong"),
            ("SHA256SUMS.asc", "does not belong"),
        ],
    )  # fmt: skip
    def test_other_files_are_refused(
        self, folder: Path, capsys: pytest.CaptureFixture[str], name: str, problem: str
    ) -> None:
        (folder / name).write_bytes(b"x")
        assert release.main([str(folder)]) == 1
        error = capsys.readouterr().err
        assert name in error
        assert problem in error
        assert error.count("\n") == 1
        assert not {"updates.json", "SHA256SUMS"} & {path.name for path in folder.iterdir()}

    @pytest.mark.parametrize(
        "name",
        [
            "dewpoint_0.1.0_amd64.deb", "dewpoint_10.2.0_amd64.deb", "dewpoint_0.2.01_amd64.deb", "dewpoint.deb",
            "dewpoint_0.2.0.1_amd64.deb", "dewpoint_1.0.2.0_amd64.deb", "dewpoint_0x2x0_amd64.deb",
        ],
    )  # fmt: skip
    def test_a_package_of_another_version_is_refused(self, folder: Path, name: str) -> None:
        (folder / NAMES["deb"]).rename(folder / name)
        with pytest.raises(release.ReleaseError, match=rf"{re.escape(name)} is not of version 0\.2\.0"):
            release.write_release(folder)

    @pytest.mark.parametrize(
        "name", ["dew point_0.2.0.deb", "größe_0.2.0.deb", f"{'x' * 112}_0.2.0.deb", "-_0.2.0.deb"]
    )
    def test_a_name_that_programs_refuse_is_refused(self, folder: Path, name: str) -> None:
        (folder / NAMES["deb"]).rename(folder / name)
        with pytest.raises(release.ReleaseError, match="cannot be published"):
            release.write_release(folder)

    def test_nothing_is_too_large(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(release, "LARGEST", 299)  # the .deb has 300 bytes
        (folder / NAMES["windows"]).unlink()
        with pytest.raises(release.ReleaseError, match=r"amd64\.deb has 300 bytes; programs take 299 at most"):
            release.write_release(folder)

    def test_nothing_empty_is_released(self, folder: Path) -> None:
        (folder / NAMES["rpm"]).write_bytes(b"")
        with pytest.raises(release.ReleaseError, match=r"x86_64\.rpm is empty"):
            release.write_release(folder)
        (folder / NAMES["rpm"]).unlink()
        (folder / NAMES["rpm"]).mkdir()
        with pytest.raises(release.ReleaseError, match="does not belong"):
            release.write_release(folder)
        shutil.rmtree(folder)
        with pytest.raises(release.ReleaseError, match="no folder"):
            release.write_release(folder)
        folder.mkdir()
        with pytest.raises(release.ReleaseError, match="has no package"):
            release.write_release(folder)

    def test_a_full_disk_leaves_the_old_file(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        release.write_release(folder)
        before = (folder / "updates.json").read_bytes()

        def full(path: Path, data: bytes) -> int:
            path.open("wb").close()
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            release.write_release(folder, "2027-01-02")
        assert (folder / "updates.json").read_bytes() == before


class TestCheck:
    """What is looked at before anything is built."""

    def test_a_version_with_changes_can_be_released(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert release.main(["--check"]) == 0
        assert "0.2.0 can be released" in capsys.readouterr().out

    @pytest.mark.parametrize("text", ["# Changelog\n\n## Unreleased\n\n- One.\n", "## 0.2.0\n\n## 0.1.0\n\n- One.\n"])
    def test_without_changes_it_cannot(
        self, folder: Path, changelog: Path, capsys: pytest.CaptureFixture[str], text: str
    ) -> None:
        changelog.write_text(text, "utf-8")
        for arguments in (["--check"], [str(folder)]):
            assert release.main(arguments) == 1
            error = capsys.readouterr().err
            assert re.fullmatch(r"CHANGELOG\.md .* 0\.2\.0.*\n", error)
        assert not (folder / "updates.json").exists()

    @pytest.mark.parametrize("number", ["0.2", "0.2.0rc1", "0.2.0.1", "v0.2.0"])
    def test_a_version_that_programs_cannot_compare_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, number: str
    ) -> None:
        monkeypatch.setattr(release, "version", lambda: number)
        with pytest.raises(release.ReleaseError, match=f"version {number} is not of the form"):
            release.releasable()

    @pytest.mark.parametrize(
        "arguments", [[], ["--check", "x"], ["x", "--date", "1.12.2026"], ["x", "--date", "2026-02-30"]]
    )
    def test_other_arguments_are_refused(self, arguments: list[str]) -> None:
        with pytest.raises(SystemExit):
            release.main(arguments)
