"""Which model answers in which chat: its own, or the one that answers elsewhere; loaded when it is asked.

Who looks through chats loads nothing: another model comes with the first message that is for it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.base.errors import ErrorReport
from app.base.paths import SOON_SECONDS
from app.bridge.model import AnsweringModel
from app.chats.blanks import blanks_of
from app.chats.options import STARTER_MODEL, ChatOptions
from app.library.answering import ModelChoice, folder_choice, remembered_model, starter_choice
from app.server.remote import texts


@dataclass(frozen=True, slots=True)
class MissingModel:
    """A chat's own model that cannot be asked.

    Attributes:
        chat_id: The chat; None if it was not stored yet.
        name: What it was called.
        instead: Name of the model that answers elsewhere.
        trouble: Why the system does not let us look at it; "" where it is not there.
        failed: Why it could not be loaded, and the message to it failed; "" where it was not tried, and nothing sent.
    """

    chat_id: str | None
    name: str
    instead: str
    trouble: str = ""
    failed: str = ""


class ChatModels(QObject):
    """Brings the model of a chat.

    Attributes:
        model: The one that answers now.

    Signals:
        missing: A `MissingModel` was to be asked.
        refused: Something was to be asked that the model surely cannot do (an `ErrorReport`); nothing was stored.
    """

    missing = Signal(object)
    refused = Signal(object)

    def __init__(self, model: AnsweringModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self._chat_id: str | None = None  # the chat that its own model is loaded for
        model.own_refused.connect(self.on_own_refused)

    def choice(self, options: ChatOptions) -> ModelChoice:
        """The model of a chat with these options."""
        usual = self.model.usual
        if not options.model:
            return usual
        if options.model == STARTER_MODEL:
            own = starter_choice()
        else:
            own = folder_choice(Path(options.model), "auto")
            own = dataclasses.replace(own, name=options.model_name or own.name)
        return usual if own.folder == usual.folder else own

    def answers(self, options: ChatOptions) -> bool:
        """Whether it is the one that answers now, or that is being loaded."""
        return self.choice(options) == self.model.wanted

    def refuses(self, options: ChatOptions, message: str) -> bool:
        """Whether the model of a chat surely cannot answer a message; then `refused` says why."""
        report = self._refusal(options, message)
        if report is not None:
            self.refused.emit(report)
        return report is not None

    def take(self, options: ChatOptions, chat_id: str | None, message: str = "") -> bool:
        """Load the model of a chat if another one answers; what is asked then waits for it.

        False, and `missing`, if it is not there; False, and `refused`, where it could not answer this message.
        """
        if self.refuses(options, message):
            return False
        if self.answers(options):
            return True
        wanted = self.choice(options)
        if wanted.folder is not None and not wanted.starter:
            found = remembered_model(str(wanted.folder), SOON_SECONDS)
            if found.folder is None and wanted != self.model.usual:
                self.missing.emit(MissingModel(chat_id, wanted.name, self.model.usual.name, found.trouble))
                return False
        self._chat_id = chat_id
        self.model.load(wanted, usual=wanted == self.model.usual)
        return True

    def on_own_refused(self, choice: ModelChoice, report: ErrorReport) -> None:
        """A chat's own model could not be loaded."""
        self.missing.emit(MissingModel(self._chat_id, choice.name, self.model.usual.name, failed=report.text))

    def _refusal(self, options: ChatOptions, message: str) -> ErrorReport | None:
        """Servers keep no forms, and nobody keeps all: that is known before anything is stored and sent."""
        blanks = blanks_of(message) if "[[" in message else None
        if self.choice(options).server is None:
            trouble = blanks.trouble if blanks is not None else None
            return ErrorReport("known", *trouble) if trouble is not None else None
        if blanks is not None:
            return ErrorReport("known", texts.BLANKS, texts.BLANKS_HINT)
        if options.wanted_form is not None:
            return ErrorReport("known", texts.CHAT_FORM, texts.CHAT_FORM_HINT)
        return None
