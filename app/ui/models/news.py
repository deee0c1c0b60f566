"""What the window says of models: how downloads, checks and removals ended, and what may be done next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMainWindow

from app.base.errors import ErrorReport
from app.library.values import ModelStatus
from app.ui.models import words
from app.ui.models.button_actions import ModelDeeds
from app.ui.models.models_window import ModelsWindow

if TYPE_CHECKING:
    from app.bridge.library import Library
    from app.library.queue import Ended
    from app.library.values import ModelWorkEnd
    from app.ui.chat.pane import ChatPane

    _Base = QMainWindow
else:
    _Base = object


class ModelNews(_Base):
    """The part of the window that says how it went: in the open models window, else in a notice."""

    _library: Library
    _opening: Path | None  # chosen in the menu: used as soon as it is in the list
    _news: Callable[[], None] | None  # what the button beside the newest news does
    deeds: ModelDeeds
    pane: ChatPane
    models_window: ModelsWindow | None = None
    if TYPE_CHECKING:

        def on_problem(self, report: ErrorReport) -> None:
            """The window's own."""

        def _show_link(self) -> None:
            """Of `ModelSlots`."""

    def on_notice_acted(self) -> None:
        """The button beside the newest news."""
        if self._news is not None:
            self._news()

    def on_download_ended(self, ended: Ended) -> None:
        """Say so, and offer to use it."""
        model = self._model(ended.model_id)
        title = model.title if model is not None else words.THE_MODEL
        if ended.installed:
            self._say(words.installed(title), "good", model)
        elif ended.report is not None and ended.report.kind == "bug":
            self.on_problem(ended.report)
        elif ended.report is not None and not self._models_open:  # the open window shows it in the row
            self.pane.notice.show_text(f"{title}: {ended.report.text} {ended.report.hint}".strip(), stays=True)

    def on_model_work_ended(self, end: ModelWorkEnd) -> None:
        """Say how a check, a move or a merge ended."""
        model = self._model(end.work.model_id)
        title = model.title if model is not None else words.THE_MODEL
        if end.report is not None:
            self.on_library_problem(end.report)
        elif end.stopped:
            stopped = {"verify": words.VERIFY_STOPPED, "move": words.MOVE_STOPPED}
            self._say(stopped.get(end.work.task, words.MERGE_STOPPED))
        elif end.work.task == "verify":
            bad = end.work.damaged
            self._say(words.damaged(title, bad) if bad else words.all_right(title), "bad" if bad else "good")
        elif end.work.task == "merge":
            self._say(" ".join((words.MERGED, *end.work.notes)), "good")
        else:
            self._say(words.moved(title), "good")

    def on_model_freed(self, freed: int) -> None:
        """Something is gone."""
        self._say(words.freed(freed))

    def on_list_refreshed(self) -> None:
        """New sizes."""
        self._say(words.REFRESHED)

    def on_library_problem(self, report: ErrorReport) -> None:
        """The open window says it; else a notice does."""
        self._opening = None
        self._show_link()
        if report.kind == "known" and self.models_window is not None and self._models_open:
            self.models_window.say(report.text, report.hint, "bad")
        else:
            self.on_problem(report)

    def on_model_refused(self, report: ErrorReport) -> None:
        """A model cannot be used; the window says so where the user clicked, too."""
        if report.kind == "known" and self.models_window is not None and self._models_open:
            self.models_window.say(report.text, report.hint, "bad")

    def on_refused(self, text: str) -> None:
        """Nothing was begun."""
        self._say(text)

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    def _models_open(self) -> bool:
        return self.models_window is not None and self.models_window.isVisible()

    def _model(self, model_id: str) -> ModelStatus | None:
        return self._library.status.model(model_id) if self._library.status is not None else None

    def _say(self, text: str, tone: str = "calm", new: ModelStatus | None = None) -> None:
        """In the open models window, else in a notice; beside a new model stands what to do with it next."""
        action = ""
        if new is not None:
            build = words.needs_engines(new.fit) and not new.engines
            self._news = partial(self.deeds.do, "build" if build else "use", new)
            action = words.BUILD if build else words.USE_IT
            self.pane.notice.dismiss()  # one such button at a time
        if self.models_window is not None and self._models_open:
            self.models_window.say(text, tone=tone, action=action)
        else:
            self.pane.notice.show_text(text, stays=bool(action), action=action)
