"""The thin bar under an answer that is replayed: play, drag from noise to text, speed, export."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QSlider, QToolButton, QWidget

from app.ui.chat import words
from app.ui.chat.replay import Replay
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import PlainLabel, set_tip
from app.ui.widgets.theme import Theme

FULL_MS = 100  # from step to step
NOISE_MS = 400  # for the first frame of a block
SPEEDS = (("\u00bc", 4), ("\u00bd", 2), ("1", 1))
EXPORTS = ("gif", "webp", "html", "png")


class ReplayBar(QWidget):
    """Plays one answer.

    Signals:
        frame_wanted: A frame shall be shown.
        export_wanted: As a file of which kind ("gif", "webp", "html", "png").
        closed: The answer as it is shall be shown again.
    """

    frame_wanted = Signal(int)
    export_wanted = Signal(str)
    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._replay, self._playing = Replay(()), False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.on_next_due)
        self._play = QToolButton()
        self._play.setAutoRaise(True)
        self._play.clicked.connect(self.on_play_clicked)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(words.REPLAY_SLIDER)
        self.slider.setPageStep(4)
        self.slider.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.slider.valueChanged.connect(self.on_moved)
        self._label = PlainLabel(role="muted")
        self._speed = QComboBox()
        self._speed.setAccessibleName(words.REPLAY_SPEED)
        set_tip(self._speed, words.REPLAY_SPEED)
        for label, factor in SPEEDS:
            self._speed.addItem(f"{label}\u00d7", factor)
        self._speed.setCurrentIndex(1)
        self._export = QPushButton(words.REPLAY_EXPORT)
        self._export.setProperty("role", "quiet")
        menu = QMenu(self)
        menu.setAccessibleName(words.REPLAY_EXPORT)
        for kind in EXPORTS:
            action = menu.addAction(words.REPLAY_EXPORTS[kind])
            action.setData(kind)
        menu.triggered.connect(self.on_export_chosen)
        self._export.setMenu(menu)
        self._close = QPushButton(words.REPLAY_CLOSE)
        self._close.setProperty("role", "quiet")
        self._close.clicked.connect(self.on_close_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._play)
        row.addWidget(self.slider, 1)
        for widget in (self._label, self._speed, self._export, self._close):
            row.addWidget(widget)
        self.setAccessibleName(words.REPLAY)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        edge = round(theme.ui_points * 1.5)
        self._icons = [themed_icon(name, theme.color("muted"), edge) for name in ("replay", "stop")]
        self._play.setIconSize(QSize(edge, edge))
        self._show_playing()

    def start(self, replay: Replay) -> None:
        """Play from the noise on."""
        self._replay = replay
        self.slider.setRange(0, len(replay) - 1)
        self.slider.setValue(0)
        self.on_moved(0)
        self.slider.setFocus()
        self._play_on()

    def stop(self) -> None:
        """Stand still."""
        self._timer.stop()
        self._playing = False
        self._show_playing()

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._playing

    def on_play_clicked(self) -> None:
        """Play, from the beginning if it is at its end; or stand still."""
        if self.playing:
            self.stop()
            return
        if self.slider.value() >= self.slider.maximum():
            self.slider.setValue(0)
        self._play_on()

    def on_next_due(self) -> None:
        """The next step."""
        self.slider.setValue(self.slider.value() + 1)
        if self.slider.value() < self.slider.maximum():
            self._play_on()
        else:
            self.stop()

    def on_moved(self, frame: int) -> None:
        """Another step is wanted."""
        self._label.setText(self._replay.label(frame))
        set_tip(self.slider, self._replay.label(frame))
        self.frame_wanted.emit(frame)

    def on_export_chosen(self, action: object) -> None:
        """Make a file of it."""
        kind = getattr(action, "data", str)()
        self.stop()
        self.export_wanted.emit(kind)

    def on_close_clicked(self) -> None:
        """Back to the answer."""
        self.stop()
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space plays and stops, Esc closes; the arrows belong to the slider."""
        if event.key() == Qt.Key.Key_Space:
            self.on_play_clicked()
        elif event.key() == Qt.Key.Key_Escape:
            self.on_close_clicked()
        else:
            super().keyPressEvent(event)

    def _play_on(self) -> None:
        self._playing = True  # also while the timer is not, which ends before it tells
        noise = self._replay.is_noise(self.slider.value())
        self._timer.start(max(NOISE_MS if noise else 0, FULL_MS * int(self._speed.currentData())))
        self._show_playing()

    def _show_playing(self) -> None:
        self._play.setIcon(self._icons[1 if self.playing else 0])
        text = words.REPLAY_STOP if self.playing else words.REPLAY_PLAY
        self._play.setAccessibleName(text)
        set_tip(self._play, text)
