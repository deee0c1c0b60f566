"""A small graph of the last minute: a name, the newest value, and a line with gaps where nothing was told."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.machine.monitor.values import SAMPLES
from app.ui.help import words
from app.ui.widgets.plain import one_line
from app.ui.widgets.theme import Theme

HEIGHT_EMS = 4.4
WIDTH_EMS = 11.0
_PAD = 8


class Graph(QWidget):
    """Painted; what it shows is also its accessible text.

    Args:
        name: What is shown.
        unit: Behind the value, with a space where one belongs.
        most: The value at its upper edge.
        theme: Colours and fonts.
    """

    def __init__(self, name: str, unit: str, most: float, theme: Theme) -> None:
        super().__init__()
        self._name, self._unit, self._most, self._theme = name, unit, max(1.0, most), theme
        self._series: tuple[float | None, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        self.show_series((), self._most)

    def show_series(self, series: Sequence[float | None], most: float) -> None:
        """Oldest first."""
        self._series, self._most = tuple(series), max(1.0, most)
        self.setAccessibleDescription(self.value_text())
        self.update()

    def value_text(self) -> str:
        """The newest value, or that there is none."""
        newest = self._series[-1] if self._series else None
        return words.NOT_TOLD if newest is None else f"{newest:.0f}{self._unit}"

    def sizeHint(self) -> QSize:
        """As wide as its words need, so high that a line can be read."""
        em = self.fontMetrics().height()
        return QSize(round(WIDTH_EMS * em), round(HEIGHT_EMS * em))

    def minimumSizeHint(self) -> QSize:
        """Half as wide."""
        hint = self.sizeHint()
        return QSize(hint.width() // 2, hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, words, line."""
        theme, whole = self._theme, QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("border"), 1))
        painter.setBrush(theme.color("window"))
        painter.drawRoundedRect(whole, 8, 8)
        line = self.fontMetrics().height()
        head = QRectF(_PAD, 4, self.width() - 2 * _PAD, line)
        painter.setPen(theme.color("muted"))
        value = self.value_text()
        room = head.width() - self.fontMetrics().horizontalAdvance(value) - 6
        name = self.fontMetrics().elidedText(one_line(self._name), Qt.TextElideMode.ElideRight, round(room))
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.setPen(theme.color("text"))
        painter.drawText(head, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, value)
        self._draw(painter, QRectF(_PAD, line + 8, self.width() - 2 * _PAD, self.height() - line - 16))
        painter.end()

    def _draw(self, painter: QPainter, room: QRectF) -> None:
        accent, soft = self._theme.color("accent"), self._theme.color("accent_soft")
        for part in _parts(self._series):
            points = [self._point(room, place, value) for place, value in part]
            if len(points) == 1:
                points.append(points[0] + QPointF(1.5, 0))
            ground = QPolygonF([QPointF(points[0].x(), room.bottom()), *points, QPointF(points[-1].x(), room.bottom())])
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(soft)
            painter.drawPolygon(ground)
            painter.setPen(QPen(accent, 1.6))
            painter.drawPolyline(QPolygonF(points))

    def _point(self, room: QRectF, place: int, value: float) -> QPointF:
        """The newest value stands at the right edge, whatever there is of a minute."""
        back = len(self._series) - 1 - place
        share = min(1.0, max(0.0, value / self._most))
        return QPointF(room.right() - room.width() * back / (SAMPLES - 1), room.bottom() - room.height() * share)


def _parts(series: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Runs of values without a gap, with their places."""
    parts: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(series):
        if value is not None:
            parts[-1].append((place, value))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]
