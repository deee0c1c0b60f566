"""A response that is made while its client is watched: one that goes away ends the work for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from app.base.log import get_logger
from app.server import texts
from app.server.errors import ApiError
from app.server.interfaces import AnswerStream, Interface, joined
from app.server.openai_chat import usage_of
from app.server.queue import AnswerQueue, QueuedAnswer
from app.server.wire import Part, ServedModel, StillWaiting, WholeAnswer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")
_log = get_logger("server")


async def send_json(
    send: Send, status: int, value: Any, headers: dict[str, str] | None = None, media_type: str = "application/json"
) -> None:
    """A whole response."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    await _start(send, status, media_type, headers)
    await send({"type": "http.response.body", "body": text.encode("utf-8", "replace")})


class AnswerResponse:
    """The response to one request for an answer."""

    def __init__(
        self, interface: Interface, queue: AnswerQueue, model: ServedModel, asked: Sequence[QueuedAnswer]
    ) -> None:
        """`asked` are the choices, one or several, all of them in the queue."""
        self._interface, self._queue, self._model, self._asked = interface, queue, model, asked
        self._begun: AnswerStream | None = None  # what was begun to be sent

    async def run(self, receive: Receive, send: Send) -> None:
        """Send it, or give up as soon as the client is gone."""
        await whoever_waits(self._reported(send), receive)

    async def _reported(self, send: Send) -> None:
        try:
            await (self._stream(send) if self._asked[0].wanted.stream else self._whole(send))
        except ApiError as error:
            await self._fail(send, error)
        except OSError:
            raise
        except Exception:
            _log.exception("request %d", self._asked[0].number)
            await self._fail(send, ApiError(500, texts.BUG, code="internal_error"))
        finally:
            for each in self._asked:
                self._queue.give_up(each)

    async def _whole(self, send: Send) -> None:
        values, usage = [], None
        for asked in self._asked:
            async with aclosing(self._queue.parts(asked)) as parts:
                answer = [part async for part in parts if isinstance(part, WholeAnswer)][-1]
            values.append(self._interface.whole(asked.wanted, self._model, answer))
            usage = answer.usage if usage is None else usage.with_other(answer.usage)
        assert usage is not None
        await send_json(send, 200, values[0] if len(values) == 1 else joined(values, usage_of(usage)))

    async def _stream(self, send: Send) -> None:
        """One choice after the other: they are written at the same time, and wait until those before are sent."""
        usage = None
        for asked in self._asked:
            stream = self._interface.stream(asked.wanted, self._model)
            async with aclosing(self._queue.parts(asked)) as parts:
                async for part in parts:
                    await self._send_part(send, stream, part)
                    if isinstance(part, WholeAnswer):
                        usage = part.usage if usage is None else usage.with_other(part.usage)
        assert self._begun is not None
        assert usage is not None
        await send({"type": "http.response.body", "body": self._begun.end(usage).encode()})

    async def _send_part(self, send: Send, stream: AnswerStream, part: Part) -> None:
        if self._begun is None:
            place = part.place if isinstance(part, StillWaiting) else 0
            await _start(send, 200, stream.media_type, {"Cache-Control": "no-cache", "X-Queue": str(place)})
        self._begun = stream
        text = stream.part(part)
        if text:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def _fail(self, send: Send, error: ApiError) -> None:
        said = self._interface.refusal(error)
        if self._begun is not None:
            await send({"type": "http.response.body", "body": self._begun.failed(said).encode()})
        else:
            await send_json(send, error.status, said, error.headers)


async def whoever_waits(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Do some work, or give it up as soon as the client is gone.

    Raises:
        ConnectionError: It is.
    """
    done = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((done, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (done, gone):
            task.cancel()
        await asyncio.gather(done, gone, return_exceptions=True)
    if done.cancelled():
        raise ConnectionError
    return done.result()


async def _start(send: Send, status: int, media_type: str, headers: dict[str, str] | None) -> None:
    named = {"Content-Type": f"{media_type}; charset=utf-8", **(headers or {})}
    listed = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
