"""What a search found: title and place of each, the words in bold."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPalette,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
)

from app.chats.search.index import SearchHit
from app.ui.chat import words
from app.ui.widgets.font_search import showable
from app.ui.widgets.plain import one_line, set_tip, shown
from app.ui.widgets.text_layout import units_in

HIT_ROLE = Qt.ItemDataRole.UserRole
MOST_LINES = 3  # of a place
MOST_OF_TITLE = 120  # characters
_SIDE, _TOP = 9, 7


class _HitDelegate(QStyledItemDelegate):
    """Paints a title, and below it the place."""

    def __init__(self, view: QListWidget) -> None:
        super().__init__(view)
        self._view = view
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(view.scheduleDelayedItemsLayout)
        self.muted = view.palette().color(QPalette.ColorRole.Text)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One row."""
        hit: SearchHit = index.data(HIT_ROLE)
        self.initStyleOption(option, index)
        option.text = ""
        widget = self._view
        widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, widget)
        room: QRect = option.rect.adjusted(_SIDE, _TOP, -_SIDE, -_TOP)
        painter.save()
        font = QFont(option.font)
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        metrics = QFontMetrics(font)
        title = metrics.elidedText(
            self._found(one_line(hit.title, MOST_OF_TITLE), font), Qt.TextElideMode.ElideRight, room.width()
        )
        painter.drawText(room.left(), room.top() + metrics.ascent(), title)
        if hit.message_id is not None:
            painter.setPen(self.muted)
            layout, _ = _laid_out(hit, self._found(shown(hit.snippet), option.font), option.font, room.width())
            layout.draw(painter, QPointF(room.left(), room.top() + metrics.lineSpacing()))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """As high as its place is long."""
        hit: SearchHit = index.data(HIT_ROLE)
        height = QFontMetrics(option.font).lineSpacing()
        if hit.message_id is not None:
            width = self._view.viewport().width() - 2 * _SIDE
            height += _laid_out(hit, self._found(shown(hit.snippet), option.font), option.font, width)[1]
        return QSize(0, height + 2 * _TOP)

    def _found(self, text: str, font: QFont) -> str:
        """What of a text can be shown in this turn; the rest is looked for in the next ones."""
        now, more = showable(text, font)
        if more:
            self._later.start(0)
        return now


def _laid_out(hit: SearchHit, text: str, font: QFont, width: int) -> tuple[QTextLayout, int]:
    """The place in lines of this width, its words in bold, and how high it is."""
    layout = QTextLayout(text, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    bold = QTextCharFormat()
    bold.setFontWeight(QFont.Weight.Bold)
    ranges = []
    if len(text) == len(hit.snippet):  # nothing was hidden: the marks are right
        for start, end in hit.marks:
            each = QTextLayout.FormatRange()
            each.start, each.format = units_in(text[:start]), bold
            each.length = units_in(text[start:end])
            ranges.append(each)
    layout.setFormats(ranges)
    layout.beginLayout()
    height = 0.0
    for _ in range(MOST_LINES):
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(max(40, width))
        line.setPosition(QPointF(0, height))
        height += line.height()
    layout.endLayout()
    return layout, round(height)


def takes_escape(event: QEvent) -> bool:
    """Keep Esc from the menus, if this asks whose it is."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if event.key() == Qt.Key.Key_Escape:
        event.accept()
        return True
    return False


class SearchLine(QLineEdit):
    """The box above the list of chats.

    Signals:
        down: The user goes to the results.
        left: The user wants the list again.
    """

    down = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("search")
        self.setPlaceholderText(words.SEARCH)
        self.setAccessibleName(words.SEARCH)
        set_tip(self, words.SEARCH_HINT)
        self.setClearButtonEnabled(True)
        for clear in self.findChildren(QToolButton):
            clear.setAccessibleName(words.SEARCH_CLEAR)
        self.setMaxLength(1_000)

    def event(self, event: QEvent) -> bool:
        """Esc is for the box, also while an answer is written that it would stop."""
        return takes_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down and Esc lead out of it."""
        if event.key() == Qt.Key.Key_Down:
            self.down.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class SearchResults(QListWidget):
    """The rows.

    Signals:
        chosen: A `SearchHit`.
        left: The user goes back up to the box.
    """

    chosen = Signal(object)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("chat_list")
        self.setAccessibleName(words.SEARCH_RESULTS)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self._painted_by = _HitDelegate(self)
        self.setItemDelegate(self._painted_by)
        self.itemClicked.connect(self.on_item_chosen)
        self.itemActivated.connect(self.on_item_chosen)

    def show_hits(self, hits: tuple[SearchHit, ...]) -> None:
        """Show these."""
        self.clear()
        for hit in hits:
            item = QListWidgetItem(self)
            item.setData(HIT_ROLE, hit)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{one_line(hit.title)}: {shown(hit.snippet)}")
        self.scrollToTop()

    def set_muted(self, color: QColor) -> None:
        """The colour of places; titles have that of text."""
        self._painted_by.muted = color
        self.scheduleDelayedItemsLayout()

    def hits(self) -> list[SearchHit]:
        """What is shown."""
        return [self.item(row).data(HIT_ROLE) for row in range(self.count())]

    def on_item_chosen(self, item: QListWidgetItem) -> None:
        """Go to one."""
        self.chosen.emit(item.data(HIT_ROLE))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up from the first one leads back to the box; Esc, too."""
        if event.key() == Qt.Key.Key_Escape or (event.key() == Qt.Key.Key_Up and self.currentRow() <= 0):
            self.left.emit()
            return
        super().keyPressEvent(event)
