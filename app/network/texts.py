"""What is said when nobody is asked, or nobody answers."""

from __future__ import annotations

OFFLINE = "Dewpoint is set to stay offline, so it asked nobody."
OFFLINE_HINT = "Switch off \u201cStay offline\u201d in the settings, or open a model that is on this computer."
LATER_HINT = "Try again in some minutes; what is downloaded already is kept."
UNREACHABLE_HINT = "Check this computer's connection and proxy, and try again; what is downloaded already is kept."
ODD_PROXY = "The proxy that this computer's environment names cannot be used, so nobody was asked."
ODD_PROXY_HINT = "Correct or remove the variables HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, then start Dewpoint again."
PAGE_HINT = "Open a page in your browser and log in if it asks you to, then try again."
CERTIFICATE_HINT = (
    "Something between this computer and the server opens its connections. Add that certificate to the system's store, "
    "or use another network."
)


def no_answer(who: str) -> str:
    """It took too long."""
    return f"{who} did not answer in time."


def sent_round(who: str) -> str:
    """One address sends on to the next."""
    return f"{who} sends every question on to another address, without an end."


def certificate(who: str) -> str:
    """The connection would not be safe."""
    return f"{who} showed a certificate that this computer does not trust, so nothing was sent."


def unreachable(who: str) -> str:
    """No connection at all."""
    return f"{who} cannot be reached."


def status(who: str, number: int) -> str:
    """A status that says nothing more."""
    return f"{who} answered with an error of its own (status {number})."


def foreign(who: str) -> str:
    """Something else answered: a hotel's log-in page, for one."""
    return f"{who} answered with something else than it should (a log-in page of this network, perhaps)."


def insecure(who: str) -> str:
    """A redirect from https to http."""
    return f"{who} sends on to an address that is not encrypted, so nothing was asked there."


def too_much(who: str, most: int) -> str:
    """A body without an end, or one that grows when it is unpacked."""
    return f"{who} sent more than {most // 1000:,} kB where little was asked for, so no more of it was read."


def page(who: str) -> str:
    """HTML in place of data."""
    return f"{who} answered with a web page where data was asked for: a log-in page of this network, perhaps."


def empty(who: str) -> str:
    """Nothing at all, as if it were an answer."""
    return f"{who} sent an empty answer."


def cut(who: str) -> str:
    """JSON without its end."""
    return f"The answer of {who} ended in the middle."


def failed(who: str, words: str) -> str:
    """An error of the server's, in its own words, under a status that says that all is well."""
    return f"{who} answered that it failed: \u201c{words}\u201d."
