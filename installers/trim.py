"""What of the Windows packages gets into an installed program: a list of what is kept, package by package.

A package that stands in neither list stops the build, so that nothing gets in that nobody looked at. Files are taken or
left; none is changed (stripping breaks numpy's libraries).
"""

from __future__ import annotations

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

# No file of an installed program may have such a path (`trt_engines/tensorrt` is a folder of ours).
FORBIDDEN = re.compile(
    r"(^|(?<!trt_engines)/)(torch|transformers|onnxscript|triton|nvidia|tensorrt\w*|cuda|tkinter)(/|-\d|$)"
    r"|(^|/)(lib)?(cu(da(rt)?|blas|dnn|fft|rand|solver|sparse)(Lt)?(64)?|nv(rtc|infer|JitLink)|nccl|torch|tensorrt)\w*"
    r"[^/]*\.(dll|pyd|so)",
    re.IGNORECASE,
)
ALL = ("*",)
QT = ("Core", "Gui", "Network", "Svg", "Widgets")
QT_PLUGINS = (
    "platforms/qwindows.dll", "platforms/qoffscreen.dll", "platforms/qminimal.dll", "styles/qmodernwindowsstyle.dll",
    "iconengines/qsvgicon.dll", *(f"imageformats/q{kind}.dll" for kind in ("gif", "ico", "jpeg", "svg", "webp")),
)  # fmt: skip
KEPT: dict[str, tuple[str, ...]] = {
    "PySide6": (
        "__init__.py", "_config.py", "_git_pyside_version.py", "pyside6.abi3.dll", "msvcp140*.dll", "vcruntime140*.dll",
        *(f"Qt{name}.pyd" for name in QT), *(f"Qt6{name}.dll" for name in QT),
        *(f"plugins/{name}" for name in QT_PLUGINS),
    ),
    "shiboken6": ("*.py", "Shiboken.pyd", "shiboken6.abi3.dll", "msvcp140*.dll", "vcruntime140*.dll"),
    "onnxruntime": ("__init__.py", "capi/*", "LICENSE", "ThirdPartyNotices.txt"),
    "onnx": ("*.py", "*.pyd", "defs/*.py", *(f"{name}/*" for name in (
        "onnx_cpp2py_export", "inliner", "shape_inference", "version_converter", "tools",
    ))),
    "numpy": ALL,
    "lxml": ("__init__.py", "etree.*", "_elementpath.*"),  # what python-docx imports
    "zstandard": ("__init__.py", "backend_c.*"),
    **dict.fromkeys((
        "_cffi_backend.cp311-win_amd64.pyd", "_yaml", "anyio", "backports", "click", "click_default_group.py",
        "colorama", "cryptography", "dateutil", "docx", "filelock",
        "flatbuffers", "fsspec", "google", "h11", "httpcore2", "httpx2", "huggingface_hub", "idna", "ijson",
        "ijson.libs", "importlib_metadata", "jaraco", "jinja2", "keyring", "latex2mathml", "lazy_importer",
        "linkify_it", "markdown_it", "markupsafe", "mdit_py_plugins", "mdurl", "ml_dtypes", "ml_dtypes.libs",
        "more_itertools", "numpy.libs", "onnx.libs", "packaging", "PIL", "pillow.libs", "platformdirs", "pluggy",
        "psutil", "pygments", "pynvml.py", "pypdfium2", "pypdfium2_cfg", "pypdfium2_raw", "safetensors",
        "sqlcipher3", "sqlite_fts4", "sqlite_utils", "starlette", "tabulate", "tokenizers", "tqdm", "truststore",
        "typing_extensions.py", "tzdata", "uvicorn", "win32ctypes", "yaml", "ziafont", "ziamath", "zipp",
    ), ALL),
}  # fmt: skip
# pip: sqlite-utils names it for its own plugins. hf_xet: Dewpoint's downloads are its own. uv: payload.py takes its
# program. cffi, pycparser: cryptography needs their compiled part alone. Files of wheels that were packed by mistake.
DROPPED = ("bin", "cffi", "example.py", "hf_xet", "numpy-*.whl", "pip", "pycparser", "pypdfium2_cli", "uv")
LEFT_OUT = (
    "__pycache__/*", "tests/*", "test/*", "*/tests/*", "*/test/*", "*.pyi", "*.pxd", "*.h", "*.hpp", "*.c", "*.cc",
    "*.lib", "*.proto", "*.a", "*/__pycache__/*", "numpy/f2py/*", "numpy/distutils/*", "numpy/doc/*",
    "PIL/_avif.*", "pillow.libs/libavif-*", "docx/templates/default-docx-template/*",
)  # fmt: skip
NOT_LISTED = ("hf_xet", "pip")  # their licences do not come with a program that does not hold them
METADATA = ("METADATA", "entry_points.txt")


class TrimError(Exception):
    """A package is in no list; the text names it."""


def is_kept(name: str) -> bool:
    """Whether a file gets in; `name` is its path below site-packages, with slashes.

    Raises:
        TrimError: Its package is in no list.
    """
    top, _, rest = name.partition("/")
    if top.endswith(".dist-info"):
        return rest in METADATA and not top.startswith(tuple(f"{package}-" for package in NOT_LISTED))
    if any(fnmatch(top, pattern) for pattern in DROPPED):
        return False
    if top not in KEPT:
        raise TrimError(f"{top} is new: name it in KEPT or DROPPED of installers/trim.py.")
    if any(fnmatch(name, pattern) or fnmatch(rest, pattern) for pattern in LEFT_OUT):
        return False
    return not rest or any(matches(rest, pattern) for pattern in KEPT[top])


def matches(rest: str, pattern: str) -> bool:
    """Whether a path below a package fits a pattern; only a star at the end crosses folders."""
    return fnmatch(rest, pattern) and (pattern.endswith("*") or rest.count("/") == pattern.count("/"))


def copy_kept(site: Path, target: Path) -> None:
    """Copy the files of site-packages that get in.

    Raises:
        TrimError: A package is in no list.
    """
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if path.is_file() and is_kept(name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def forbidden_files(folder: Path) -> list[str]:
    """Files of torch, transformers, CUDA and TensorRT below a folder."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if FORBIDDEN.search(name))
