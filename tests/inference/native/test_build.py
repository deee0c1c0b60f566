"""Building the library: its name follows the sources, compilers that fail, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from inference.native import build
from inference.native.__main__ import main as kernels_main
from inference.native.build import Compiler, KernelBuildError, build_library, find_compilers, library_name
from inference.native.cores import best_cores
from tests.helpers.waiting import wait_until


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


def script(folder: Path, text: str) -> Compiler:
    file = folder / "compiler.py"
    file.write_text(text)
    return Compiler((sys.executable, "-S", str(file)), own_system_only=True)


def test_a_compiler_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_KERNELS", build._KERNELS[:1])
    failing = script(tmp_path, "import sys; sys.exit('unknown option -mavxvnni')")
    with pytest.raises(KernelBuildError, match="unknown option -mavxvnni"):
        build_library(tmp_path / "out", None, failing)
    assert not list((tmp_path / "out").iterdir())


def test_the_next_compiler_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def called(command: list[str], seconds: float | None) -> tuple[int, str]:
        if command[0] == "old":
            return 1, "too old"
        Path(command[command.index("-o") + 1]).write_bytes(b"made")
        return 0, ""

    both = [Compiler((name,), own_system_only=True) for name in ("old", "good")]
    monkeypatch.setattr(build, "find_compilers", lambda target: both)
    monkeypatch.setattr(build, "_called", called)
    assert build_library(tmp_path / "out").read_bytes() == b"made"
    assert [file.name for file in (tmp_path / "out").iterdir()] == [library_name()]


def test_a_compiler_that_takes_too_long_ends_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = "import pathlib, os, time; pathlib.Path(r'{}').write_text(str(os.getpid())); time.sleep(600)"
    pid = tmp_path / "pid"
    slow = script(tmp_path, f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child.format(pid)!r}])")
    monkeypatch.setattr(build, "_BESIDE", 1)
    with pytest.raises(KernelBuildError, match="took too long"):
        build_library(tmp_path / "out", None, slow, seconds=1.5)
    assert not list((tmp_path / "out").iterdir())
    if os.name == "posix" and pid.exists():  # not, where even a Python takes longer to start
        wait_until(lambda: ended(int(pid.read_text())))


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


GOOD = "import pathlib, sys; pathlib.Path(sys.argv[sys.argv.index('-o') + 1]).write_bytes(b'made')"


def once(folder: Path, monkeypatch: pytest.MonkeyPatch, *compilers: Compiler) -> None:
    monkeypatch.setattr(build, "find_compilers", lambda target=None: list(compilers))
    monkeypatch.setattr(sys, "argv", ["native", "--once", "--out", str(folder)])
    assert kernels_main() == 0


def test_once_builds_with_a_line_a_file_and_then_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = script(tmp_path, GOOD)
    once(tmp_path / "out", monkeypatch, good)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("Building our kernels")
    assert shown[1:-1] == [f"  [{number}/9] compiled" for number in range(1, 10)] or not build.is_x86()
    assert (tmp_path / "out" / library_name()).read_bytes() == b"made"
    once(tmp_path / "out", monkeypatch, good)
    assert capsys.readouterr().out == ""


def test_once_that_failed_is_tried_again_on_another_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = script(tmp_path, "import sys; sys.exit('no such option')")
    out = tmp_path / "out"
    once(out, monkeypatch, bad)
    shown = capsys.readouterr().out
    assert "no such option" in shown
    assert "ONNX Runtime" in shown
    once(out, monkeypatch, bad)
    assert capsys.readouterr().out == ""
    note = build.not_built_before(out)
    os.utime(note, (note.stat().st_mtime - 90_000,) * 2)
    (tmp_path / "good").mkdir()
    once(out, monkeypatch, script(tmp_path / "good", GOOD))
    assert (out / library_name()).exists()


def test_once_without_a_compiler_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    once(tmp_path / "out", monkeypatch)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "out").exists()


def test_once_in_a_folder_that_cannot_be_written_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    once(tmp_path / "out", monkeypatch, script(tmp_path, GOOD))
    assert "not built: The library cannot be built in" in capsys.readouterr().out


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
