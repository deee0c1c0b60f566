"""Errors of the inference core.

Every error a user can meet carries two plain sentences: `user_text` (what happened) and `hint` (what to do).
`KnownError` means that the environment is to blame (a damaged file, no memory, a wrong folder);
anything that is not a `KnownError` is a bug of ours and is reported as one.
"""

from __future__ import annotations


class InferenceError(Exception):
    """Root of all errors raised on purpose by this package.

    Attributes:
        user_text: One sentence that says what happened.
        hint: One sentence that says what to do, or an empty string.
    """

    def __init__(self, user_text: str, hint: str = "") -> None:
        super().__init__(f"{user_text} {hint}".strip())
        self.user_text = user_text
        self.hint = hint

    def __reduce__(self) -> tuple[type[InferenceError], tuple[str, str]]:
        """Pickle by the two sentences, so that the error can cross a process border."""
        return type(self), (self.user_text, self.hint)


class KnownError(InferenceError):
    """The environment is to blame, and the user can do something about it."""


class ModelFolderError(KnownError):
    """A checkpoint folder is missing, incomplete, damaged or of another architecture."""


class GraphError(KnownError):
    """An exported graph is missing, damaged, or does not match the checkpoint."""


class OutOfMemoryError(KnownError):
    """The machine has not enough memory for the model or the context."""


class ModelProcessError(KnownError):
    """The engine process ended, hung or could not be started."""


class ContextFullError(KnownError):
    """One message alone is longer than the model's context."""
