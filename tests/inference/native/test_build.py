"""Building the library: its name follows the sources, compilers that fail, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from inference.native import build
from inference.native.build import Compiler, KernelBuildError, build_library, find_compilers, library_name
from inference.native.cores import best_cores


def test_the_name_follows_sources_and_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "source"
    shutil.copytree(build.SOURCE, sources)
    names = {library_name(), library_name("windows"), library_name(None, ("-g",))}
    monkeypatch.setattr(build, "SOURCE", sources)
    assert library_name() in names
    with (sources / "pool.c").open("ab") as file:
        file.write(b"\n")
    names.add(library_name())
    assert len(names) == 4


def test_line_ends_of_a_clone_change_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "source"
    sources.mkdir()
    for file in build.SOURCE.iterdir():
        (sources / file.name).write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    before = library_name()
    monkeypatch.setattr(build, "SOURCE", sources)
    assert library_name() == before


def test_without_a_compiler_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(KernelBuildError, match="no C compiler"):
        build_library(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_compiler_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_KERNELS", build._KERNELS[:1])
    (tmp_path / "compiler.py").write_text("import sys; sys.exit('unknown option -mavxvnni')")
    failing = Compiler((sys.executable, "-S", str(tmp_path / "compiler.py")), own_system_only=True)
    with pytest.raises(KernelBuildError, match="unknown option -mavxvnni"):
        build_library(tmp_path / "out", None, failing)
    assert not list((tmp_path / "out").iterdir())


def test_the_next_compiler_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(command: list[str]) -> None:
        if command[0] == "old":
            raise KernelBuildError("too old")
        Path(command[command.index("-o") + 1]).write_bytes(b"made")

    both = [Compiler((name,), own_system_only=True) for name in ("old", "good")]
    monkeypatch.setattr(build, "find_compilers", lambda target: both)
    monkeypatch.setattr(build, "_call", call)
    assert build_library(tmp_path / "out").read_bytes() == b"made"
    assert [file.name for file in (tmp_path / "out").iterdir()] == [library_name()]


def test_libraries_for_others_are_made_by_zig_alone() -> None:
    assert all(not compiler.own_system_only for target in ("linux", "windows") for compiler in find_compilers(target))


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps this elsewhere.")
def test_threads_go_to_fast_cores_one_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight processors: 0 to 3 are two fast cores of two threads each, 4 to 7 slow ones."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    (tmp_path / "cpu_core").mkdir()
    (tmp_path / "cpu_core" / "cpus").write_text("0-3\n")
    for cpu, siblings in {0: "0-1", 1: "0-1", 2: "2,3", 3: "2,3"}.items():
        place = tmp_path / "system" / "cpu" / f"cpu{cpu}" / "topology"
        place.mkdir(parents=True)
        (place / "thread_siblings_list").write_text(siblings)
    found = best_cores(tmp_path)
    assert (found.threads, found.cpus) == (2, (0, 1, 2, 3))
    (tmp_path / "cpu_core" / "cpus").write_text("nonsense")
    found = best_cores(tmp_path)  # all are alike: 0, 2, 4, 5, 6, 7, and one core stays free
    assert (found.threads, found.cpus) == (5, ())
