"""What the window does about TensorRT for RTX: its line in other dialogs, its own dialogs, and how its work ended."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from app.base.errors import ErrorReport
from app.base.settings import Settings
from app.bridge.gpu import GpuAddon
from app.bridge.preferences import Preferences
from app.gpu import texts
from app.gpu.values import GpuEnd, GpuOffer, GpuState
from app.ui.gpu import words
from app.ui.gpu.dialog import GpuDialog
from app.ui.gpu.panel import GpuPanel
from app.ui.gpu.trial_dialog import TrialDialog
from app.ui.widgets.notices import Notices
from app.ui.widgets.question import Question
from app.ui.widgets.sheet import PanelHost, show_beside
from app.ui.widgets.theme import ThemeManager


class GpuCoordinator(QObject):
    """Owns the panels and the dialogs of the add-on.

    Signals:
        changed: It was installed, checked or removed: engines and verdicts may be others now.
    """

    changed = Signal()

    def __init__(
        self, window: QWidget, gpu: GpuAddon, preferences: Preferences, themes: ThemeManager, notices: Notices
    ) -> None:
        super().__init__(window)
        self._window, self._gpu, self._themes, self._notices = window, gpu, themes, notices
        self._hosts: list[PanelHost] = []
        self._asked = False
        gpu.offered.connect(self.on_offered)
        gpu.work_ended.connect(self.on_work_ended)
        gpu.problem.connect(self.on_problem)
        preferences.changed.connect(self.on_settings_changed)

    def on_dialog_opened(self, dialog: PanelHost) -> None:
        """Put the line at the head of a dialog, the first time, and look how the add-on is."""
        if dialog not in self._hosts:
            self._hosts.append(dialog)
            self._add_panel(dialog)
        self._gpu.look()

    def on_wanted(self, name: str) -> None:
        """A button of a panel."""
        match name:
            case "install":
                self._asked = True
                self._gpu.ask()
            case "verify":
                self._gpu.do("verify")
            case "try":
                self.show_trial(self._host())
            case "stop":
                self._gpu.stop()
            case "remove":
                self._ask_removal()

    def show_trial(self, host: QWidget) -> None:
        """The trial of the card, beside a dialog."""
        show_beside(host, TrialDialog, lambda: TrialDialog(self._gpu, self._themes.theme, host))

    def on_offered(self, offer: GpuOffer) -> None:
        """Show what it takes; nothing is fetched before the user accepts."""
        if self._asked:
            self._asked = False
            dialog = GpuDialog(offer, self._themes.theme, self._host())
            dialog.accepted.connect(self.on_offer_accepted)
            dialog.open()

    def on_offer_accepted(self) -> None:
        """The licence is accepted."""
        self._gpu.do("install")

    def on_removal_agreed(self) -> None:
        """The user is sure."""
        self._gpu.do("remove")

    def on_work_ended(self, end: GpuEnd) -> None:
        """Say how it ended; an open dialog of the trial says for itself what there is to say of that."""
        shown = end.work.kind == "try" and any(each.isVisible() for each in self._window.findChildren(TrialDialog))
        if end.report is not None and not (shown and end.report.kind == "known"):
            self.on_problem(end.report)
        elif shown:
            pass
        elif end.stopped and end.work.kind == "try":
            self._say(words.TRIAL_STOPPED)
        elif end.stopped and not end.work.placed:
            self._say(texts.STOPPED)
        elif end.work.kind == "remove":
            folder = end.work.status.folder if end.work.status is not None else None
            self._say(texts.removed(end.work.freed, end.work.stays, folder))
        else:
            self._say_state(end)
        self.changed.emit()

    def on_problem(self, report: ErrorReport) -> None:
        """The open window says it; a bug has its own dialog."""
        self._asked = False
        if report.kind == "known":
            self._say(report.text, report.hint, "bad")
        else:
            self._notices.report(report)

    def on_settings_changed(self, settings: Settings) -> None:
        """The offline switch greys the button; the network itself is told by the coordinator of the models."""
        if self._gpu.status is not None and self._gpu.status.offline != settings.offline:
            self._gpu.look()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _add_panel(self, dialog: PanelHost) -> None:
        panel = GpuPanel(self._gpu)
        panel.wanted.connect(self.on_wanted)
        dialog.add_panel(panel)

    def _ask_removal(self) -> None:
        status = self._gpu.status
        if status is not None:
            detail, theme = words.remove_detail(status.size, status.folder, status.others), self._themes.theme
            question = Question(words.TITLE, words.REMOVE_TITLE, detail, words.REMOVE_AGREE, theme, self._host())
            question.accepted.connect(self.on_removal_agreed)
            question.open()

    def _say_state(self, end: GpuEnd) -> None:
        """After an installation or a check."""
        status = end.work.status
        if end.work.wrong:
            self._say(texts.damaged(end.work.wrong), texts.DAMAGED_HINT, "bad")
        elif status is not None and status.state is GpuState.BROKEN:
            return  # the panel says it
        elif end.work.kind == "try":
            if end.work.trial is not None:
                self._say(texts.tried(end.work.trial))
        elif status is not None and end.work.kind == "install":
            hint = texts.RESTART if end.work.restart else ""
            self._say(texts.installed_new(status.version, status.size), hint, "good")
        else:
            self._say(words.ALL_RIGHT, tone="good")

    def _say(self, text: str, hint: str = "", tone: str = "calm") -> None:
        self._notices.say(text, hint, tone, stays=tone == "bad" or bool(hint))

    def _host(self) -> QWidget:
        """The dialog that the user looks at, and that has a panel; else the window."""
        for seen in (QDialog.isActiveWindow, QDialog.isVisible):
            for dialog in self._hosts:
                if seen(dialog):
                    return dialog
        return self._window
