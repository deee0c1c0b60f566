"""What an import found, and each thing that could not be taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MOST_SKIPPED = 5_000  # that are named; the others are counted
_LONGEST = 300  # characters of a name or a reason


@dataclass(slots=True)
class Report:
    """Counts of what was found, while it is found.

    Attributes:
        source: Where it comes from: "dewpoint", "chatgpt", "claude", "open-webui", "lm-studio" or "jan"; "" if nothing
            was recognised, several with "+" between them.
        conversations: Chats.
        messages: Messages, in all branches.
        branches: Ways through the chats from a first message to a last one.
        assets: Files that belong to messages.
        skipped: What could not be taken over, and why.
        unnamed: How many more there are.
    """

    source: str = ""
    conversations: int = 0
    messages: int = 0
    branches: int = 0
    assets: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    unnamed: int = 0

    def skip(self, what: str, why: str) -> None:
        """Something is not taken over."""
        if len(self.skipped) >= MOST_SKIPPED:
            self.unnamed += 1
            return
        self.skipped.append({"what": what[:_LONGEST], "why": why[:_LONGEST]})

    def comes_from(self, source: str) -> None:
        """Something of this source was found."""
        if source not in self.source.split("+"):
            self.source = f"{self.source}+{source}".strip("+")

    def plain(self) -> dict[str, Any]:
        """As it crosses a pipe."""
        return {name: getattr(self, name) for name in self.__slots__}
