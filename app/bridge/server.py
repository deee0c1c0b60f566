"""The local server of the window: a process of its own that listens; its requests go to the window's model process.

One thread owns the process and its pipes; another one for each request passes its events on.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.base.settings import Settings
from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.bridge.model import AnsweringModel
from app.bridge.model_process import ModelThread
from app.bridge.preferences import Preferences
from app.library.answering import ModelPhase
from app.server import texts
from app.server.piping import (
    AskedOfWindow,
    EndServer,
    GivenUp,
    NowAnswers,
    ServerNews,
    ServerOptions,
    StopRequest,
    ToldByModel,
)
from app.server.starting import run_server
from app.server.values import AT_ONCE, MOST_WAITING, ServerPhase, ServerStatus, new_key
from inference.events import Event, Failed, ModelReady
from inference.host.child import ChildProcess
from inference.params import GenerationRequest

EVERYWHERE, HERE = "0.0.0.0", "127.0.0.1"
END_SECONDS = 1.5
_OTHERS = 4  # that are no answers: lengths and decisions
_LOOK_SECONDS = 0.2
_LOAD_SECONDS = 120.0


class ModelWanted:
    """News of the thread: a client asks, and no process holds the model."""


class ServerRelay:
    """One run of the server process, seen from the window's process."""

    def __init__(self, options: ServerOptions, model: ModelThread) -> None:
        self._options, self._model = options, model
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._cancels: dict[int, threading.Event] = {}
        self._wanted = threading.Event()  # a model, by a client
        self.cancel = threading.Event()

    def news(self) -> Generator[object, None, None]:
        """In its thread: start the process, pass on what it asks, end it when that is wanted.

        Yields:
            ServerNews, and ModelWanted.
        """
        child = ChildProcess(run_server, self._options, "dewpoint-server")
        self._child = child
        threads = ThreadPoolExecutor(AT_ONCE + MOST_WAITING + _OTHERS, "server-answer")
        try:
            while not self.cancel.is_set():
                if self._wanted.is_set():
                    self._wanted.clear()
                    yield ModelWanted()
                ready = connection.wait([child.up, child.sentinel], _LOOK_SECONDS)
                if child.up in ready:
                    yield self._take(child.up.recv(), threads)
                elif ready:
                    yield ServerNews(trouble=texts.ENDED)
                    return
        except (EOFError, OSError):
            if not self.cancel.is_set():
                yield ServerNews(trouble=texts.ENDED)
        finally:
            self.cancel.set()
            for cancel in tuple(self._cancels.values()):
                cancel.set()
            self.send(EndServer())
            child.end(END_SECONDS)
            threads.shutdown(cancel_futures=True)

    def send(self, message: ToldByModel | NowAnswers | StopRequest | EndServer) -> None:
        """Tell the process; from any thread. One that is gone hears nothing."""
        child = self._child
        if child is not None:
            with self._lock, contextlib.suppress(OSError, ValueError):
                child.down.send(message)

    def _take(self, message: object, threads: ThreadPoolExecutor) -> object:
        match message:
            case AskedOfWindow():
                cancel = self._cancels[message.number] = threading.Event()
                threads.submit(self._answer, message, cancel)
                return None
            case GivenUp(number):
                if (given_up := self._cancels.get(number)) is not None:
                    given_up.set()
                return None
            case _:
                return message

    def _answer(self, asked: AskedOfWindow, cancel: threading.Event) -> None:
        """In a thread of its own: one request, from the model process to the server process."""
        try:
            for event in self._events(asked, cancel):
                self.send(ToldByModel(asked.number, event))
        finally:
            self._cancels.pop(asked.number, None)

    def _events(self, asked: AskedOfWindow, cancel: threading.Event) -> Iterator[Event]:
        waited = 0.0
        while (process := self._model.loaded_process()) is None:
            if cancel.is_set() or self.cancel.is_set() or waited > _LOAD_SECONDS:
                yield Failed(texts.NO_MODEL_NOW, "", known=True, engine_lost=True)
                return
            self._wanted.set()
            cancel.wait(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
        if not isinstance(asked.request, GenerationRequest):
            yield from process.perform_for_guest(asked.request, cancel)
        elif asked.counts:
            yield from process.count_for_guest(asked.request, cancel)
        else:
            yield from process.generate_for_guest(asked.request, cancel, asked.drafts)


class LocalServer(QObject):
    """The server as the settings want it.

    Signals:
        status_changed: The new `ServerStatus`.
    """

    status_changed = Signal(object)

    def __init__(
        self, thread: ModelThread, model: AnsweringModel, preferences: Preferences, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._model_thread, self._model, self._preferences = thread, model, preferences
        self.status = ServerStatus()
        self._thread = BackgroundThread("server", self)
        self._thread.event_arrived.connect(self.on_event)
        self._relay: ServerRelay | None = None
        self._number = 0
        self._told: tuple[Path | None, ModelReady] | None = None
        self._wanted: tuple[bool, str, int, str] = (False, "", 0, "")
        self._closed = False
        model.status_changed.connect(self.on_model_changed)
        preferences.changed.connect(self.on_settings_changed)

    def start(self) -> None:
        """The window is there: switch on if the settings say so."""
        self.on_settings_changed(self._preferences.settings)

    def stop(self, number: int) -> None:
        """Stop one request; its client is told."""
        if self._relay is not None:
            self._relay.send(StopRequest(number))

    def new_key(self) -> None:
        """A new key: clients with the old one are refused from now on."""
        self._preferences.set(server_key=new_key())

    def cancel_all(self) -> None:
        """Let it end soon."""
        self._closed = True
        self._switch_off()

    def shut_down(self) -> None:
        """End it."""
        self.cancel_all()
        self._thread.close()
        self._thread.end(END_SECONDS + 2.0)

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_settings_changed(self, settings: Settings) -> None:
        """Switch on or off, or start anew on another address or with another key."""
        if self._closed:
            return
        if settings.server_on and not settings.server_key:
            self._preferences.set(server_key=new_key())  # which comes here again
            return
        host = EVERYWHERE if settings.server_everywhere else HERE
        wanted = (settings.server_on, host, settings.server_port, settings.server_key)
        if wanted == self._wanted or not (wanted[0] or self._wanted[0]):
            return
        self._wanted = wanted
        self._switch_off()
        if settings.server_on:
            self._switch_on(ServerOptions(host, settings.server_port, settings.server_key, os.getpid()))

    def on_event(self, arrived: TaskEvent) -> None:
        """News of the newest run."""
        if arrived.number != self._number or self._relay is None:
            return
        match arrived.event:
            case ServerNews(trouble=trouble) if trouble:
                self._set(ServerStatus(ServerPhase.FAILED, trouble=trouble))
            case ServerNews() as news:
                if self.status.phase is ServerPhase.STARTING:
                    self._told = None
                    self.on_model_changed()
                self._set(ServerStatus(ServerPhase.ON, f"http://{HERE}:{news.port}", requests=news.requests))
            case ModelWanted():
                if not self._model.loading:
                    self._model.load(self._model.choice, usual=self._model.choice == self._model.usual)
            case TaskEnded(report=report):
                self._relay = None
                if self.status.phase is not ServerPhase.FAILED:
                    trouble = report.text if report is not None else texts.ENDED
                    self._set(ServerStatus(ServerPhase.FAILED, trouble=trouble))

    def on_model_changed(self) -> None:
        """Tell the server which model answers."""
        ready = self._model.ready
        if self._relay is None or ready is None or self._model.status.phase is ModelPhase.LOADING:
            return
        answers = (self._model.choice.folder, ready)
        if answers != self._told:
            self._told = answers
            self._relay.send(NowAnswers(*answers))

    # -- inside -----------------------------------------------------------------------------------------------------

    def _switch_on(self, options: ServerOptions) -> None:
        relay = self._relay = ServerRelay(options, self._model_thread)
        self._number += 1
        self._told = None
        self._set(ServerStatus(ServerPhase.STARTING))
        self._thread.do(Task(self._number, relay.news, relay.cancel))

    def _switch_off(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.cancel.set()
        self._set(ServerStatus())

    def _set(self, status: ServerStatus) -> None:
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)
