"""What else a place of a committed block could hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.events import Alternative, AlternativesFound
from inference.operations.requests import AlternativesRequest

if TYPE_CHECKING:
    from inference.backends.base import CancelFlag
    from inference.session import Session


def alternatives(session: Session, asked: AlternativesRequest, cancel: CancelFlag | None = None) -> AlternativesFound:
    """The likeliest tokens of one place of a committed canvas, by one pass over it.

    Raises:
        PassStoppedError: It was cancelled.
        KnownError: See `Session.generate`.
    """
    with session.stoppable(cancel):
        session.read(asked.request, cancel)
        held, place = asked.canvas[asked.place], np.array([asked.place])
        seen = session.beliefs(np.array(asked.canvas, dtype=np.int64), place, np.array([held]), asked.count)
    likely = zip(seen.top_ids[0].tolist(), seen.top_logs[0].tolist(), strict=True)
    found = tuple(Alternative(token, session.tokenizer.pieces([token])[0], log) for token, log in likely)
    return AlternativesFound(asked.place, held, found)
