"""The model process: owns the model, serves one request at a time.

Two threads. The main thread loads and generates. The reader thread takes commands from the pipe, so that a cancel is
noted at once and the end of the pipe (the window is gone) ends the process even in the middle of a step.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Never, TextIO

from inference.denoising.controls import AnswerControls
from inference.errors import LoadStoppedError, ModelProcessError
from inference.events import Event, ModelLoading
from inference.failures import failed_from_error
from inference.host.lifeline import die_with_parent
from inference.host.messages import (
    Cancel,
    Command,
    Generate,
    LoadModel,
    Measure,
    ModelProcessOptions,
    MoreSteps,
    Reply,
    Settle,
    Shutdown,
)
from inference.opening import open_session
from inference.params import GenerationRequest
from inference.session import Session
from inference.stats import cancelled_before
from trt_engines.runtime.safe_mode import take_back

logger = logging.getLogger(__name__)
QUIET_SECONDS = 1.0  # without a command


def serve_model(commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
    """What the model process does.

    1. Die with the parent; leave Ctrl+C in the terminal to it.
    2. Log to the file, else to standard error.
    3. Serve until told to shut down.
    """
    # 1.
    die_with_parent(options.parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # 2.
    _set_up_log(options.log_file)
    # 3.
    ModelServer(commands, replies, options).serve()


class ModelServer:
    """One session behind two pipes."""

    def __init__(self, commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
        """Take over the child's ends of the pipes."""
        self._commands = commands
        self._replies = replies
        self._options = options
        self._waiting: queue.SimpleQueue[LoadModel | Generate | Measure | Shutdown] = queue.SimpleQueue()
        # Highest number that was cancelled; written by the reader thread, read between steps.
        self._cancelled = 0
        self._stopping = False
        # What is said to the answer that is being written, and the number of its request.
        self._said: tuple[int, AnswerControls] = (0, AnswerControls())
        self._session: Session | None = None

    def serve(self) -> None:
        """Work off commands until a Shutdown; the parent's end of the pipe ends the process from the reader thread."""
        threading.Thread(target=self._read_commands, name="model-commands", daemon=True).start()
        while True:
            command = self._next()
            if isinstance(command, Shutdown):
                break
            self._answer(command)
        if self._session is not None:
            self._session.close()

    def _next(self) -> LoadModel | Generate | Measure | Shutdown:
        """The next command; in the first quiet second after one, the session may do what nobody shall wait for."""
        try:
            return self._waiting.get(timeout=QUIET_SECONDS)
        except queue.Empty:
            if self._session is not None:
                self._session.rest()
            return self._waiting.get()

    def _read_commands(self) -> None:
        while True:
            try:
                command: Command = self._commands.recv()
            except (EOFError, OSError):
                self._leave_now()
            match command:
                case Cancel(number=number):
                    self._cancelled = max(self._cancelled, number)
                case Settle(number=number):
                    if (controls := self._controls(number)) is not None:
                        controls.settle_now()
                case MoreSteps(number=number, count=count):
                    if (controls := self._controls(number)) is not None:
                        controls.more_steps(count)
                case _:
                    self._stopping = self._stopping or isinstance(command, Shutdown)
                    self._waiting.put(command)

    def _answer(self, command: LoadModel | Generate | Measure) -> None:
        """Send all events of one command; whatever goes wrong becomes its last event."""
        try:
            match command:
                case LoadModel(number=number):
                    self._load(number, _CancelFlag(self, number))
                case Measure(number=number, request=request):
                    self._send(number, self._loaded().measure(request))
                case Generate(number=number, request=request):
                    self._said = (number, AnswerControls())
                    for event in self._generate(request, _CancelFlag(self, number), self._said[1]):
                        self._send(number, event)
        except Exception as error:  # the process's border: the other side learns of everything as an event
            failed = failed_from_error(error)
            if not failed.known:
                logger.exception("request %d failed", command.number)
            self._send(command.number, failed)

    def _load(self, number: int, cancel: _CancelFlag) -> None:
        began = time.perf_counter()
        if self._session is not None:
            self._session.close()
            self._session = None

        def report(stage: str, fraction: float) -> None:
            self._send(number, ModelLoading(stage, fraction))

        options = self._options
        try:
            self._session = open_session(options.model_dir, options.backend, report, options.engines, cancel)
        except LoadStoppedError:
            self._send(number, cancelled_before())
            return
        self._send(number, self._session.ready_event(time.perf_counter() - began))

    def _generate(self, request: GenerationRequest, cancel: _CancelFlag, controls: AnswerControls) -> Iterator[Event]:
        return self._loaded().generate(request, cancel, controls)

    def _controls(self, number: int) -> AnswerControls | None:
        """The controls of request `number`, None if it is not being answered."""
        answered, controls = self._said
        return controls if answered == number else None

    def _loaded(self) -> Session:
        if self._session is None:
            raise ModelProcessError("No model is loaded.", "Choose a model.")
        return self._session

    def _send(self, number: int, event: Event) -> None:
        try:
            self._replies.send(Reply(number, event))
        except OSError:
            self._leave_now()

    def _leave_now(self) -> Never:
        """The window is gone: end at once, from any thread, also in the middle of a step, which is no crash."""
        try:
            if self._options.engines is not None:
                take_back(self._options.engines, os.getpid())
        finally:
            os._exit(0)

    def is_cancelled(self, number: int) -> bool:
        """True if request `number` shall stop."""
        return self._stopping or number <= self._cancelled


class _CancelFlag:
    """The cancel flag of one request, for the session."""

    def __init__(self, server: ModelServer, number: int) -> None:
        self._server = server
        self._number = number

    def is_set(self) -> bool:
        return self._server.is_cancelled(self._number)


def _set_up_log(log_file: str | None) -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    if log_file is not None:
        # The file stays open: a crash in native code writes its stack there, too.
        stream: TextIO = open(log_file, "a", encoding="utf-8")  # noqa: SIM115
    elif sys.stderr is not None:
        stream = sys.stderr
    else:  # a Windows program without a console
        logging.basicConfig(handlers=[logging.NullHandler()])
        return
    logging.basicConfig(stream=stream, level=logging.INFO, format=form)
    faulthandler.enable(file=stream)
