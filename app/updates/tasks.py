"""What is done about newer versions in the background: generators that yield values for the window; no Qt.

`app.bridge.updates` runs them in its thread, and imports this module there: the window starts without it.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

from app.library.services import LibraryServices
from app.transfers.values import TransferEvent
from app.updates.errors import NoReleasesError
from app.updates.service import UpdateService
from app.updates.values import Found, NoReleases


class UpdateTasks:
    """Asks for newer versions, fetches and checks them; each method may run in any thread."""

    def __init__(self, services: LibraryServices) -> None:
        self._service = UpdateService(services)

    def ask(self, cancel: threading.Event) -> Generator[Found | NoReleases, None, None]:
        """The newer release, if there is one; or that there is nobody to ask."""
        try:
            found = self._service.ask(cancel)
        except NoReleasesError:
            yield NoReleases()
            return
        if found is not None:
            yield found

    def fetch(self, found: Found, cancel: threading.Event) -> Generator[TransferEvent | Path, None, None]:
        """News of the download; at last the package. Whoever cancels does not go on after `TransferStopped`."""
        yield from self._service.fetch(found, cancel)
        yield self._service.placed(found)

    def check(self, found: Found) -> Generator[Path, None, None]:
        """The package, hashed once more."""
        yield self._service.placed(found)

    def tidy(self) -> Generator[None, None, None]:
        """Packages that are of no use any more are deleted."""
        self._service.tidy()
        yield
