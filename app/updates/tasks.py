"""What runs in the thread of `UpdateKeeper`: generators that yield values for the window; no Qt."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

from app.library.services import ModelDesk
from app.transfers.values import TransferEvent
from app.updates.service import Updates
from app.updates.values import Found


def asked(desk: ModelDesk) -> Generator[Found, None, None]:
    """The newer release, if there is one."""
    found = Updates(desk).ask()
    if found is not None:
        yield found


def fetched(desk: ModelDesk, found: Found, cancel: threading.Event) -> Generator[TransferEvent | Path, None, None]:
    """News of the download; at last the package. Whoever cancels does not go on after `Stopped`."""
    updates = Updates(desk)
    yield from updates.fetch(found, cancel)
    yield updates.placed(found)


def checked(desk: ModelDesk, found: Found) -> Generator[Path, None, None]:
    """The package, hashed once more."""
    yield Updates(desk).placed(found)


def tidied(desk: ModelDesk) -> Generator[None, None, None]:
    """Packages that are of no use any more are deleted."""
    Updates(desk).tidy()
    yield
