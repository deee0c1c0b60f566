"""Help > This machine: looks while it can be seen, shows every card, and follows the answers."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.base.errors import KnownAppError
from app.bridge.monitor import Monitor
from app.library.answering import ModelPhase
from app.library.values import Processor
from app.machine.monitor import texts
from app.machine.monitor.values import CardReading, Reading, SystemReading
from app.main import Parts
from app.ui.help import words
from app.ui.help.graph import Graph
from app.ui.help.monitor_dialog import MonitorDialog
from inference.events import Int8Work, PromptEncoded
from tests.helpers.scripted_process import READY, ScriptedModelProcess, committed, finished
from tests.helpers.waiting import WAIT_MS
from trt_engines.planning.processor import ProcessorSpeed

CARD = CardReading(
    "RTX 4070", "580", 97, 9 << 30, 12 << 30, 8 << 30, 66, 187.0, 200.0, 2745, 10251, (), (4, 16), (4, 16)
)
SYSTEM = SystemReading(50.0, 25.0, 8 << 30, 16 << 30, 1 << 30, 10**11, 10**12)


class Looks:
    """Stands in for the computer: a look whenever the test lets one happen."""

    def __init__(self) -> None:
        self.cards: tuple[CardReading, ...] = (CARD,)
        self.more = threading.Semaphore(1)
        self.began = self.ended = 0

    def __call__(
        self, folder: Path, pid: Callable[[], int | None], cancel: threading.Event
    ) -> Generator[Reading | None, None, None]:
        self.began += 1
        try:
            while not cancel.is_set():
                if self.more.acquire(timeout=0.01):
                    yield Reading(self.cards, "" if self.cards else texts.NO_CARD, SYSTEM, 0.0)
                else:
                    yield None
        finally:
            self.ended += 1


@pytest.fixture
def looks(parts: Parts) -> Looks:
    """What the window's monitor looks at."""
    looks = Looks()
    parts.monitor._readings = looks  # type: ignore[assignment]
    return looks


def shown(parts: Parts) -> MonitorDialog:
    """Opened by the menu."""
    parts.window.show()
    parts.window.actions_by_name["monitor"].trigger()
    return next(each for each in parts.window.findChildren(MonitorDialog) if each.isVisible())


def test_it_looks_while_it_is_seen_and_not_a_moment_longer(qtbot: QtBot, parts: Parts, looks: Looks) -> None:
    assert not parts.monitor.running
    dialog = shown(parts)
    qtbot.waitUntil(lambda: bool(dialog.cards), timeout=WAIT_MS)
    assert dict(dialog.cards[0].lines)["Load"] == "97 %"
    assert dict(dialog.computer.lines)["Processor"] == "50 %, 25 % by Dewpoint"
    dialog.hide()
    qtbot.waitUntil(lambda: looks.ended == 1, timeout=WAIT_MS)
    assert not parts.monitor.running
    dialog.show()
    qtbot.waitUntil(lambda: looks.began == 2, timeout=WAIT_MS)
    dialog.close()
    qtbot.waitUntil(lambda: looks.ended == 2, timeout=WAIT_MS)


def test_cards_come_and_go(qtbot: QtBot, parts: Parts, looks: Looks) -> None:
    dialog = shown(parts)
    for cards in (
        (CARD,),
        (CARD, dataclasses.replace(CARD, name="RTX 5090")),
        (),
        (dataclasses.replace(CARD, load=None),),
    ):
        looks.cards = cards
        looks.more.release()
        names = [card.name for card in cards]
        qtbot.waitUntil(lambda names=names: [card.title for card in dialog.cards] == names, timeout=WAIT_MS)  # type: ignore[misc]
        assert dialog._note.isVisibleTo(dialog) == (not cards)
    qtbot.waitUntil(lambda: "Load" not in dict(dialog.cards[0].lines), timeout=WAIT_MS)


def test_an_answer_is_followed_and_the_figures_are_copied(
    qtbot: QtBot, parts: Parts, looks: Looks, process: ScriptedModelProcess
) -> None:
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    dialog = shown(parts)
    assert dialog.answer.lines == ((texts.ANSWER, texts.NO_ANSWER),)
    with qtbot.waitSignal(parts.controller.answer_ended, timeout=WAIT_MS):
        parts.controller.send("Hello")
    assert dict(dialog.answer.lines)[texts.RATE]
    qtbot.waitUntil(lambda: bool(dialog.cards), timeout=WAIT_MS)
    dialog.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert all(part in text for part in ("RTX 4070", "97 %", words.NEWEST_ANSWER, "tokens/s", words.COMPUTER))


def test_the_use_of_the_processor_is_said_where_it_was_measured(
    qtbot: QtBot, parts: Parts, looks: Looks, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Processor(True, ProcessorSpeed("avx512", 2, 7e11, 8e11, 1e12))
    monkeypatch.setattr("app.library.processor.processor_of", lambda paths: measured)
    ready = dataclasses.replace(READY, work=Int8Work(1e11, 0.0, 0.0, 1024))
    block = dataclasses.replace(committed("Hello"), step_seconds=(0.3, 0.5))  # of two places
    process.answer = [ready, PromptEncoded(9, 9, 0, 0, 0.1), block, finished("Hello")]
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    dialog = shown(parts)
    qtbot.waitUntil(lambda: bool(dialog.cards), timeout=WAIT_MS)
    with qtbot.waitSignal(parts.controller.answer_ended, timeout=WAIT_MS):
        parts.controller.send("Hello")
    assert dict(dialog.answer.lines)[texts.USE] == "50 % of the int8 products that this processor reaches"


def test_a_graph_says_its_value_also_where_it_has_none(parts: Parts) -> None:
    graph = Graph("Load", " %", 100, parts.themes.theme)
    assert graph.accessibleDescription() == words.NOT_TOLD
    for series, said in (((None,), words.NOT_TOLD), ((5.0, 250.0), "250 %"), ((None, 1.0, None, 3.4), "3 %")):
        graph.show_series(series, 100)
        assert graph.accessibleDescription() == said
        assert not graph.grab().isNull()


def test_a_monitor_that_fails_begins_anew(qtbot: QtBot, parts: Parts) -> None:
    def failing(folder: Path, pid: object, cancel: threading.Event) -> Generator[Reading, None, None]:
        raise KnownAppError("No.", "")
        yield

    monitor = Monitor(parts.controller, Path(), failing)
    monitor.start()
    qtbot.waitUntil(lambda: not monitor.running, timeout=WAIT_MS)
    monitor.start()
    assert monitor.running
    assert monitor.shut_down()
    monitor.start()
    assert not monitor.running
