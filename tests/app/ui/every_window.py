"""Every window and dialog of the program at once, with one text in the place of every name, title, path and error."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QDialog, QWidget
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.bridge.remote import ServerModels
from app.bridge.unsent import Unsaved
from app.chats.messages import MessageError
from app.chats.tables.values import TableCell, TableQuestion
from app.library.answering import AnsweringStatus, ModelChoice, ModelPhase
from app.library.values import FoundAdapter, Leftover, ModelState
from app.machine.checks import Finding
from app.machine.monitor.values import CardReading, Reading, SystemReading
from app.main import Parts
from app.network.purposes import NetworkUse
from app.server.remote.values import ServerFound
from app.server.values import RunningRequest, ServerPhase, ServerStatus
from app.transfers.values import Digest
from app.ui.chat.tables.dialog import TablesDialog
from app.ui.chat.tables.question_dialog import TableQuestionDialog
from app.ui.chat.unsaved_dialog import UnsavedDialog
from app.ui.engines.card import EngineCard
from app.ui.engines.log import EngineLog
from app.ui.gpu.dialog import GpuDialog
from app.ui.gpu.trial_dialog import TrialDialog
from app.ui.help.bench_dialog import BenchDialog
from app.ui.help.dialogs import AboutDialog, ShortcutsDialog
from app.ui.help.doctor_dialog import DoctorDialog
from app.ui.help.monitor_dialog import MonitorDialog
from app.ui.help.network_dialog import NetworkDialog
from app.ui.models.add_dialogs import AdapterDialog, NameDialog
from app.ui.models.add_server import AddServerDialog
from app.ui.models.leftovers_dialog import LeftoversDialog
from app.ui.models.licence_dialog import LicenceDialog
from app.ui.models.removal_dialog import RemovalDialog
from app.ui.models.token_dialog import TokenDialog
from app.ui.settings.dialog import SettingsDialog
from app.ui.settings.server_dialog import ServerDialog
from app.ui.updates.dialog import UpdateDialog
from app.ui.widgets.bug_dialog import BugDialog
from app.ui.widgets.question import Question
from app.updates.release import Release, ReleaseFile
from app.updates.source import shown_address
from app.updates.values import Found, UpdateState, UpdateStatus
from inference.look.questions import ServedModelNamed
from tests.app.ui.sample import ANSWER, add_answer
from tests.helpers.card_reports import REPORT
from tests.helpers.scripted_gpu import DAMAGED, INSTALLED, OFFER, ScriptedGpu
from tests.helpers.scripted_library import (
    MACHINE,
    STARTER,
    STREAMED,
    ScriptedLibrary,
    library_of,
    mine,
    offer_of,
    removal_of,
)
from tests.helpers.waiting import WAIT_MS

OTHER_SIZES = 10**9


def fill(parts: Parts, text: str, library: ScriptedLibrary) -> None:
    """Chats, models and news whose names, titles and errors are `text`."""
    window = parts.window
    chat = add_answer(parts, ANSWER)
    parts.controller.rename(chat, text)
    answer = window.pane.chat.last_answer
    assert answer is not None
    answer._problem.set_error(MessageError(text, text, False, text))
    report = ErrorReport("known", text, text)
    fit = dataclasses.replace(STREAMED, text=text, hint=text)
    models = (
        mine("here", ModelState.READY, title=text, repo=text, folder=Path("/models") / text, fit=fit),
        mine("broken", ModelState.DAMAGED, "redhat-fp8", title=text, problem=report),
    )
    machine = dataclasses.replace(MACHINE, card=text, why_no_card=text)
    left = (Leftover(Path("/models") / text, OTHER_SIZES, text, True, (Path("/models") / text / text,)),)
    library.show(library_of(*models, machine=machine, leftovers=left))
    header = window.pane.header
    header.show_status(AnsweringStatus(ModelPhase.FAILED, text, text, text, 0.5, text, text))
    for link in (window.models.link, window.engines.link):
        link.show_text("50 % of a download")
    window.pane.set_status("stopped by you \u00b7 settled in 14 of 48 steps \u00b7 3.1 s \u00b7 82 tokens/s")
    window.notices.show(text, stays=True, action="Do it", do=window.close)
    window.pane.undo_bar.show_text(text)


class NoRoom:
    """What never gets stored: the dialog about it does not close by itself."""

    def __init__(self, lost: Unsaved) -> None:
        self.lost = lost

    def unsaved(self) -> Unsaved:
        """As before."""
        return self.lost

    def write_anew(self) -> None:
        """In vain."""


def unsaved_dialog(parts: Parts, text: str) -> QWidget:
    """What is asked before a window closes that could not store everything."""
    lost = Unsaved((text, text), ErrorReport("known", text, text))
    return UnsavedDialog(lost, NoRoom(lost), parts.themes.theme, parts.window)


def tables_dialog(parts: Parts, text: str) -> QWidget:
    """A table with all kinds of cells."""
    tables = parts.controller.tables
    tables.create(text)
    label = TableQuestion("c", f"{text[:40]} 3", text, "label", (text[:40], "other"))
    tables.set_questions((TableQuestion("a", text[:50], text), TableQuestion("b", "Who", text, "words"), label))
    tables.add_files([Path("/files") / text, Path("/files/other.txt")])
    assert tables.table is not None
    answered = {
        "a": TableCell("yes", 0.98, (("no", 0.02),), model=text),
        "b": TableCell(text, 0.5, place=text, in_parts=True, model=text, problem=text),
        "c": TableCell(problem=text),
    }
    parts.store.tables.set_cells(tables.table.files[0].id, answered)
    tables.open(tables.table.id)
    dialog = TablesDialog(tables, parts.themes.theme, parts.window)
    dialog.grid.choose(0, 2)
    dialog.said.show_text(text)
    return dialog


def table_question(parts: Parts, text: str) -> QWidget:
    """A question of a table, with answers to choose from."""
    question = TableQuestion("q", text[:50], text, "label", (text[:40], "other"))
    return TableQuestionDialog(question, [text], parts.themes.theme, parts.window)


def server_dialog(parts: Parts, text: str) -> QWidget:
    """The local server's, with requests that it could not answer."""
    parts.preferences.set(server_key=text)
    requests = (RunningRequest(1, text, 0, 5.0, 2), RunningRequest(2, text, 1, 5.0, 0))
    parts.controller.server.status = ServerStatus(ServerPhase.FAILED, "http://127.0.0.1:8321", text, requests)
    return ServerDialog(parts.controller.server, parts.preferences, parts.themes.theme, parts.window)


def machine_dialog(parts: Parts, text: str) -> QWidget:
    """What the machine does, with a card."""
    parts.monitor.reading = Reading((CardReading(text, text, 50),), "", SystemReading(), 0.0)
    return MonitorDialog(parts.monitor, parts.themes.theme, parts.window)


def add_server_dialog(parts: Parts, text: str, library: ScriptedLibrary) -> QWidget:
    """With the models of a server, and a sentence of trouble."""
    servers = ServerModels(library.services, parts.window)
    dialog = AddServerDialog(servers, parts.preferences, parts.themes.theme, parts.window)
    dialog.address.setText("http://192.168.1.20:8000/v1")
    dialog._asked = "http://192.168.1.20:8000/v1"
    dialog.on_found(ServerFound(dialog._asked, (ServedModelNamed(text), ServedModelNamed("small"))))
    dialog.on_refused(ErrorReport("known", text, text))
    return dialog


def dialogs(parts: Parts, text: str, library: ScriptedLibrary) -> dict[str, Callable[[], QWidget]]:
    """How each dialog is made; the engine card and the models window are not among them."""
    window, theme = parts.window, parts.themes.theme
    report = ErrorReport("bug", text, text, text)
    model = mine("here", ModelState.READY, title=text, repo=text, folder=Path("/models") / text)
    offer = offer_of(title=text, terms=text, folder=Path("/models") / text)
    package = ReleaseFile("deb", "dewpoint.deb", OTHER_SIZES, Digest("sha256", "0" * 64))
    found = Found(Release("9.0.0", "2027-01-01", (text,), (package,)), "deb", package, "", Path("/updates") / text)
    uses = (*library.services.network.uses(shown_address()), NetworkUse(text, text, text, text))

    def doctor() -> QWidget:
        dialog = DoctorDialog(parts.gpu, theme, window)
        for status in ("pass", "note", "fail"):
            parts.gpu.check_arrived.emit(Finding("Graphics card", status, text, text))  # type: ignore[arg-type]
        parts.gpu.checks_ended.emit()
        return dialog

    def trial() -> QWidget:
        steps = tuple(dataclasses.replace(step, text=text, detail=text) for step in REPORT.steps)
        if isinstance(parts.gpu, ScriptedGpu):
            parts.gpu.show(dataclasses.replace(INSTALLED, trial=dataclasses.replace(REPORT, card=text, steps=steps)))
        return TrialDialog(parts.gpu, theme, window)

    def update() -> QWidget:
        parts.updates.status = UpdateStatus(UpdateState.READY, found, report=ErrorReport("known", text, text))
        return UpdateDialog(parts.updates, parts.preferences, theme, window)

    return {
        "server": lambda: server_dialog(parts, text),
        "settings": lambda: SettingsDialog(parts.preferences, parts.themes, window),
        "keys": lambda: ShortcutsDialog(window),
        "about": lambda: AboutDialog(theme, window),
        "doctor": doctor,
        "machine": lambda: machine_dialog(parts, text),
        "bench": lambda: BenchDialog(window.machine.benchmark, ModelChoice(None, "fake", text), theme, window),
        "network": lambda: NetworkDialog(uses, parts.preferences, theme, window),
        "update": update,
        "bug": lambda: BugDialog(report, theme, window),
        "question": lambda: Question(text, text, text, "Delete", theme, window),
        "licence": lambda: LicenceDialog(offer, 1.0, theme, window),
        "licence refused": lambda: LicenceDialog(
            dataclasses.replace(offer, problem=ErrorReport("known", text, text)), 1.0, theme, window
        ),
        "trial": trial,
        "gpu": lambda: GpuDialog(dataclasses.replace(OFFER, card=text, folder=Path("/gpu") / text), theme, window),
        "name": lambda: NameDialog(theme, window),
        "adapter": lambda: AdapterDialog(
            FoundAdapter(Path("/x") / text, text, text), (STARTER, model), text, theme, window
        ),
        "leftovers": lambda: LeftoversDialog(library, theme, window),
        "removal": lambda: RemovalDialog(
            removal_of(model, kept=(Path("/x") / text,), engines=(Path("/e") / text,), engine_size=1), theme, window
        ),
        "unsaved": lambda: unsaved_dialog(parts, text),
        "token": lambda: TokenDialog(library.services.tokens, theme, window),
        "tables": lambda: tables_dialog(parts, text),
        "table question": lambda: table_question(parts, text),
        "add server": lambda: add_server_dialog(parts, text, library),
    }


def open_models(parts: Parts, text: str) -> QDialog:
    """The models window, with news, and the line about the add-on."""
    parts.window.models.show_page()
    page = parts.window.models.page
    assert page is not None
    page.say(text, text, "bad", "Do it", page.close)
    if isinstance(parts.gpu, ScriptedGpu):
        parts.gpu.show(dataclasses.replace(DAMAGED, damaged=(text,), card=text))
    return page


def open_card(qtbot: QtBot, parts: Parts, text: str) -> EngineCard:
    """The engine card of a model of that name."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.controller.model._choice = ModelChoice(Path("/models/x"), "fake", text)
    parts.window.engines.on_engines()
    card = parts.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: card._status is not None, timeout=WAIT_MS)
    return card


def open_log(parts: Parts, card: EngineCard) -> EngineLog:
    """The log of what the card shows."""
    assert card.offer is not None
    return EngineLog(parts.engines, card.offer, parts.themes.theme, card)


def every_window(qtbot: QtBot, parts: Parts, text: str, library: ScriptedLibrary) -> dict[str, QWidget]:
    """All of them, open."""
    card = open_card(qtbot, parts, text)
    fill(parts, text, library)
    windows: dict[str, QWidget] = {
        "main": parts.window, "models": open_models(parts, text), "card": card, "log": open_log(parts, card)
    }  # fmt: skip
    windows |= {name: make() for name, make in dialogs(parts, text, library).items()}
    for window in windows.values():
        window.show()
    return windows
