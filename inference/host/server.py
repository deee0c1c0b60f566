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

from inference.backends.base import CancelFlag
from inference.denoising.controls import AnswerControls
from inference.errors import LoadStoppedError, ModelProcessError
from inference.events import Event, Failed, ModelLoading
from inference.failures import failed_from_error
from inference.host.beats import Heart
from inference.host.lifeline import die_with_parent
from inference.host.messages import (
    AnsweringSession,
    Beat,
    Cancel,
    Command,
    Generate,
    LoadModel,
    Measure,
    ModelProcessOptions,
    MoreSteps,
    Perform,
    Reply,
    Settle,
    Shutdown,
    Task,
)
from inference.host.turns import GuestAnswer, GuestTurns
from inference.opening import open_session
from inference.operations.perform import perform
from inference.session import Session
from inference.stats import cancelled_before
from trt_engines.runtime.safe_mode import take_back

logger = logging.getLogger(__name__)
QUIET_SECONDS = 1.0  # without a command
_ANSWERS_ONLY = (
    "A model on a server can only answer: for decisions, other words and rewriting the probabilities of all places are"
    " needed, which it does not send."
)
_NO_MODEL, _CHOOSE = "No model is loaded.", "Choose a model."


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
    threading.excepthook = _end_with_thread
    # 3.
    ModelServer(commands, replies, options).serve()


class ModelServer:
    """One session behind two pipes."""

    def __init__(self, commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
        """Take over the child's ends of the pipes."""
        self._commands = commands
        self._replies = replies
        self._options = options
        self._waiting: queue.SimpleQueue[Task | Shutdown] = queue.SimpleQueue()
        # Highest number that was cancelled; written by the reader thread, read between steps.
        self._cancelled = 0
        self._cancelled_guests: set[int] = set()
        self._stopping = False
        # What is said to the answer that is being written, and the number of its request.
        self._said: tuple[int, AnswerControls] = (0, AnswerControls())
        self._session: AnsweringSession | None = None
        self._guests = GuestTurns(self._send)
        self._sending = threading.Lock()
        self._heart = Heart(self._pass_on)

    def serve(self) -> None:
        """Work off commands until a Shutdown; the parent's end of the pipe ends the process from the reader thread.

        What the owner asks comes first and is answered whole; between, guests have their turns.
        """
        threading.Thread(target=self._read_commands, name="model-commands", daemon=True).start()
        self._heart.start()
        while True:
            command = self._next()
            self._heart.work()
            if isinstance(command, Shutdown):
                break
            if command is None:
                self._guests.turn()
            elif isinstance(command, Generate) and command.number < 0:
                self._admit(command)
            else:
                self._answer(command)
        self._heart.end()
        if self._session is not None:
            self._session.close()

    def _next(self) -> Task | Shutdown | None:
        """The next command, None if there is none and guests wait for their turns.

        In the first quiet second after one, the session may do what nobody shall wait for.
        """
        if self._guests:
            try:
                return self._waiting.get_nowait()
            except queue.Empty:
                return None
        self._heart.rest()
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
                case Cancel(number=number) if number < 0:
                    self._cancelled_guests.add(number)
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

    def _answer(self, command: Task) -> None:
        """Send all events of one command; whatever goes wrong becomes its last event."""
        try:
            match command:
                case LoadModel(number=number):
                    self._load(number, _SteppingFlag(self, number, self._heart))
                case Measure(number=number) if self.is_cancelled(number):
                    self._send(number, cancelled_before())
                case Measure(number=number, request=request, chat=True):
                    self._send(number, self._loaded().measure_chat(request))
                case Measure(number=number, request=request, whole=whole):
                    self._send(number, self._loaded().measure(request, whole))
                case Generate() | Perform():
                    controls, cancel = AnswerControls(), _SteppingFlag(self, command.number, self._heart)
                    self._said = (command.number, controls)
                    for event in self._events(command, cancel, controls):
                        self._send(command.number, event)
        except Exception as error:  # the process's border: the other side learns of everything as an event
            failed = failed_from_error(error)
            if not failed.known:
                logger.exception("request %d failed", command.number)
            self._send(command.number, failed)

    def _admit(self, command: Generate) -> None:
        """Let a guest have its turns; what is wrong before its first one is told at once."""
        if self._session is None:
            self._send(command.number, Failed(_NO_MODEL, _CHOOSE, known=True, engine_lost=True))
            return
        self._guests.add(GuestAnswer(command.number, self._guest_events(self._session, command), command.drafts))

    def _guest_events(self, session: AnsweringSession, command: Generate) -> Iterator[Event]:
        try:
            if self.is_cancelled(command.number):  # whoever asked is gone: not even the prompt is tokenised
                yield cancelled_before()
                return
            yield from session.generate(command.request, _SteppingFlag(self, command.number, self._heart))
        finally:
            self._cancelled_guests.discard(command.number)

    def _load(self, number: int, cancel: _SteppingFlag) -> None:
        began = time.perf_counter()
        self._heart.rest()  # reading and packing weights takes as long as it will
        self._guests.end_all(Failed("The model is loaded anew.", "Ask again.", known=True, engine_lost=True))
        if self._session is not None:
            self._session.close()
            self._session = None

        def report(stage: str, fraction: float) -> None:
            self._send(number, ModelLoading(stage, fraction))

        options = self._options
        try:
            if options.opener is not None:
                self._session = options.opener.open()
            else:
                self._session = open_session(options.model_dir, options.backend, report, options.engines, cancel)
        except LoadStoppedError:
            self._send(number, cancelled_before())
            return
        self._send(number, self._session.ready_event(time.perf_counter() - began))

    def _events(self, command: Generate | Perform, cancel: _SteppingFlag, controls: AnswerControls) -> Iterator[Event]:
        session = self._loaded()
        if isinstance(command, Perform):
            if not isinstance(session, Session):
                raise ModelProcessError(_ANSWERS_ONLY, _CHOOSE)
            return perform(session, command.operation, cancel, controls)
        return session.generate(command.request, cancel, controls)

    def _controls(self, number: int) -> AnswerControls | None:
        """The controls of request `number`, None if it is not being answered."""
        answered, controls = self._said
        return controls if answered == number else None

    def _loaded(self) -> AnsweringSession:
        if self._session is None:
            raise ModelProcessError(_NO_MODEL, _CHOOSE)
        return self._session

    def _send(self, number: int, event: Event) -> None:
        self._heart.sign()
        self._pass_on(Reply(number, event))

    def _pass_on(self, said: Reply | Beat) -> None:
        """From two threads: the one that works, and the heart."""
        try:
            with self._sending:
                self._replies.send(said)
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
        if number < 0:
            return self._stopping or number in self._cancelled_guests
        return self._stopping or number <= self._cancelled


class _CancelFlag:
    """The cancel flag of one request, within a pass."""

    def __init__(self, server: ModelServer, number: int) -> None:
        self._server = server
        self._number = number

    def is_set(self) -> bool:
        return self._server.is_cancelled(self._number)


class _SteppingFlag(_CancelFlag):
    """The same, for the session: whenever it asks, it has come to another step."""

    def __init__(self, server: ModelServer, number: int, heart: Heart) -> None:
        super().__init__(server, number)
        self._heart = heart
        self.within_pass: CancelFlag = _CancelFlag(server, number)

    def is_set(self) -> bool:
        self._heart.sign()
        return super().is_set()


def _end_with_thread(failed: threading.ExceptHookArgs) -> None:
    """A thread without which nobody hears commands has ended: so does the process, and its log says why."""
    name = failed.thread.name if failed.thread is not None else "unknown"
    trace = (failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback)
    logger.error("the thread %s failed", name, exc_info=trace)
    os._exit(1)


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
