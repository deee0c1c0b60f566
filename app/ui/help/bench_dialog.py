"""Help > How fast it is: measures the model that answers, by every backend there is, and gives a table for a forum."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QProgressBar, QTableWidget, QTableWidgetItem, QWidget

from app.base.errors import ErrorReport
from app.bridge.bench import Benchmark
from app.library.answering import ModelChoice
from app.machine.bench import texts
from app.machine.bench.report import markdown, narrow_cells, row_cells, side_lines
from app.machine.bench.values import LENGTHS, BenchPlan, BenchReport, BenchStep
from app.ui.help import words
from app.ui.widgets import words as common_words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import one_line, tip
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

SIZE = (880, 600)
_LEAST_EMS = 12  # of the first column, whatever the others need
_ROW_GAP = 10
SHORT_PLAN = BenchPlan(prompts=3, seeds=2, lengths=LENGTHS[:2], presets=("balanced",))


class BenchDialog(Sheet):
    """Closing it stops the measurement."""

    own_size = True
    scrolls = False

    def __init__(self, benchmark: Benchmark, choice: ModelChoice, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.BENCH, words.BENCH, theme, parent)
        self._benchmark, self._choice = benchmark, choice
        self.report: BenchReport | None = None
        self.add_text(words.bench_text(choice.name), "muted")
        self.whole = self.add_box(words.BENCH_WHOLE)
        self.state = Sentence("")
        self.state.hide()
        self.column.addWidget(self.state)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(words.BENCH)
        self.bar.hide()
        self.column.addWidget(self.bar)
        self.table = self._new_table()
        self.column.addWidget(self.table, 1)
        self.sides = Sentence("", "muted")
        self.sides.hide()
        self.column.addWidget(self.sides)
        action = self.buttons.ButtonRole.ActionRole
        self.measure = self.add_button(words.MEASURE, action, primary=True)
        self.copy_button = CopyButton(self.copied, words.COPY_WHAT_BENCH, theme, words.COPY_FORUM)
        self.copy_button.setAutoDefault(False)
        self.copy_button.setEnabled(False)
        self.buttons.addButton(self.copy_button, action)
        self.add_reject(common_words.CLOSE)
        self.measure.clicked.connect(self.on_measure)
        self.finished.connect(self.on_finished)
        benchmark.stepped.connect(self.on_stepped)
        benchmark.ended.connect(self.on_ended)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self._show_running()

    def copied(self) -> str:
        """The table as Markdown."""
        return markdown(self.report) if self.report is not None else ""

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_measure(self) -> None:
        """Begin, or stop."""
        if self._benchmark.running:
            self.measure.setEnabled(False)
            self._benchmark.stop()
            return
        self._benchmark.start(self._choice, BenchPlan() if self.whole.isChecked() else SHORT_PLAN)
        self._show_running()

    def on_stepped(self, step: BenchStep) -> None:
        """How far it is."""
        self.state.show_text(texts.progress(step.side, step.done, step.of))
        self.bar.setRange(0, step.of if step.done else 0)
        self.bar.setValue(step.done)

    def on_ended(self, report: BenchReport | None, trouble: ErrorReport | None) -> None:
        """Show what there is."""
        self._show_running()
        self.state.show_text(f"{trouble.text} {trouble.hint}".strip() if trouble is not None else "")
        if report is None:
            return
        self.report = report
        self.copy_button.setEnabled(True)
        if report.stopped:
            self.state.show_text(texts.STOPPED)
        self.table.setRowCount(len(report.rows))
        for line, row in enumerate(report.rows):
            for column, (text, told) in enumerate(zip(narrow_cells(row), row_cells(row), strict=True)):
                cell = QTableWidgetItem("\n".join(map(one_line, text.split("\n"))))
                cell.setToolTip(tip(told))
                self.table.setItem(line, column, cell)
        self._fit_columns()
        self.sides.show_text("\n".join((*side_lines(report.sides), texts.HOW)))

    def on_finished(self) -> None:
        """Nobody waits for it any more."""
        self._benchmark.stop()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_running(self) -> None:
        running = self._benchmark.running
        self.measure.setText(words.STOP_BENCH if running else words.MEASURE)
        self.measure.setAccessibleName(self.measure.text())
        self.measure.setEnabled(True)
        self.whole.setEnabled(not running)
        self.bar.setVisible(running)

    def _fit_columns(self) -> None:
        """As wide as what stands in them; who answered gives way, and says all of it in a tool tip, to the least."""
        self.table.resizeColumnsToContents()
        table, bar = self.table, self.table.verticalScrollBar().sizeHint().width()  # which may come
        widths = [table.columnWidth(column) for column in range(table.columnCount())]
        room = min(table.viewport().width(), table.width() - 2 * table.frameWidth() - bar) - sum(widths[1:])
        table.setColumnWidth(0, max(min(widths[0], room), _LEAST_EMS * table.fontMetrics().averageCharWidth()))
        table.verticalHeader().setDefaultSectionSize(2 * table.fontMetrics().lineSpacing() + _ROW_GAP)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width, other columns."""
        super().resizeEvent(event)
        self._fit_columns()

    def _new_table(self) -> QTableWidget:
        table = QTableWidget(0, len(texts.COLUMNS))
        table.setHorizontalHeaderLabels([name.replace(" ", "\n", 1) for name in texts.COLUMNS])  # as narrow as cells
        table.setAccessibleName(words.BENCH)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return table
