"""The server's own process, for the window: what goes over the pipes, and the model at their other end.

The process listens and reads what programs send; the window's process owns the model process and passes answers on. So
nothing that a program sends is read where the window draws.
"""

from __future__ import annotations

import itertools
import queue
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from app.server import texts
from app.server.application import ServerApplication
from app.server.guards import names_of
from app.server.models import served_model
from app.server.piping import (
    AskedOfWindow,
    GivenUp,
    NowAnswers,
    ServerNews,
    ServerOptions,
    StopRequest,
    ToldByModel,
)
from app.server.queue import AnswerQueue
from app.server.serving import ListeningServer
from app.server.wire import ServedModel
from inference.events import Closing, Event, ModelReady
from inference.host.lifeline import die_with_parent
from inference.operations.requests import Operation
from inference.params import GenerationRequest
from inference.stats import cancelled_before

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag

_POLL_SECONDS = 0.05
_NEWS_SECONDS = 0.3
NO_MODEL = ServedModel("none", "", "", 1, 1)


class PipedModel:
    """The model at the other end of the pipes; several threads use it."""

    def __init__(self, up: Connection) -> None:
        self._up, self._lock = up, threading.Lock()
        self._numbers = itertools.count(1)
        self._boxes: dict[int, queue.SimpleQueue[Event]] = {}

    def send(self, message: AskedOfWindow | GivenUp | ServerNews) -> None:
        """Tell the window; from any thread."""
        with self._lock:
            self._up.send(message)

    def take(self, told: ToldByModel) -> None:
        """An event has come."""
        box = self._boxes.get(told.number)
        if box is not None:
            box.put(told.event)

    def generate(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        """Answer a request; the last event is Finished or Failed."""
        yield from self._asked(request, cancel, drafts, counts=False)

    def count(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Count the tokens of a request's prompt; the last event is PromptMeasured or Failed."""
        yield from self._asked(request, cancel, drafts=False, counts=True)

    def perform(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Do an operation of the core; the last event is Decided, Finished or Failed."""
        yield from self._asked(operation, cancel, drafts=False, counts=False)

    def _asked(
        self, request: GenerationRequest | Operation, cancel: CancelFlag | None, drafts: bool, counts: bool
    ) -> Iterator[Event]:
        number = next(self._numbers)
        box = self._boxes[number] = queue.SimpleQueue()
        ended = False
        self.send(AskedOfWindow(number, request, drafts, counts))
        try:
            while not ended:
                if cancel is not None and cancel.is_set():
                    yield cancelled_before()
                    return
                try:
                    event = box.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                ended = isinstance(event, Closing) and not isinstance(event, ModelReady)
                yield event
        finally:
            self._boxes.pop(number, None)
            if not ended:
                self.send(GivenUp(number))


def serve_piped(down: Connection, up: Connection, options: ServerOptions) -> None:
    """What the process does: take the address, serve until it is told to end or the window is gone."""
    die_with_parent(options.parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    model = PipedModel(up)
    try:
        listening = ListeningServer(options.host, options.port)
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        model.send(ServerNews(trouble=texts.no_address(options.host, options.port, reason)))
        return
    answers = AnswerQueue(model)
    application = ServerApplication(answers, NO_MODEL, options.key, names_of(options.host))
    threading.Thread(target=_read, args=(down, model, application, answers, listening), daemon=True).start()
    threading.Thread(target=_tell, args=(model, answers, listening), daemon=True).start()
    listening.run(application, lambda: None)


def _read(
    down: Connection, model: PipedModel, application: ServerApplication, answers: AnswerQueue, server: ListeningServer
) -> None:
    """A thread: what the window says."""
    try:
        while True:
            match down.recv():
                case ToldByModel() as told:
                    model.take(told)
                case NowAnswers(folder, ready):
                    application.model = served_model(folder, ready)
                case StopRequest(number):
                    answers.stop(number)
                case _:
                    break
    except (EOFError, OSError):
        pass
    server.stop()


def _tell(model: PipedModel, answers: AnswerQueue, server: ListeningServer) -> None:
    """A thread: what is asked now, when it has changed."""
    said: ServerNews | None = None
    try:
        while True:
            news = ServerNews(server.port, requests=answers.running())
            if said is None or news.requests or said.requests:
                model.send(news)
                said = news
            time.sleep(_NEWS_SECONDS)
    except (OSError, ValueError):
        pass
