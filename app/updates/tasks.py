"""What runs in the thread of `Updates`: generators that yield values for the window; no Qt."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

from app.library.services import LibraryServices
from app.transfers.values import TransferEvent
from app.updates.service import UpdateService
from app.updates.values import Found


def asked(services: LibraryServices) -> Generator[Found, None, None]:
    """The newer release, if there is one."""
    found = UpdateService(services).ask()
    if found is not None:
        yield found


def fetched(
    services: LibraryServices, found: Found, cancel: threading.Event
) -> Generator[TransferEvent | Path, None, None]:
    """News of the download; at last the package. Whoever cancels does not go on after `TransferStopped`."""
    updates = UpdateService(services)
    yield from updates.fetch(found, cancel)
    yield updates.placed(found)


def checked(services: LibraryServices, found: Found) -> Generator[Path, None, None]:
    """The package, hashed once more."""
    yield UpdateService(services).placed(found)


def tidied(services: LibraryServices) -> Generator[None, None, None]:
    """Packages that are of no use any more are deleted."""
    UpdateService(services).tidy()
    yield
