"""Help > How fast it is: measures, stops, shows a table, and copies it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Generator

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.base.errors import KnownAppError
from app.library.answering import ModelChoice
from app.machine.bench import texts
from app.machine.bench.figures import rows
from app.machine.bench.values import BenchComputer, BenchPlan, BenchReport, BenchRun, BenchStep, Side
from app.main import Parts
from app.ui.help import words
from app.ui.help.bench_dialog import BenchDialog
from tests.helpers.waiting import WAIT_MS

RUN = BenchRun("short", "balanced", 0, 1, 30, 0.1, 0.4, 0.5, 0.4, (6,))


def report(stopped: bool = False) -> BenchReport:
    """Of one answer."""
    side = Side("onnx", "CPU", "A model", 1.0, 1 << 29, None, (RUN,))
    computer = BenchComputer("Linux", "A processor", 2, 8 << 30)
    return BenchReport("1", "now", computer, "A model", BenchPlan(), (side,), rows((side,)), stopped)


class Measured:
    """In the place of the benchmark: steps until the test says what comes of it."""

    def __init__(self) -> None:
        self.plans: list[BenchPlan] = []
        self.fails = False
        self.enough = threading.Event()

    def start(
        self, choice: ModelChoice, plan: BenchPlan, cancel: threading.Event
    ) -> Generator[BenchStep | BenchReport | None, None, None]:
        self.plans.append(plan)
        yield BenchStep("onnx", 1, plan.runs)
        while not cancel.is_set() and not self.enough.wait(0.01):
            yield None
        if self.fails:
            raise KnownAppError("Nothing was measured.", "Because.")
        yield report(cancel.is_set())


@pytest.fixture
def measured(parts: Parts) -> Measured:
    """What the window's benchmark does."""
    measured = Measured()
    parts.window.machine.benchmark._measuring = measured.start  # type: ignore[method-assign, assignment]
    return measured


def shown(parts: Parts) -> BenchDialog:
    """Opened by the menu."""
    parts.window.show()
    parts.window.actions_by_name["bench"].trigger()
    return next(each for each in parts.window.findChildren(BenchDialog) if each.isVisible())


def test_a_measurement_ends_in_a_table_to_be_copied(qtbot: QtBot, parts: Parts, measured: Measured) -> None:
    dialog = shown(parts)
    assert not dialog.copy_button.isEnabled()
    dialog.measure.click()
    qtbot.waitUntil(lambda: "answer 1 of" in dialog.state.text(), timeout=WAIT_MS)
    assert (dialog.measure.text(), dialog.bar.isVisible(), dialog.whole.isEnabled()) == (words.STOP_BENCH, True, False)
    measured.enough.set()
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=WAIT_MS)
    cells = [item.text() for column in range(8) if (item := dialog.table.item(0, column)) is not None]
    assert cells == ["onnx", "balanced", "short", "60.0", "100 ms", "400 ms", "30", "6"]
    assert (dialog.measure.text(), dialog.bar.isVisible()) == (words.MEASURE, False)
    dialog.copy_button.click()
    assert "| onnx | balanced | short |" in QGuiApplication.clipboard().text()


def test_no_column_is_cut_off(qtbot: QtBot, parts: Parts, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures from where to where are the widest; they stand below their median, on a small screen, too."""
    runs = tuple(
        BenchRun(
            "medium", "balanced", 0, seed, 230 + 40 * seed, 0.8 + seed / 9, 16.1 + 9 * seed, 29.0, 28.0, (14 + seed,)
        )
        for seed in range(6)
    )
    side = Side("native", "processor", "A model", 1.0, 1 << 29, None, runs)
    ranges = dataclasses.replace(report(), sides=(side,), rows=rows((side,)))
    monkeypatch.setattr("tests.app.ui.help.test_bench_dialog.report", lambda stopped=False: ranges)
    measured.enough.set()
    dialog = shown(parts)
    dialog.measure.click()
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=WAIT_MS)
    table = dialog.table
    assert (cell := table.item(0, 5)) is not None
    assert len(cell.text().split("\n")) == 2
    widths = [table.columnWidth(column) for column in range(table.columnCount())]
    assert sum(widths) <= table.viewport().width()
    assert all(table.sizeHintForColumn(column) <= width for column, width in enumerate(widths))
    assert all(table.rowHeight(row) >= table.sizeHintForRow(row) for row in range(table.rowCount()))


def test_a_stop_shows_what_was_measured(qtbot: QtBot, parts: Parts, measured: Measured) -> None:
    dialog = shown(parts)
    dialog.whole.setChecked(True)
    dialog.measure.click()
    qtbot.waitUntil(lambda: bool(measured.plans), timeout=WAIT_MS)
    assert measured.plans == [BenchPlan()]
    dialog.measure.click()
    qtbot.waitUntil(lambda: dialog.state.text() == texts.STOPPED, timeout=WAIT_MS)
    assert dialog.table.rowCount() == 1


def test_what_goes_wrong_is_said_and_it_can_be_tried_again(qtbot: QtBot, parts: Parts, measured: Measured) -> None:
    measured.fails = True
    measured.enough.set()
    dialog = shown(parts)
    dialog.measure.click()
    qtbot.waitUntil(lambda: dialog.state.text() == "Nothing was measured. Because.", timeout=WAIT_MS)
    measured.fails = False
    dialog.measure.click()
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=WAIT_MS)


def test_closing_the_dialog_stops_the_measurement(qtbot: QtBot, parts: Parts, measured: Measured) -> None:
    dialog = shown(parts)
    dialog.measure.click()
    qtbot.waitUntil(lambda: bool(measured.plans), timeout=WAIT_MS)
    dialog.close()
    qtbot.waitUntil(lambda: not parts.window.machine.benchmark.running, timeout=WAIT_MS)
