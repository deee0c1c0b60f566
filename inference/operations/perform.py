"""Any operation, done: the events that come of it, the last of which closes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inference.denoising.controls import NO_CONTROLS, Controls
from inference.errors import PassStoppedError
from inference.events import Event
from inference.operations.alternatives import alternatives
from inference.operations.calibrate import calibrate
from inference.operations.decide import decide
from inference.operations.requests import (
    AlternativesRequest,
    CalibrateRequest,
    DecideRequest,
    Operation,
    RewriteRequest,
)
from inference.operations.rewrite import rewrite
from inference.stats import cancelled_before

if TYPE_CHECKING:
    from inference.backends.base import CancelFlag
    from inference.session import Session


def perform(
    session: Session, operation: Operation, cancel: CancelFlag | None = None, controls: Controls = NO_CONTROLS
) -> Iterator[Event]:
    """Do what is asked.

    Yields:
        Of a rewriting what `rewrite` yields, whose last event is Finished; of a decision Decided alone; of examples
        Calibrated alone; of a question for other words AlternativesFound alone. One that is cancelled ends with
        Finished(reason="cancelled").

    Raises:
        FormError: It cannot be done so; the sentence says why.
        KnownError: See `Session.generate`.
    """
    try:
        match operation:
            case RewriteRequest():
                yield from rewrite(session, operation, cancel, controls)
            case DecideRequest():
                yield decide(session, operation, cancel)
            case CalibrateRequest():
                yield calibrate(session, operation, cancel)
            case AlternativesRequest():
                yield alternatives(session, operation, cancel)
    except PassStoppedError:
        yield cancelled_before()
