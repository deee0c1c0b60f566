"""What the window does about chats: list, messages, the answer that is written, and the actions of the menus."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QPlainTextEdit

from app.base.errors import ErrorReport
from app.base.settings import Settings
from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.chats import texts
from app.chats.messages import Conversation, Message
from app.library.answering import AnsweringStatus, ModelPhase
from app.ui.chat import outcome_words, words
from app.ui.chat.arranging import Arranging
from app.ui.chat.chat_list import Sidebar
from app.ui.chat.editing import Editing
from app.ui.chat.finding import FindingInChats
from app.ui.chat.mapping import Mapping
from app.ui.chat.options.bar import ChoosingOptions
from app.ui.chat.pane import ChatPane
from app.ui.chat.replays import Replays
from app.ui.chat.sending import Sending
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager
from inference.events import DraftUpdated


class ChatCoordinator(QObject):
    """Brings what the user does in the two panels to the controller, and what comes back to the panels.

    Attributes:
        sending: The message box.
        finding: The search box and the find bar.
        options: What was chosen for one chat alone.
        arranging: The order of the list.
        editing: What can be done with any message.
        mapping: The map of the block.
        replays: How answers were written.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: dict[str, QAction],
        sidebar: Sidebar,
        pane: ChatPane,
        controller: ChatController,
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self._window, self._actions, self._sidebar, self._pane = window, actions, sidebar, pane
        self._controller, self._preferences, self._notices = controller, preferences, notices
        self._undo: list[tuple[str, Callable[[], None]]] = []  # what was done, and the way back
        self._not_stored: list[str] = []  # what was said of a file that could not be written
        self.sending = Sending(pane.composer, pane.queue, controller, themes, notices, self)
        self.finding = FindingInChats(actions, sidebar, pane, controller, notices, self)
        self.editing = Editing(pane.chat, controller, themes, notices, self)
        self.arranging = Arranging(sidebar.list, controller, themes, self._can_undo, window)
        self.options = ChoosingOptions(pane.options, controller, themes, notices, window)
        self._connect_actions()
        self._connect_panels()
        self._connect_controller()
        self.mapping = Mapping(actions["map"], pane, controller, preferences, self)
        self.replays = Replays(window, pane.chat, controller, preferences, notices, self)
        self.on_settings_changed(preferences.settings)
        pane.header.show_status(controller.model.status)

    def _connect_actions(self) -> None:
        for name, slot in (
            ("new_chat", self.on_new_chat),
            ("rename", self.on_rename),
            ("delete", self._sidebar.list.delete_current),
            ("undo", self.on_undo),
            ("bin", self.arranging.open_bin),
            ("copy_answer", self.on_copy_answer),
            ("try_again", self.on_try_again),
            ("continue_answer", self._controller.continue_answer),
            ("settle_now", self._controller.settle_now),
            ("more_steps", self._controller.more_steps),
            ("stop", self._controller.stop),
            ("message_box", self.on_message_box),
            ("earlier_version", self.on_earlier_version),
            ("later_version", self.on_later_version),
            ("next_chat", self.on_next_chat),
            ("previous_chat", self.on_previous_chat),
        ):
            self._actions[name].triggered.connect(slot)

    def _connect_panels(self) -> None:
        controller, pane, rows = self._controller, self._pane, self._sidebar.list
        self._sidebar.new_chat_requested.connect(self.on_new_chat)
        rows.chosen.connect(self.on_chat_chosen)
        rows.renamed.connect(controller.rename, Qt.ConnectionType.QueuedConnection)  # the editor closes first
        rows.deletion_requested.connect(controller.delete)
        pane.empty.example_chosen.connect(self.sending.on_send)
        pane.composer.stop_requested.connect(controller.stop)
        pane.chat.try_again_requested.connect(self.on_try_again)
        pane.chat.continue_requested.connect(controller.continue_answer)
        pane.chat.settle_requested.connect(controller.settle_now)
        pane.chat.more_steps_requested.connect(controller.more_steps)
        pane.chat.sibling_requested.connect(controller.show_sibling)
        pane.chat.page_added.connect(self.on_page_added)
        pane.undo_bar.pressed.connect(self.on_undo)
        pane.undo_bar.closed.connect(self.on_undo_bar_closed)
        self._preferences.changed.connect(self.on_settings_changed)

    def _connect_controller(self) -> None:
        controller = self._controller
        controller.conversations_changed.connect(self.on_conversations_changed)
        controller.conversation_changed.connect(self.on_conversation_changed)
        controller.chat_shown.connect(self.on_chat_shown)
        controller.message_added.connect(self.on_message_added)
        controller.answer_replaced.connect(self._pane.chat.replace_last)
        controller.answer_resumed.connect(self._pane.chat.resume_last)
        controller.draft_updated.connect(self.on_draft_updated)
        controller.answer_grown.connect(self._pane.chat.commit)
        controller.answer_ended.connect(self.on_answer_ended)
        controller.chat_deleted.connect(self.on_chat_deleted)
        controller.busy_changed.connect(self.on_busy_changed)
        controller.problem.connect(self.on_problem)
        controller.file_written.connect(self.on_file_written)
        controller.stored.connect(self.on_stored)
        for changed, follow in (
            (controller.chat_shown, controller.context.show_messages),
            (controller.message_added, controller.context.add_message),
            (controller.answer_replaced, controller.context.replace_message),
            (controller.answer_ended, controller.context.replace_message),
        ):
            changed.connect(follow)
        controller.backups.purged.connect(self.on_backups_purged)
        controller.context.changed.connect(self._pane.context.show_use)
        controller.model.status_changed.connect(self.on_model_status_changed)
        controller.answering.encoded.connect(self.on_prompt_encoded)
        controller.answering.stored_late.connect(self.on_answer_ended)

    # -- what comes from the controller -----------------------------------------------------------------------------

    def on_conversations_changed(self, conversations: tuple[Conversation, ...]) -> None:
        """The list changed."""
        self._sidebar.list.set_folders(self._controller.list.folders())
        self._sidebar.show_conversations(conversations, self._controller.chat_id)
        self._show_possible()

    def on_conversation_changed(self, conversation: Conversation) -> None:
        """One chat of the list changed."""
        self._sidebar.show_changed(conversation, self._controller.chat_id)
        self._show_possible()

    def on_chat_shown(self, chat_id: str | None, messages: tuple[Message, ...]) -> None:
        """Another chat is shown: that one is gone is no news of this one."""
        self._notices.withdraw(f"{texts.CHAT_GONE} {texts.CHAT_GONE_HINT}")
        self._sidebar.list.select(chat_id)
        self._pane.chat.show_messages(messages)
        self._pane.show_empty(not messages)
        last = messages[-1] if messages else None
        self._pane.set_status(outcome_words.stored_status(last) if last is not None else "")
        draft = self._controller.answering.newest_draft
        if self._controller.busy_here and draft is not None:
            self.on_draft_updated(draft)  # the next one may be seconds away
        elif self._controller.busy_here:
            self._show_waiting()
        self._show_possible()

    def on_message_added(self, message: Message) -> None:
        """The chat grew."""
        self._notices.withdraw(f"{texts.CHAT_GONE} {texts.CHAT_GONE_HINT}")
        self._pane.show_empty(False)
        self._pane.chat.add_message(message)

    def on_draft_updated(self, draft: DraftUpdated) -> None:
        """A denoising step was made."""
        self._pane.chat.show_draft(draft)
        self._pane.set_status(words.writing_status(draft.block, draft.step, draft.max_steps))

    def on_answer_ended(self, message: Message) -> None:
        """The answer is complete, or was ended."""
        if message.conversation_id == self._controller.chat_id:
            self._pane.chat.end_answer(message)
            answer = self._pane.chat.last_answer
            if answer is not None and answer.message_id == message.id:  # another version may be shown meanwhile
                self._pane.set_status(outcome_words.stored_status(message))

    def on_chat_deleted(self, conversation: Conversation) -> None:
        """Offer to bring it back."""
        before = dataclasses.replace(conversation, deleted_at=None)
        self._can_undo(words.deleted(conversation.title), (before,))
        self._sidebar.list.setFocus()

    def _can_undo(self, done: str, before: tuple[Conversation, ...]) -> None:
        self.can_undo(done, partial(self._restore, before))

    def can_undo(self, done: str, undo: Callable[[], None]) -> None:
        """Something was done that can be taken back for a while."""
        self._undo.append((done, undo))
        self._pane.undo_bar.show_text(done)
        self._show_possible()

    def _restore(self, before: tuple[Conversation, ...]) -> None:
        self._controller.list.restore(before)
        if len(before) == 1 and self._controller.chat_id != before[0].id:
            self._controller.open_chat(before[0].id)

    def on_busy_changed(self, busy: bool) -> None:
        """An answer begins or ends."""
        self._pane.composer.set_busy(busy)
        if busy:
            self._pane.set_status("")
            self._show_waiting()
        else:
            self._notices.withdraw(words.BUSY_HERE, words.BUSY_ELSEWHERE)
        self._show_possible()

    def on_model_status_changed(self, status: AnsweringStatus) -> None:
        """The model does something else."""
        self._pane.header.show_status(status)
        if self._controller.busy_here and status.phase == ModelPhase.WRITING:
            self._show_waiting()
        self._show_possible()

    def on_prompt_encoded(self, event: object) -> None:
        """The prompt is read."""
        if getattr(event, "dropped_turns", 0) > 0:
            self._notices.show(words.DROPPED_TURNS)

    def on_problem(self, report: ErrorReport) -> None:
        """Something could not be stored or read; for a chat file that is gone there is a way out."""
        if report.text == texts.STORE_GONE:
            said = f"{report.text} {report.hint}"
            self._notices.show(said, stays=True, action=words.WRITE_ANEW, do=self._controller.write_anew)
            return
        if report.text in texts.SAVED_AGAIN_ENDS:
            self._not_stored.append(f"{report.text} {report.hint}".strip())
        self._notices.report(report)

    def on_backups_purged(self, count: int) -> None:
        """What was removed for good is in no backup any more."""
        self._notices.show(words.removed_from_backups(count))

    def on_stored(self) -> None:
        """The file can be written: that it could not is over."""
        if self._not_stored:
            self._notices.withdraw(*self._not_stored)
            self._not_stored.clear()

    def on_file_written(self) -> None:
        """The chat file that was lost is there again."""
        self._notices.withdraw(f"{texts.STORE_GONE} {texts.STORE_GONE_HINT}")
        self._notices.show(words.WRITTEN_ANEW)

    def on_settings_changed(self, settings: Settings) -> None:
        """Settings hold at once."""
        self._pane.chat.set_drafts(settings.drafts)
        self._pane.chat.set_reduce_motion(settings.reduce_motion)

    # -- what the user does -----------------------------------------------------------------------------------------

    def on_new_chat(self) -> None:
        """Show an empty chat; it is stored with its first message."""
        self._controller.open_chat(None)
        self._pane.composer.setFocus()

    def on_rename(self) -> None:
        """Edit the chat's title in the list."""
        self._sidebar.needed.emit()
        self._sidebar.list.setFocus()
        self._sidebar.list.rename_current()

    def on_undo(self) -> None:
        """Take back what was done last to chats of the list, or to an answer; else undo typing."""
        if self._undo:
            _, undo = self._undo.pop()
            undo()
            if self._undo:
                self._pane.undo_bar.show_text(self._undo[-1][0])
            else:
                self._pane.undo_bar.dismiss()
        elif isinstance(self._window.focusWidget(), QPlainTextEdit):
            self._pane.composer.box.undo()

    def on_undo_bar_closed(self) -> None:
        """The time to take it back is over."""
        self._undo.clear()
        self._show_possible()

    def on_copy_answer(self) -> None:
        """Copy the newest answer's source."""
        answer = self._pane.chat.last_answer
        if answer is not None and answer.source():
            answer.copy()

    def on_page_added(self) -> None:
        """Earlier messages may have versions."""
        self._show_possible()

    def on_try_again(self) -> None:
        """Ask anew; where that would give the same answer, say so."""
        if self._controller.can_try_again() and self._controller.same_again():
            again = self._controller.try_again_with_new_seed
            self._notices.show(words.SAME_AGAIN, stays=True, action=words.NEW_SEED, do=again)
        else:
            self._controller.try_again()

    def on_chat_chosen(self, chat_id: str) -> None:
        """Show a chat of the list."""
        if chat_id != self._controller.chat_id:
            self._controller.open_chat(chat_id)

    def on_message_box(self) -> None:
        """Go to the message box."""
        self._pane.composer.setFocus()

    def on_earlier_version(self) -> None:
        """The version before, of a message that has several."""
        self._pane.chat.step_version(-1)

    def on_later_version(self) -> None:
        """The version after."""
        self._pane.chat.step_version(1)

    def on_next_chat(self) -> None:
        """The chat below."""
        self._step_chat(1)

    def on_previous_chat(self) -> None:
        """The chat above."""
        self._step_chat(-1)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _step_chat(self, step: int) -> None:
        ids = self._sidebar.list.ids()
        if not ids:
            return
        current = self._controller.chat_id
        at = ids.index(current) + step if current in ids else (0 if step > 0 else len(ids) - 1)
        if 0 <= at < len(ids):
            self._controller.open_chat(ids[at])

    def _show_waiting(self) -> None:
        waiting = self._controller.answering.waiting_for_model
        answer = self._pane.chat.last_answer
        if self._controller.busy_here and answer is not None and answer.canvas.draft is None:
            self._pane.chat.set_waiting(words.WAITING_FOR_MODEL if waiting else words.READING)

    def _show_possible(self) -> None:
        """Enable what is possible now."""
        busy, known = self._controller.busy, self._controller.chat_id is not None
        answer = self._pane.chat.last_answer
        steps = busy and self._controller.model.choice.server is None  # a server's steps are its own
        possible = {
            "find_here": known,
            "find_next": known,
            "find_previous": known,
            "rename": known,
            "delete": known,
            "try_again": known and not busy,
            "continue_answer": not busy and answer is not None and answer.can_continue,
            "stop": busy,
            "settle_now": steps,
            "more_steps": steps,
            "copy_answer": answer is not None and bool(answer.source()),
            "earlier_version": self._pane.chat.has_versions and not busy,
            "later_version": self._pane.chat.has_versions and not busy,
            "next_chat": self._sidebar.list.count() > 0,
            "previous_chat": self._sidebar.list.count() > 0,
        }
        for name, enabled in possible.items():
            self._actions[name].setEnabled(enabled)
