"""A model on a server, as the window's worker thread sees it: the model process's client, and the offline switch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.library.access_token import TokenStore
from app.library.answering import ServerModel
from app.network import texts as network_texts
from app.server.remote import texts
from app.server.remote.opener import RemoteOpener
from inference.events import Event, Failed
from inference.host.client import ModelProcessClient
from inference.operations.requests import Operation
from inference.params import GenerationRequest

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag


class _Cancel:
    """Set when the request is stopped, or the program is to stay offline."""

    def __init__(self, cancel: CancelFlag | None, offline: Callable[[], bool]) -> None:
        self._cancel, self._offline = cancel, offline

    def is_set(self) -> bool:
        return (self._cancel is not None and self._cancel.is_set()) or self._offline()


class RemoteProcess:
    """The process that asks a server; nothing is sent while the program stays offline."""

    def __init__(self, server: ServerModel, offline: Callable[[], bool], log_file: Path, grace: float) -> None:
        """Nothing is started yet.

        Args:
            server: Which model of which server.
            offline: Whether the program stays offline at this moment; asked from any thread.
            log_file: Log of the process.
            grace: Seconds within which a request that is stopped must end.
        """
        self._server, self._offline, self._log_file, self._grace = server, offline, log_file, grace
        self._client: ModelProcessClient | None = None

    @property
    def pid(self) -> int | None:
        """Process id, None if none is running."""
        return self._client.pid if self._client is not None else None

    @property
    def loaded(self) -> bool:
        """Whether the server was found; from any thread."""
        return self._client is not None and self._client.loaded

    def load(self, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Find out what the server can do; the key is taken from the keyring anew."""
        if self._offline():
            yield _offline()
            return
        self.close()
        key = self._server.key or TokenStore(self._server.address).get() or ""
        opener = RemoteOpener(self._server.address, self._server.model, key, self._server.context)
        self._client = ModelProcessClient(
            None, "server", log_file=self._log_file, cancel_grace=self._grace, opener=opener
        )
        yield from self._client.load(cancel)

    def generate(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Answer a request; the last event is Finished or Failed."""
        yield from self._asked(cancel, lambda client, flag: client.generate(request, flag))

    def measure(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Say about how long the newest message is; the last event is PromptMeasured or Failed."""
        yield from self._asked(cancel, lambda client, flag: client.measure(request, flag))

    def measure_chat(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """What of a chat would be read is the server's matter; the last event is Failed."""
        yield from self._asked(cancel, lambda client, flag: client.measure_chat(request, flag))

    def perform(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """A model on a server can only answer: the last event is Failed, and says so."""
        yield from self._asked(cancel, lambda client, flag: client.perform(operation, flag))

    def settle_now(self) -> None:
        """A server's blocks are its own."""

    def more_steps(self, count: int) -> None:
        """The same."""

    def kill(self) -> None:
        """End the process by force, from any thread."""
        if self._client is not None:
            self._client.kill()

    def close(self, timeout: float = 3.0) -> None:
        """End the process."""
        if self._client is not None:
            self._client.close(timeout)

    def generate_for_guest(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        """Other programs are not sent on to a server that they do not know of."""
        yield Failed(texts.NOT_FOR_OTHERS, texts.NOT_FOR_OTHERS_HINT, known=True)

    def count_for_guest(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """The same."""
        yield Failed(texts.NOT_FOR_OTHERS, texts.NOT_FOR_OTHERS_HINT, known=True)

    def perform_for_guest(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """The same."""
        yield Failed(texts.NOT_FOR_OTHERS, texts.NOT_FOR_OTHERS_HINT, known=True)

    def _asked(
        self, cancel: CancelFlag | None, ask: Callable[[ModelProcessClient, CancelFlag], Iterator[Event]]
    ) -> Iterator[Event]:
        if self._offline():
            yield _offline()
            return
        if self._client is None:
            yield from self.load()
        if self._client is not None:
            yield from ask(self._client, _Cancel(cancel, self._offline))


def _offline() -> Failed:
    return Failed(network_texts.OFFLINE, network_texts.OFFLINE_HINT, known=True)
