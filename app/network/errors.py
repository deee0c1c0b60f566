"""Why a question to a server got no answer, in one sentence and a hint; the same for every server that is asked."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

LATER_HINT = "Try again in some minutes; what is downloaded already is kept."
UNREACHABLE_HINT = "Check this computer's connection and proxy, and try again; what is downloaded already is kept."
CERTIFICATE_HINT = (
    "Something between this computer and the server opens its connections. Add that certificate to the system's store, "
    "or use another network."
)


class NetworkTrouble(NamedTuple):
    """What is said.

    Attributes:
        text: One sentence that says what happened.
        hint: One sentence that says what to do.
    """

    text: str
    hint: str


def host(address: str) -> str:
    """The host of an address."""
    return urlsplit(address).netloc or address


def trouble(exc: Exception, address: str) -> NetworkTrouble | None:
    """What to say of an error of `httpx2` or of the system; None if it is something else.

    Args:
        exc: What was raised.
        address: Who was asked.
    """
    import httpx2

    who = host(address)
    match exc:
        case httpx2.TimeoutException():
            return NetworkTrouble(f"{who} did not answer in time.", LATER_HINT)
        case httpx2.TooManyRedirects():
            return NetworkTrouble(f"{who} sends every question on to another address, without an end.", LATER_HINT)
        case httpx2.ConnectError() if "certificate" in str(exc).lower():
            text = f"{who} showed a certificate that this computer does not trust, so nothing was sent."
            return NetworkTrouble(text, CERTIFICATE_HINT)
        case httpx2.HTTPError() | httpx2.InvalidURL() | OSError():
            return NetworkTrouble(f"{who} cannot be reached.", UNREACHABLE_HINT)
    return None


def status_trouble(status: int, address: str) -> NetworkTrouble:
    """What to say of a status that says nothing more."""
    return NetworkTrouble(f"{host(address)} answered with an error of its own (status {status}).", LATER_HINT)


def foreign_trouble(address: str) -> NetworkTrouble:
    """Something else answered: a hotel's log-in page, for one."""
    text = f"{host(address)} answered with something else than it should (a log-in page of this network, perhaps)."
    return NetworkTrouble(text, LATER_HINT)
