"""The right side: header, chat (or the empty state), floating bars, composer, status line."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from app.base.settings import Settings
from app.ui.chat import words
from app.ui.chat.canvas_map import MapPanel
from app.ui.chat.chat_view import COLUMN_WIDTH, ChatView
from app.ui.chat.composer import Composer, local_files
from app.ui.chat.empty_state import EmptyState
from app.ui.chat.find_bar import FindBar
from app.ui.chat.header import Header
from app.ui.chat.options.bar import ChatOptionsButton
from app.ui.chat.options.meter import ContextMeter
from app.ui.chat.queue_strip import QueueStrip
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.labels import ElidedLabel
from app.ui.widgets.plain import set_tip
from app.ui.widgets.theme import ThemeManager
from app.ui.widgets.toast import NOTICE_MS, UNDO_MS, Toast

_GAP = 12
METER_EMS = 40  # of the controls' letters, that the pane needs for words beside the bar of the context
BAR_EMS = 30  # and for the bar
MAP_EMS = 48  # of the controls' letters, that the chat needs beside the map


class ChatPane(QWidget):
    """Composes the panels of one chat.

    Attributes:
        below: The row below the message box.
    """

    def __init__(self, themes: ThemeManager, settings: Settings) -> None:
        super().__init__()
        self.setObjectName("chat_area")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAcceptDrops(True)
        self._themes = themes
        self.header = Header(themes)
        self.chat = ChatView(themes, settings.drafts, settings.reduce_motion)
        self.empty = EmptyState(themes)
        self.find_bar = FindBar(themes)
        self.options = ChatOptionsButton()
        self.context = ContextMeter(themes)
        self.queue = QueueStrip()
        self.composer = Composer(themes)
        self.map = MapPanel(themes.theme)
        self._map_wanted = False
        self.status = ElidedLabel()
        self.status.setObjectName("status_line")
        self.status.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()
        self.undo_bar = Toast("undo_bar", "Undo", UNDO_MS)
        self.notice = Toast("notice", "Close", NOTICE_MS)
        self.latest = QToolButton()
        self.latest.setObjectName("latest")
        self.latest.setAccessibleName(words.JUMP_TO_LATEST)
        set_tip(self.latest, words.JUMP_TO_LATEST)
        self.latest.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.latest.hide()
        for floating in (self.undo_bar, self.notice, self.latest):
            floating.setParent(self._middle)
            floating.installEventFilter(self)
        self._middle.installEventFilter(self)
        self.chat.bottom_reached.connect(self.on_bottom_reached)
        self.chat.items_made.connect(self._place)
        self.latest.clicked.connect(self.chat.scroll_to_bottom)
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()

    def show_empty(self, empty: bool) -> None:
        """The empty state or the chat; who pressed an example goes on in the message box."""
        focused = QApplication.focusWidget()
        if focused is not None and not empty and self.empty.isAncestorOf(focused):
            self.composer.setFocus()
        self._stack.setCurrentWidget(self.empty if empty else self.chat)
        self._keep_bar_room()
        if empty:
            self.latest.hide()
        self._place()  # a page that comes lies over all else

    @property
    def is_empty(self) -> bool:
        """Whether the empty state is in view."""
        return self._stack.currentWidget() is self.empty

    def set_status(self, text: str) -> None:
        """The line at the very bottom."""
        self.status.set_full_text(text)
        self.status.setAccessibleName(f"Status: {text}" if text else "Status")

    def on_bottom_reached(self, reached: bool) -> None:
        """Offer the way to the newest message."""
        self.latest.setVisible(not reached and not self.is_empty)
        self._place()

    def _keep_bar_room(self) -> None:
        """The composer stays under the messages, beside which there is always room for the scroll bar."""
        room = 0 if self.is_empty else self.chat.verticalScrollBar().sizeHint().width()
        self._bottom_row.setContentsMargins(0, 0, room, 0)

    def set_map_wanted(self, wanted: bool) -> None:
        """Show the map, where there is room for it."""
        self._map_wanted = wanted
        self._fit_map()

    def _fit_map(self) -> None:
        ems = self.width() / self._themes.theme.ui_points
        self.context.set_room(ems >= METER_EMS, ems >= BAR_EMS)
        least = self.map.width() + MAP_EMS * self._themes.theme.ui_points
        self.map.setVisible(self._map_wanted and self.width() >= least)

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme = self._themes.theme
        self.latest.setIcon(themed_icon("down", theme.color("muted")))
        self.latest.setIconSize(QSize(18, 18))
        self.map.set_theme(theme)
        self._fit_map()
        self._place()

    def _lay_out(self) -> None:
        self._middle = QWidget()
        self._middle.setObjectName("chat_area")
        self._stack = QStackedLayout(self._middle)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.chat)
        bottom = QWidget()
        bottom.setMaximumWidth(COLUMN_WIDTH)
        column = QVBoxLayout(bottom)
        column.setContentsMargins(28, 4, 28, 8)
        column.setSpacing(6)
        column.addWidget(self.queue)
        column.addWidget(self.composer)
        below = self.below = QHBoxLayout()
        below.addWidget(self.options)
        below.addWidget(self.status, 1)
        below.addWidget(self.context)
        column.addLayout(below)
        row = self._bottom_row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(bottom, 1000)
        row.addStretch(1)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(self._middle, 1)
        left.addLayout(row)
        beside = QHBoxLayout()
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addLayout(left, 1)
        beside.addWidget(self.map)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.header)
        page.addWidget(self.find_bar)
        page.addLayout(beside, 1)
        self.map.hide()
        self._keep_bar_room()

    def _place(self) -> None:
        """Put the floating things above the composer; the messages can be scrolled out from below them."""
        area = self._middle.rect()
        bottom = area.bottom() - _GAP
        for toast in (self.notice, self.undo_bar):
            if toast.isHidden():
                continue
            width = min(620, area.width() - 2 * _GAP)
            height = toast.fit(width)
            toast.setGeometry((area.width() - width) // 2, bottom - height, width, height)
            toast.raise_()
            bottom -= height + _GAP
        room = area.bottom() - _GAP - bottom
        if not self.latest.isHidden():
            size = self.latest.sizeHint()
            self.latest.setGeometry(
                (area.width() - size.width()) // 2, bottom - size.height(), size.width(), size.height()
            )
            self.latest.raise_()
            if not self.chat.later.isHidden():  # else it goes where the newest message is in view
                room += size.height() + _GAP
        self.chat.keep_room_below(room)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The map and words go where there would be too little room."""
        super().resizeEvent(event)
        self._fit_map()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Floating things follow the room they float in."""
        if not hasattr(self, "_middle"):  # Python takes it apart already
            return False
        kind = event.type()
        changed = kind in (QEvent.Type.Show, QEvent.Type.Hide)
        if watched is self._middle:
            changed = changed or kind == QEvent.Type.Resize
        else:
            changed = changed or kind == QEvent.Type.LayoutRequest  # another text, or another size of letters
        if changed:
            self._place()
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere on the chat."""
        if local_files(event.mimeData()):
            event.acceptProposedAction()
            self.composer.show_files_above(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """They were taken away, or are above the message box."""
        super().dragLeaveEvent(event)
        self.composer.show_files_above(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """They go where the message box would put them."""
        self.composer.show_files_above(False)
        self.composer.box.files_given.emit(local_files(event.mimeData()))
        event.acceptProposedAction()
