"""The reader: a file of a message, page by page, and a passage of it marked."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QDialogButtonBox, QHBoxLayout, QPlainTextEdit, QTextEdit

from app.base.errors import ErrorReport
from app.base.files import named_target, open_regular, writing_whole
from app.base.paths import answered_soon
from app.base.texts import name_of
from app.chats.documents.pages import MOST_CHARACTERS, column_of, find_passage, line_of
from app.chats.documents.quotes import FilePlace
from app.chats.documents.values import DocumentPart
from app.ui.chat.message_buttons import MessageButton
from app.ui.chat.reader import words
from app.ui.chat.when_found import when_found
from app.ui.widgets import words as common_words
from app.ui.widgets.combo import ElidedComboBox
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.save_dialog import SaveDialog
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.text_layout import insert_text
from app.ui.widgets.theme import Theme

SIZE = (720, 720)


class ReaderDialog(Sheet):
    """One file; it stays beside the window."""

    own_size = True
    scrolls = False

    def __init__(self, place: FilePlace, copy: Path, theme: Theme) -> None:
        """Nothing is shown yet.

        Args:
            place: What the user wants to see.
            copy: Where the file lies.
            theme: Colours and sizes.
        """
        super().__init__(name_of(place.file.name), name_of(place.file.name), theme)
        self.place, self._copy = place, copy
        self._pages: Sequence[DocumentPart] = ()
        self.says = self.add_text(words.LOADING, "muted")
        self.back = MessageButton("previous", words.BACK, theme)
        self.on = MessageButton("next", words.ON, theme)
        self.combo = ElidedComboBox(12)
        self.combo.setAccessibleName(words.PLACE)
        row = QHBoxLayout()
        row.setSpacing(6)
        for widget, room in ((self.back, 0), (self.combo, 1), (self.on, 0)):
            row.addWidget(widget, room)
        self.column.addLayout(row)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(words.TEXT)
        self.text.setFont(theme.body_font())
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.column.addWidget(self.text, 1)
        self.save = self.add_button(words.SAVE_COPY, QDialogButtonBox.ButtonRole.ActionRole)
        self.add_reject(common_words.CLOSE, primary=True)
        self.back.clicked.connect(self.on_back)
        self.on.clicked.connect(self.on_next)
        self.combo.currentIndexChanged.connect(self.on_page_chosen)
        self.save.clicked.connect(self.on_save)
        self._show_possible()
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))

    def show_pages(self, pages: Sequence[DocumentPart]) -> None:
        """The file is read."""
        self._pages = pages
        self.combo.blockSignals(True)
        self.combo.clear()
        self.combo.addItems([words.at_page(page.place, at, len(pages)) for at, page in enumerate(pages, 1)])
        self.combo.blockSignals(False)
        self.show_place(self.place)

    def show_place(self, place: FilePlace) -> None:
        """Go to a place of this file, and mark what stands there."""
        self.place = place
        if not self._pages:
            return
        found = find_passage(self._pages, place.place, place.passage)
        marked = (found.start, found.end) if found is not None and found.end else None
        self._show_page(found.page if found is not None else 0, marked)
        if found is not None and found.end:
            page = self._pages[found.page]
            line = line_of(page, found.start)
            column = column_of(page, found.start)
            self.says.show_text(words.at_line(page.place, line, column) if line is not None else place.label)
        elif place.passage:
            self.says.show_text(words.not_found(self._pages[found.page].place if found is not None else ""))

    def on_failed(self, report: ErrorReport) -> None:
        """It cannot be read."""
        self.says.show_text(f"{report.text} {report.hint}".strip())

    def on_back(self) -> None:
        """The page before."""
        self._show_page(self.combo.currentIndex() - 1)

    def on_next(self) -> None:
        """The page behind."""
        self._show_page(self.combo.currentIndex() + 1)

    def on_page_chosen(self, number: int) -> None:
        """Another page."""
        self._show_page(number)

    def on_save(self) -> None:
        """Write a copy, under its own name, where the user wants it: whole, or what is there stays."""
        name = Path(self.place.file.name).name
        start = str(Path.home() / name)
        out = SaveDialog.chosen(self, words.SAVE_COPY_TITLE, start, f"(*{Path(name).suffix})")
        if out is None:
            return
        try:
            with open_regular(self._copy) as source, writing_whole(named_target(out), private=True) as stream:
                shutil.copyfileobj(source, stream)
        except OSError as exc:
            self.says.show_text(words.not_saved(exc.strerror or type(exc).__name__))
        else:
            self.says.show_text(words.saved(out.name))

    def _show_page(self, number: int, marked: tuple[int, int] | None = None) -> None:
        if not 0 <= number < len(self._pages):
            return
        self.combo.blockSignals(True)
        self.combo.setCurrentIndex(number)
        self.combo.blockSignals(False)
        page = self._pages[number]
        self.says.show_text(words.at_page(page.place, number + 1, len(self._pages)))
        self._show_possible()
        text = page.text[:MOST_CHARACTERS]
        when_found(self, [(self.text.font(), text)], partial(self._show_text, text, marked))

    def _show_text(self, text: str, marked: tuple[int, int] | None) -> None:
        self.text.setExtraSelections([])
        self.text.clear()
        insert_text(QTextCursor(self.text.document()), text)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        if marked is not None:
            self._mark(*marked)

    def _mark(self, start: int, end: int) -> None:
        """Mark a passage, and bring it into view with some lines above it."""
        cursor = self.text.textCursor()
        units = [len(self.text.toPlainText()[:at].encode("utf-16-le")) // 2 for at in (start, end)]
        cursor.setPosition(units[0])
        cursor.setPosition(units[1], QTextCursor.MoveMode.KeepAnchor)
        marked = QTextEdit.ExtraSelection()
        look = QTextCharFormat()
        color = QColor(self.theme.color("accent"))
        color.setAlphaF(0.3)
        look.setBackground(color)
        marked.format, marked.cursor = look, cursor
        at = QTextCursor(cursor)
        at.setPosition(units[0])
        self.text.setTextCursor(at)
        self.text.centerCursor()
        self.text.setExtraSelections([marked])

    def _show_possible(self) -> None:
        at = self.combo.currentIndex()
        self.back.setEnabled(at > 0)
        self.on.setEnabled(0 <= at < len(self._pages) - 1)
        self.combo.setEnabled(bool(self._pages))
        self.save.setEnabled(answered_soon(self._copy.is_file, False))
