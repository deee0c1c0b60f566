"""The form of an answer, chosen at the message box: blanks in the message itself, or a form for the whole answer."""

from __future__ import annotations

import dataclasses
from functools import partial

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QAction, QActionGroup, QTextCursor
from PySide6.QtWidgets import QBoxLayout, QMenu, QPushButton, QWidget

from app.bridge.chat import ChatController
from app.chats.blanks import blanks_of, unknown_blanks, with_backslashes
from app.chats.options import ChatOptions, choices_of
from app.ui.chat.pane import ChatPane
from app.ui.chat.steering import words
from app.ui.chat.steering.blanks_strip import BlanksStrip
from app.ui.chat.steering.form_dialog import FormDialog
from app.ui.widgets.plain import set_tip
from app.ui.widgets.theme import ThemeManager
from inference.events import PromptMeasured

LOOK_MS = 80
LONGEST = 200_000  # characters of a message in which blanks are looked for


class Forming(QObject):
    """Brings forms to the message box.

    Attributes:
        button: Below the message box.
        strip: Above it.
    """

    def __init__(
        self, pane: ChatPane, action: QAction, controller: ChatController, themes: ThemeManager, window: QWidget
    ) -> None:
        super().__init__(window)
        self._themes, self._window, self._number = themes, window, 0
        self._composer, self._controller = pane.composer, controller
        self.strip = BlanksStrip()
        self.strip.as_it_is.connect(self.on_as_it_is)
        self.button = QPushButton(words.FORM)
        self.button.setProperty("role", "quiet")
        self.button.setAccessibleName(words.FORM_HINT)
        set_tip(self.button, words.FORM_HINT)
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.menu = QMenu(self.button)
        self.menu.setAccessibleName(words.FORM)
        self._fill_menu()
        self.button.clicked.connect(self.on_menu_wanted)
        action.triggered.connect(self.on_menu_wanted)
        above = pane.composer.parentWidget()
        column = above.layout() if above is not None else None
        if isinstance(column, QBoxLayout):
            column.insertWidget(column.indexOf(pane.composer), self.strip)
        pane.below.insertWidget(pane.below.indexOf(pane.options) + 1, self.button)
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self.on_look_due)
        pane.composer.box.textChanged.connect(self._looking.start)
        controller.chat_shown.connect(self.show_form)
        controller.conversation_changed.connect(self.show_form)
        self.show_form()

    def on_menu_wanted(self) -> None:
        """Above the button, which stands at the window's edge."""
        corner = self.button.mapToGlobal(self.button.rect().topLeft())
        self.menu.popup(corner - self.menu.rect().bottomLeft() if self.menu.isVisible() else corner)

    def on_look_due(self) -> None:
        """What the message has."""
        text = self._composer.text
        possible = "[[" in text and len(text) <= LONGEST
        self.strip.show_blanks(blanks_of(text) if possible else None, unknown_blanks(text) if possible else ())

    def on_as_it_is(self) -> None:
        """The brackets are no blanks: a backslash stands before each; Ctrl+Z takes it back."""
        text = with_backslashes(self._composer.text)
        cursor = self._composer.box.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        self._composer.box.setTextCursor(cursor)
        self._composer.setFocus()

    def on_blank_chosen(self, blank: str, *_: object) -> None:
        """Put a blank where the cursor stands; what is to be changed of it is selected."""
        box = self._composer.box
        box.insertPlainText(blank)
        changed = words.CHANGED_IN_BLANK.get(blank, "")
        if changed:
            cursor = box.textCursor()
            end = cursor.position() - len("]]")
            cursor.setPosition(end - len(changed))
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            box.setTextCursor(cursor)
        self._composer.setFocus()

    def show_form(self, *_: object) -> None:
        """What holds for the shown chat."""
        options = self._controller.options()
        text = words.form_name(options.form, len(choices_of(options.form_text)))
        self.button.setText(text)
        self.button.setAccessibleName(f"{text}. {words.FORM_HINT}")
        for action in self._forms.actions():
            action.setChecked(action.data() == options.form)

    def on_form_chosen(self, action: QAction) -> None:
        """A form for all answers of the chat from now on."""
        kind = str(action.data())
        self.show_form()  # what is marked is what holds, whatever comes of the dialog
        if kind in words.FORM_TITLES:
            self.open(kind)
        else:
            self._set_form(kind, "")

    def open(self, kind: str) -> FormDialog:
        """Type or load what a form needs."""
        options = self._controller.options()
        text = options.form_text if options.form == kind else ""
        dialog = FormDialog(kind, text, self._themes.theme, self._window)
        dialog.check_wanted.connect(partial(self._check, dialog, kind))
        dialog.chosen.connect(partial(self._set_form, kind))
        dialog.finished.connect(self.on_dialog_finished)
        dialog.open()
        return dialog

    def on_dialog_finished(self) -> None:
        """Nobody waits for the model's word any more."""
        self._controller.operations.forget(self._number)
        self._composer.setFocus()

    def _check(self, dialog: FormDialog, kind: str, text: str) -> None:
        self._controller.operations.forget(self._number)
        form = ChatOptions(form_text=text, form=kind).wanted_form
        if form is None or self._controller.model.ready is None:  # the model says it when it is asked
            dialog.on_checked(text, PromptMeasured(0, 0))
            return
        self._number = self._controller.operations.check(form, partial(dialog.on_checked, text))

    def _set_form(self, kind: str, text: str) -> None:
        options = dataclasses.replace(self._controller.options(), form_text=text, form=kind)
        self._controller.set_options(options)
        self.show_form()

    def _fill_menu(self) -> None:
        blanks = self.menu.addMenu(words.INSERT_BLANK)
        blanks.setAccessibleName(words.INSERT_BLANK)
        for blank, told in words.BLANKS_TO_INSERT.items():
            blanks.addAction(f"{told}\t{blank}").triggered.connect(partial(self.on_blank_chosen, blank))
        self.menu.addSeparator()
        self._forms = QActionGroup(self)
        for kind, told in (
            ("", words.NO_FORM),
            ("json", words.ANY_JSON),
            ("schema", words.BY_SCHEMA),
            ("choice", words.BY_CHOICE),
        ):
            action = self._forms.addAction(self.menu.addAction(told))
            action.setCheckable(True)
            action.setData(kind)
        self._forms.triggered.connect(self.on_form_chosen)
