"""Why a question to a server got no answer, in one sentence and a hint; the same for every server that is asked."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from app.base.errors import KnownAppError
from app.base.graphemes import one_line, shortened
from app.network import texts
from inference.look.questions import NoAnswer

LONGEST_HOST = 100
LONGEST_WORDS = 200  # of a server's own, in a sentence


class AnswerError(KnownAppError):
    """What came is no answer to what was asked: too much, too late, or packed in an odd way."""


class NetworkTrouble(NamedTuple):
    """What is said.

    Attributes:
        text: One sentence that says what happened.
        hint: One sentence that says what to do.
    """

    text: str
    hint: str


def host(address: str) -> str:
    """The host of an address; where it is none, the beginning of whatever it is."""
    try:
        found = urlsplit(address).netloc or address
    except ValueError:
        found = address
    return shortened(one_line(found), LONGEST_HOST)


def trouble(exc: Exception, address: str) -> NetworkTrouble | None:
    """What to say of an error of `httpx2`, of the system, or of the answer; None if it is something else.

    Args:
        exc: What was raised.
        address: Who was asked.
    """
    import httpx2

    who = host(address)
    match exc:
        case AnswerError():
            return NetworkTrouble(exc.user_text, exc.hint)
        case httpx2.TimeoutException():
            return NetworkTrouble(texts.no_answer(who), texts.LATER_HINT)
        case httpx2.TooManyRedirects():
            return NetworkTrouble(texts.sent_round(who), texts.LATER_HINT)
        case httpx2.ConnectError() if "certificate" in str(exc).lower():
            return NetworkTrouble(texts.certificate(who), texts.CERTIFICATE_HINT)
        case httpx2.HTTPError() | httpx2.InvalidURL() | OSError():
            return NetworkTrouble(texts.unreachable(who), texts.UNREACHABLE_HINT)
    return None


def status_trouble(status: int, address: str) -> NetworkTrouble:
    """What to say of a status that says nothing more."""
    return NetworkTrouble(texts.status(host(address), status), texts.LATER_HINT)


def foreign_trouble(address: str) -> NetworkTrouble:
    """Something else answered: a hotel's log-in page, for one."""
    return NetworkTrouble(texts.foreign(host(address)), texts.LATER_HINT)


def answer_trouble(answer: NoAnswer, address: str) -> NetworkTrouble:
    """What to say of a body that is no answer, as the look process found it."""
    who = host(address)
    match answer.kind:
        case "page":
            return NetworkTrouble(texts.page(who), texts.PAGE_HINT)
        case "empty":
            return NetworkTrouble(texts.empty(who), texts.LATER_HINT)
        case "cut":
            return NetworkTrouble(texts.cut(who), texts.LATER_HINT)
        case "failed" if words := shortened(one_line(answer.words), LONGEST_WORDS):
            return NetworkTrouble(texts.failed(who, words), texts.LATER_HINT)
    return foreign_trouble(address)
