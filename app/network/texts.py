"""What is said when nobody is asked, or nobody answers."""

from __future__ import annotations

OFFLINE = "Dewpoint is set to stay offline, so it asked nobody."
OFFLINE_HINT = "Switch off \u201cStay offline\u201d in the settings, or open a model that is on this computer."
LATER_HINT = "Try again in some minutes; what is downloaded already is kept."
UNREACHABLE_HINT = "Check this computer's connection and proxy, and try again; what is downloaded already is kept."
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


def too_many(who: str, most: int) -> str:
    """A million names of files, or of anything else."""
    return f"{who} sent more than {most:,} values where far fewer were asked for, so no more of it was read."
