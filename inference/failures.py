"""From an exception to the `Failed` event that a user can read."""

from __future__ import annotations

import traceback

from inference.errors import ContextFullError
from inference.events import Failed, Refusal
from inference.forms.errors import FormError, FormRoomError
from trt_engines.errors import DewpointError


def failed_from_error(error: BaseException) -> Failed:
    """`Failed` for any exception: known ones in their own two sentences, all others as a bug with its traceback.

    The errors of every package say themselves whether they are known: `trt_engines.errors.DewpointError.known`.
    """
    if isinstance(error, DewpointError) and error.known:
        refused: Refusal = "length" if isinstance(error, ContextFullError) else ""
        refused = "form" if isinstance(error, FormError) else refused
        refused = "room" if isinstance(error, FormRoomError) else refused
        return Failed(error.user_text, error.hint, known=True, detail=error.detail, refused=refused)
    if isinstance(error, MemoryError):
        return Failed("The memory is not enough for this.", "Close other programs, then try again.", known=True)
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, DewpointError):
        return Failed(error.user_text, error.hint, known=False, detail=detail)
    text = f"Something went wrong inside the model process ({type(error).__name__})."
    return Failed(text, "This is a bug in this program: please report it with the details.", known=False, detail=detail)
