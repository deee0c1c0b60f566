"""Draw dewpoint.ico and banner.bmp from resources/icons/dewpoint.svg; without a screen: QT_QPA_PLATFORM=offscreen."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

HERE = Path(__file__).resolve().parent
DRAWING = HERE.parent.parent / "resources" / "icons" / "dewpoint.svg"
ICON = HERE / "dewpoint.ico"
BANNER = HERE / "banner.bmp"  # left of the setup's first and last page
BANNER_SIZE = (164, 314)
SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)


def picture(renderer: QSvgRenderer, size: int) -> QImage:
    """The drawing in one size."""
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return image


def png(image: QImage) -> bytes:
    """An image as PNG."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, b"PNG")
    return bytes(data.data())


def bitmap(image: QImage) -> bytes:
    """An image as icons of old hold it: a header, rows from the bottom up with alpha, and an empty mask."""
    size = image.width()
    header = struct.pack("<IiiHHIIiiII", 40, size, 2 * size, 1, 32, 0, 0, 0, 0, 0, 0)
    rows = bytes(image.constBits())
    stride = image.bytesPerLine()
    pixels = b"".join(rows[line * stride : line * stride + 4 * size] for line in reversed(range(size)))
    return header + pixels + bytes((size + 31) // 32 * 4 * size)


def icon(pictures: dict[int, bytes]) -> bytes:
    """An .ico file."""
    offset = 6 + 16 * len(pictures)
    entries = b""
    for size, data in pictures.items():
        entries += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(data), offset)
        offset += len(data)
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + b"".join(pictures.values())


def banner(renderer: QSvgRenderer) -> QImage:
    """The drawing on the window's own light ground."""
    width, height = BANNER_SIZE
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#eef4f3"))
    painter = QPainter(image)
    renderer.render(painter, QRectF(34, 92, 96, 96))
    painter.end()
    return image.convertToFormat(QImage.Format.Format_RGB888)


def main() -> int:
    """Draw all sizes."""
    application = QGuiApplication([])
    renderer = QSvgRenderer(str(DRAWING))
    images = {size: picture(renderer, size) for size in SIZES}
    ICON.write_bytes(icon({size: (png if size > 64 else bitmap)(image) for size, image in images.items()}))
    banner(renderer).save(str(BANNER), b"BMP")
    application.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
