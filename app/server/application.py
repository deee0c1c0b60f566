"""The server as one ASGI application: guards, bodies, and which address means what."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import ClientDisconnect, Request

from app import __version__
from app.base.log import get_logger
from app.server import texts
from app.server.anthropic_messages import read_count
from app.server.asking import check_model, check_name
from app.server.errors import ApiError, bad
from app.server.fields import BodyFields, parsed
from app.server.guards import OWN_NAMES, check_asker
from app.server.interfaces import INTERFACES, Interface, refusal_at
from app.server.ollama import ollama_model, running_model, shown_model, version
from app.server.queue import AnswerQueue
from app.server.responses import AnswerResponse, Receive, Send, send_json, whoever_waits
from app.server.systemone import read_questions
from app.server.wire import ServedModel, WantedAnswer

LARGEST_BODY = 16_000_000  # bytes
BODY_SECONDS = 60.0
_QUESTIONS = ("/api/show", "/v1/systemone", "/v1/messages/count_tokens")
_MODELS = "/v1/models"
_log = get_logger("server")

Scope = MutableMapping[str, Any]
Answer = Callable[[], Awaitable[tuple[int, Any, str]]]


class ServerApplication:
    """Answers requests from one queue.

    Attributes:
        model: The model that answers; it may be replaced at any time.
    """

    def __init__(self, queue: AnswerQueue, model: ServedModel, key: str, names: frozenset[str] = OWN_NAMES) -> None:
        """Answer from a queue.

        Args:
            queue: All requests go there.
            model: See above.
            key: What every client must send; "" lets everybody ask.
            names: What the server may be asked by, beside addresses.
        """
        self.model = model
        self._queue, self._key, self._names = queue, key, names
        self._began = time.monotonic()
        self._answers = {each.path: each for each in INTERFACES}
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request; what is no request over HTTP is refused by the caller."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def end_all(self) -> None:
        """The server ends: each client that waits is told; in the event loop."""
        self._queue.end_all()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._queue.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.get_running_loop().run_in_executor(None, self._queue.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["path"].rstrip("/") or "/"
        self._requests += 1
        try:
            check_asker(dict(request.headers.items()), path, self._key, self._names)
            interface = self._answers.get(path)
            if path in _QUESTIONS:
                await self._question(path, request, receive, send)
            elif interface is not None:
                await self._answer(interface, request, receive, send)
            else:
                await self._tell(path, request, send)
        except ApiError as error:
            await send_json(send, error.status, refusal_at(path, error), error.headers)
        except (OSError, ClientDisconnect):  # the client went away
            pass
        except Exception:
            _log.exception("%s", path)
            await send_json(send, 500, refusal_at(path, ApiError(500, texts.BUG, code="internal_error")))

    async def _answer(self, interface: Interface, request: Request, receive: Receive, send: Send) -> None:
        _check_method(request, "POST")
        fields = await _body(request)
        model = self.model
        wanted = interface.read(fields, model)
        if wanted.told is not None:
            await send_json(send, 200, wanted.told)
            return
        asked = self._queue.ask_all(_labelled(wanted, request))
        await AnswerResponse(interface, self._queue, model, asked).run(receive, send)

    async def _tell(self, path: str, request: Request, send: Send) -> None:
        model = self.model
        match path:
            case "/health":
                value: Any = {"status": "ok", "version": __version__, "model": model.id}
            case "/":
                value = texts.RUNNING
            case "/metrics":
                value = self._metrics()
            case _ if path == _MODELS:
                more = {"has_more": False, "first_id": model.id, "last_id": model.id}
                value = {"object": "list", "data": [_listed(model)], **more}
            case "/api/version":
                value = version()
            case "/api/tags":
                value = {"models": [ollama_model(model)]}
            case "/api/ps":
                value = {"models": [running_model(model)]}
            case _ if path.startswith(f"{_MODELS}/"):
                value = _named(path.removeprefix(f"{_MODELS}/"), model)
            case _:
                raise ApiError(404, texts.no_path(path), code="not_found")
        if request.method not in ("GET", "HEAD"):
            _check_method(request, "GET")
        plain = isinstance(value, str)
        await send_json(send, 200, value, media_type="text/plain" if plain else "application/json")

    async def _question(self, path: str, request: Request, receive: Receive, send: Send) -> None:
        """What is asked of the model and is no answer."""
        _check_method(request, "POST")
        fields, model = await _body(request), self.model
        if path == "/api/show":
            check_model(BodyFields({"model": fields.any("model") or fields.any("name")}), model, required=True)
            fields.note("verbose")
            fields.finish()
            value = shown_model(model)
        elif path == "/v1/systemone":
            value = await whoever_waits(self._queue.decide(*read_questions(fields, model)), receive)
        else:
            counted = self._queue.count(read_count(fields, model).request)
            value = {"input_tokens": await whoever_waits(counted, receive)}
        await send_json(send, 200, value)

    def _metrics(self) -> str:
        queue, listed = self._queue, self._queue.running()
        waiting = sum(each.place > 0 for each in listed)
        values = {
            "dewpoint_requests_total": self._requests,
            "dewpoint_answers_total": queue.served,
            "dewpoint_refused_total": queue.refused,
            "dewpoint_answer_tokens_total": queue.tokens,
            "dewpoint_answers_running": len(listed) - waiting,
            "dewpoint_answers_waiting": waiting,
            "dewpoint_uptime_seconds": round(time.monotonic() - self._began, 1),
        }
        kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in values}
        return "".join(f"# TYPE {name} {kinds[name]}\n{name} {value}\n" for name, value in values.items())


def _listed(model: ServedModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": model.loaded_at,
        "owned_by": "dewpoint",
        "type": "model",  # this and the next two as Anthropic's clients read it
        "display_name": model.title,
        "created_at": datetime.fromtimestamp(model.loaded_at, UTC).isoformat().replace("+00:00", "Z"),
        "name": model.title,
        "max_model_len": model.max_context,
        "context_length": model.max_context,
    }


def _named(name: str, model: ServedModel) -> dict[str, Any]:
    """The model, by any name that a request may ask for it, as it was asked.

    Raises:
        ApiError: It is another one's.
    """
    check_name(name, model)
    return {**_listed(model), "id": name}


def _labelled(wanted: WantedAnswer, request: Request) -> WantedAnswer:
    client = request.headers.get("user-agent", "").split(" ")[0][:60]
    return dataclasses.replace(wanted, label=f"{request.url.path} {client}".strip())


def _check_method(request: Request, wanted: str) -> None:
    if request.method != wanted:
        raise ApiError(405, texts.no_method(request.method, request.url.path), code="method", headers={"Allow": wanted})


async def _body(request: Request) -> BodyFields:
    """The fields of the body.

    Raises:
        ApiError: It is too large, too slow, or no JSON.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in ("application/json", "") and not kind.endswith("+json"):
        raise ApiError(415, texts.NO_JSON_BODY, code="content_type")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise ApiError(415, texts.NO_ENCODING, code="content_encoding")
    too_large = ApiError(413, texts.too_large(LARGEST_BODY), code="too_large")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > LARGEST_BODY:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > LARGEST_BODY:
                    raise too_large
    except TimeoutError:
        raise ApiError(408, texts.BODY_TOO_SLOW, code="timeout") from None
    if not data:
        raise bad(texts.no_json(""), code="invalid_json")
    return await asyncio.get_running_loop().run_in_executor(None, parsed, bytes(data))
