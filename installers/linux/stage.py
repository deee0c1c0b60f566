"""The files of a package as they lie on the user's disk: the program in /opt, what the desktop needs in /usr/share."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import time
from pathlib import Path

from installers.linux.freeze import plain_modes

FILES = Path(__file__).resolve().parent / "files"
ROOT = Path(__file__).resolve().parent.parent.parent
ICON = ROOT / "resources" / "icons" / "dewpoint.svg"
ICON_SIZES = (16, 22, 24, 32, 48, 64, 96, 128, 192, 256, 512)
# Runs in the environment of the build, which has Qt: the arguments are the drawing, then pairs of size and picture.
RENDER = """
import sys
from PySide6.QtCore import QRectF
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
application = QGuiApplication(sys.argv[:1])
renderer = QSvgRenderer(sys.argv[1])
for size, name in zip(map(int, sys.argv[2::2]), sys.argv[3::2]):
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    assert image.save(name)
"""


def stage(tree: Path, root: Path, version: str, python: Path) -> None:
    """Lay out the package's files in `root`; the program's files are hard links to those of `tree`."""
    if root.exists():
        shutil.rmtree(root)
    link_tree(tree, root / "opt" / "dewpoint")
    share = root / "usr" / "share"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "dewpoint").symlink_to("/opt/dewpoint/dewpoint")
    put(share / "applications" / "dewpoint.desktop", filled("dewpoint.desktop", version))
    put(share / "metainfo" / "dewpoint.metainfo.xml", filled("dewpoint.metainfo.xml", version))
    put(share / "man" / "man1" / "dewpoint.1.gz", zipped(filled("dewpoint.1", version)))
    put(share / "doc" / "dewpoint" / "copyright", filled("copyright", version))
    put(share / "doc" / "dewpoint" / "changelog.gz", zipped((ROOT / "CHANGELOG.md").read_bytes()))
    draw_icons(share / "icons" / "hicolor", python)
    plain_modes(root / "usr")
    (root / "opt").chmod(0o755)
    root.chmod(0o755)


def filled(name: str, version: str, **values: str) -> bytes:
    """A file of files/ with version, date and other values put in."""
    text = (FILES / name).read_text("utf-8")
    for key, value in {"VERSION": version, "DATE": time.strftime("%Y-%m-%d", time.gmtime()), **values}.items():
        text = text.replace(f"@{key}@", value)
    return text.encode()


def zipped(data: bytes) -> bytes:
    """Gzipped without a time in it."""
    return gzip.compress(data, 9, mtime=0)


def put(path: Path, data: bytes) -> None:
    """Write a file, its folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def link_tree(source: Path, target: Path) -> None:
    """Copy a folder with hard links, so that hundreds of megabytes are not written again."""

    def link(old: str, new: str) -> None:
        try:
            os.link(old, new)
        except OSError:  # another drive
            shutil.copy2(old, new)

    shutil.copytree(source, target, symlinks=True, copy_function=link)


def draw_icons(folder: Path, python: Path) -> None:
    """The project's drawing as it is, and as a picture of every usual size."""
    put(folder / "scalable" / "apps" / "dewpoint.svg", ICON.read_bytes())
    pairs: list[str] = []
    for size in ICON_SIZES:
        picture = folder / f"{size}x{size}" / "apps" / "dewpoint.png"
        picture.parent.mkdir(parents=True)
        pairs += [str(size), str(picture)]
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([str(python), "-c", RENDER, str(ICON), *pairs], check=True, env=env)
