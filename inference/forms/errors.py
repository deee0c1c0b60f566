"""What cannot be a form."""

from __future__ import annotations

from inference.errors import InferenceError


class FormError(InferenceError):
    """A form that cannot be kept: it is no form, needs what no regular language has, or is too large."""

    known = True


class FormSizeError(FormError):
    """A form that is too large, or too intricate, for an automaton."""


class FormLengthError(FormSizeError):
    """A form of which every text is too long."""


class FormRoomError(FormError):
    """A form that could be kept if the answer might have more tokens."""
