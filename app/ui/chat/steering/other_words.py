"""Another word in the place of one: told when it is pointed at, offered when it is selected, and how settled all are.

What is chosen is held, and the rest of its block settles around it, in an answer of its own beside the one before.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QAction, QColor, QHelpEvent, QTextCharFormat
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit

from app.base.settings import Settings
from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.chats.messages import MessageState
from app.chats.session import OtherWord
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.chat_view import ChatView
from app.ui.chat.flow_text import FlowText
from app.ui.chat.steering import words
from app.ui.chat.steering.places import source_part, word_at
from app.ui.chat.steering.recorded import RecordedPlace, RecordedWords, others
from app.ui.chat.steering.rewriting import Rewriting
from app.ui.chat.steering.shown import ShownText
from app.ui.chat.steering.words_row import WordsRow
from app.ui.chat.turns import turns
from app.ui.widgets.notices import Notices
from app.ui.widgets.plain import show_tip
from app.ui.widgets.theme import Theme, ThemeManager
from inference.events import Alternative, AlternativesFound, Event, Failed
from inference.traces.codec import TraceError
from inference.traces.trace import read_trace

LOOK_MS = 60
MOST_KEPT = 8  # recordings that are held
ASKED = 12  # other words that the model is asked for
UNSURE_NATS = 2.0  # of a word on the deepest tint
_FAINTEST, _DEEPEST, _DEEPEST_DARK = 0.08, 0.36, 0.28  # shares of colour; text on them keeps a contrast of 7 to 1
_LONGEST = 50_000  # characters of an answer that is tinted


class OtherWords(QObject):
    """Follows the pointer and the selection over answers that are recorded.

    Attributes:
        row: In the bar beside selected words.
    """

    def __init__(
        self,
        view: ChatView,
        action: QAction,
        rewriting: Rewriting,
        controller: ChatController,
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._view, self._rewriting, self._controller = view, rewriting, controller
        self._preferences, self._themes, self._notices = preferences, themes, notices
        self._known: dict[str, RecordedWords] = {}
        self._place: RecordedPlace | None = None  # of the word that is selected
        self._message_id, self._number = "", 0
        self.row = WordsRow()
        self.row.chosen.connect(self.on_chosen)
        rewriting.bar.column.insertWidget(0, self.row)
        rewriting.selected.connect(self.on_selected)
        self._action = action
        action.triggered.connect(self.on_toggled)
        self._tinted = preferences.settings.show_settled
        action.setChecked(self._tinted)
        preferences.changed.connect(self.on_settings_changed)
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self.on_look_due)
        for changed in (view.items_made, view.came_to_rest, controller.answer_ended, themes.theme_changed):
            changed.connect(self.on_changed)

    # -- pointed at -------------------------------------------------------------------------------------------------

    def on_changed(self, *_: object) -> None:
        """Other answers are shown."""
        self._known.clear()
        self._looking.start()

    def on_look_due(self) -> None:
        """Follow the pointer over new texts, and tint them."""
        if turns().waiting:
            self._looking.start()
            return
        for item in self._view.items:
            if not isinstance(item, AnswerView):
                continue
            for text in item.body.findChildren(FlowText):
                if not text.property("pointed"):
                    text.setProperty("pointed", True)
                    text.viewport().installEventFilter(self)
            if self._tinted and self._view.is_recorded(item.message_id):
                self._tint(item)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A word is pointed at for a moment: tell what else could stand there."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = watched.parent()
            told = self._told(text, event) if isinstance(text, FlowText) and not text.toolTip() else ""
            if told and isinstance(text, FlowText):
                show_tip(event.globalPos(), told, text)
                return True
        return super().eventFilter(watched, event)

    def _told(self, text: FlowText, event: QHelpEvent) -> str:
        answer = self._answer_of(text)
        if answer is None:
            return ""
        shown = ShownText(answer.body)
        at = shown.at(text, text.cursorForPosition(event.pos()).position())
        span = word_at(shown.text, at) if at is not None else None
        place = self._place_of(answer, shown, span) if span is not None else None
        if place is None:
            return ""
        found = others(place, place.trace.alternatives(place.number))
        instead = [(each.piece.strip(), each.log_probability) for each in found]
        return words.other_words_told(instead, place.entropy, self._rewriting.possible)

    # -- selected ---------------------------------------------------------------------------------------------------

    def on_selected(self, answer: AnswerView, edit: QTextEdit | QPlainTextEdit) -> None:
        """Words are selected: of a single one the others are offered, the recorded ones at once."""
        self._controller.operations.forget(self._number)
        self._place = None
        selected = edit.textCursor().selectedText().strip()
        if self._rewriting.possible and selected and not any(sign.isspace() for sign in selected):
            shown = ShownText(answer.body)
            span = shown.selected(edit)
            self._place = self._place_of(answer, shown, span) if span is not None else None
        place = self._place
        if place is None:
            self.row.show_words("", ())
            return
        self._message_id = answer.message_id
        self._offer(place.trace.alternatives(place.number))
        if self._controller.busy or self._controller.model.ready is None:
            return
        start = self._text_before(answer, place)
        tell = partial(self._tell, place)
        canvas = place.trace.committed
        asked = self._controller.operations.other_words(self._message_id, start, canvas, place.number, ASKED, tell)
        self._number = asked or 0
        if asked is not None and not self.row.buttons:
            self.row.show_words(words.ASKING, ())
            self._rewriting.bar.fit()

    def _tell(self, place: RecordedPlace, event: Event) -> None:
        if place is not self._place:
            return
        if isinstance(event, AlternativesFound):
            self._offer(event.alternatives)
        elif isinstance(event, Failed) and not self.row.buttons:  # a model that cannot, or that was lost
            self.row.show_words(event.user_text, ())
            self._rewriting.bar.fit()

    def _offer(self, known: tuple[Alternative, ...]) -> None:
        if self._place is not None:
            found = others(self._place, known)
            self.row.show_words(words.INSTEAD if found else words.NOTHING_ELSE, found)
            self._rewriting.bar.fit()

    def on_chosen(self, alternative: Alternative) -> None:
        """Hold it, and let the rest settle around it."""
        place, answer = self._place, self._view.answer_of(self._message_id)
        if place is None or answer is None:
            return
        if self._controller.busy:
            self._notices.show(words.BUSY)
            return
        self._rewriting.bar.hide()
        start = self._text_before(answer, place)
        word = OtherWord(start, place.trace.committed, place.number, alternative.token)
        self._controller.pick_word(self._message_id, word)

    # -- how settled ------------------------------------------------------------------------------------------------

    def on_toggled(self) -> None:
        """Show it or not, for good."""
        self._preferences.set(show_settled=not self._preferences.settings.show_settled)
        if self._preferences.settings.show_settled:
            self._notices.show(words.SETTLED_TINT)

    def on_settings_changed(self, settings: Settings) -> None:
        """They hold at once."""
        self._action.setChecked(settings.show_settled)
        if settings.show_settled == self._tinted:
            return
        self._tinted = settings.show_settled
        for item in self._view.items:
            if isinstance(item, AnswerView):
                item.body.set_theme(self._themes.theme)  # without the tints there were
        self._rewriting.looks_changed.emit()
        self._looking.start()

    def _tint(self, answer: AnswerView) -> None:
        message = self._view.message(answer.message_id)
        if message is None or message.state == MessageState.STREAMING or len(message.body) > _LONGEST:
            return
        shown, theme = ShownText(answer.body), self._themes.theme
        for place in self._words_of(answer).places:
            share = min(1.0, place.entropy / UNSURE_NATS)
            part = source_part(shown.text, message.body, place.first, place.last) if share > 0.02 else None
            found = shown.cursor(*part) if part is not None else None
            if found is not None:
                look = QTextCharFormat()
                look.setBackground(tint_of(share, theme))
                look.setForeground(theme.color("text"))  # links, too: their colour is not read on a tint
                found[1].mergeCharFormat(look)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _place_of(self, answer: AnswerView, shown: ShownText, span: tuple[int, int]) -> RecordedPlace | None:
        """The first place of a word."""
        message = self._view.message(answer.message_id)
        if message is None or message.state == MessageState.STREAMING or answer.replay is not None:
            return None
        part = source_part(message.body, shown.text, *span)
        found = self._words_of(answer).of(*part) if part is not None else ()
        return found[0] if found else None

    def _words_of(self, answer: AnswerView) -> RecordedWords:
        known = self._known.get(answer.message_id)
        if known is None:
            message = self._view.message(answer.message_id)
            try:
                traces = [read_trace(data) for data in self._controller.recordings.read(answer.message_id)]
            except TraceError:
                traces = []
            known = RecordedWords(traces, message.body if message is not None else "")
            while len(self._known) >= MOST_KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[answer.message_id] = known
        return known

    def _text_before(self, answer: AnswerView, place: RecordedPlace) -> str:
        """What of the answer stands before the block of a place."""
        message = self._view.message(answer.message_id)
        return message.body[: place.block_start] if message is not None else ""

    def _answer_of(self, text: FlowText) -> AnswerView | None:
        return next(
            (item for item in self._view.items if isinstance(item, AnswerView) and item.body.isAncestorOf(text)), None
        )


def tint_of(share: float, theme: Theme) -> QColor:
    """What lies behind a word; `share` from 0, sure, to 1, as unsure as is shown."""
    color = QColor(theme.color("warning"))
    color.setAlphaF(_FAINTEST + ((_DEEPEST_DARK if theme.dark else _DEEPEST) - _FAINTEST) * share)
    return color
