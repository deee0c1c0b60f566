"""Licence texts: found wherever packages keep them, and never silently left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from installers import licences
from installers.licences import LicenceError, collect_licences


def distribution(site: Path, name: str, files: dict[str, str], extra: str = "License-Expression: MIT\n") -> None:
    """Install a package that holds these files."""
    info = site / f"{name}-1.0.dist-info"
    files = {f"{info.name}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{extra}\n", **files}
    for file, text in files.items():
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files), "utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages folder with one package for each place that texts lie in."""
    folder = tmp_path / "site"
    distribution(folder, "beside", {"beside-1.0.dist-info/LICENSE": "beside"})
    distribution(folder, "Folder_Name", {"Folder_Name-1.0.dist-info/licenses/COPYING.md": "folder"})
    distribution(folder, "inside", {"inside/LICENCE": "inside", "inside/ThirdPartyNotices.txt": "others"})
    named = {"named-1.0.dist-info/licenses/words.txt": "named", "named/license.py": "not a text"}
    distribution(
        folder, "named", named, "License-File: words.txt\nClassifier: License :: OSI Approved :: BSD License\n"
    )
    twice = {"twice-1.0.dist-info/licenses/a/LICENSE": "a", "twice-1.0.dist-info/licenses/b/LICENSE": "b"}
    distribution(folder, "twice", twice)
    distribution(folder, "tokenizers", {}, "")
    return folder


def test_texts_are_collected_from_every_place(site: Path, tmp_path: Path) -> None:
    target = tmp_path / "licences"
    collect_licences(site, target)
    texts = {
        path.relative_to(target).as_posix(): path.read_text("utf-8") for path in target.rglob("*") if path.is_file()
    }
    assert texts["beside/LICENSE"] == "beside"
    assert texts["folder-name/COPYING.md"] == "folder"
    assert (texts["inside/LICENCE"], texts["inside/ThirdPartyNotices.txt"]) == ("inside", "others")
    assert texts["named/words.txt"] == "named"
    assert "named/license.py" not in texts
    assert {texts[name] for name in texts if name.startswith("twice/")} == {"a", "b"}
    assert "Apache License" in texts["tokenizers/Apache-2.0.txt"]
    assert "PYTHON SOFTWARE FOUNDATION" in texts["python/Python.txt"]
    assert "Apache License" in texts["dewpoint/LICENSE"]
    index = texts[licences.INDEX].splitlines()
    for row in ("beside 1.0 MIT", "named 1.0 BSD License", "tokenizers 1.0 Apache-2.0", "Python PSF-2.0"):
        assert row in [" ".join(line.split()) for line in index]


def test_a_package_without_a_text_is_named(site: Path, tmp_path: Path) -> None:
    distribution(site, "bare", {"bare/__init__.py": ""})
    distribution(site, "hollow", {"hollow-1.0.dist-info/LICENSE": ""})
    with pytest.raises(LicenceError, match=r"bare 1\.0, hollow 1\.0\."):
        collect_licences(site, tmp_path / "licences")
    assert not (tmp_path / "licences").exists()
    collect_licences(site, tmp_path / "licences", without=("bare", "hollow"))
    assert not (tmp_path / "licences" / "bare").exists()


def test_the_table_of_known_texts_is_complete() -> None:
    files = {file for _licence, texts in licences.KNOWN.values() for file in texts}
    assert files | set(licences.PARTS.values()) | {"Python.txt"} == {path.name for path in licences.TEXTS.iterdir()}


def test_qt_comes_with_the_licence_it_is_used_under() -> None:
    for package in ("pyside6-essentials", "shiboken6"):
        assert licences.KNOWN[package][1] == ["Qt.txt", "LGPL-3.0.txt", "GPL-3.0.txt"]
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (licences.TEXTS / "LGPL-3.0.txt").read_text("utf-8")


def test_fonts_inside_of_packages_come_with_their_licence(site: Path, tmp_path: Path) -> None:
    distribution(site, "ziamath", {"ziamath-1.0.dist-info/LICENSE.txt": "of the program"})
    distribution(site, "ziafont", {"ziafont-1.0.dist-info/LICENSE.txt": "of the program"})
    collect_licences(site, tmp_path / "licences")
    assert "SIL OPEN FONT LICENSE" in (tmp_path / "licences" / "ziamath" / "STIX-OFL-1.1.txt").read_text("utf-8")
    assert "Bitstream" in (tmp_path / "licences" / "ziafont" / "DejaVu.txt").read_text("utf-8")
    assert (tmp_path / "licences" / "ziamath" / "LICENSE.txt").is_file()
