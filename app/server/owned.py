"""The model process of a server without a window."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING

from app.server import texts
from inference.events import Event, Failed, Finished, ModelReady
from inference.host.client import ModelProcessClient
from inference.operations.requests import Operation
from inference.params import GenerationRequest

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag

_LOAD_SECONDS = 1800.0  # without news of it; packing the weights of the largest model says something each second


class _Overdue:
    """A cancel flag that sets itself when a load has said nothing for a long time."""

    def __init__(self) -> None:
        self._at = time.monotonic() + _LOAD_SECONDS

    def put_off(self) -> None:
        """It has said something."""
        self._at = time.monotonic() + _LOAD_SECONDS

    def is_set(self) -> bool:
        return time.monotonic() > self._at


class OwnedModel:
    """Answers several requests at once; after a loss the next one starts the process anew.

    One thread of its own starts and ends the process: on Linux a process ends with the thread that started it.
    """

    def __init__(self, client: ModelProcessClient) -> None:
        """Nothing is started yet."""
        self._client = client
        self._owner = ThreadPoolExecutor(1, "model-owner")
        self._ready: ModelReady | None = None

    def __enter__(self) -> OwnedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.kill()  # nobody waits for what is still written
        self._owner.submit(self._client.close).result()
        self._owner.shutdown()

    def load(self) -> ModelReady | Failed:
        """Load the model, if it is not loaded."""
        ready = self._ready
        return ready if ready is not None and self._client.loaded else self._owner.submit(self._load).result()

    def generate(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        """Answer a request; from any thread. The last event is Finished or Failed."""
        last = self.load()
        if isinstance(last, Failed):
            yield last
        else:
            yield from self._client.generate_for_guest(request, cancel, drafts)

    def count(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Count the tokens of a request's prompt; from any thread. The last event is PromptMeasured or Failed."""
        last = self.load()
        if isinstance(last, Failed):
            yield last
        else:
            yield from self._client.count_for_guest(request, cancel)

    def perform(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Do an operation of the core; from any thread. The last event is Decided, Finished or Failed."""
        last = self.load()
        if isinstance(last, Failed):
            yield last
        else:
            yield from self._client.perform_for_guest(operation, cancel)

    def _load(self) -> ModelReady | Failed:
        """In the owner's thread."""
        if self._ready is not None and self._client.loaded:
            return self._ready
        self._ready, failed = None, Failed(texts.BUG, "", known=False)
        overdue = _Overdue()
        for event in self._client.load(overdue):
            overdue.put_off()
            match event:
                case ModelReady():
                    self._ready = event
                case Failed():
                    failed = event
                case Finished():
                    failed = Failed(texts.LOAD_HUNG, "", known=True, engine_lost=True)
                case _:
                    pass
        return self._ready or failed
