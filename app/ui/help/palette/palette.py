"""The box itself: a line and what it finds, over the window; the keyboard alone is enough.

It is a part of the window and no window of its own: there are desktops on which a program cannot say where one stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QColor, QFocusEvent, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QGraphicsDropShadowEffect,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.ui.help.palette import words
from app.ui.help.palette.matching import PaletteEntry
from app.ui.widgets.font_search import showable
from app.ui.widgets.plain import one_line
from app.ui.widgets.theme import ThemeManager

ENTRY_ROLE = Qt.ItemDataRole.UserRole
MOST_ROWS = 11
_EMS = 62
_SIDE, _LINE = 12, 1.9  # of a row: pixels beside its text, and its height in lines of text
_TOP = 46


class _EntryDelegate(QStyledItemDelegate):
    """Paints what it is called, and at the right what it is."""

    def __init__(self, view: QListWidget) -> None:
        super().__init__(view)
        self._view = view
        self.muted = QColor()

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One row."""
        entry: PaletteEntry = index.data(ENTRY_ROLE)
        self.initStyleOption(option, index)
        option.text = ""
        self._view.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, self._view)
        room: QRect = option.rect.adjusted(_SIDE, 0, -_SIDE, 0)
        metrics, middle = option.fontMetrics, Qt.AlignmentFlag.AlignVCenter
        painter.save()
        painter.setFont(option.font)
        said, _ = showable(one_line(detail_of(entry)), option.font)
        detail = metrics.elidedText(said, Qt.TextElideMode.ElideRight, room.width() // 2)
        painter.setPen(self.muted)
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, detail)
        left = room.adjusted(0, 0, -metrics.horizontalAdvance(detail) - 2 * _SIDE, 0)
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        said, _ = showable(one_line(entry.text), option.font)
        text = metrics.elidedText(said, Qt.TextElideMode.ElideRight, left.width())
        painter.drawText(left, middle | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """All rows are alike."""
        return QSize(0, round(option.fontMetrics.height() * _LINE))


def detail_of(entry: PaletteEntry) -> str:
    """Such as "Ctrl+N · Command"."""
    return " \u00b7 ".join(part for part in (entry.detail, words.KINDS[entry.kind]) if part)


class _Line(QLineEdit):
    """Where the user types; keys of the list are passed to it.

    Signals:
        stepped: So many rows down.
        agreed: Enter.
        left: Esc, or the focus went elsewhere.
    """

    stepped = Signal(int)
    agreed = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("palette_line")
        self.setPlaceholderText(words.GO_TO)
        self.setAccessibleName(words.GO_TO)
        self.setMaxLength(300)

    def event(self, event: QEvent) -> bool:
        """Esc closes the box, also while an answer is written that it would stop; Tab goes nowhere."""
        if isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                self.stepped.emit(1 if event.key() == Qt.Key.Key_Tab else -1)
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows choose, Enter goes."""
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: MOST_ROWS - 1,
            Qt.Key.Key_PageUp: 1 - MOST_ROWS,
        }
        if event.key() in steps:
            self.stepped.emit(steps[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.agreed.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Who clicks elsewhere in the window wants that; another program or its own menu is no such click."""
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self.left.emit()


class Palette(QFrame):
    """The box.

    Signals:
        typed: What stands in the line.
        chosen: A `PaletteEntry`; the box is closed.
    """

    typed = Signal(str)
    chosen = Signal(object)

    def __init__(self, themes: ThemeManager, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("palette")
        self.setAccessibleName(words.GO_TO)
        self._themes, self._window = themes, window
        self._before: QWidget | None = None  # what had the focus
        self.line = _Line()
        self.rows = QListWidget()
        self.rows.setObjectName("palette_rows")
        self.rows.setAccessibleName(words.FOUND)
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows.setFrameShape(QFrame.Shape.NoFrame)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rows.setUniformItemSizes(True)
        self._painted_by = _EntryDelegate(self.rows)
        self.rows.setItemDelegate(self._painted_by)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.line)
        column.addWidget(self.rows)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(36)
        shadow.setOffset(0, 8)
        shadow.setColor(QColor(0, 0, 0, 90))
        self.setGraphicsEffect(shadow)
        self.hide()
        self.line.textChanged.connect(self.typed)
        self.line.stepped.connect(self.on_stepped)
        self.line.agreed.connect(self.on_agreed)
        self.line.left.connect(self.close_box)
        self.rows.itemClicked.connect(self.on_agreed)
        self.rows.currentItemChanged.connect(self.on_current_changed)
        window.installEventFilter(self)
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()

    def open_box(self) -> None:
        """Appear, empty."""
        self._before = QApplication.focusWidget()
        self.line.clear()
        self._place()
        self.show()
        self.raise_()
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.typed.emit("")

    def close_box(self) -> None:
        """Go; what had the focus has it again."""
        if self.isHidden():
            return
        before, self._before = self._before, None
        if before is not None and before.isVisible() and self.line.hasFocus():
            before.setFocus()
        self.hide()

    def show_entries(self, entries: Sequence[PaletteEntry]) -> None:
        """What was found; the first one is chosen."""
        self.rows.clear()
        for entry in entries:
            item = QListWidgetItem(self.rows)
            item.setData(ENTRY_ROLE, entry)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{one_line(entry.text)}, {one_line(detail_of(entry))}")
        self.rows.setCurrentRow(0)
        self._place()

    def entries(self) -> list[PaletteEntry]:
        """What is shown."""
        return [self.rows.item(row).data(ENTRY_ROLE) for row in range(self.rows.count())]

    def on_stepped(self, rows: int) -> None:
        """Choose another one; single steps go round."""
        count = self.rows.count()
        if not count:
            return
        at = self.rows.currentRow() + rows
        self.rows.setCurrentRow(at % count if abs(rows) == 1 else max(0, min(count - 1, at)))

    def on_agreed(self) -> None:
        """Go to the chosen one."""
        item = self.rows.currentItem()
        if item is not None:
            entry = item.data(ENTRY_ROLE)
            self.close_box()
            self.chosen.emit(entry)

    def on_current_changed(self, item: QListWidgetItem | None) -> None:
        """Screen readers hear of it, though the line keeps the focus."""
        if item is not None and QAccessible.isActive():
            event = QAccessibleEvent(self.rows, QAccessible.Event.Focus)
            event.setChild(self.rows.row(item))
            QAccessible.updateAccessibility(event)

    def on_theme_changed(self) -> None:
        """Colours and sizes."""
        self._painted_by.muted = self._themes.theme.color("muted")
        self.rows.scheduleDelayedItemsLayout()
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """It stays in the middle of the window."""
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        width = min(round(_EMS * self._themes.theme.ui_points), self._window.width() - 24)
        row = self.rows.sizeHintForRow(0) if self.rows.count() else 0
        self.rows.setFixedHeight(min(MOST_ROWS, self.rows.count()) * row + 2 * self.rows.frameWidth() + 2)
        height = min(self.sizeHint().height(), self._window.height() - _TOP - 12)
        if height < self.sizeHint().height():
            self.rows.setFixedHeight(max(row, self.rows.height() - self.sizeHint().height() + height))
        self.setGeometry((self._window.width() - width) // 2, _TOP, width, height)
