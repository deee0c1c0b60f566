"""Errors of the inference core.

`KnownError` means that the environment is to blame (a damaged file, no memory, a wrong folder); anything that is not
known is a bug of ours and is reported as one.
"""

from __future__ import annotations

from trt_engines.errors import DewpointError


class InferenceError(DewpointError):
    """Root of all errors raised on purpose by this package."""


class KnownError(InferenceError):
    """The environment is to blame, and the user can do something about it."""

    known = True


class ModelFolderError(KnownError):
    """A checkpoint folder is missing, incomplete, damaged or of another architecture."""


class GraphError(KnownError):
    """An exported graph is missing, damaged, or does not match the checkpoint."""


class OutOfMemoryError(KnownError):
    """The machine has not enough memory for the model or the context."""


class NoWayOnCardError(KnownError):
    """There is no graphics card, or none that could hold the model: no engines can be built that would help."""


class ModelProcessError(KnownError):
    """The model process ended, hung or could not be started."""


class ContextFullError(KnownError):
    """One message alone is longer than the model's context."""


class SystemPromptTooLongError(ContextFullError):
    """The system prompt leaves no room for a message that would fit without it."""


class LookError(KnownError):
    """What a folder or a repository holds could not be looked at: no end, too much memory, a process that died."""


class LookStoppedError(LookError):
    """A look was cancelled by whoever asked."""


class LoadStoppedError(BaseException):
    """Loading a model was given up because whoever asked for it cancelled: nothing failed, so no `Exception`."""


class PassStoppedError(Exception):
    """A pass over the model was given up in its midst because the run was cancelled; nothing is kept of it."""
