"""What the window does about TensorRT for RTX: dialogs, news, and a look at engines when it came or went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from app.base.errors import ErrorReport
from app.base.settings import Settings
from app.gpu import texts
from app.gpu.values import GpuOffer, GpuState
from app.ui.gpu import words
from app.ui.gpu.dialog import GpuDialog
from app.ui.gpu.panel import GpuPanel
from app.ui.help.doctor_dialog import DoctorDialog
from app.ui.widgets.question import Question
from app.ui.widgets.theme import ThemeManager

if TYPE_CHECKING:
    from app.bridge.engines import Engines
    from app.bridge.gpu import GpuAddon
    from app.bridge.library import Library
    from app.bridge.preferences import Preferences
    from app.gpu.values import GpuEnd
    from app.ui.chat.pane import ChatPane
    from app.ui.engines.card import EngineCard
    from app.ui.models.models_window import ModelsWindow

    _Base = QMainWindow
else:
    _Base = object


class GpuSlots(_Base):
    """The part of the window that deals with the GPU add-on."""

    _gpu: GpuAddon
    _engines: Engines
    _library: Library
    _preferences: Preferences
    _themes: ThemeManager
    pane: ChatPane
    models_window: ModelsWindow | None
    engine_card: EngineCard | None
    if TYPE_CHECKING:

        def on_problem(self, report: ErrorReport) -> None:
            """The window's own."""

        def on_engine_model_changed(self) -> None:
            """Of the part that deals with engines."""

    def connect_gpu(self) -> None:
        """Listen to the keeper."""
        self._gpu_asked = False
        self._gpu.offered.connect(self.on_gpu_offered)
        self._gpu.work_ended.connect(self.on_gpu_work_ended)
        self._gpu.problem.connect(self.on_gpu_problem)
        self._preferences.changed.connect(self.on_gpu_settings_changed)

    def add_gpu_panel(self, dialog: QWidget) -> None:
        """At the head of a dialog."""
        panel = GpuPanel(self._gpu)
        panel.wanted.connect(self.on_gpu_wanted)
        page = dialog.layout()
        if isinstance(page, QVBoxLayout):
            row = QVBoxLayout()
            row.setContentsMargins(24, 16, 24, 0)
            row.addWidget(panel)
            page.insertLayout(0, row)

    def on_gpu_wanted(self, name: str) -> None:
        """A button of the panel."""
        match name:
            case "install":
                self._gpu_asked = True
                self._gpu.ask()
            case "verify":
                self._gpu.do("verify")
            case "stop":
                self._gpu.stop()
            case "remove":
                self._ask_removal()

    def on_gpu_offered(self, offer: GpuOffer) -> None:
        """Show what it takes; nothing is fetched before the user accepts."""
        if self._gpu_asked:
            self._gpu_asked = False
            dialog = GpuDialog(offer, self._themes.theme, self._gpu_host())
            dialog.accepted.connect(self.on_gpu_accepted)
            dialog.open()

    def on_gpu_accepted(self) -> None:
        """The licence is accepted."""
        self._gpu.do("install")

    def on_gpu_removal_agreed(self) -> None:
        """The user is sure."""
        self._gpu.do("remove")

    def on_gpu_work_ended(self, end: GpuEnd) -> None:
        """Say how it ended; engines and verdicts may be others now."""
        if end.report is not None:
            self.on_gpu_problem(end.report)
        elif end.stopped:
            self._say_gpu(texts.STOPPED)
        elif end.work.task == "remove":
            self._say_gpu(texts.removed(end.work.freed))
        else:
            self._say_gpu_state(end)
        self.on_engine_model_changed()
        if self._library.status is not None:
            self._library.look()

    def on_gpu_problem(self, report: ErrorReport) -> None:
        """The open window says it; a bug has its own dialog."""
        self._gpu_asked = False
        if report.kind == "known":
            self._say_gpu(report.text, report.hint, "bad")
        else:
            self.on_problem(report)

    def on_gpu_settings_changed(self, settings: Settings) -> None:
        """The offline switch greys the button; the network itself is told by the part that deals with models."""
        if self._gpu.status is not None and self._gpu.status.offline != settings.offline:
            self._gpu.look()

    def on_doctor(self) -> None:
        """Look at this computer."""
        DoctorDialog(self._gpu, self._themes.theme, self).open()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _ask_removal(self) -> None:
        status = self._gpu.status
        if status is not None:
            detail = words.remove_detail(status.size, status.folder)
            question = Question(words.REMOVE_TITLE, detail, words.REMOVE_AGREE, self._themes.theme, self._gpu_host())
            question.setWindowTitle(words.TITLE)
            question.accepted.connect(self.on_gpu_removal_agreed)
            question.open()

    def _say_gpu_state(self, end: GpuEnd) -> None:
        """After an installation or a check."""
        status = end.work.status
        if end.work.wrong:
            self._say_gpu(texts.damaged(end.work.wrong), texts.DAMAGED_HINT, "bad")
        elif status is not None and status.state is GpuState.BROKEN:
            return  # the panel says it
        elif status is not None and end.work.task == "install":
            hint = texts.RESTART if end.work.restart else ""
            self._say_gpu(texts.installed_new(status.version, status.size), hint, "good")
        else:
            self._say_gpu(words.ALL_RIGHT, tone="good")

    def _say_gpu(self, text: str, hint: str = "", tone: str = "calm") -> None:
        """In the open models window, else in a notice."""
        window = self.models_window
        if window is not None and window.isVisible():
            window.say(text, hint, tone)
        else:
            self.pane.notice.show_text(f"{text} {hint}".strip(), stays=tone == "bad" or bool(hint))

    def _gpu_host(self) -> QWidget:
        """The dialog that the user looks at."""
        for window in (self.engine_card, self.models_window):
            if window is not None and window.isActiveWindow():
                return window
        for window in (self.models_window, self.engine_card):
            if window is not None and window.isVisible():
                return window
        return self
