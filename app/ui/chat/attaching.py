"""Files beside a message: chosen with a button, dropped or pasted; their text goes into the message box.

All of it while the model can take it, else the parts that hold the most of what is typed in the box. The model itself
counts what it could not take for sure. Whatever chat is shown by then: a file goes into the box of the chat that it was
given to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QWidget

from app.base.errors import ErrorReport
from app.bridge.chat import ChatController
from app.bridge.documents import Documents
from app.bridge.length import UNKNOWN_ROOM
from app.chats.documents import texts
from app.chats.documents.parts import best_parts, parts_text, text_document, whole_text
from app.chats.documents.values import CHARACTERS_A_TOKEN, ReadDocument, is_document, tokens_of
from app.chats.dropped import Dropped, dropped_text
from app.chats.messages import MessageFile
from app.ui.chat import words
from app.ui.chat.composer import MOST_CHARACTERS, Composer
from app.ui.chat.sending import BoxOwner, Sending
from app.ui.widgets.question import Question
from app.ui.widgets.theme import Theme, ThemeManager

ANSWER_TOKENS = 512  # that are left for what else is in the chat
LONG_TEXT = 20_000  # characters; ten pages
_MOST_COUNTS = 5  # until what is cut out fits; each cut comes closer
_SPARE = 0.9
_SIGN_CHARACTERS = 100
_PARTS = 2  # the answer beside those of every dialog


class _UnfitFile(Question):
    """Asks about a text that the model cannot take: what fits of it is the default."""

    def __init__(
        self, subject: str, title: str, detail: str, agree: str, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(subject, title, detail, agree, theme, parent)
        self.cancel.setDefault(False)
        self.fit = self.add_button(words.UNFIT_FILE_PARTS, QDialogButtonBox.ButtonRole.ActionRole, primary=True)
        self.fit.clicked.connect(self.on_fit_wanted)

    def on_fit_wanted(self) -> None:
        """Neither all of it nor nothing."""
        self.done(_PARTS)


@dataclass(frozen=True, slots=True)
class Given:
    """A document, and the chat that it was given to."""

    owner: BoxOwner
    document: ReadDocument


class Attaching(QObject):
    """Asks for files, has documents read, and puts in what fits."""

    def __init__(
        self,
        sending: Sending,
        composer: Composer,
        action: QAction,
        documents: Documents,
        controller: ChatController,
        themes: ThemeManager,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._sending, self._notices = sending, sending.notices
        self._composer, self._documents, self._controller, self._themes = composer, documents, controller, themes
        self._place = Path.home()
        self._waiting: list[tuple[BoxOwner, list[Path]]] = []  # text files: one question at a time
        self._asking = False
        self._reading: dict[int, BoxOwner] = {}  # documents, by their numbers
        self._keeping: dict[int, tuple[BoxOwner, str]] = {}  # text files, by their numbers: what stands for them
        self._said: list[str] = []  # about files of the shown chat
        self._unseen: list[tuple[BoxOwner, str]] = []  # about files of others, until they are shown
        action.triggered.connect(self.on_attach)
        composer.attach.clicked.connect(self.on_attach)
        composer.box.files_given.connect(self.on_files_given)
        documents.read.connect(self.on_read)
        documents.kept.connect(self.on_kept)
        documents.failed.connect(self.on_failed)
        controller.chat_shown.connect(self.on_chat_shown)

    def on_attach(self) -> None:
        """Choose files; they go the way of those that are dropped."""
        names, _ = QFileDialog.getOpenFileNames(self._composer, words.ATTACH, str(self._place), words.ATTACH_FILES)
        if names:
            self._place = Path(names[0]).parent
            self._composer.box.files_given.emit(names)

    def on_files_given(self, paths: list[str]) -> None:
        """Read the documents among them, and put in the text of the others; they belong to the chat that is shown."""
        found, owner = [Path(path) for path in paths], self._sending.owner
        for path in filter(is_document, found):
            self._notices.show(texts.READING)
            self._reading[self._documents.begin(path)] = owner
        plain = [path for path in found if not is_document(path)]
        if plain:
            self._waiting.append((owner, plain))
            self._next()

    # -- documents --------------------------------------------------------------------------------------------------

    def on_read(self, number: int, document: ReadDocument) -> None:
        """Put in as much as fits, and say how much that is."""
        owner = self._reading.pop(number, None)
        if owner is None:  # it is read for somebody else
            return
        self._told()
        given, text = Given(owner, document), whole_text(document)
        if len(text) > self._room(given.owner):
            self._put_parts(given, self._room(given.owner))
        elif not self._counted(given.owner, text, partial(self._put_document, given, text)):
            self._put_document(given, text, 0, 0)

    def on_failed(self, number: int, report: ErrorReport) -> None:
        """It holds no text that can be taken, or no copy of a text can be kept."""
        if self._reading.pop(number, None) is None and self._keeping.pop(number, None) is None:
            return
        self._told()
        if report.kind == "known":
            self._say(f"{report.text} {report.hint}".strip())
        else:
            self._notices.report(report)

    def on_chat_shown(self) -> None:
        """What was said of files of another chat goes with it; what was put into this one meanwhile is said."""
        self._notices.withdraw(*self._said)
        self._said.clear()
        for owner, said in self._unseen.copy():
            if self._sending.holds(owner):
                self._unseen.remove((owner, said))
                self._say(said)

    def _told(self) -> None:
        if not self._documents.busy:
            self._notices.withdraw(texts.READING)

    def _put_document(self, given: Given, text: str, tokens: int, most: int) -> None:
        """All of it, unless the model has counted more than it takes."""
        if tokens > most:
            counted = replace(given, document=replace(given.document, counted=tokens))
            self._put_parts(counted, self._shorter(given.owner, len(text), tokens, most))
            return
        name = given.document.name
        self._put(given, text, texts.whole(name, tokens or tokens_of(len(text))))

    def _put(self, given: Given, text: str, said: str) -> None:
        """Into the box of the chat that it was given to; say so, and where that is if another chat is shown."""
        owner, name = given.owner, given.document.name
        said = f"{said} {given.document.note}".strip()
        if self._sending.holds(owner):
            if self._sending.insert(owner, text):
                self._attach(given, text)
                self._say(said)
            return
        title = "" if owner.chat_id is None else self._controller.list.title(owner.chat_id)
        if title is None:
            self._say(texts.chat_gone(name))
        elif self._sending.insert(owner, text):
            self._attach(given, text)
            self._say(texts.elsewhere(name, title) if text else said)
            if said and text:
                self._unseen.append((owner, said))

    def _attach(self, given: Given, text: str) -> None:
        """Its copy belongs to the message that holds this text."""
        if given.document.file is not None and text:
            sign = texts.head(given.document.name, "").rstrip("]")
            self._controller.unsent.attach(given.owner.chat_id, given.document.file, sign)

    def on_kept(self, number: int, file: MessageFile) -> None:
        """A text file has a copy, too."""
        owner, sign = self._keeping.pop(number)
        self._controller.unsent.attach(owner.chat_id, file, sign)

    # -- parts ------------------------------------------------------------------------------------------------------

    def _room(self, owner: BoxOwner) -> int:
        """Characters that the model takes beside what is typed, about."""
        typed = len(self._sending.text_in(owner))
        tokens = self._controller.model.room or UNKNOWN_ROOM
        room = round(max(tokens - ANSWER_TOKENS, tokens // 2) * CHARACTERS_A_TOKEN)
        return max(0, min(room, MOST_CHARACTERS) - typed)

    def _shorter(self, owner: BoxOwner, characters: int, tokens: int, most: int) -> int:
        """How many characters to try after so many turned out to be too much."""
        typed = len(self._sending.text_in(owner))
        return max(0, int((typed + characters) * most / max(1, tokens) * _SPARE) - typed)

    def _counted(self, owner: BoxOwner, text: str, answer: Callable[[int, int], None]) -> bool:
        """Have the model count what is typed and this text; False if it cannot, or need not."""
        message = f"{self._sending.text_in(owner)}\n\n{text}"
        length = self._controller.length
        return not self._controller.busy and not length.surely_fits(message) and length.count(message, answer)

    def _put_parts(
        self, given: Given, characters: int, then: Callable[[], None] | None = None, left: int = _MOST_COUNTS
    ) -> None:
        """What fits the question best, in so many characters; fewer as long as the model counts too many tokens."""
        owner, document = given.owner, given.document
        typed = self._sending.text_in(owner)
        parts = best_parts(document, typed, characters)
        text = parts_text(document.name, parts)

        def put(tokens: int, most: int) -> None:
            if tokens > most and left:
                self._put_parts(given, self._shorter(owner, len(text), tokens, most), then, left - 1)
                return
            named = [f"{part.file}, {part.place}" if part.file else part.place for part in parts]
            room = self._controller.model.room or UNKNOWN_ROOM
            places = list(dict.fromkeys(named))
            said = texts.parts(document.name, document.tokens, room, places, asked=bool(typed.strip()))
            self._put(given, text, said if parts else texts.no_room(document.name))
            if then is not None:
                then()

        if not self._counted(owner, text, put):
            put(0, 0)

    def _say(self, text: str) -> None:
        """For some seconds, in this chat."""
        self._said.append(text)
        self._notices.show(text)

    # -- text files -------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Look at the files that came first; what comes of them is done before the next ones."""
        while self._waiting and not self._asking:
            owner, paths = self._waiting.pop(0)
            found = dropped_text(paths, beside_text=bool(self._sending.text_in(owner).strip()))
            self._asking = True
            if not found.text or not self._counted(owner, found.text, partial(self._put_or_ask, owner, found)):
                self._put_or_ask(owner, found, 0, 0)

    def _put_or_ask(self, owner: BoxOwner, found: Dropped, tokens: int, most: int) -> None:
        if tokens <= most and len(found.text) <= LONG_TEXT:
            self._put_text(owner, found)
            self._done(owner, found)
            return
        title, agree = words.LONG_FILE_TITLE, words.LONG_FILE_AGREE
        detail = words.long_file_detail(found.names, len(found.text))
        if tokens > most:
            title, agree = words.UNFIT_FILE_TITLE, words.UNFIT_FILE_ALL
            asked = bool(self._sending.text_in(owner).strip())
            detail = words.unfit_file_detail(found.names, len(found.text), tokens, most, asked)
        kind = _UnfitFile if tokens > most else Question
        question = kind(words.LONG_FILE, title, detail, agree, self._themes.theme, self._composer)
        question.finished.connect(partial(self._answered, owner, found, tokens, most))
        question.open()

    def _answered(self, owner: BoxOwner, found: Dropped, tokens: int, most: int, answer: int) -> None:
        """All of it, what fits of it, or nothing."""
        if answer == _PARTS:
            given = Given(owner, replace(text_document(found.files), counted=tokens))
            characters = self._shorter(owner, len(found.text), tokens, most)
            self._put_parts(given, characters, partial(self._done, owner, found))
            return
        if answer == QDialog.DialogCode.Accepted:
            self._put_text(owner, found)
        self._done(owner, found)

    def _put_text(self, owner: BoxOwner, found: Dropped) -> None:
        """It is seen where it stands, and said where it is not."""
        if self._sending.holds(owner):
            self._sending.insert(owner, found.text)
        elif found.text:
            self._put(Given(owner, text_document(found.files)), found.text, "")

    def _done(self, owner: BoxOwner, found: Dropped) -> None:
        """A copy is kept of what the box holds now, by what stands for it there."""
        typed = self._sending.text_in(owner)
        alone = len(found.files) == 1
        for (name, text), path in zip(found.files, found.paths, strict=True):
            first = next(line for line in text.split("\n") if line.strip())[:_SIGN_CHARACTERS]
            signs = (f"{name}:\n", texts.head(name, "").rstrip("]"), *([first] if alone else []))
            if sign := next((each for each in signs if each in typed), ""):
                self._keeping[self._documents.keep(path)] = (owner, sign)
        self._sending.say(words.refused_files(found.refused))
        self._asking = False
        self._next()
