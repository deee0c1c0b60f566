"""What the window tells by itself: short news above the message box, and a dialog for a bug; one for all subjects.

Each piece of news carries what its own button does, so that no news can press another one's button.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.base import texts
from app.base.errors import ErrorReport, trace_key
from app.ui.widgets.bug_dialog import BugDialog
from app.ui.widgets.theme import ThemeManager
from app.ui.widgets.toast import Toast

Do = Callable[[], None]


class NewsPlace(Protocol):
    """A dialog with a place of its own for news."""

    def isVisible(self) -> bool:
        """Whether the user can see it."""

    def say(self, text: str, hint: str = "", tone: str = "calm", action: str = "", do: Do | None = None) -> None:
        """Say it there."""

    def withdraw(self, *texts: str) -> None:
        """Take these away."""


class Notices(QObject):
    """Says news and problems where the user looks.

    Attributes:
        place: The dialog that says news about its own subjects while it is open; None if there is none.
    """

    def __init__(self, toast: Toast, themes: ThemeManager, window: QWidget) -> None:
        super().__init__(window)
        self._toast, self._themes, self._window = toast, themes, window
        self.place: NewsPlace | None = None
        self._told: set[str] = set()  # bugs, by their traces

    @property
    def place_is_open(self) -> bool:
        """Whether the dialog with a place of its own is open."""
        return self.place is not None and self.place.isVisible()

    def show(self, text: str, stays: bool = False, action: str = "", do: Do | None = None) -> None:
        """Above the message box; with `stays` or a button `action`, which does `do`, until a button is pressed."""
        self._toast.show_text(text, stays, action, do)

    def withdraw(self, *texts: str) -> None:
        """Take these sentences away, wherever they stand: they are no longer true."""
        self._toast.withdraw(*texts)
        if self.place is not None:
            self.place.withdraw(*texts)

    def report(self, report: ErrorReport) -> None:
        """Say what went wrong, once and plainly: a bug has its report shown once, however often it comes again."""
        if report.kind == "known":
            self.show(f"{report.text} {report.hint}".strip(), stays=True)
        elif report.kind == "bug" and (key := trace_key(report)) not in self._told:
            self._told.add(key)
            self.show_report(report)
        elif report.kind == "bug":
            self.show(texts.BUG_AGAIN, action=texts.SHOW_REPORT, do=partial(self.show_report, report))

    def show_report(self, report: ErrorReport) -> None:
        """All of it, to be copied."""
        BugDialog(report, self._themes.theme, self._window).show()

    def offer_crash(self, report: ErrorReport) -> None:
        """The program crashed when it ran last: whoever wants to see how may."""
        self.show(report.text, action=texts.SHOW_REPORT, do=partial(self.show_report, report))

    def say(
        self, text: str, hint: str = "", tone: str = "calm", action: str = "", do: Do | None = None, stays: bool = False
    ) -> None:
        """In the open dialog that has a place for it, else above the message box."""
        if self.place is not None and self.place_is_open:
            self.place.say(text, hint, tone, action, do)
        else:
            self.show(f"{text} {hint}".strip(), stays or bool(action), action, do)

    def say_report(self, report: ErrorReport) -> None:
        """A known problem in the open dialog that has a place for it; anything else as `report` does."""
        if report.kind == "known" and self.place is not None and self.place_is_open:
            self.place.say(report.text, report.hint, "bad")
        else:
            self.report(report)
