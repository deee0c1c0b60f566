"""Shared libraries of the frozen tree: which are needed, by whom, from where, and whose they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

GLIBC = re.compile(rb"GLIBC_2\.(\d+)\b")
NEEDED = re.compile(r"^\s*NEEDED\s+(\S+)$", re.MULTILINE)
# Taken from the system, and so named in the packages' dependencies: soname -> Debian's package.
FROM_SYSTEM = {
    "ld-linux-x86-64.so.2": "libc6", "libc.so.6": "libc6", "libdl.so.2": "libc6", "libm.so.6": "libc6",
    "libpthread.so.0": "libc6", "libresolv.so.2": "libc6", "librt.so.1": "libc6", "libutil.so.1": "libc6",
    "libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libGLX.so.0": "libgl1", "libOpenGL.so.0": "libgl1",
    "libdrm.so.2": "libdrm2", "libwayland-client.so.0": "libwayland-client0", "libxcb.so.1": "libxcb1",
    "libwayland-cursor.so.0": "libwayland-cursor0", "libwayland-egl.so.1": "libwayland-egl1",
}  # fmt: skip


class LibraryError(Exception):
    """A library is needed that neither the tree nor the list of system libraries has."""


def is_elf(path: Path) -> bool:
    """Whether a file is a program or library."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needed_by(path: Path) -> list[str]:
    """Sonames that a program or library is linked with."""
    shown = subprocess.run(["objdump", "-p", str(path)], capture_output=True, text=True, check=True)
    return NEEDED.findall(shown.stdout)


def needs_of(tree: Path) -> dict[Path, list[str]]:
    """For every program and library of the tree, what it is linked with."""
    return {path: needed_by(path) for path in sorted(tree.rglob("*")) if is_elf(path)}


def prune(tree: Path) -> list[str]:
    """Delete libraries that nothing in the tree is linked with any more, and links that lead nowhere.

    Python's extension modules, Qt's plugins and the program itself are what is needed; a library is what lies
    directly in `_internal` or in Qt's own folder of libraries.
    """
    inner = tree / "_internal"
    shelves = (inner, inner / "PySide6" / "Qt" / "lib")
    needs = needs_of(tree)
    libraries = {path for path in needs if path.parent in shelves and ".cpython-" not in path.name}
    by_name = {path.name: path for path in needs}
    waiting = [path for path in needs if path not in libraries or path.name.startswith("libpython")]
    reached = set(waiting)
    while waiting:
        for name in needs[waiting.pop()]:
            library = by_name.get(name)
            if library is not None and library not in reached:
                reached.add(library)
                waiting.append(library)
    removed = sorted(path for path in libraries if path not in reached)
    for path in removed:
        path.unlink()
    for link in [path for path in tree.rglob("*") if path.is_symlink() and not path.exists()]:
        link.unlink()
    return [path.relative_to(tree).as_posix() for path in removed]


def system_packages(tree: Path) -> list[str]:
    """Debian's names of the packages that the tree takes libraries from; the C library with its version.

    Raises:
        LibraryError: Some library is in neither place.
    """
    needs = needs_of(tree)
    inside = {path.name for path in tree.rglob("*.so*")}
    missing: dict[str, str] = {}
    packages: set[str] = set()
    for path, names in needs.items():
        for name in names:
            if name in inside:
                continue
            if name in FROM_SYSTEM:
                packages.add(FROM_SYSTEM[name])
            else:
                missing[name] = path.relative_to(tree).as_posix()
    if missing:
        raise LibraryError(
            "; ".join(f"{name} (needed by {user}) is not in the program" for name, user in missing.items())
        )
    return [*sorted(packages - {"libc6"}), f"libc6 (>= 2.{lowest_glibc(list(needs))})"]


def lowest_glibc(files: list[Path]) -> int:
    """The minor version of the oldest C library that has everything these files ask for."""
    return max(int(minor) for path in files for minor in GLIBC.findall(path.read_bytes()))


def copy_system_notices(tree: Path, target: Path) -> list[str]:
    """Copy Debian's copyright files of the system libraries that lie in the tree; returns the packages' names."""
    loader = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    places = dict(re.findall(r"^\s*(\S+) .*x86-64.* => (\S+)$", loader.stdout, re.MULTILINE)[::-1])
    found: set[str] = set()
    for path in (tree / "_internal").glob("lib*.so*"):
        place = places.get(path.name)
        if path.is_symlink() or place is None:
            continue
        package = owner_of(place)
        notice = Path("/usr/share/doc", package, "copyright")
        if package and notice.is_file():
            (target / package).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(notice, target / package / "copyright")
            found.add(package)
    return sorted(found)


def owner_of(file: str) -> str:
    """Debian's package that a file of the system belongs to, or ""."""
    # Debian 12 knows files of /lib and /usr/lib by either name.
    for name in (file, f"/usr{file}", file.removeprefix("/usr")):
        real = str(Path(name).resolve()) if Path(name).exists() else name
        for candidate in (name, real, real.removeprefix("/usr")):
            shown = subprocess.run(["dpkg", "-S", candidate], capture_output=True, text=True, check=False)
            if shown.returncode == 0:
                return shown.stdout.split(":")[0].split(",")[0]
    return ""
