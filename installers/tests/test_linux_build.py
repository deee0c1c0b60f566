"""The parts of the Linux build that need neither PyInstaller nor root."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from installers.linux import build, freeze, keep, libraries, packages, stage

# Looked up with apt-cache policy in the lists of Debian 12, Debian 13 and Ubuntu 24.04 in November 2026: all have them.
SAME_EVERYWHERE = {
    "fontconfig-config", "fonts-dejavu-core", "fonts-noto-core", "libc6", "libdrm2", "libegl1", "libgl1",
    "libwayland-client0", "libwayland-cursor0", "libwayland-egl1", "libxcb1", "xkb-data",
}  # fmt: skip
LOG = """1200 INFO: Looking for dynamic libraries
1300 WARNING: Library not found: could not resolve 'libgtk-3.so.0', dependency of '/v/libqgtk3.so'.
1300 WARNING: Library not found: could not resolve 'libgdk-3.so.0', dependency of '/v/libqgtk3.so'.
1400 WARNING: Library user32 required via ctypes not found
"""


def test_a_good_log_has_no_problems() -> None:
    assert freeze.log_problems(LOG) == []


def test_a_missing_library_is_a_problem() -> None:
    """PyInstaller only warns of it, and the program would die at its start."""
    line = "Library not found: could not resolve 'libxcb-icccm.so.4', dependency of '/v/libqxcb.so'."
    assert freeze.log_problems(f"{LOG}1500 WARNING: {line}\n") == [line]
    assert freeze.log_problems(f"{LOG}1500 ERROR: Hidden import 'x' not found\n")


@pytest.mark.parametrize(
    "name",
    [
        "torch/lib/libtorch_cpu.so", "_internal/transformers/__init__.py", "torch-2.13.0.dist-info/METADATA",
        "nvidia/cublas/lib/libcublas.so.12", "libnvrtc.so.13", "tensorrt_rtx_libs/libtensorrt_rtx.so.1", "libcudart.so",
        "tkinter/__init__.py", "triton/x", "libcuda.so.1",
    ],
)  # fmt: skip
def test_torch_and_cuda_are_refused(name: str) -> None:
    assert keep.FORBIDDEN.search(name)
    assert not keep.is_kept(name)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("PySide6/QtWidgets.abi3.so", True), ("PySide6/QtQml.abi3.so", False), ("PySide6/Qt/lib/libQt6Core.so.6", True),
        ("PySide6/Qt/lib/libQt6Quick.so.6", False), ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqeglfs.so", False), ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", False),
        ("PySide6/Qt/translations/qt_de.qm", False), ("resources/starter/model.safetensors", True),
        ("onnx/backend/test/data/node/x.pb", False), ("numpy/_core/_multiarray_umath.so", True),
        ("nvidia_ml_py-13.0.dist-info/METADATA", True), ("trt_engines/tensorrt/flavour.py", True),
    ],
)  # fmt: skip
def test_the_keep_list(name: str, kept: bool) -> None:
    assert keep.is_kept(name) is kept


def test_the_standard_library_is_whole_enough_for_add_ons() -> None:
    modules = keep.stdlib_modules()
    assert {"ctypes", "importlib", "sqlite3", "pickletools", "csv"} <= set(modules)
    assert not {"tkinter", "test", "idlelib"} & set(modules)


def test_dependencies_exist_under_one_name_in_all_releases() -> None:
    names = set(libraries.FROM_SYSTEM.values()) | set(re.findall(r"[a-z0-9-]{4,}", " ".join(packages.MORE_DEPENDS)))
    assert names <= SAME_EVERYWHERE
    assert not any("t64" in name for name in names)
    assert set(packages.RPM_DEPENDS) >= set(libraries.FROM_SYSTEM.values()) - {"libc6"}


def test_both_packages_recommend_a_python() -> None:
    """A frozen Dewpoint has none that uv could ask about the system when it fetches TensorRT for RTX."""
    control = re.search(r"^Recommends: (.*)$", packages.CONTROL, re.MULTILINE)
    recipe = stage.filled("nfpm.yaml", "1.2.3").decode()
    recommended = re.search(r"^recommends:\n((?:  - .*\n)+)", recipe, re.MULTILINE)
    assert control is not None
    assert recommended is not None
    assert "python3" in control[1].split(", ")
    assert "  - python3" in recommended[1].split("\n")


def test_the_build_names_files_that_exist() -> None:
    assert stage.ICON.is_file()
    assert freeze.LOCK.is_file()
    assert build.project_version() in stage.filled("dewpoint.metainfo.xml", build.project_version()).decode()
    for file in stage.FILES.iterdir():
        values = {"RPM_DEPENDS": "", "MAINTAINER": "", "ROOT": "", "COMPRESSION": ""}
        assert not re.search(rb"@[A-Z_]+@", stage.filled(file.name, "1.2.3", **values)), file.name


@pytest.mark.skipif(sys.platform != "linux", reason="Linux programs are looked at")
def test_programs_say_what_they_need(tmp_path: Path) -> None:
    shell = Path("/bin/sh").resolve()
    assert libraries.is_elf(shell)
    assert not libraries.is_elf(Path(__file__))
    assert libraries.lowest_glibc([shell]) >= 2
    (tmp_path / "umask").mkdir(mode=0o700)
    (tmp_path / "umask" / "file").touch(mode=0o600)
    freeze.plain_modes(tmp_path)
    assert (tmp_path / "umask").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "umask" / "file").stat().st_mode & 0o777 == 0o644


def test_another_python_than_the_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freeze, "LOCKED_PYTHON", "3.0")
    with pytest.raises(freeze.FreezeError, match=r"made for Python 3\.0"):
        freeze.make_environment(tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A frozen program that consists of a shell and of a library that nothing needs."""
    inner = tmp_path / "dewpoint" / "_internal"
    inner.mkdir(parents=True)
    shutil.copyfile("/bin/sh", inner.parent / "dewpoint")
    shutil.copyfile("/bin/sh", inner / "libspare.so.1")
    shutil.copyfile("/bin/sh", inner / "_spare.cpython-311-x86_64-linux-gnu.so")
    (inner / "libspare.so").symlink_to("libspare.so.1")
    return inner.parent


@pytest.mark.skipif(sys.platform != "linux", reason="Linux programs are looked at")
def test_libraries_that_nothing_needs_are_left_out(tree: Path) -> None:
    assert libraries.prune(tree) == ["_internal/libspare.so.1"]
    names = sorted(path.name for path in (tree / "_internal").iterdir() if path.is_symlink() or path.exists())
    assert names == ["_spare.cpython-311-x86_64-linux-gnu.so"]
    assert libraries.system_packages(tree)[-1].startswith("libc6 (>= 2.")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux programs are looked at")
def test_a_library_from_nowhere_stops_the_build(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "FROM_SYSTEM", {})
    with pytest.raises(libraries.LibraryError, match=r"libc\.so\.6 \(needed by .*\) is not in the program"):
        libraries.system_packages(tree)


def test_a_file_of_torch_stops_the_build(tmp_path: Path) -> None:
    freeze.check_tree(tmp_path)
    (tmp_path / "_internal" / "torch").mkdir(parents=True)
    with pytest.raises(freeze.FreezeError, match="must not be in the program: torch"):
        freeze.check_tree(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="shell scripts are tried on Linux")
def test_a_program_that_does_not_answer_stops_the_build(tmp_path: Path) -> None:
    program = tmp_path / "dewpoint"
    for text, problem in (("echo no libEGL >&2; exit 1", "no libEGL"), ("""echo '{"ok": false}'""", "not right")):
        program.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        program.chmod(0o755)
        with pytest.raises(freeze.FreezeError, match=problem):
            freeze.run_program(program)
