"""Words that are selected in an answer, and what the user wants of them: a bar beside them, variants in their place.

The answer is never changed: a variant that is taken is stored beside it, as another version.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QTextCursor
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QTextEdit, QWidget

from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.chats.messages import Message, MessageError, MessageState
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.flow_text import FlowText
from app.ui.chat.pane import ChatPane
from app.ui.chat.steering import words
from app.ui.chat.steering.places import source_part
from app.ui.chat.steering.rewrite_box import AnswerPart, LeftVariants, RewriteBox
from app.ui.chat.steering.selection_bar import SelectionBar
from app.ui.chat.steering.shown import Edit, ShownText
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager
from inference.events import DraftUpdated, Event, Failed, Finished, VariantWritten

LOOK_MS = 120  # behind the newest change of a selection; no bar comes while the mouse is pressed
CanUndo = Callable[[str, Callable[[], None]], None]


class Rewriting(QObject):
    """Follows selections in answers, and brings what is wished of them to the model.

    Signals:
        selected: Words are selected, in an `AnswerView`, in one of its texts.
        closed: Words were written anew, and taken or left.
        looks_changed: Texts of answers are shown without their tints.

    Attributes:
        bar: The small bar.
        box: Where words are being written anew, None if nowhere.
    """

    selected = Signal(object, object)
    closed = Signal()
    looks_changed = Signal()

    def __init__(
        self,
        pane: ChatPane,
        action: QAction,
        controller: ChatController,
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
        can_undo: CanUndo,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._pane, self._view, self._controller = pane, pane.chat, controller
        self._preferences, self._themes, self._notices, self._can_undo = preferences, themes, notices, can_undo
        self._edit: Edit | None = None  # which text of an answer has, or had, the focus
        self._answer: AnswerView | None = None
        self._page = self._view.widget() or self._view
        self.bar = SelectionBar(self._page)
        self.box: RewriteBox | None = None
        self._left: dict[str, LeftVariants] = {}  # of answers that are not shown, by message id
        self._number = 0  # of the operation
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self.on_look_due)
        self.bar.left.connect(self.on_bar_left)
        self.bar.wishes.wanted.connect(self.on_wished)
        action.triggered.connect(self.on_asked)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self.on_focus_changed)
        controller.chat_shown.connect(self.on_messages_changed)
        self._view.items_made.connect(self.on_messages_changed)
        controller.busy_changed.connect(self.on_busy_changed)
        themes.theme_changed.connect(self.on_theme_changed)

    @property
    def possible(self) -> bool:
        """Whether the model that answers can change words: one on a server cannot."""
        return self._controller.model.wanted.server is None

    # -- selections -------------------------------------------------------------------------------------------------

    def on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        """A text of an answer got the focus, by a click into it: follow what is selected in it."""
        if not isinstance(new, QTextEdit | QPlainTextEdit) or new is self._edit or not self._view.isAncestorOf(new):
            return
        answer = self._answer_of(new)
        if answer is None:
            return
        if not new.property("followed"):
            new.setProperty("followed", True)
            new.selectionChanged.connect(self.on_selection_changed)
            new.destroyed.connect(self.on_text_gone)
            new.installEventFilter(self)
        self._edit, self._answer = new, answer
        self.on_selection_changed()

    def on_selection_changed(self) -> None:
        """Look when it has come to rest."""
        self._looking.start()

    def on_text_gone(self) -> None:
        """What was selected is shown anew, or no longer."""
        self._forget_selection()

    def on_look_due(self) -> None:
        """Show the bar beside what is selected."""
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._looking.start()
            return
        edit, message = self._edit, self._message()
        if edit is None or message is None or not edit.textCursor().selectedText().strip() or not edit.isVisible():
            self.bar.hide()
            return
        self.bar.refuse("" if self.possible else words.ONLY_HERE)
        self.selected.emit(self._answer, edit)
        cursor = edit.textCursor()
        first, last = QTextCursor(cursor), QTextCursor(cursor)
        first.setPosition(cursor.selectionStart())
        last.setPosition(cursor.selectionEnd())
        rect = edit.cursorRect(first).united(edit.cursorRect(last))
        corner = edit.viewport().mapTo(self._page, QPoint(edit.cursorRect(last).left(), rect.top()))
        self.bar.show_beside(QRect(corner, rect.size()))

    def on_bar_left(self) -> None:
        """Nothing shall become of it."""
        edit = self._edit
        if edit is not None:
            cursor = edit.textCursor()
            cursor.clearSelection()
            edit.setTextCursor(cursor)
        self.bar.hide()
        self._pane.composer.setFocus()

    def on_asked(self) -> None:
        """The key: to the bar, if something is selected; else words of the last answer are selected with keys."""
        box = self._box_there()
        if box is not None:
            box.setFocus()
            return
        if not self.possible:
            self._notices.show(words.ONLY_HERE)
            return
        edit = self._edit
        if edit is not None and self._message() is not None and edit.textCursor().hasSelection():
            self._looking.stop()
            self.on_look_due()
            self.bar.take_focus()
            return
        answers = [item for item in self._view.items if isinstance(item, AnswerView) and item.isVisible()]
        texts = [part for answer in answers[-1:] for part in answer.body.findChildren(FlowText)]
        if not texts or self._controller.busy_here:
            self._notices.show(words.BUSY if self._controller.busy_here else words.NO_ANSWER)
            return
        text = texts[0]
        text.setTextInteractionFlags(text.textInteractionFlags() | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        text.moveCursor(QTextCursor.MoveOperation.Start)
        text.moveCursor(QTextCursor.MoveOperation.EndOfWord, QTextCursor.MoveMode.KeepAnchor)
        self._view.ensureWidgetVisible(text)
        self._notices.show(words.PICK_WITH_KEYS)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In a text with selected words: Enter leads to the bar, Esc takes it away and stops no answer."""
        if watched is self._edit and isinstance(event, QKeyEvent) and not self.bar.isHidden():
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
                self.on_bar_left()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.bar.take_focus()
                return True
        return super().eventFilter(watched, event)

    def selected_part(self) -> AnswerPart | None:
        """Where in its source the selected words stand."""
        edit, answer, message = self._edit, self._answer, self._message()
        if edit is None or answer is None or message is None:
            return None
        shown = ShownText(answer.body)
        selected = shown.selected(edit)
        found = source_part(message.body, shown.text, *selected) if selected is not None else None
        return AnswerPart(message.id, message.body, *found) if found is not None else None

    # -- variants ---------------------------------------------------------------------------------------------------

    def on_wished(self, wish: str) -> None:
        """Write the selected words anew."""
        if not self._free():
            return
        part = self.selected_part()
        if part is None:
            self._notices.show(words.NOT_TOLD_APART)
            return
        self._close_box()
        box = self._open_box(part)
        box.setFocus()
        self.bar.hide()
        self.on_more_wanted(wish)

    def _open_box(self, part: AnswerPart) -> RewriteBox:
        settings = self._preferences.settings
        box = RewriteBox(part, self._themes.theme, settings.drafts, settings.reduce_motion)
        box.wanted.connect(self.on_more_wanted)
        box.stop_wanted.connect(self.on_stop_wanted)
        box.taken.connect(self.on_taken)
        box.left.connect(self.on_box_left)
        self.box = box
        self._view.put_instead(part.message_id, box)
        box.show()  # now: what is not shown yet gets no focus
        return box

    def _bring_back(self) -> None:
        """The box of an answer that is shown again, with the variants that nobody took."""
        for item in self._view.items if self._left and self.box is None else ():
            left, message = self._left.get(item.message_id), self._view.message(item.message_id)
            if left is not None and message is not None and message.body == left.part.source:
                del self._left[item.message_id]
                self._open_box(left.part).bring_back(left)
                return

    def on_more_wanted(self, wish: str) -> None:
        """Three more."""
        box = self.box
        if box is None or box.writing or not self._free():
            return
        # The same wish once more: whatever comes now begins otherwise than all that is known.
        known = (box.part.text, *(each.part for each in box.variants)) if box.asked and wish == box.wish else ()
        self._ask(box, wish, "".join(text[0] for text in known if text))

    def _ask(self, box: RewriteBox, wish: str, unlike: str) -> None:
        part = box.part
        where, tell = (part.first, part.last), partial(self._tell, box)
        asked = self._controller.operations.rewrite(part.message_id, where, wish, unlike, tell)
        if asked is not None:
            self._number = asked[0]
            box.begin(wish, asked[1], unlike)
            box.setFocus()

    def _box_there(self) -> RewriteBox | None:
        """The box; one whose answer was taken away went with it, and comes back with it if it holds variants."""
        box = self.box
        if box is not None and self._view.instead(box.part.message_id) is not box:
            if box.variants:
                self._left[box.part.message_id] = box.left_variants
            self.box = box = None
            self._controller.operations.forget(self._number)
            self.closed.emit()
        return box

    def _tell(self, box: RewriteBox, event: Event) -> None:
        """What the model says of it."""
        if box is not self._box_there():
            return
        match event:
            case DraftUpdated():
                box.show_draft(event)
            case VariantWritten():
                known = {box.part.text, *(each.part for each in box.variants)}
                if event.part not in known and box.part.replaced_in(event.answer) == event.part:
                    box.add(event)
                box.end_of_one()
            case Failed():
                hint = words.LOST_HINT if event.engine_lost else event.hint
                box.problem.set_error(MessageError(event.user_text, hint, event.known, event.detail))
                box.end(" " if not box.variants else "")
            case Finished():
                stopped = words.STOPPED_EMPTY if event.reason == "cancelled" else words.NONE_DIFFERENT
                box.end("" if box.variants else stopped)

    def on_stop_wanted(self) -> None:
        """What is there stays."""
        self._controller.operations.stop(self._number)

    def on_taken(self, text: str) -> None:
        """Keep it beside the answer, whose text must be what it was."""
        box = self.box
        if box is None:
            return
        part, message = box.part, self._view.message(box.part.message_id)
        if message is None or message.body != part.source or part.replaced_in(text) is None:
            self._notices.show(words.CHANGED)
            return
        last = self._view.last_answer
        at_end = last is not None and last.message_id == part.message_id
        if self._controller.add_version(part.message_id, text):
            self._close_box()
            self._left.pop(part.message_id, None)  # which was shown no longer meanwhile
            done = words.TAKEN if at_end else words.TAKEN_INSIDE
            self._can_undo(done, partial(self._take_back, part.message_id))
            self._pane.composer.setFocus()

    def on_box_left(self) -> None:
        """The answer stays as it was."""
        self._close_box()
        self._pane.composer.setFocus()

    def on_messages_changed(self, *_: object) -> None:
        """Messages are shown anew; a box whose answer went has gone with it, that of one that is there is, too."""
        self._forget_selection()
        self._box_there()
        self._bring_back()

    def on_busy_changed(self, busy: bool) -> None:
        """No words of an answer that is being written."""
        if busy:
            self.bar.hide()

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        self.bar.hide()
        box = self._box_there()
        if box is not None:
            box.set_theme(self._themes.theme)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _free(self) -> bool:
        """Whether words can be written anew now; else it is said why not."""
        free = self.possible and not self._controller.busy
        if not free:
            self._notices.show(words.BUSY if self.possible else words.ONLY_HERE)
        return free

    def _take_back(self, message_id: str) -> None:
        """Show the answer as it was before; the one that was taken is kept, too."""
        self._controller.show_message(message_id)

    def _close_box(self) -> None:
        box, self.box = self.box, None
        if box is not None:
            self._controller.operations.forget(self._number)
            if self._view.instead(box.part.message_id) is box:
                self._view.show_item(box.part.message_id)
            self.closed.emit()

    def _forget_selection(self) -> None:
        self._edit = self._answer = None
        self._looking.stop()
        self.bar.hide()

    def _answer_of(self, edit: QWidget) -> AnswerView | None:
        return next(
            (item for item in self._view.items if isinstance(item, AnswerView) and item.body.isAncestorOf(edit)), None
        )

    def _message(self) -> Message | None:
        """The answer in which something may be selected; None for one that is being written, or played back."""
        answer = self._answer
        if answer is None or answer.replay is not None:
            return None
        message = self._view.message(answer.message_id)
        return None if message is None or message.state == MessageState.STREAMING else message
