"""News that waits for the user: what has a button, or must be read, is never replaced for good by what comes later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MOST = 20  # that wait


@dataclass(frozen=True, slots=True)
class News:
    """One piece.

    Attributes:
        text: What happened.
        hint: What to do.
        tone: "calm", "good" or "bad".
        action: Label of its own button; "" for none.
        do: What that button does.
        stays: Whether it stands until the user closes it; what has a button always does.
    """

    text: str
    hint: str = ""
    tone: str = "calm"
    action: str = ""
    do: Callable[[], None] | None = field(default=None, compare=False)
    stays: bool = False

    @property
    def stands(self) -> bool:
        """Whether it waits for the user."""
        return self.stays or bool(self.action)


class NewsStack:
    """The piece that is shown, and those below it that still stand.

    Attributes:
        shown: What is shown now; None for nothing.
    """

    def __init__(self) -> None:
        self.shown: News | None = None
        self._below: list[News] = []

    def put(self, news: News) -> None:
        """Show this one; what stands comes back when it is gone. The same piece is kept once."""
        if self.shown is not None and self.shown.stands:
            self._below.append(self.shown)
        self._below = [each for each in self._below if each != news][-MOST:]
        self.shown = news

    def pass_by(self) -> bool:
        """Whether the shown one was only passing, and is done now."""
        passing = self.shown is not None and not self.shown.stands
        if passing:
            self.close()
        return passing

    def withdraw(self, *texts: str) -> bool:
        """Forget pieces that are no longer true; whether the shown one is among them, which is to be closed then."""
        self._below = [each for each in self._below if each.text not in texts]
        return self.shown is not None and self.shown.text in texts

    def close(self) -> News | None:
        """The shown one is done: the one that is shown now."""
        self.shown = self._below.pop() if self._below else None
        return self.shown
