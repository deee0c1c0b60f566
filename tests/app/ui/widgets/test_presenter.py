"""One presenter for known errors and bugs: a bug has its report shown once for each distinct trace."""

from __future__ import annotations

from PySide6.QtWidgets import QPlainTextEdit

from app.base import texts
from app.base.errors import ErrorReport, report_from_exception
from app.main import Parts
from app.ui.widgets.bug_dialog import BugDialog


def report_of(message: str) -> ErrorReport:
    """A bug from one place."""
    try:
        raise ValueError(message)
    except ValueError as exc:
        return report_from_exception(exc)


def another() -> ErrorReport:
    """A bug from another place."""
    try:
        raise ValueError("one")
    except ValueError as exc:
        return report_from_exception(exc)


def open_reports(parts: Parts) -> list[BugDialog]:
    """The reports on the screen."""
    return [each for each in parts.window.findChildren(BugDialog) if each.isVisible()]


def test_a_bug_that_comes_again_is_said_and_its_report_is_a_click_away(parts: Parts) -> None:
    parts.window.show()
    notices, toast = parts.window.notices, parts.window.pane.notice
    for message in ("one", "two", "three"):
        notices.report(report_of(message))
    (dialog,) = open_reports(parts)
    assert "ValueError: one" in dialog.findChildren(QPlainTextEdit)[0].toPlainText()
    assert texts.BUG_AGAIN in toast._label.text()
    toast.action.click()
    assert len(open_reports(parts)) == 2
    notices.report(another())
    assert len(open_reports(parts)) == 3


def test_a_known_error_is_said_each_time(parts: Parts) -> None:
    parts.window.show()
    for _ in range(2):
        parts.window.notices.report(ErrorReport("known", "The disk is full.", "Make room."))
        assert "The disk is full. Make room." in parts.window.pane.notice._label.text()
    assert not open_reports(parts)


def test_a_crash_is_offered_and_shown_when_it_is_wanted(parts: Parts) -> None:
    parts.window.show()
    parts.window.notices.offer_crash(ErrorReport("bug", texts.CRASHED, texts.CRASHED_HINT, "Fatal Python error: x"))
    assert not open_reports(parts)
    assert parts.window.pane.notice.action.text() == texts.SHOW_REPORT
    parts.window.pane.notice.action.click()
    (dialog,) = open_reports(parts)
    assert "Fatal Python error" in dialog.report_text()
