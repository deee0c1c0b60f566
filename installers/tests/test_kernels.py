"""Our kernels in installed programs: compiled by the locked compiler, the same each time, and used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from inference.native.build import build_library, library_name
from installers import kernels
from installers.linux import libraries
from installers.lock import lock_file
from installers.tests.windows_machine import machine, why_no_payload, why_not
from installers.tests.windows_setups import real_payload

# Opens the starter with both, and compares what they make of one canvas.
BOTH = """
import json, numpy as np
from pathlib import Path
from inference.backends.registry import open_backend
from inference.native.library import load, usable_isas
steps = {}
for name in ("native", "onnx"):
    backend = open_backend(Path("resources/starter"), name, lambda stage, share: None)
    backend.encode(np.arange(20, 60))
    canvas = np.arange(100, 100 + backend.config.canvas_length)
    steps[name] = backend.denoise(canvas, None, 0.6, np.full(len(canvas), 0.5, np.float32))
    backend.close()
ours, theirs = steps["native"], steps["onnx"]
print(json.dumps({
    "isas": usable_isas(), "same": float((ours.argmax == theirs.argmax).mean()),
    "entropy": float(np.abs(ours.entropy - theirs.entropy).mean()),
}))
"""


def test_the_compiler_is_the_one_that_the_tests_use() -> None:
    development = (lock_file("kernels").parents[2] / "requirements" / "dev.txt").read_text("utf-8")
    entry = re.search(r"^ziglang==.*(?:\n +--hash.*)*", lock_file("kernels").read_text("utf-8"), re.MULTILINE)
    assert entry is not None
    assert entry[0].rstrip() in development


@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ["windows", "linux"])
def test_it_is_the_same_each_time(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the compiler has nothing in its cache, and in another folder."""
    (tmp_path / "licences").mkdir()
    first = kernels.add_kernels(tmp_path / "program", target, tmp_path / "licences")
    assert first == tmp_path / "program" / kernels.FOLDER / library_name(target)
    assert "ziglang" in (tmp_path / "licences" / "LICENCES.txt").read_text("utf-8")
    assert len(list((tmp_path / "licences" / "ziglang").iterdir())) == 2
    for name in ("GLOBAL", "LOCAL"):
        monkeypatch.setenv(f"ZIG_{name}_CACHE_DIR", str(tmp_path / "cache"))
    compiler = kernels.locked_compiler(tmp_path / "compiler")
    assert build_library(tmp_path / "other place", target, compiler).read_bytes() == first.read_bytes()
    if target == "linux":
        assert libraries.lowest_glibc([first]) <= 28
        assert set(libraries.needed_by(first)) <= libraries.FROM_SYSTEM.keys()


@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(why_no_payload()), reason=why_no_payload())
def test_the_windows_program_has_it_and_not_its_sources() -> None:
    folder = real_payload("windows")
    assert [file.name for file in (folder / kernels.FOLDER).iterdir()] == [library_name("windows")]
    assert not (folder / kernels.SOURCES).exists()
    listed = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
    assert (kernels.FOLDER / library_name("windows")).as_posix() in listed


@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_under_wine_it_computes_what_onnx_runtime_does(tmp_path: Path) -> None:
    folder = real_payload("wine")
    with machine(tmp_path) as windows:
        script = windows.root / "both.py"
        script.write_text(f"import os\nos.chdir({windows.name_of(folder)!r})\n{BOTH}", "utf-8")
        done = windows.wine(folder / "python/python.exe", "-X", "utf8", windows.name_of(script))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["isas"][0] == "plain"
    assert found["same"] > 0.9
    assert found["entropy"] < 0.1
