"""A model on a server, in the place of a loaded one: in a process of its own, which opens the connections.

`RemoteOpener` crosses to the process; what it opens answers requests in the way of `inference.session.Session`.
No drafts come from a server, so what is shown goes on by pieces that are final.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.network.client import Network
from app.network.errors import AnswerError, host
from app.network.limits import SERVER_ANSWER, SERVER_MODELS
from app.server.remote import texts
from app.server.remote.answers import AnswerPiece, FailedAnswerError, OddAnswerError, pieces, whole, words_of
from app.server.remote.values import AskedServer
from inference.errors import KnownError
from inference.events import (
    BlockCommitted,
    Event,
    Finished,
    FinishReason,
    ModelReady,
    NothingWritten,
    PromptEncoded,
    PromptMeasured,
)
from inference.params import GenerationRequest
from inference.stats import RunStats, cancelled_before

if TYPE_CHECKING:
    import httpx2

    from inference.backends.base import CancelFlag
    from inference.denoising.controls import Controls

CANVAS, UNKNOWN_CONTEXT = 256, 1_000_000
SILENCE_SECONDS = 300.0  # a long prompt, a block of a large model: a minute and more
COMMIT_SECONDS = 0.4  # pieces that come faster are one
_LOOK_SECONDS = 0.05
_FEWEST_CHARACTERS = 8  # for a token, where only the server can count them
STEERING = "diffusion_seed_canvas"
_TOO_LONG = ("context length", "max_model_len", "context_length")  # how servers say it, vLLM 0.32 in two ways


class RemoteSession:
    """Answers by asking the server.

    Attributes:
        name: What the window calls the model.
        steering: Whether canvases, held places and steps can be given there (vLLM's `vllm_xargs`).
    """

    def __init__(self, opener: AskedServer, network: Network) -> None:
        self._opener, self._network, self._host = opener, network, host(opener.address)
        self.name = texts.name(opener.model, self._host)
        self.steering, self._vllm = False, False
        self._look()

    def ready_event(self, seconds: float) -> ModelReady:
        """That it can be asked."""
        where = texts.device(self._host)
        return ModelReady(self.name, "server", where, CANVAS, self._opener.context or UNKNOWN_CONTEXT, seconds)

    def measure(self, request: GenerationRequest, whole: bool = False) -> PromptMeasured:
        """About how long a message is, so that none is refused that would fit: the server counts.

        Raises:
            KnownError: It is asked whether a form can be kept: none can.
        """
        if request.later_forms:
            raise KnownError(texts.missing(texts.THE_FORM, self._host), texts.FORM_HINT)
        turns = request.turns if whole else request.turns[-1:]
        characters = sum(len(turn.text) for turn in turns)
        most = (self._opener.context or UNKNOWN_CONTEXT) - CANVAS
        return PromptMeasured(characters // _FEWEST_CHARACTERS, max(0, most))

    def measure_chat(self, request: GenerationRequest) -> PromptMeasured:
        """What of a chat would be read: the server alone knows.

        Raises:
            KnownError: Always.
        """
        raise KnownError(texts.NOT_COUNTED, texts.NOT_COUNTED_HINT)

    def rest(self) -> None:
        """There is nothing to be done meanwhile."""

    def close(self) -> None:
        """No connection is kept."""

    def generate(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, controls: Controls | None = None
    ) -> Iterator[Event]:
        """Answer a request.

        Yields:
            BlockCommitted for what has come, about twice a second; at last Finished.

        Raises:
            KnownError: The server does not do what is asked, or there was trouble; what came before counts.
        """
        if cancel is not None and cancel.is_set():
            yield cancelled_before()
            return
        answer = _Answer(request)
        arrived: queue.SimpleQueue[AnswerPiece | Exception | None] = queue.SimpleQueue()
        stop = threading.Event()
        body = self._body(request)
        threading.Thread(target=self._asked, args=(body, arrived, stop), name="server-answer", daemon=True).start()
        try:
            while True:
                if cancel is not None and cancel.is_set():
                    yield from answer.commit()
                    yield answer.finished("cancelled")
                    return
                try:
                    piece = arrived.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    if answer.due():
                        yield from answer.commit()
                    continue
                if isinstance(piece, Exception):
                    yield from answer.commit()
                    raise piece
                if piece is None:
                    break
                answer.add(piece)
                if answer.due():
                    yield from answer.commit()
        finally:
            stop.set()
        yield from answer.ended(self._host)

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        messages = [{"role": turn.role, "content": turn.text} for turn in request.turns]
        body: dict[str, Any] = {
            "model": self._opener.model, "messages": messages,
            "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
        steered = self._steered(request)  # a form is refused as one, also where it comes with a start
        if request.answer_start:
            if not self._vllm:
                raise KnownError(texts.missing(texts.CONTINUED, self._host), texts.FORM_HINT)
            messages.append({"role": "assistant", "content": request.answer_start})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        if request.max_new_tokens is not None:
            body["max_tokens"] = request.max_new_tokens
        if request.sampler.temperature is not None:
            body["temperature"] = request.sampler.temperature
        if request.thinking and self._vllm:
            body["chat_template_kwargs"] = {"enable_thinking": True}
        if steered:
            body["vllm_xargs"] = steered
        return body

    def _steered(self, request: GenerationRequest) -> dict[str, Any]:
        """The fields by which vLLM's diffusion is steered.

        Raises:
            KnownError: Something is asked that this server cannot do.
        """
        start, steps = request.start, request.sampler.max_denoising_steps
        for asked, what in (
            (request.form is not None or bool(request.later_forms), texts.THE_FORM),
            (bool(request.tools), texts.TOOLS),
            (request.thinking and not self._vllm, texts.THINKING),
            (request.logprobs is not None, texts.LIKELIHOODS),
            (bool(request.held), texts.HELD_PLACES),
            (start is not None and not self.steering, texts.START_CANVAS),
            (request.canvas_length is not None and not self.steering, texts.SHORT_CANVAS),
        ):
            if asked:
                raise KnownError(texts.missing(what, self._host), texts.FORM_HINT)
        if not self.steering:
            return {}
        found: dict[str, Any] = {} if steps is None else {"diffusion_max_steps": steps}
        if request.canvas_length is not None:
            found["diffusion_canvas_length"] = request.canvas_length
        if start is not None:
            found[STEERING] = list(start.token_ids)
            found["diffusion_pinned"] = [place for place, kept in enumerate(start.kept) if kept]
        return found

    def _asked(
        self, body: dict[str, Any], arrived: queue.SimpleQueue[AnswerPiece | Exception | None], stop: threading.Event
    ) -> None:
        """A thread: ask, and put in what comes; at last None, or what went wrong."""
        address = f"{self._opener.address}/chat/completions"

        def ask(client: httpx2.Client) -> None:
            import httpx2

            limit = httpx2.Timeout(20.0, read=SILENCE_SECONDS)
            with client.stream("POST", address, json=body, headers=self._headers(), timeout=limit) as response:
                self._check(response)
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind == "text/html":
                    raise KnownError(texts.page(self._host), texts.ADDRESS_HINT)
                found = [whole(response.read())] if kind == "application/json" else pieces(response.iter_bytes())
                ended = False
                for piece in found:
                    ended = ended or bool(piece.ended)
                    arrived.put(piece)
                if not ended:
                    raise KnownError(texts.cut(self._host), texts.CUT_HINT)

        try:
            with self._translated():
                self._network.ask(self._opener.address, SERVER_ANSWER, ask, stop, redirects=False)
            arrived.put(None)
        except Exception as exc:  # thread boundary: who reads raises it
            arrived.put(exc)

    def _look(self) -> None:
        """What the server is: vLLM says its version, and one that can be steered refuses a canvas of no places."""
        root = self._opener.address.removesuffix("/v1")

        def ask(client: httpx2.Client) -> tuple[bool, bool]:
            told = client.get(f"{self._opener.address}/models", headers=self._headers())
            self._check(told)
            version = client.get(f"{root}/version", headers=self._headers())
            if version.status_code != 200 or not words_in(version.content, "version"):
                return False, False
            body = {
                "model": self._opener.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1,
                "vllm_xargs": {STEERING: []},
            }  # fmt: skip
            tried = client.post(f"{self._opener.address}/chat/completions", json=body, headers=self._headers())
            return True, tried.status_code == 400 and STEERING in words_of(tried.content)

        with self._translated():
            self._vllm, self.steering = self._network.ask(self._opener.address, SERVER_MODELS, ask, redirects=False)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._opener.key}"} if self._opener.key else {}

    def _check(self, response: httpx2.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        check_status(status, response.read(), self._host)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Trouble of the connection, in our words."""
        import httpx2

        try:
            yield
        except AnswerError as exc:
            raise KnownError(exc.user_text, texts.LATER_HINT) from exc
        except FailedAnswerError as exc:
            raise KnownError(texts.failed(self._host, str(exc.args[0])), texts.SERVER_HINT) from exc
        except OddAnswerError as exc:
            raise KnownError(texts.nonsense(self._host), texts.ADDRESS_HINT) from exc
        except httpx2.ConnectTimeout as exc:
            raise KnownError(texts.unreachable(self._host), texts.REACH_HINT) from exc
        except httpx2.TimeoutException as exc:
            raise KnownError(texts.slow(self._host), texts.LATER_HINT) from exc
        except httpx2.ConnectError as exc:
            raise KnownError(texts.unreachable(self._host), texts.REACH_HINT) from exc
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as exc:
            raise KnownError(texts.cut(self._host), texts.CUT_HINT) from exc


def words_in(data: bytes, name: str) -> bool:
    """Whether a small object has a text of this name."""
    from trt_engines.files import parse_json

    try:
        found = parse_json(data)
    except (ValueError, UnicodeDecodeError):
        return False
    return isinstance(found, dict) and isinstance(found.get(name), str)


def check_status(status: int, data: bytes, who: str) -> None:
    """What a status other than 200 says.

    Raises:
        KnownError: It does.
    """
    words = words_of(data)
    if 300 <= status < 400:
        raise KnownError(texts.sent_on(who), texts.ADDRESS_HINT)
    match status:
        case 401 | 403:
            raise KnownError(texts.refused_key(who), texts.KEY_HINT)
        case 404:
            raise KnownError(texts.not_there(who, words), texts.MODEL_HINT)
        case 429 | 503:
            raise KnownError(texts.too_busy(who), texts.LATER_HINT)
    if status >= 500:
        raise KnownError(texts.own_trouble(who, status, words), texts.SERVER_HINT)
    too_long = any(part in words.lower() for part in _TOO_LONG)
    raise KnownError(texts.refused(who, status, words), texts.LENGTH_HINT if too_long else texts.SERVER_HINT)


class _Answer:
    """One answer, as it comes."""

    def __init__(self, request: GenerationRequest) -> None:
        self._stats, self._seed = RunStats(), request.seed or 0
        self._new = AnswerPiece()
        self._text = self._thinking = ""
        self._tokens = self._blocks = 0
        self._reason: FinishReason = "end_of_text"
        self._committed = self._began = time.monotonic()
        self._prompt = 0

    def add(self, piece: AnswerPiece) -> None:
        """A piece has come."""
        self._new = AnswerPiece(self._new.text + piece.text, self._new.thinking + piece.thinking)
        self._tokens = max(self._tokens, piece.tokens)
        self._prompt = max(self._prompt, piece.prompt_tokens)
        if piece.ended == "max_new_tokens":
            self._reason = "max_new_tokens"

    def due(self) -> bool:
        """Whether what has come shall be shown."""
        return bool(self._new.text or self._new.thinking) and time.monotonic() - self._committed > COMMIT_SECONDS

    def commit(self) -> Iterator[Event]:
        """What has come is final."""
        new, self._new = self._new, AnswerPiece()
        if not (new.text or new.thinking):
            return
        now = time.monotonic()
        if not self._blocks:
            yield PromptEncoded(0, 0, 0, 0, now - self._began)
        seconds, self._committed = now - self._committed, now
        self._text += new.text
        self._thinking += new.thinking
        self._stats.note_block(0)
        yield BlockCommitted(self._blocks, (), new.text, new.thinking, 0, 0, True, (), (), seconds)
        self._blocks += 1

    def finished(self, reason: FinishReason) -> Finished:
        """The closing event."""
        return self._stats.finished(reason, self._text, self._thinking, self._seed, 0, self._tokens)

    def ended(self, who: str) -> Iterator[Event]:
        """The server said that this is all."""
        yield from self.commit()
        if not self._text.strip():
            yield NothingWritten(texts.nothing_written(who), texts.LATER_HINT)
        yield self.finished(self._reason)
