"""What all commands print with and ask with: a terminal, a pipe, a program that reads, and nobody at the keyboard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.commands import console
from app.gpu.values import GpuStep


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal of 20 columns."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")


class Keyboard:
    """Someone who types some lines."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    def isatty(self) -> bool:
        """A terminal."""
        return True

    def readline(self) -> str:
        """What is typed next; nothing more at the end."""
        return self._lines.pop(0) if self._lines else ""


def test_a_terminal_has_one_line_that_is_rewritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)
    report = console.new_reporter(False)
    report.progress("step", {}, "a line that is too long for it", "a")
    report.progress("step", {}, "short", "a")
    report.note("Done.")
    assert capsys.readouterr().out == f"\ra line that is too\u2026\r{'short':19}\nDone.\n"


def test_a_line_may_be_wiped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    on_a_terminal(monkeypatch)
    report = console.new_reporter(False, wipes=True)
    report.progress("step", {}, "half", "a")
    report.end_line()
    report.end_line()
    report.tell("done", {}, "Done.")
    assert capsys.readouterr().out == "half\r    \rDone.\n"


def test_elsewhere_each_subject_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report = console.new_reporter(False)
    for subject in ("", "a", "a", "b"):
        report.progress("step", {}, f"about {subject}", subject)
    report.tell("for programs alone", {}, "")
    assert capsys.readouterr().out == "about a\nabout b\n"


def test_programs_get_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    report = console.new_reporter(True)
    report.note("for people alone")
    report.progress("step", GpuStep("fetching", 0.5), "half", "a")
    report.end_line()
    report.tell("installed", {"folder": Path("there")}, "It is there.")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"event": "step", "stage": "fetching", "fraction": 0.5},
        {"event": "installed", "folder": "there"},
    ]


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), (" YES \n", True), ("\n", False), ("", False), ("r\n", False)]
)
def test_only_a_yes_is_one(monkeypatch: pytest.MonkeyPatch, answer: str, yes: bool) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(answer))
    assert console.agreed("Sure? ") is yes


def test_nobody_is_asked_who_cannot_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert not console.agreed("Sure? ")
    assert not console.accepted("Accept? ", "the licence")
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
    assert not console.agreed("Sure? ", seen=False)
    assert capsys.readouterr().out == ""


def test_a_licence_is_read_before_it_is_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("r\n", "y\n"))
    assert console.accepted("Accept? ", "the licence\n\n")
    assert capsys.readouterr().out == "Accept? the licence\nAccept? "
