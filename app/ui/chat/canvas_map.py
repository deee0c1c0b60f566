"""The map of a block: a cell for each place of the canvas, as full as the model is sure, and its curve of entropy."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.chats.unfinished import SETTLED_NATS
from app.ui.chat import words
from app.ui.widgets.plain import PlainLabel, set_tip, show_tip
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated

COLUMNS = 16
_MOST_NATS = 4.0  # from which on a cell is as pale as it gets
_GAP = 2.0
_CURVE_EMS = 6
_CURVE_EDGE = 6.0  # room for the dot of the step that is shown, with its outline


class MapGrid(QWidget):
    """16 cells a row, in the order of reading.

    Signals:
        pointed: The pointer is over the cell of a place, -1 for none.
    """

    pointed = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._draft: DraftUpdated | None = None
        self._melted: tuple[bool, ...] = ()
        self._held: tuple[bool, ...] = ()
        self._committed = False
        self._marked = -1
        self.setMouseTracking(True)
        self.setAccessibleName(words.MAP)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        self.updateGeometry()
        self.update()

    def show_draft(self, draft: DraftUpdated, held: Sequence[bool] = ()) -> None:
        """Show a step; a place that was accepted in the step before and is not now has melted again."""
        before = self._draft
        kept = before.accepted if before is not None and before.block == draft.block else ()
        if before is None or len(before.pieces) != len(draft.pieces):
            kept = ()
        self._melted = tuple(was and not now for was, now in zip(kept, draft.accepted, strict=False))
        self._draft, self._held, self._committed = draft, tuple(held), False
        self.setAccessibleDescription(words.map_described(draft.accepted, self._melted))
        self.updateGeometry()
        self.update()

    def show_committed(self) -> None:
        """The block is part of the answer for good."""
        self._committed = self._draft is not None
        self.update()

    def clear(self) -> None:
        """Show empty cells."""
        self._draft, self._melted, self._held, self._committed = None, (), (), False
        self._marked = -1
        self.setAccessibleDescription("")
        self.updateGeometry()
        self.update()

    def highlight(self, place: int) -> None:
        """Mark a place, -1 for none."""
        if place != self._marked:
            self._marked = place
            self.update()

    def told(self, place: int) -> str:
        """What a cell tells."""
        draft = self._draft
        if draft is None or not 0 <= place < len(draft.pieces):
            return ""
        state = (
            words.MAP_COMMITTED if self._committed
            else words.MAP_HELD if _at(self._held, place)
            else words.MAP_MELTED if _at(self._melted, place)
            else words.MAP_ACCEPTED if draft.accepted[place]
            else words.MAP_NOISE
        )  # fmt: skip
        return words.map_cell(place, draft.pieces[place].strip(), draft.entropy[place], state)

    @property
    def places(self) -> int:
        """Cells."""
        return len(self._draft.pieces) if self._draft is not None else COLUMNS * COLUMNS

    @property
    def cell(self) -> float:
        """Edge of a cell with its gap, in pixels."""
        return round(self._theme.ui_points * 1.25)

    def sizeHint(self) -> QSize:
        """Room for all cells."""
        rows = -(-self.places // COLUMNS)
        return QSize(round(COLUMNS * self.cell), round(max(rows, 4) * self.cell))

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def place_at(self, point: QPointF) -> int:
        """The place of the cell at a point, -1 for none."""
        column, row = int(point.x() // self.cell), int(point.y() // self.cell)
        place = row * COLUMNS + column
        return place if 0 <= column < COLUMNS and 0 <= place < self.places else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell of the cell under the pointer."""
        place = self.place_at(event.position())
        self.highlight(place)
        self.pointed.emit(place)
        show_tip(event.globalPosition().toPoint(), self.told(place), self)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at."""
        super().leaveEvent(event)
        self.highlight(-1)
        self.pointed.emit(-1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the cells: filled as sure as the model is, with a dot, a ring or a frame for what happened."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, edge = self._theme, self.cell - _GAP
        pale, full = theme.color("border"), theme.color("accent")
        for place in range(self.places):
            box = QRectF(place % COLUMNS * self.cell, place // COLUMNS * self.cell, edge, edge)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_between(pale, full, self._sureness(place)))
            painter.drawRoundedRect(box, 2.5, 2.5)
            if _at(self._held, place):
                self._frame(painter, box, theme.color("text"), 1.6)
            elif _at(self._melted, place):
                self._frame(painter, box, theme.color("danger"), 1.8)
            elif self._draft is not None and self._draft.accepted[place] and not self._committed:
                painter.setBrush(theme.color("window"))
                painter.drawEllipse(box.center(), edge * 0.15, edge * 0.15)
            if place == self._marked:
                self._frame(painter, box.adjusted(-1, -1, 1, 1), theme.color("focus"), 2.2)
        painter.end()

    def _frame(self, painter: QPainter, box: QRectF, color: QColor, width: float) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color, width))
        painter.drawRoundedRect(box.adjusted(width / 2, width / 2, -width / 2, -width / 2), 2.5, 2.5)

    def _sureness(self, place: int) -> float:
        """0 for noise, 1 for what has settled; what stands behind the end of the answer is as pale as an empty cell."""
        draft = self._draft
        if draft is None or not draft.pieces[place]:
            return 0.0
        nats = draft.entropy[place]
        return 1.0 if nats < SETTLED_NATS else 0.12 + 0.6 * max(0.0, 1.0 - nats / _MOST_NATS)


class EntropyCurve(QWidget):
    """Mean entropy of the block after each step."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._values: tuple[float, ...] = ()
        self._at = -1
        self.setAccessibleName(words.MAP_CURVE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        self.updateGeometry()
        self.update()

    def show_values(self, values: Sequence[float], at: int) -> None:
        """Show nats a step, and mark one of them (-1 for none)."""
        self._values, self._at = tuple(values), at
        said = words.curve_described(self._values[at] if 0 <= at < len(values) else None, at + 1)
        set_tip(self, said)
        self.setAccessibleDescription(said)
        self.update()

    def sizeHint(self) -> QSize:
        """A few lines high."""
        return QSize(80, round(self._theme.ui_points * _CURVE_EMS))

    def points(self) -> list[QPointF]:
        """Where the curve goes, in pixels."""
        most = max((*self._values, 0.05))
        width, height = self.width() - 2 * _CURVE_EDGE, self.height() - 2 * _CURVE_EDGE
        steps = max(1, len(self._values) - 1)
        return [
            QPointF(_CURVE_EDGE + width * at / steps, _CURVE_EDGE + height * (1 - nats / most))
            for at, nats in enumerate(self._values)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the curve over a ground line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("border_strong"), 1.0))
        ground = self.height() - _CURVE_EDGE
        painter.drawLine(QPointF(_CURVE_EDGE, ground), QPointF(self.width() - _CURVE_EDGE, ground))
        points = self.points()
        painter.setPen(QPen(self._theme.color("accent"), 2.0))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(self._theme.color("accent"))
        for at, point in enumerate(points):
            radius = 4.0 if at == self._at else 2.0 if len(points) < 25 else 0.0
            painter.drawEllipse(point, radius, radius)
        painter.end()


class MapPanel(QFrame):
    """The map beside the chat.

    Signals:
        closed: It shall be hidden.
    """

    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.grid, self.curve = MapGrid(theme), EntropyCurve(theme)
        self._live: list[float] = []
        self._block = -1
        self._title = PlainLabel()
        self._legend = PlainLabel(words.MAP_LEGEND, role="muted", wrap=True)
        self._close = QPushButton(words.MAP_CLOSE)
        self._close.setAccessibleName(words.MAP_CLOSE_NAME)
        self._close.setProperty("role", "quiet")
        self._close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self.grid, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(PlainLabel(words.MAP_CURVE))
        column.addWidget(self.curve)
        column.addWidget(self._legend)
        column.addStretch(1)
        self.setAccessibleName(words.MAP)
        self.set_theme(theme)
        self.clear()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self.grid.set_theme(theme)
        self.curve.set_theme(theme)
        self.setFixedWidth(self.grid.sizeHint().width() + 34)

    def show_live(self, draft: DraftUpdated) -> None:
        """A step of the block that is being written."""
        if draft.block != self._block or draft.step <= len(self._live):
            self._block = draft.block
            self._live = []
        if draft.step:  # of noise nothing is known
            self._live.append(sum(draft.entropy) / max(1, len(draft.entropy)))
        self.grid.show_draft(draft)
        self.curve.show_values(self._live, len(self._live) - 1)
        self._title.setText(words.map_title(draft.block, draft.step))

    def show_replayed(self, draft: DraftUpdated, curve: Sequence[float], held: Sequence[bool]) -> None:
        """A step of a replay."""
        self._block = -1
        self.grid.show_draft(draft, held)
        self.curve.show_values(curve, draft.step - 1)
        self._title.setText(words.map_title(draft.block, draft.step))

    def clear(self) -> None:
        """Nothing was written yet."""
        self._live, self._block = [], -1
        self.grid.clear()
        self.curve.show_values((), -1)
        self._title.setText(words.MAP)


def _at(values: Sequence[bool], place: int) -> bool:
    return place < len(values) and values[place]


def _between(first: QColor, second: QColor, share: float) -> QColor:
    return QColor.fromRgbF(
        first.redF() + (second.redF() - first.redF()) * share,
        first.greenF() + (second.greenF() - first.greenF()) * share,
        first.blueF() + (second.blueF() - first.blueF()) * share,
    )
