"""The one answer that is being made: from the stored question to the stored end, whatever happens in between."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import QObject, QTimer, Signal

from app.base.errors import AppError, ErrorReport, report_from_exception
from app.bridge.model import AnsweringModel
from app.bridge.model_process import AnswerTask, ModelEvent, ModelThread, NewestDraft
from app.bridge.preferences import Preferences
from app.bridge.unsent import Unsaved
from app.chats.history import HistoryStore
from app.chats.messages import Message
from app.chats.recordings import Recordings
from app.chats.session import AnswerRecorder, Ask
from inference.events import BlockCommitted, DraftUpdated, Event, Failed, Finished, NoiseDrawn, PromptEncoded

RETRY_MS = 5000
NOISE_NATS = 8.0  # of a place of which nothing is known
KEEP_MS = 750  # how long a draft may stand on the screen before it is stored


class Answering(QObject):
    """Drives one answer at a time.

    Signals:
        began: The `Ask`.
        draft_updated: A `DraftUpdated` of the answer; step 0 is the noise that a block begins with.
        encoded: The `PromptEncoded`.
        committed: A `BlockCommitted`; the text so far is in `source`.
        ended: The stored `Message`, and the `Finished` or None.
        stored_late: The stored `Message` of an answer that could not be stored when it ended.
        problem: Something could not be stored (an `ErrorReport`).
    """

    began = Signal(object)
    draft_updated = Signal(object)
    encoded = Signal(object)
    committed = Signal(object)
    ended = Signal(object, object)
    stored_late = Signal(object)
    problem = Signal(object)

    def __init__(
        self,
        store: HistoryStore,
        thread: ModelThread,
        model: AnsweringModel,
        recordings: Recordings,
        preferences: Preferences,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._recordings, self._preferences = recordings, preferences
        self._store, self._thread, self._model = store, thread, model
        self._ask: Ask | None = None
        self._task: AnswerTask | None = None
        self._started = False
        self._drafted = -1  # the block of the newest draft
        self._newest: DraftUpdated | None = None  # of the block that is being written
        self._unsaved: list[AnswerRecorder] = []
        self._trouble: ErrorReport | None = None  # of the last try to store what is unsaved
        self._retry = QTimer(self)
        self._retry.setInterval(RETRY_MS)
        self._retry.timeout.connect(self.on_retry_due)
        self._keep = QTimer(self)
        self._keep.setSingleShot(True)
        self._keep.timeout.connect(self.on_keep_due)

    @property
    def busy(self) -> bool:
        """Whether an answer is being made."""
        return self._ask is not None

    @property
    def conversation_id(self) -> str | None:
        """The chat of the answer that is being made."""
        return self._ask.conversation.id if self._ask else None

    @property
    def source(self) -> str:
        """The committed text of the answer that is being made, and what it goes on from."""
        return self._ask.recorder.answer if self._ask else ""

    @property
    def thinking(self) -> str:
        """What was thought so far for the answer that is being made."""
        return self._ask.recorder.thinking if self._ask else ""

    @property
    def newest_draft(self) -> DraftUpdated | None:
        """Of the block that is being written; None before its noise is drawn."""
        return self._newest

    @property
    def waiting_for_model(self) -> bool:
        """Whether the answer cannot begin because the model is still being loaded."""
        return self._model.loading and not self._started

    def begin(self, ask: Ask) -> None:
        """Make the answer that `ask` stands for."""
        self._ask, self._started, self._drafted, self._newest = ask, False, -1, None
        self._task = self._thread.answer(ask.request)
        self._model.show_writing()
        self.began.emit(ask)

    def stop(self) -> None:
        """End the answer; what is committed or has settled stays."""
        if self._ask is None or self._task is None:
            return
        self._task.cancel.set()
        if self.waiting_for_model:
            self._end(None)
        else:
            self._model.show_stopping()

    def settle_now(self) -> None:
        """Commit the block that is being written as it stands."""
        if self._ask is not None and self._started:
            self._thread.settle_now()

    def more_steps(self, count: int) -> None:
        """Let the block that is being written take so many steps more."""
        if self._ask is not None and self._started:
            self._thread.more_steps(count)

    def abandon(self) -> None:
        """Store what is there: the program ends."""
        if self._task is not None:
            self._task.cancel.set()
        if self._ask is not None:
            self._store_safely(self._ask.recorder, None)
            self._ask, self._task = None, None
        self.on_retry_due()
        self._retry.stop()
        self._keep.stop()

    @property
    def failing(self) -> bool:
        """Whether an answer waits that could not be stored."""
        return bool(self._unsaved)

    def unsaved(self) -> Unsaved:
        """Answers that are on the screen and cannot be stored; tried just now."""
        self.on_retry_due()
        recorders, report = list(self._unsaved), self._trouble
        if self._ask is not None and self._ask.recorder not in recorders:
            try:
                self._ask.recorder.keep_draft()
            except AppError as exc:
                recorders.append(self._ask.recorder)
                report = report_from_exception(exc)
        return Unsaved(tuple(text for each in recorders if (text := each.answer + each.draft).strip()), report)

    def on_draft(self, arrived: NewestDraft) -> None:
        """A draft came; its block is numbered as in the whole answer."""
        ask, task = self._ask, self._task
        if ask is None or task is None or arrived.number != task.number or task.cancel.is_set():
            return
        self._started = True
        self._drafted = arrived.draft.block
        ask.recorder.apply(arrived.draft)
        if not self._keep.isActive():
            self._keep.start(KEEP_MS)
        block = arrived.draft.block + ask.recorder.first_block
        self._newest = dataclasses.replace(arrived.draft, block=block)
        self.draft_updated.emit(self._newest)

    def on_event(self, arrived: ModelEvent) -> bool:
        """Take an event; True if it was one of this answer."""
        if self._ask is None or self._task is None or arrived.number != self._task.number:
            return False
        self._started = True
        event = arrived.event
        self._model.on_answer_event(event)
        self._record(self._ask, event)
        if isinstance(event, Failed | Finished):
            self._end(event)
        elif isinstance(event, BlockCommitted):
            self._newest = None
            self._store_safely(self._ask.recorder, event)
            self.committed.emit(event)
        elif isinstance(event, NoiseDrawn):
            self._show_noise(self._ask, event)
        elif isinstance(event, PromptEncoded):
            self.encoded.emit(event)
        return True

    def _record(self, ask: Ask, event: Event) -> None:
        """Keep how a block was written."""
        if isinstance(event, BlockCommitted):
            number, trace = event.block, event.trace
        elif isinstance(event, Finished):
            number, trace = len(event.steps_per_block), event.trace
        else:
            return
        most = self._preferences.settings.recorded_bytes
        self._recordings.keep(ask.answer.id, ask.recorder.first_block + number, trace, most)

    def _show_noise(self, ask: Ask, event: NoiseDrawn) -> None:
        """Show what a block begins with, unless a draft of it was faster."""
        if event.block <= self._drafted:
            return
        unsure, none = (NOISE_NATS,) * len(event.pieces), (False,) * len(event.pieces)
        block = event.block + ask.recorder.first_block
        self._newest = DraftUpdated(block, 0, event.max_steps, event.token_ids, event.pieces, unsure, none)
        self.draft_updated.emit(self._newest)

    def on_keep_due(self) -> None:
        """A draft stands there: store the newest, for no other may come from a model that hangs."""
        if self._ask is None:
            return
        try:
            self._ask.recorder.keep_draft()
        except AppError:  # nothing is said: the answer's end is stored with care
            self._keep.start(RETRY_MS)

    def on_retry_due(self) -> None:
        """Try once more to store what could not be stored."""
        self._trouble = None
        for recorder in self._unsaved[:]:
            try:
                self._store_late(recorder)
            except AppError as exc:
                self._trouble = report_from_exception(exc)
                return
        self._retry.stop()

    def store_first(self, conversation_id: str | None) -> None:
        """Store what waits of this chat, before it goes on: its next question is asked from what is stored.

        Raises:
            StoreError: It still cannot be stored.
        """
        for recorder in self._unsaved[:]:
            if recorder.conversation_id == conversation_id:
                self._store_late(recorder)

    def as_known(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Stored messages, and in the place of those that wait to be stored what is known of them here."""
        recorders = [*self._unsaved, *([self._ask.recorder] if self._ask is not None else [])]
        waiting = {recorder.message_id: recorder for recorder in recorders if recorder.unsaved}
        return tuple(waiting[each.id].shown(each) if each.id in waiting else each for each in messages)

    def _end(self, event: Finished | Failed | None) -> None:
        ask = self._ask
        assert ask is not None
        self._store_safely(ask.recorder, event)
        message = self._final_message(ask)
        self._ask, self._task, self._newest = None, None, None
        self._keep.stop()
        self._model.show_ready()
        self.ended.emit(message, event if isinstance(event, Finished) else None)

    def _store_safely(self, recorder: AnswerRecorder, event: Event | None) -> None:
        """Store an event, None being a stop; what cannot be stored is tried again later."""
        try:
            if event is None:
                recorder.stop()
            else:
                recorder.apply(event)
        except AppError as exc:
            if recorder not in self._unsaved:
                self._unsaved.append(recorder)
                self.problem.emit(report_from_exception(exc))
            self._retry.start()

    def _store_late(self, recorder: AnswerRecorder) -> None:
        recorder.retry()
        self._unsaved.remove(recorder)
        if recorder.ended:
            self.stored_late.emit(self._store.message(recorder.message_id))

    def _final_message(self, ask: Ask) -> Message:
        if not ask.recorder.unsaved:
            try:
                return self._store.message(ask.answer.id)
            except AppError as exc:
                self.problem.emit(report_from_exception(exc))
        return ask.recorder.shown(ask.answer)
