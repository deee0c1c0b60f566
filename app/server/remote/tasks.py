"""What is asked of a server before one of its models answers: which models it has."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

from app.base.errors import KnownAppError, StoppedError
from app.library.services import LibraryServices
from app.network.errors import AnswerError, answer_trouble, host
from app.network.limits import SERVER_MODELS
from app.server.remote import texts
from app.server.remote.values import ServerFound
from inference.errors import InferenceError, LookStoppedError
from inference.look.questions import NoAnswer, ReadServerModels

if TYPE_CHECKING:
    import httpx2


class RemoteError(KnownAppError):
    """A server does not tell its models."""


def find_models(
    services: LibraryServices, address: str, key: str, cancel: threading.Event
) -> Generator[ServerFound, None, None]:
    """Ask a server which models it has; its answer is read in the look process.

    Raises:
        RemoteError, OfflineError, StoppedError: There is no answer.
    """
    who = host(address)
    asked = f"{address}/models"

    def ask(client: httpx2.Client) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = client.get(asked, headers=headers)
        return answer.status_code, answer.read()

    import httpx2

    try:
        status, data = services.network.ask(address, SERVER_MODELS, ask, cancel, redirects=False)
    except AnswerError as exc:
        raise RemoteError(exc.user_text, texts.LATER_HINT) from exc
    except httpx2.ConnectTimeout as exc:
        raise RemoteError(texts.unreachable(who), texts.REACH_HINT) from exc
    except httpx2.TimeoutException as exc:
        raise RemoteError(texts.slow(who), texts.LATER_HINT) from exc
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as exc:
        raise RemoteError(texts.unreachable(who), texts.REACH_HINT) from exc
    if status != 200:
        _refused(status, who)
    try:
        found = services.looks.ask(ReadServerModels(who, data), cancel)
    except LookStoppedError as exc:
        raise StoppedError from exc
    except InferenceError as exc:
        raise RemoteError(exc.user_text, exc.hint) from exc
    if isinstance(found, NoAnswer):
        raise RemoteError(answer_trouble(found, address).text, texts.ADDRESS_HINT)
    if not found.named:
        raise RemoteError(texts.NO_MODELS, texts.ADDRESS_HINT)
    yield ServerFound(address, found.named, found.left_out)


def _refused(status: int, who: str) -> None:
    if 300 <= status < 400:
        raise RemoteError(texts.sent_on(who), texts.ADDRESS_HINT)
    match status:
        case 401 | 403:
            raise RemoteError(texts.refused_key(who), texts.KEY_HINT)
        case 404:
            raise RemoteError(texts.not_there(who, ""), texts.ADDRESS_HINT)
        case 429 | 503:
            raise RemoteError(texts.too_busy(who), texts.LATER_HINT)
    raise RemoteError(texts.own_trouble(who, status, ""), texts.LATER_HINT)
