"""What of Qt, of the standard library and of the packages goes into the frozen program.

A keep-list: a file of Qt that nobody named does not get in. Nothing is stripped, because that breaks numpy's libraries.
"""

from __future__ import annotations

import re
import sys
from fnmatch import fnmatch

# Needs torch, which an installed program never has; and what only a development environment uses.
EXCLUDED_MODULES = [
    "torch", "transformers", "onnxscript", "onnx_ir", "tkinter", "_tkinter", "turtle", "idlelib", "test", "lib2to3",
    "pip", "setuptools", "pkg_resources", "distutils", "hf_xet", "pytest", "IPython", "matplotlib", "PIL", "pandas",
    "scipy", "cuda", "tensorrt", "tensorrt_rtx", "inference.model", "inference.training", "trt_engines.export",
    "onnx.backend.test", "onnxruntime.transformers", "onnxruntime.tools", "onnxruntime.quantization", "numpy.f2py",
    "numpy.testing", "_crypt", "nis",
]  # fmt: skip
# Add-ons of the user (TensorRT's bindings) find the whole standard library, not only what the program itself imports.
STDLIB_LEFT_OUT = {
    "antigravity", "crypt", "distutils", "ensurepip", "idlelib", "lib2to3", "msilib", "msvcrt", "nis", "nt", "ntpath",
    "pydoc_data", "test", "this", "tkinter", "turtle", "turtledemo", "venv", "winreg", "winsound",
}  # fmt: skip
QT_MODULES = ("Core", "DBus", "Gui", "Network", "Svg", "Widgets")
QT_LIBRARIES = [
    *(f"libQt6{name}.so*" for name in (*QT_MODULES, "OpenGL", "XcbQpa", "Wayland*", "WlShell*")),
    "libicu*.so*",
]
QT_PLUGINS = [
    "platforms/libqxcb.so", "platforms/libqwayland*.so", "platforms/libqoffscreen.so", "platforms/libqminimal.so",
    "platforminputcontexts/lib*", "platformthemes/libqxdgdesktopportal.so", "iconengines/libqsvgicon.so",
    "imageformats/libqgif.so", "imageformats/libqico.so", "imageformats/libqjpeg.so", "imageformats/libqsvg.so",
    "imageformats/libqwebp.so", "xcbglintegrations/*", "wayland-*/*",
]  # fmt: skip
# No file of the program may have such a path (`trt_engines/tensorrt` is a folder of ours).
FORBIDDEN = re.compile(
    r"(^|(?<!trt_engines)/)(torch|transformers|onnxscript|triton|nvidia|tensorrt[a-z_]*|cuda|tkinter)(/|-[0-9]|$)"
    r"|lib(cu(da(rt)?|blas|dnn|fft|rand|solver|sparse)|nv(rtc|infer|JitLink)|nccl|torch|tensorrt)[^/]*\.so"
)


def stdlib_modules() -> list[str]:
    """Modules of the standard library that are taken whole."""
    return sorted(name for name in sys.stdlib_module_names - STDLIB_LEFT_OUT if not name.startswith("_"))


def is_kept(name: str) -> bool:
    """Whether a file that PyInstaller collected gets in; `name` is its path in the program, with slashes."""
    if FORBIDDEN.search(name) or "/tests/" in name or name.startswith("onnx/backend/test/"):
        return False
    if name.startswith("PySide6/Qt/plugins/"):
        return any(fnmatch(name.removeprefix("PySide6/Qt/plugins/"), pattern) for pattern in QT_PLUGINS)
    if name.startswith("PySide6/Qt/lib/"):
        return any(fnmatch(name.removeprefix("PySide6/Qt/lib/"), pattern) for pattern in QT_LIBRARIES)
    if name.startswith("PySide6/Qt/"):
        return False
    if module := re.match(r"PySide6/Qt(\w+)\.abi3\.so$", name):
        return module[1] in QT_MODULES
    return True
