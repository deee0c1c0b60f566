"""What ends a download, and what only interrupts one connection."""

from __future__ import annotations

from typing import Literal

from app.base.errors import KnownAppError

TransferErrorKind = Literal[
    "unauthorized",
    "gated",
    "forbidden",
    "missing",
    "changed",
    "damaged",
    "disk",
    "network",
    "busy",
    "unsafe",
    "in_the_way",
    "protocol",
]


class TransferError(KnownAppError):
    """The download cannot go on; what was fetched is kept.

    Attributes:
        kind: What is in the way.
        user_text: One sentence that says what happened.
        hint: One sentence that says what to do.
    """

    def __init__(self, kind: TransferErrorKind, user_text: str, hint: str = "") -> None:
        super().__init__(user_text, hint)
        self.kind: TransferErrorKind = kind

    def __reduce__(self) -> tuple[type[TransferError], tuple[str, str, str]]:
        """Pickle with the kind."""
        return type(self), (self.kind, self.user_text, self.hint)


class InterruptionError(Exception):
    """One request came to nothing; the main loop decides what that means."""


class TryAgainError(InterruptionError):
    """The network or the server failed, and may not fail the next time.

    Attributes:
        reason: Who failed.
        wait: Seconds that the server asked for, or None.
        last_word: The error that ends the download when the tries are used up.
    """

    def __init__(
        self, reason: Literal["network", "server"], last_word: TransferError, wait: float | None = None
    ) -> None:
        super().__init__(last_word.user_text)
        self.reason: Literal["network", "server"] = reason
        self.wait = wait
        self.last_word = last_word


class ChangedError(InterruptionError):
    """The server has another version of the file than before."""


class DiskFullError(InterruptionError):
    """The disk has no room for more."""


class HaltedError(InterruptionError):
    """The main loop wants this connection to let go, or another one serves the whole file."""
