"""What the window does about replays: reads recordings, opens them in their answers, saves them as files."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.ui.chat import words
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.chat_view import ChatView
from app.ui.chat.replay import Replay
from app.ui.chat.replay_export import save_replay
from app.ui.widgets.notices import Notices
from app.ui.widgets.save_dialog import SaveDialog
from inference.traces.codec import TraceError
from inference.traces.trace import read_trace


class Replays(QObject):
    """Brings recordings to answers, and replays to files."""

    def __init__(
        self,
        window: QWidget,
        chat: ChatView,
        controller: ChatController,
        preferences: Preferences,
        notices: Notices,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._window, self._chat, self._notices = window, chat, notices
        self._recordings, self._preferences = controller.recordings, preferences
        chat.is_recorded = self._recordings.has
        chat.replay_requested.connect(self.on_replay_requested)
        chat.export_requested.connect(self.on_export_requested)

    def on_replay_requested(self, message_id: str) -> None:
        """Play an answer's recording in its place."""
        answer = self._chat.answer_of(message_id)
        if answer is None:
            return
        try:
            traces = [read_trace(data) for data in self._recordings.read(message_id)]
        except TraceError:
            traces = []
        if not traces:
            self._notices.show(words.RECORDING_LOST)
            return
        whole = "".join("".join(trace.pieces(trace.committed)) for trace in traces)
        source = answer.source()
        start = source[: source.find(whole)] if traces[0].block and whole in source else ""
        recordings, most = self._recordings, self._preferences.settings.recorded_bytes
        size = words.recording_size(recordings.size_of(message_id), recordings.size, most)
        answer.open_replay(Replay(traces, start), size)

    def on_export_requested(self, answer: AnswerView, kind: str) -> None:
        """Save a replay as a file of a kind."""
        replay = answer.replay
        if replay is None:
            return
        pattern = f"{kind.upper()} (*.{kind})"
        name = f"{words.REPLAY_FILE}.{kind}"
        target = SaveDialog.chosen(self._window, words.REPLAY_SAVE_TITLE, name, pattern)
        if target is None:
            return
        QGuiApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            save_replay(replay, answer.theme, target, kind, answer.replay_frame)
        except OSError as exc:
            self._notices.show(words.not_exported(str(target), exc.strerror or str(exc)))
        else:
            self._notices.show(words.exported(str(target)))
        finally:
            QGuiApplication.restoreOverrideCursor()
