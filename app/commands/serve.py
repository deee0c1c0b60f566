"""`python -m app serve`: the local server without a window; it ends with Ctrl+C."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from app.base.errors import KnownAppError
from app.base.log import setup_logging, shutdown_logging
from app.base.paths import AppPaths, named_path
from app.commands.arguments import whole
from app.commands.console import say, say_object
from app.commands.settings import settings_in_use
from app.library.answering import ModelChoice, folder_choice, remembered_model, starter_choice
from app.server import texts
from app.server.application import ServerApplication
from app.server.guards import can_be_sent, is_local, names_of
from app.server.models import served_model
from app.server.owned import OwnedModel
from app.server.queue import AnswerQueue
from app.server.serving import DEFAULT_HOST, DEFAULT_PORT, ListeningServer
from app.server.values import new_key
from inference.events import Failed
from inference.host.client import ModelProcessClient
from trt_engines.arguments import TextParser

KEY_VARIABLE = "DEWPOINT_SERVER_KEY"


def main(arguments: Sequence[str]) -> int:
    """Run `serve` with its own arguments; returns the exit status."""
    options = _parser().parse_args(arguments)
    paths = AppPaths.resolve().ensure()
    setup_logging(paths.logs)
    try:
        return _serve(options, paths)
    finally:
        shutdown_logging()


def _parser() -> argparse.ArgumentParser:
    parser = TextParser(prog="dewpoint serve", description=texts.COMMAND)
    parser.add_argument("--host", default=DEFAULT_HOST, help=texts.HOST_OPTION)
    parser.add_argument("--port", default=str(DEFAULT_PORT), help=texts.PORT_OPTION)
    parser.add_argument("--model", metavar="DIR", help=texts.MODEL_OPTION)
    parser.add_argument("--backend", metavar="NAME", default="auto", help=texts.BACKEND_OPTION)
    parser.add_argument("--no-key", action="store_true", help=texts.NO_KEY_OPTION)
    parser.add_argument("--json", action="store_true", help=texts.JSON_OPTION)
    return parser


def _serve(options: argparse.Namespace, paths: AppPaths) -> int:
    port = whole("--port", 0, 65_535)(options.port)
    local = is_local(options.host)
    if options.no_key and not local:
        raise KnownAppError(texts.KEY_NEEDED)
    key = "" if options.no_key else os.environ.get(KEY_VARIABLE) or new_key()
    if key and not can_be_sent(key):
        raise KnownAppError(texts.BAD_KEY)
    listening = _listening(options.host, port)
    choice = _choice(options)
    log = paths.logs / "engine.log"
    client = ModelProcessClient(choice.folder, choice.backend, log_file=log, engines=paths.engines)
    with OwnedModel(client) as process:
        ready = process.load()
        if isinstance(ready, Failed):
            raise KnownAppError(ready.user_text, ready.hint)
        model = served_model(choice.folder, ready)

        def opened() -> None:
            address = f"http://{f'[{listening.host}]' if ':' in listening.host else listening.host}:{listening.port}"
            if options.json:
                say_object({"event": "listening", "address": address, "key": key, "model": model.id})
            else:
                say(texts.listening(address, key, model.id, model.title) + ("" if local else f"\n{texts.OPEN_TO_ALL}"))
            sys.stdout.flush()

        queue = AnswerQueue(process)
        try:
            listening.run(ServerApplication(queue, model, key, names_of(options.host)), opened)
        except KeyboardInterrupt:
            return 0
    return 0


def _choice(options: argparse.Namespace) -> ModelChoice:
    if options.model is not None:
        if not options.model:
            raise KnownAppError(texts.NO_MODEL_NAME)
        return folder_choice(named_path(options.model), options.backend)
    if options.backend.partition(":")[0] == "fake":
        return ModelChoice(None, options.backend, "fake")
    remembered = remembered_model(settings_in_use().model_folder).folder
    return folder_choice(remembered, options.backend) if remembered else starter_choice(options.backend)


def _listening(host: str, port: int) -> ListeningServer:
    try:
        return ListeningServer(host, port)
    except (OSError, UnicodeError) as exc:
        raise KnownAppError(texts.no_address(host, port, getattr(exc, "strerror", None) or str(exc))) from exc
