"""What the window does about finding: the box above the list, and the bar in the open chat."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction

from app.base.errors import ErrorReport
from app.bridge.chat import ChatController
from app.bridge.finding import MOST_HITS, FoundChats
from app.chats.search.index import SearchHit
from app.ui.chat import words
from app.ui.chat.chat_list import Sidebar
from app.ui.chat.pane import ChatPane
from app.ui.chat.search_results import SearchLine
from app.ui.widgets.notices import Notices

TYPING_MS = 120


class FindingInChats(QObject):
    """Brings what is typed to the search, and what was found to the list and the chat."""

    def __init__(
        self,
        actions: dict[str, QAction],
        sidebar: Sidebar,
        pane: ChatPane,
        controller: ChatController,
        notices: Notices,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._sidebar, self._pane, self._controller, self._notices = sidebar, pane, controller, notices
        self._found: tuple[str, ...] = ()  # messages of the open chat
        self._at = 0
        self._target = self._wanted = ""  # the message that is gone to, until it is in its place, and what is marked
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self.on_typed)
        for name, slot in (
            ("find_chats", self.on_find_chats),
            ("find_here", self.on_find_here),
            ("find_next", self.on_find_next),
            ("find_previous", self.on_find_previous),
        ):
            actions[name].triggered.connect(slot)
        box: SearchLine = sidebar.search
        box.textChanged.connect(self.on_search_changed)
        box.down.connect(self.on_results_wanted)
        box.left.connect(self.on_search_left)
        box.returnPressed.connect(self.on_first_wanted)
        sidebar.results.chosen.connect(self.on_hit_chosen)
        sidebar.results.left.connect(box.setFocus)
        controller.search.found.connect(self.on_found)
        controller.search.problem.connect(self.on_problem)
        controller.chat_shown.connect(self.on_chat_shown)
        bar = pane.find_bar
        bar.wanted.connect(self.on_wanted)
        bar.step_wanted.connect(self.on_step_wanted)
        bar.closed.connect(self.on_bar_closed)
        pane.chat.came_to_rest.connect(self.on_chat_at_rest)
        pane.chat.page_added.connect(self.on_page_added)

    # -- all chats --------------------------------------------------------------------------------------------------

    def on_find_chats(self) -> None:
        """Go to the box."""
        self._sidebar.needed.emit()
        self._sidebar.search.setFocus()
        self._sidebar.search.selectAll()

    def look_for(self, text: str) -> None:
        """Search all chats for this."""
        self.on_find_chats()
        self._sidebar.search.setText(text)

    def on_search_changed(self, text: str) -> None:
        """Search when the typing pauses; an empty box shows the list."""
        self._typing.start()
        if not text.strip():
            self.on_typed()

    def on_typed(self) -> None:
        """Search now."""
        self._typing.stop()
        text = self._sidebar.search.text()
        if text.startswith("#"):
            self._sidebar.show_results(self._tagged(text[1:].strip().casefold()))
        elif text.strip():
            self._controller.search.look_for(text)
        else:
            self._sidebar.show_results(None)

    def _tagged(self, tag: str) -> tuple[SearchHit, ...]:
        """The chats with a tag that begins so."""
        return tuple(
            SearchHit(chat.id, chat.title, chat.archived, None, "", chat.title, (), chat.created_at)
            for chat in self._sidebar.list.conversations()
            if any(name.casefold().startswith(tag) for name in chat.tags)
        )

    def on_found(self, found: FoundChats) -> None:
        """Show it, if it is still wanted."""
        if found.text == self._sidebar.search.text():
            line = words.found_chats(len(found.hits), MOST_HITS, found.waiting)
            self._sidebar.show_results(found.hits, line)

    def on_problem(self, report: ErrorReport) -> None:
        """The index cannot be made or read."""
        self._notices.report(report)

    def on_results_wanted(self) -> None:
        """From the box down."""
        results = self._sidebar.results
        if results.count():
            results.setFocus()
            results.setCurrentRow(max(0, results.currentRow()))

    def on_first_wanted(self) -> None:
        """Enter in the box: the best one, if it is there already."""
        hits = self._sidebar.results.hits()
        if hits and not self._typing.isActive():
            self.on_hit_chosen(hits[0])
        else:
            self.on_typed()

    def on_search_left(self) -> None:
        """Esc in the box: the list again."""
        self._sidebar.search.clear()
        self._pane.composer.setFocus()

    def on_hit_chosen(self, hit: SearchHit) -> None:
        """Show the place."""
        if hit.message_id is None:
            self._controller.open_chat(hit.conversation_id)
            return
        text = self._sidebar.search.text()
        marked = [hit.snippet[start:end] for start, end in hit.marks]
        self._go_to(hit.message_id, marked[0] if marked else text)

    # -- the open chat ----------------------------------------------------------------------------------------------

    def on_find_here(self) -> None:
        """Open the bar, with what is selected."""
        if self._controller.chat_id is not None:
            self._pane.find_bar.open(self._pane.chat.selected_text())

    def on_find_next(self) -> None:
        """F3."""
        self._step(1)

    def on_find_previous(self) -> None:
        """Shift+F3."""
        self._step(-1)

    def on_wanted(self, text: str) -> None:
        """Find it; the newest message that has it comes first."""
        self._found = self._controller.find_in_chat(text)
        self._at = len(self._found) - 1
        self._show_place()

    def on_step_wanted(self, step: int) -> None:
        """The next, or the one before; behind the last one comes the first."""
        if self._found:
            self._at = (self._at + step) % len(self._found)
            self._show_place()

    def on_bar_closed(self) -> None:
        """No marks any more."""
        self._found, self._target = (), ""
        self._pane.chat.mark("", "")
        self._pane.composer.setFocus()

    def on_chat_shown(self, chat_id: str | None) -> None:
        """What was found in another chat is not found here."""
        if not self._pane.find_bar.isHidden() and not self._target:
            self._pane.find_bar.on_close()

    def on_chat_at_rest(self) -> None:
        """The message that was gone to is in its place: mark the words in it."""
        target, self._target = self._target, ""
        if target:
            self._pane.chat.mark(target, self._wanted)

    def on_page_added(self) -> None:
        """Other messages may have the words, too."""
        if not self._pane.find_bar.isHidden():
            self._pane.chat.mark("", self._wanted)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _step(self, step: int) -> None:
        if self._pane.find_bar.isHidden():
            self.on_find_here()
        else:
            self._pane.find_bar.on_step(step)

    def _show_place(self) -> None:
        self._pane.find_bar.show_count(self._at + 1, len(self._found))
        if self._found:
            self._go_to(self._found[self._at], self._pane.find_bar.line.text())
        else:
            self._pane.chat.mark("", "")

    def _go_to(self, message_id: str, text: str) -> None:
        self._target, self._wanted = message_id, text
        if not self._controller.show_message(message_id):
            self._target = ""
            self._notices.show(words.BRANCH_BUSY)
        elif not self._pane.chat.go_to(message_id):
            self._target = ""
