"""What was chosen for the chat alone, as chips below the message box, and the dialog behind them."""

from __future__ import annotations

import dataclasses
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QPushButton, QWidget

from app.bridge.chat import ChatController
from app.bridge.chat_model import MissingModel
from app.bridge.library import Library
from app.chats.options import STARTER_MODEL, ChatOptions
from app.library.texts import STARTER_MODEL_NAME
from app.ui.chat.options import words
from app.ui.chat.options.dialog import ChatOptionsDialog
from app.ui.widgets.notices import Notices
from app.ui.widgets.plain import one_line, set_tip, without_keys
from app.ui.widgets.theme import ThemeManager


class ChatOptionsButton(QPushButton):
    """Says what differs from the settings, and opens the dialog."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "quiet")
        set_tip(self, words.OPTIONS_HINT)
        self.show_options(ChatOptions())

    def show_options(self, options: ChatOptions) -> None:
        """Such as "Options: Poet · Careful · thinking"."""
        text = words.options_line(options)
        self.setText(without_keys(text))
        self.setAccessibleName(text)


class ChoosingOptions(QObject):
    """Brings the options of the shown chat to its button, and what is chosen to the store."""

    def __init__(
        self,
        button: ChatOptionsButton,
        controller: ChatController,
        themes: ThemeManager,
        notices: Notices,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._button, self._controller, self._themes, self._window = button, controller, themes, window
        self._notices = notices
        self._library: Library | None = None
        self._said = ""  # of a model that is not there
        self._elsewhere: str | None = None  # the chat that this is about, if it was not shown then
        controller.models.missing.connect(self.on_missing)
        button.clicked.connect(self.open)
        controller.chat_shown.connect(self.show)
        controller.conversation_changed.connect(self.show)

    def use_library(self, library: Library) -> None:
        """Where the models are known."""
        self._library = library

    def show(self, *_: object) -> None:
        """What holds for the shown chat."""
        if self._elsewhere in (None, self._controller.chat_id):
            self._forget_said()
        self._button.show_options(self._controller.options())

    def open(self, *_: object) -> ChatOptionsDialog:
        """Choose."""
        prompts = self._controller.list.prompts()
        options, theme = self._controller.options(), self._themes.theme
        dialog = ChatOptionsDialog(options, prompts, self._models(), theme, self._window)
        self._dialog = dialog
        dialog.chosen.connect(self.on_chosen)
        dialog.prompt_kept.connect(self.on_prompt_kept)
        dialog.prompt_removed.connect(self.on_prompt_removed)
        dialog.open()
        return dialog

    def on_chosen(self, options: ChatOptions) -> None:
        """They hold from the next message on."""
        self._controller.set_options(options)
        self.show()

    def on_missing(self, missing: MissingModel) -> None:
        """The model of a chat is not there, where the message stays where it is, or does not load."""
        self._forget_said()
        controller = self._controller
        chat = missing.chat_id or controller.answering.conversation_id or controller.chat_id
        title = controller.waiting.title_of(chat) if chat is not None and chat != controller.chat_id else ""
        if missing.failed:
            self._said = words.model_not_loaded(missing.name, one_line(title), missing.failed, missing.instead)
        else:
            self._said = words.model_missing(missing.name, one_line(title), missing.trouble)
        action, do = words.answer_instead(missing.instead), self.on_model_given_up
        if title:
            self._elsewhere, action, do = chat, words.SHOW_CHAT, partial(controller.open_chat, chat)
        self._notices.show(self._said, stays=True, action=action, do=do)

    def on_model_given_up(self) -> None:
        """From now on the model that answers elsewhere answers here, too."""
        options = self._controller.options()
        self.on_chosen(dataclasses.replace(options, model="", model_name=""))

    def _forget_said(self) -> None:
        if self._said:
            self._notices.withdraw(self._said)
            self._said, self._elsewhere = "", None

    def _models(self) -> list[tuple[str, str]]:
        """Those that could answer; while they are not known yet, the starter model."""
        status = self._library.status if self._library is not None else None
        if self._library is not None and status is None:
            self._library.look()
        found = [(STARTER_MODEL, STARTER_MODEL_NAME)]
        for model in status.models if status is not None else ():
            if model.usable and model.folder is not None and model.kind != "starter":
                found.append((str(model.folder), model.title))
        return found

    def on_prompt_kept(self, name: str, text: str) -> None:
        """Into the library."""
        kept = self._controller.list.keep_prompt(name, text)
        self._dialog.show_prompts(self._controller.list.prompts(), kept)

    def on_prompt_removed(self, prompt: str) -> None:
        """Out of it."""
        self._controller.list.remove_prompt(prompt)
        self._dialog.show_prompts(self._controller.list.prompts(), "")
