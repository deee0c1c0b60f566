"""The three panels of the engine card: the state in one glance, the facts, and the build that runs."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.base import units
from app.bridge.engines import EngineWork
from app.engines import texts
from app.engines.values import EngineOffer, EngineStatus
from app.ui.engines import words
from app.ui.widgets.elided import ElidedLabel

STEPS = 1000  # of the progress bar


def wrapped(text: str = "", role: str = "") -> QLabel:
    """A label of plain text that takes the lines it needs and can be copied from."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label


class Banner(QFrame):
    """A headline and a sentence or two; its tone is "calm", "good" or "bad".

    Signals:
        log_requested: Show the log of what went wrong.
    """

    log_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("engine_banner")
        self.headline = wrapped()
        self.headline.setObjectName("engine_headline")
        self.detail = wrapped()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(3)
        column.addWidget(self.headline)
        column.addWidget(self.detail)
        self.log = QPushButton(words.SHOW_LOG)
        self.log.setObjectName("link")
        self.log.setAccessibleName(words.SHOW_LOG)
        self.log.setAutoDefault(False)
        self.log.setCursor(Qt.CursorShape.PointingHandCursor)
        column.addWidget(self.log, 0, Qt.AlignmentFlag.AlignLeft)
        self.log.clicked.connect(self.on_log_clicked)

    def on_log_clicked(self) -> None:
        """Passed on."""
        self.log_requested.emit()

    def show_text(self, headline: str, detail: str, tone: str, log: bool = False) -> None:
        """Say it; `log` if there is a log to look at."""
        self.log.setVisible(log)
        self.headline.setText(headline)
        self.detail.setText(detail)
        self.detail.setVisible(bool(detail))
        self.setAccessibleName(f"{headline} {detail}".strip())
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            for widget in (self, self.headline):
                widget.style().unpolish(widget)
                widget.style().polish(widget)


class EngineFacts(QWidget):
    """Name and value in two columns; rows without a value are not shown.

    Signals:
        precision_chosen: Name of a precision.
    """

    precision_chosen = Signal(str)

    ROWS = ("Graphics card", "Driver", "TensorRT", "Precision", "Weights", "Expected speed", "On disk", "Built",
            "Self-test", words.DOES_NOT_RUN)  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.values = {name: wrapped() for name in self.ROWS if name != "Precision"}
        self.precision = QComboBox()
        self.precision.setAccessibleName("Precision")
        self.precision.view().setAccessibleName("Precision")
        self.precision.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.precision.setMinimumContentsLength(10)
        self._names: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(9)
        grid.setColumnStretch(1, 1)
        for number, name in enumerate(self.ROWS):
            label = QLabel(name)
            label.setProperty("role", "muted")
            self._names[name] = label
            top = Qt.AlignmentFlag.AlignTop if name != "Precision" else Qt.AlignmentFlag.AlignVCenter
            grid.addWidget(label, number, 0, top)
            grid.addWidget(self.precision if name == "Precision" else self.values[name], number, 1)
        self.precision.activated.connect(self.on_activated)

    def show_status(self, status: EngineStatus, offer: EngineOffer | None) -> None:
        """The facts of a card, and of one offer on it."""
        self._set("Graphics card", _card_text(status))
        self._set("Driver", status.card.driver if status.card is not None and status.here else "")
        self._set("TensorRT", status.flavour)
        self._fill(status, offer)
        refused = [f"{each.precision.upper()}: {each.reason} {each.hint}".strip() for each in status.refused]
        self._set(words.DOES_NOT_RUN, "\n".join(refused))
        for name, value in _offer_facts(status, offer).items():
            self._set(name, value)

    def on_activated(self) -> None:
        """The user chose."""
        self.precision_chosen.emit(self.precision.currentData())

    def _fill(self, status: EngineStatus, offer: EngineOffer | None) -> None:
        self.precision.clear()
        for each in status.offers:
            mark = " \u00b7 recommended" if each.recommended else ""
            self.precision.addItem(f"{texts.precision_name(each.precision)}{mark}", each.precision)
        if offer is not None:
            self.precision.setCurrentIndex(self.precision.findData(offer.precision))
        for widget in (self.precision, self._names["Precision"]):
            widget.setVisible(bool(status.offers))

    def _set(self, name: str, value: str) -> None:
        self.values[name].setText(value)
        self.values[name].setAccessibleName(f"{name}: {value}")
        for widget in (self.values[name], self._names[name]):
            widget.setVisible(bool(value))


def _card_text(status: EngineStatus) -> str:
    if status.card is None:
        return ""
    gpu = status.card.gpu
    return words.card_fact(gpu.name, units.memory(gpu.memory), gpu.sm, status.here)


def _offer_facts(status: EngineStatus, offer: EngineOffer | None) -> dict[str, str]:
    """What depends on the precision."""
    if offer is None:
        return dict.fromkeys(("Weights", "Expected speed", "On disk", "Built", "Self-test"), "")
    plan, manifest, certificate = offer.plan, offer.state.manifest, offer.state.certificate
    there = offer.size > 0 and offer.state.name not in ("stale", "partial")
    tested = ""
    if certificate is not None and certificate.checks:
        worst = max(certificate.checks, key=lambda check: (not check.passed, check.error / check.tolerance))
        when, count = units.moment(certificate.tested), len(certificate.checks)
        tested = words.test_fact(certificate.passed, when, certificate.driver, count, worst.error, worst.tolerance)
    built = ""
    if manifest is not None and manifest.complete:
        seconds = sum(part.seconds for part in manifest.parts.values())
        built = words.built_fact(units.moment(manifest.built), units.duration(seconds))
    return {
        "Weights": texts.placement(plan.resident, plan.segments),
        "Expected speed": f"{texts.speed(plan.tokens_per_second, plan.step_seconds)}, estimate",
        "On disk": words.disk_fact(
            units.size(offer.size if there else plan.disk_bytes), units.size(status.free_disk), there
        ),
        "Built": built or words.build_estimate(units.duration(plan.build_seconds)),
        "Self-test": tested or ("" if offer.state.name == "stale" else words.NOT_TESTED),
    }


class WorkPanel(QFrame):
    """The build or self-test that runs.

    Signals:
        stop_requested: Stop it.
        log_requested: Show the log.
    """

    stop_requested = Signal()
    log_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("engine_work")
        self.what = ElidedLabel()
        self.what.setProperty("role", "faint")
        self.part = wrapped()
        self.part.setObjectName("engine_part")
        self.phase = ElidedLabel()
        self.phase.setProperty("role", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the build")
        self.left = wrapped(role="muted")
        self.stop = QPushButton("Stop")
        self.log = QPushButton(words.SHOW_LOG)
        for button in (self.stop, self.log):
            button.setAccessibleName(button.text())
            button.setAutoDefault(False)
        self.stop.clicked.connect(self.on_stop_clicked)
        self.log.clicked.connect(self.on_log_clicked)
        row = QHBoxLayout()
        row.addWidget(self.left, 1)
        row.addWidget(self.log)
        row.addWidget(self.stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(6)
        for widget in (self.what, self.part, self.phase, self.bar):
            column.addWidget(widget)
        column.addLayout(row)

    def show_work(self, work: EngineWork, elsewhere: bool) -> None:
        """How far it is; `elsewhere` if it is not what the card shows."""
        self.what.set_full_text(words.other_work(work.status.model, work.offer.precision))
        self.what.setVisible(elsewhere)
        progress = work.progress
        if work.testing:
            count = len(work.offer.request.identity.cuts) + 2  # input and output
            self.part.setText(words.testing_line(len(work.checks), count))
            self.phase.set_full_text("")
            self.left.setText("")
            self.bar.setRange(0, count)
            self.bar.setValue(len(work.checks))
        elif progress is not None:
            name = texts.part_name(progress.part, work.offer.request.identity.cuts)
            self.part.setText(texts.segment_line(progress.number, progress.count, name))
            self.phase.set_full_text(progress.phase)
            self.left.setText(texts.progress_line(progress.fraction, progress.seconds_left))
            self.bar.setRange(0, STEPS)
            self.bar.setValue(round(STEPS * progress.fraction))
        else:
            self.part.setText("Starting \u2026")
            self.phase.set_full_text("")
            self.left.setText("")
            self.bar.setRange(0, STEPS)
            self.bar.setValue(0)
        if work.stopping:
            self.left.setText(words.ENGINES_STOPPING)
        self.phase.setVisible(bool(self.phase.full_text))
        self.stop.setEnabled(not work.stopping)

    def on_stop_clicked(self) -> None:
        """Passed on."""
        self.stop_requested.emit()

    def on_log_clicked(self) -> None:
        """Passed on."""
        self.log_requested.emit()
