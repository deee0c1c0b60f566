"""The engine card: what engines the current model has on this computer's graphics card, and what can be done with them.

It shows what `Engines` says and asks it to act; closing it stops nothing.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.base import units
from app.base.errors import ErrorReport
from app.base.texts import left_in
from app.bridge.engines import Engines
from app.engines import texts
from app.engines.sets import ListedSet
from app.engines.values import EngineOffer, EngineStatus, EngineWork, EngineWorkEnd, Looked
from app.ui.engines import words
from app.ui.engines.log import EngineLog
from app.ui.widgets.combo import ElidedComboBox
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import ElidedLabel, Sentence
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.question import Question
from app.ui.widgets.sheet import PanelHost, show_beside
from app.ui.widgets.theme import ThemeManager

# -- the three panels: the state in one glance, the facts, and the build that runs -------------------------------------

STEPS = 1000  # of the progress bar


class Banner(QFrame):
    """A headline and a sentence or two; its tone is "calm", "good" or "bad".

    Signals:
        log_requested: Show the log of what went wrong.
    """

    log_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("engine_banner")
        self.headline = Sentence()
        self.headline.setObjectName("engine_headline")
        self.detail = Sentence()
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
        self.log.clicked.connect(self.log_requested)

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
        self.values = {name: Sentence() for name in self.ROWS if name != "Precision"}
        self.precision = ElidedComboBox(10)
        self.precision.setAccessibleName("Precision")
        self.precision.view().setAccessibleName("Precision")
        self._names: dict[str, PlainLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(9)
        grid.setColumnStretch(1, 1)
        for number, name in enumerate(self.ROWS):
            label = PlainLabel(name, "muted")
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
        if (oracle := certificate.oracle) is not None:
            tested += words.oracle_fact(oracle.passed, oracle.mean, oracle.tolerance)
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
        self.part = Sentence()
        self.part.setObjectName("engine_part")
        self.phase = ElidedLabel()
        self.phase.setProperty("role", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the build")
        self.left = Sentence(role="muted")
        self.stop = QPushButton("Stop")
        self.log = QPushButton(words.SHOW_LOG)
        for button in (self.stop, self.log):
            button.setAccessibleName(button.text())
            button.setAutoDefault(False)
        self.stop.clicked.connect(self.stop_requested)
        self.log.clicked.connect(self.log_requested)
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


# -- the card ----------------------------------------------------------------------------------------------------------

TESTABLE = ("untested", "failed", "ready")  # all segments are there
SIZE, SMALL = (640, 660), (640, 300)  # small while there is only a sentence to say
TONES = {"ready": "good", "failed": "bad", "damaged": "bad"}


class EngineCard(PanelHost):
    """One model, one card."""

    def __init__(self, engines: Engines, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(words.ENGINES)
        self._engines = engines
        self._themes = themes
        self._status: EngineStatus | None = None
        self._sets: tuple[ListedSet, ...] = ()
        self._precision = ""
        self._question = ""
        self._problem: ErrorReport | None = None
        self.subject = Sentence()
        self.subject.setObjectName("dialog_title")
        self.banner = Banner()
        self.work = WorkPanel()
        self.facts = EngineFacts()
        self.disk = Sentence(role="faint")
        self.prune = QPushButton("Free \u2026")
        self.prune.setObjectName("link")
        self.prune.setCursor(Qt.CursorShape.PointingHandCursor)
        self.build_button, self.verify = QPushButton(words.REBUILD), QPushButton("Verify")
        self.delete, self.close_button = QPushButton("Delete \u2026"), QPushButton("Close")
        for button in (self.build_button, self.verify, self.delete, self.prune, self.close_button):
            button.setAutoDefault(False)
            button.setAccessibleName(button.text())
        self._lay_out()
        self._connect()
        resize_within_screen(self, *SIZE)
        self.close_button.setFocus()
        self.show_looking()

    def _lay_out(self) -> None:
        body = QWidget()
        column = self.page_column = QVBoxLayout(body)
        column.setContentsMargins(24, 20, 24, 12)
        column.setSpacing(14)
        for widget in (self.subject, self.banner, self.work, self.facts):
            column.addWidget(widget)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setAccessibleName(words.ENGINES)
        area.setWidget(body)
        below = QHBoxLayout()
        below.setContentsMargins(24, 0, 16, 0)
        below.addWidget(self.disk, 1)
        below.addWidget(self.prune)
        row = QHBoxLayout()
        row.setContentsMargins(24, 6, 24, 16)
        row.addWidget(self.delete)
        row.addStretch(1)
        for button in (self.verify, self.build_button, self.close_button):
            row.addWidget(button)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(area, 1)
        page.addLayout(below)
        page.addLayout(row)

    def _connect(self) -> None:
        engines = self._engines
        engines.looked.connect(self.on_looked)
        engines.work_changed.connect(self.on_work_changed)
        engines.work_ended.connect(self.on_work_ended)
        engines.problem.connect(self.on_problem)
        self.facts.precision_chosen.connect(self.on_precision_chosen)
        self.work.stop_requested.connect(engines.stop)
        self.work.log_requested.connect(self.on_log_requested)
        self.banner.log_requested.connect(self.on_log_requested)
        self.build_button.clicked.connect(self.on_build_clicked)
        self.verify.clicked.connect(self.on_verify_clicked)
        self.delete.clicked.connect(self.on_delete_clicked)
        self.prune.clicked.connect(self.on_prune_clicked)
        self.close_button.clicked.connect(self.reject)

    # -- what comes back --------------------------------------------------------------------------------------------

    def show_looking(self) -> None:
        """Nothing is known yet."""
        self._status = None
        self._refresh()

    def on_looked(self, looked: Looked) -> None:
        """The answer of a look."""
        if self._status is None or looked.status.folder != self._status.folder:
            self._precision = ""
        grown = self._status is None or bool(self._status.offers) != bool(looked.status.offers)
        self._status, self._sets = looked.status, looked.sets
        if self.offer is None:
            best = looked.status.recommended
            self._precision = best.precision if best is not None else ""
        self._refresh()
        if grown:
            resize_within_screen(self, *(SIZE if looked.status.offers or looked.status.refused else SMALL))

    def on_work_changed(self, work: EngineWork | None) -> None:
        """News of what is being done; the facts stay as they are."""
        self._show_work(work)
        self._refresh_buttons()

    def on_work_ended(self, end: EngineWorkEnd) -> None:
        """A look follows; until then say how it ended."""
        self._refresh()

    def on_problem(self, report: ErrorReport) -> None:
        """Something could not be removed; that stands there until the user does something else."""
        self._problem = report
        self._refresh()

    # -- what the user does -----------------------------------------------------------------------------------------

    def on_precision_chosen(self, precision: str) -> None:
        """Show another precision."""
        self._precision, self._problem = precision, None
        self._refresh()

    def on_build_clicked(self) -> None:
        """Build what is missing; where nothing is missing, ask first."""
        status, offer, self._problem = self._status, self.offer, None
        if status is None or offer is None:
            return
        if offer.state.name not in TESTABLE:
            self._engines.build(status, offer)
            return
        title = words.rebuild_question(status.model, offer.precision)
        detail = words.rebuild_detail(units.duration(offer.plan.build_seconds))
        self._ask(Question(words.ENGINES, title, detail, words.REBUILD, self._themes.theme, self), "rebuild")

    def on_verify_clicked(self) -> None:
        """Run the self-test."""
        self._problem = None
        if self._status is not None and self.offer is not None:
            self._engines.verify(self._status, self.offer)

    def on_delete_clicked(self) -> None:
        """Ask, and say how much comes free."""
        status, offer = self._status, self.offer
        if status is None or offer is None or offer.folder is None:
            return
        title = words.delete_question(status.model, offer.precision)
        stays = "\n".join(_left_in(each) for each in self._sets if each.folder == offer.folder)
        detail = words.delete_detail(units.size(offer.size), units.duration(offer.plan.build_seconds), stays)
        self._ask(Question(words.ENGINES, title, detail, "Delete", self._themes.theme, self), "delete")

    def on_prune_clicked(self) -> None:
        """Ask, and say what would go."""
        useless = [each for each in self._sets if each.useless]
        rows = [
            words.prune_row(
                each.model or each.folder.name, each.precision, each.card, units.size(each.size), each.reasons
            )
            for each in useless
        ] + [_left_in(each) for each in useless if each.others]
        title = words.prune_question(len(useless), units.size(sum(each.size for each in useless)))
        self._ask(Question(words.ENGINES, title, "\n\n".join(rows), "Remove", self._themes.theme, self), "prune")

    def on_question_accepted(self) -> None:
        """The user agreed to what `_ask` was about."""
        subject, status, offer = self._question, self._status, self.offer
        self._problem = None
        if subject == "prune":
            self._engines.remove([each.folder for each in self._sets if each.useless])
        elif status is not None and offer is not None and subject == "rebuild":
            self._engines.build(status, offer, anew=True)
        elif offer is not None and offer.folder is not None and subject == "delete":
            self._engines.remove([offer.folder])

    def on_log_requested(self) -> None:
        """The log of what is being built, else of what is shown."""
        work = self._engines.work
        offer = work.offer if work is not None else self.offer
        if offer is not None:
            show_beside(self, EngineLog, lambda: EngineLog(self._engines, offer, self._themes.theme, self))

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    def offer(self) -> EngineOffer | None:
        """What is shown."""
        return self._status.offer(self._precision) if self._status is not None else None

    def _ask(self, question: Question, subject: str) -> None:
        self._question = subject
        question.accepted.connect(self.on_question_accepted)
        question.open()

    def _refresh(self) -> None:
        status, offer = self._status, self.offer
        self.subject.setVisible(status is not None)
        self.facts.setVisible(status is not None)
        if status is None:
            self.banner.show_text(words.LOOKING, "", "calm")
        else:
            self.subject.setText(words.engine_subject(status.model, status.card.gpu.name if status.card else ""))
            self.facts.show_status(status, offer)
            self._show_state(status, offer)
        useless = sum(each.size for each in self._sets if each.useless)
        self.disk.setText(words.disk_line(len(self._sets), units.size(sum(each.size for each in self._sets))))
        self.disk.setVisible(bool(self._sets))
        self.prune.setText(words.free_label(units.size(useless)))
        self.prune.setAccessibleName(self.prune.text())
        self.prune.setVisible(any(each.useless for each in self._sets))
        self._show_work(self._engines.work)
        self._refresh_buttons()

    def _show_state(self, status: EngineStatus, offer: EngineOffer | None) -> None:
        """An error of the last build of this offer comes first, then the state."""
        end = self._engines.last_end
        if self._problem is not None:
            self.banner.show_text(self._problem.text, self._problem.hint, "bad")
        elif status.problem is not None and status.refused:
            self.banner.show_text(words.NOT_ON_THIS_CARD, "", "calm")  # why stands below, for each precision
        elif status.problem is not None:
            self.banner.show_text(status.problem.text, status.problem.hint, "calm")
        elif offer is not None and end is not None and end.report is not None and _same(end.work.offer, offer):
            self.banner.show_text(end.report.text, end.report.hint, "bad", log=True)
        elif offer is not None:
            name = offer.state.name
            detail = f"{words.reasons_line(_reasons(offer))} {words.ENGINE_HINTS[name]}".strip()
            self.banner.show_text(words.ENGINE_HEADLINES[name], detail, TONES.get(name, "calm"))

    def _show_work(self, work: EngineWork | None) -> None:
        here = work is not None and self.offer is not None and _same(work.offer, self.offer)
        self.work.setVisible(work is not None)
        self.banner.setVisible(not here)
        if work is not None:
            self.work.show_work(work, elsewhere=not here)

    def _refresh_buttons(self) -> None:
        offer, idle = self.offer, self._engines.work is None
        for button in (self.build_button, self.verify, self.delete):
            button.setVisible(offer is not None)
        self.prune.setEnabled(idle)
        if offer is None:
            return
        name = offer.state.name
        self.build_button.setText(words.BUILD_LABELS.get(name, words.REBUILD))
        self.build_button.setEnabled(idle)
        self.verify.setEnabled(idle and name in TESTABLE and self._status is not None and self._status.here)
        self.delete.setEnabled(idle and offer.folder is not None)
        first = None if name == "ready" or not idle else self.verify if name == "untested" else self.build_button
        for button in (self.build_button, self.verify, self.close_button):
            button.setAccessibleName(button.text())
            role = "primary" if button is first else ""
            if button.property("role") != role:
                button.setProperty("role", role)
                button.style().unpolish(button)
                button.style().polish(button)
        self.delete.setAccessibleName("Delete")


def _same(one: EngineOffer, other: EngineOffer) -> bool:
    """Whether two offers mean the same engines."""
    return one.request.identity == other.request.identity


def _reasons(offer: EngineOffer) -> tuple[str, ...]:
    """Why engines are not ready, where the headline does not say it already."""
    state = offer.state
    if state.name == "absent" or (state.name == "untested" and state.certificate is None):
        return ()
    if state.name == "failed" and state.certificate is not None:
        bad = next((check for check in state.certificate.checks if not check.passed), None)
        if bad is not None:
            part = texts.part_name(bad.part, offer.request.identity.cuts)
            return (words.off_by(part, bad.error, bad.tolerance), *([texts.TOO_LARGE] if bad.overflow else []))
    return state.reasons


def _left_in(listed: ListedSet) -> str:
    """What stays when a set is removed."""
    return left_in(listed.folder, listed.others, asked=True) if listed.others else ""
