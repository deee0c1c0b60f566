"""The main window: composes the panels, hands what the user does to the controller, shows what comes back."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QSplitter

from app.base import texts
from app.base.errors import ErrorReport
from app.base.paths import AppPaths
from app.base.settings import Settings
from app.bridge.chat import ChatController
from app.bridge.engines import Engines
from app.bridge.gpu import GpuAddon
from app.bridge.library import Library
from app.bridge.preferences import Preferences
from app.bridge.updates import Updates
from app.chats.messages import Conversation, Message
from app.library.answering import AnsweringStatus, ModelPhase
from app.ui.actions import make_actions
from app.ui.chat import words
from app.ui.chat.chat_list import Sidebar
from app.ui.chat.coordinator import MenuSlots
from app.ui.chat.pane import ChatPane
from app.ui.engines.coordinator import EngineSlots
from app.ui.gpu.coordinator import GpuSlots
from app.ui.help.dialogs import BugDialog
from app.ui.models.coordinator import ModelSlots
from app.ui.updates.coordinator import UpdateSlots
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.icons import app_icon
from app.ui.widgets.theme import ThemeManager
from inference.events import DraftUpdated, Finished

FIRST_SIZE = (1120, 760)
SIDEBAR_WIDTH = 250


class MainWindow(MenuSlots, EngineSlots, ModelSlots, GpuSlots, UpdateSlots, QMainWindow):
    """The window.

    Signals:
        input_ready: It is shown and takes input, once.
        closed: It was closed; everything is saved.
    """

    input_ready = Signal()
    closed = Signal()

    def __init__(
        self,
        controller: ChatController,
        engines: Engines,
        library: Library,
        gpu: GpuAddon,
        updates: Updates,
        preferences: Preferences,
        themes: ThemeManager,
        paths: AppPaths,
    ) -> None:
        super().__init__()
        self._controller, self._engines, self._library, self._gpu = controller, engines, library, gpu
        self._updates, self._preferences, self._themes, self._paths = updates, preferences, themes, paths
        self._was_shown = False
        self._deleted: list[str] = []
        self._conversations: tuple[Conversation, ...] = ()
        self.setWindowTitle(texts.APP_NAME)
        self.setWindowIcon(app_icon())
        self.setAccessibleName(texts.APP_NAME)
        self.sidebar = Sidebar(themes)
        self.pane = ChatPane(themes, preferences.settings)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.sidebar)
        self.splitter.addWidget(self.pane)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([SIDEBAR_WIDTH, FIRST_SIZE[0] - SIDEBAR_WIDTH])
        self.setCentralWidget(self.splitter)
        self.setMinimumSize(560, 420)
        self.actions_by_name = make_actions(self)
        self._connect()
        self.connect_engines()
        self.connect_models()
        self.connect_gpu()
        self.connect_updates()
        self._restore_geometry()
        self.on_settings_changed(preferences.settings)
        self.pane.header.show_state(controller.model.state)
        self.pane.composer.setFocus()

    def _connect(self) -> None:
        controller, pane, rows = self._controller, self.pane, self.sidebar.list
        self.sidebar.new_chat_requested.connect(self.on_new_chat)
        rows.chosen.connect(self.on_chat_chosen)
        rows.renamed.connect(controller.rename, Qt.ConnectionType.QueuedConnection)  # the editor closes first
        rows.deletion_requested.connect(controller.delete)
        pane.header.sidebar_toggled.connect(self.on_sidebar_toggled)
        pane.empty.example_chosen.connect(self.on_send)
        pane.composer.sent.connect(self.on_send)
        pane.composer.stop_requested.connect(controller.stop)
        pane.chat.try_again_requested.connect(controller.try_again)
        pane.chat.sibling_requested.connect(controller.show_sibling)
        pane.undo_bar.pressed.connect(self.on_undo)
        pane.undo_bar.closed.connect(self.on_undo_bar_closed)
        controller.conversations_changed.connect(self.on_conversations_changed)
        controller.chat_shown.connect(self.on_chat_shown)
        controller.message_added.connect(self.on_message_added)
        controller.answer_replaced.connect(self.on_answer_replaced)
        controller.draft_updated.connect(self.on_draft_updated)
        controller.answer_grown.connect(pane.chat.commit)
        controller.answer_ended.connect(self.on_answer_ended)
        controller.chat_deleted.connect(self.on_chat_deleted)
        controller.busy_changed.connect(self.on_busy_changed)
        controller.problem.connect(self.on_problem)
        controller.model.state_changed.connect(self.on_model_state_changed)
        controller.model.refused.connect(self.on_problem)
        controller.model.choice_changed.connect(self.on_model_choice_changed)
        controller.answering.encoded.connect(self.on_prompt_encoded)
        self._preferences.changed.connect(self.on_settings_changed)
        self._preferences.problem.connect(self.on_problem)

    # -- what comes from the controller -----------------------------------------------------------------------------

    def on_conversations_changed(self, conversations: tuple[Conversation, ...]) -> None:
        """The list changed."""
        self._conversations = conversations
        self.sidebar.show_conversations(conversations, self._controller.chat_id)
        self._refresh_actions()

    def on_chat_shown(self, chat_id: str | None, messages: tuple[Message, ...]) -> None:
        """Another chat is shown."""
        self.sidebar.list.select(chat_id)
        self.pane.chat.show_messages(messages)
        self.pane.show_empty(not messages)
        last = messages[-1] if messages else None
        self.pane.set_status(words.stored_status(last) if last is not None else "")
        if self._controller.busy_here:
            self._show_waiting()
        self._refresh_actions()

    def on_message_added(self, message: Message) -> None:
        """The chat grew."""
        self.pane.show_empty(False)
        self.pane.chat.add_message(message)

    def on_answer_replaced(self, message: Message) -> None:
        """A new answer is made in the place of the last one."""
        self.pane.chat.replace_last(message)

    def on_draft_updated(self, draft: DraftUpdated) -> None:
        """A denoising step was made."""
        self.pane.chat.show_draft(draft)
        self.pane.set_status(words.writing_status(draft.block, draft.step, draft.max_steps))

    def on_answer_ended(self, message: Message, finished: Finished | None) -> None:
        """The answer is complete, or was ended."""
        if message.conversation_id == self._controller.chat_id:
            self.pane.chat.end_answer(message)
            self.pane.set_status(words.finished_status(finished) if finished else words.stored_status(message))

    def on_chat_deleted(self, conversation: Conversation) -> None:
        """Offer to bring it back."""
        self._deleted.append(conversation.id)
        self.pane.undo_bar.show_text(words.deleted(conversation.title))
        self.sidebar.list.setFocus()
        self._refresh_actions()

    def on_busy_changed(self, busy: bool) -> None:
        """An answer begins or ends."""
        self.pane.composer.set_busy(busy)
        if busy:
            self.pane.set_status("")
            self._show_waiting()
        self._refresh_actions()

    def on_model_state_changed(self, state: AnsweringStatus) -> None:
        """The model does something else."""
        self.pane.header.show_state(state)
        if self._controller.busy_here and state.phase == ModelPhase.WRITING:
            self._show_waiting()
        self._refresh_actions()

    def on_model_choice_changed(self) -> None:
        """Another model answers; it is taken again next time."""
        choice = self._controller.model.choice
        if choice.backend == "auto":
            self._preferences.set(model_folder="" if choice.starter else str(choice.folder))
        self._refresh_actions()

    def on_prompt_encoded(self, event: object) -> None:
        """The prompt is read."""
        if getattr(event, "dropped_turns", 0) > 0:
            self.pane.notice.show_text(words.DROPPED_TURNS)

    def on_problem(self, report: ErrorReport) -> None:
        """Say what went wrong, once and plainly."""
        if report.kind == "known":
            self.pane.notice.show_text(f"{report.text} {report.hint}".strip(), stays=True)
        elif report.kind == "bug":
            BugDialog(report, self._themes.theme, self).open()

    def on_settings_changed(self, settings: Settings) -> None:
        """Settings hold at once."""
        self._themes.set_appearance(settings.appearance)
        self._themes.set_text_scale(settings.text_scale)
        self.pane.chat.set_calm(settings.drafts == "calm")
        self.pane.chat.set_reduce_motion(settings.reduce_motion)
        self.sidebar.setVisible(settings.show_chat_list)
        for name, checked in (
            ("chat_list", settings.show_chat_list),
            ("calm", settings.drafts == "calm"),
            ("reduce_motion", settings.reduce_motion),
        ):
            self.actions_by_name[name].setChecked(checked)

    # -- what the user does -----------------------------------------------------------------------------------------

    def on_send(self, text: str) -> None:
        """Send a message; it stays in the box if that is not possible now."""
        if self._controller.busy:
            self.pane.notice.show_text(words.BUSY_HERE if self._controller.busy_here else words.BUSY_ELSEWHERE)
        elif self._controller.send(text) and self.pane.composer.text.strip("\n") == text:
            self.pane.composer.clear()

    def on_chat_chosen(self, chat_id: str) -> None:
        """Show a chat of the list."""
        if chat_id != self._controller.chat_id:
            self._controller.open_chat(chat_id)

    def on_undo_bar_closed(self) -> None:
        """The time to bring the chat back is over."""
        self._deleted.clear()
        self._refresh_actions()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_waiting(self) -> None:
        waiting = self._controller.answering.waiting_for_model
        answer = self.pane.chat.last_answer
        if self._controller.busy_here and answer is not None and not answer.source() and answer.canvas.draft is None:
            self.pane.chat.set_waiting(words.WAITING_FOR_MODEL if waiting else words.READING)

    def _restore_geometry(self) -> None:
        saved = QByteArray.fromBase64(self._preferences.settings.window_geometry.encode("ascii", "ignore"))
        if saved.isEmpty() or not self.restoreGeometry(saved):
            resize_within_screen(self, *FIRST_SIZE)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """The first time: it takes input now."""
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            self._first_look.start()
            self._updates.start()
            self.input_ready.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save, end the engine and a build, go; the window is gone from the screen at once."""
        geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
        self._preferences.set(window_geometry=geometry)
        for window in (*self.findChildren(QDialog), self):
            window.hide()
        self._first_look.stop()
        self._library.cancel_all()
        self._gpu.cancel_all()
        self._updates.cancel_all()
        self._engines.cancel_all()
        self._controller.shut_down()
        self._library.shut_down()
        self._gpu.shut_down()
        self._updates.shut_down()
        self._engines.shut_down()
        self._preferences.flush()
        self.closed.emit()
        event.accept()
        QApplication.quit()
