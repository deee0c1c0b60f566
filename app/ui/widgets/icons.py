"""Icons: small SVG drawings in `resources/icons`, painted in a colour of the theme at every resolution needed."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from app.base.paths import resources_folder

_RATIOS = (1.0, 1.25, 1.5, 2.0, 3.0)
APP_ICON_SIZES = (16, 24, 32, 48, 64, 128, 256)


def icon_file(name: str) -> str:
    """Path of an icon, with forward slashes as style sheets want them."""
    return (resources_folder() / "icons" / f"{name}.svg").as_posix()


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return (resources_folder() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def pixmap_from_svg(name: str, size: QSize, ratio: float, color: QColor | None = None) -> QPixmap:
    """One picture of `size` device-independent pixels; Qt's own cache keeps it."""
    key = f"dewpoint/{name}/{size.width()}x{size.height()}@{ratio}/{color.name() if color is not None else ''}"
    pixmap = QPixmap()
    if QPixmapCache.find(key, pixmap):
        return pixmap
    source = _source(name)
    if color is not None:
        source = source.replace("currentColor", color.name())
    pixmap = QPixmap(size * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(source.encode("utf-8"))).render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    QPixmapCache.insert(key, pixmap)
    return pixmap


def themed_icon(name: str, color: QColor, points: int = 18) -> QIcon:
    """A toolbar icon in one colour."""
    return _icon(name, color.name(), points)


@lru_cache(maxsize=128)
def _icon(name: str, color: str, points: int) -> QIcon:
    """The same, made once: every message has a dozen of them."""
    icon = QIcon()
    for ratio in _RATIOS:
        icon.addPixmap(pixmap_from_svg(name, QSize(points, points), ratio, QColor(color)))
    return icon


def app_icon() -> QIcon:
    """The drop, in the sizes that desktops ask for."""
    icon = QIcon()
    for edge in APP_ICON_SIZES:
        icon.addPixmap(pixmap_from_svg("dewpoint", QSize(edge, edge), 1.0))
    return icon
