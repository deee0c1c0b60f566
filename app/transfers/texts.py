"""What is said of downloads, whoever wants the files."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.base.units import size

_KEPT = "What was fetched is kept."
_ENTER_TOKEN = "Enter an access token of an account that may read it, then try again."
_TRY_LATER = f"Check the connection, then start the download again. {_KEPT}"
_REPORT_FILES = "These files cannot be stored safely; tell whoever published them."

BUSY = "Another program is downloading into this folder at this moment."
BUSY_HINT = "Wait until it is done, or stop it there."
BAD_TOKEN = "The access token contains characters that no access token has."
BAD_TOKEN_HINT = "Copy the token again, without spaces and line breaks."
NETWORK_WAIT = "The network does not answer; the download goes on by itself as soon as it does."
SERVER_WAIT = "The server is busy; the download goes on by itself."
STOPPED = "Stopped. What is fetched is kept; the same command goes on."

# -- what ends it ----------------------------------------------------------------------------------------------------


def _host(url: str) -> str:
    """The machine an address points to: of an address with a signature or a password nothing else may be shown."""
    try:
        return urlsplit(url).hostname or "the server"
    except ValueError:
        return "the server"


def unauthorized(path: str) -> tuple[str, str]:
    """The server wants to know who asks."""
    return f"The server gives {path} only to users who have signed in.", _ENTER_TOKEN


def gated(path: str) -> tuple[str, str]:
    """The conditions were not accepted yet."""
    return (
        f"The owner of {path} asks everybody to accept conditions first.",
        "Open the model's page in a browser, accept them there, then try again.",
    )


def forbidden(path: str) -> tuple[str, str]:
    """The server refuses."""
    return f"The server does not allow {path} to be fetched.", _ENTER_TOKEN


def repository_gone(path: str) -> tuple[str, str]:
    """Deleted, renamed or made private since the download was accepted."""
    return (
        f"The repository that {path} comes from is gone: it was deleted, renamed or made private.",
        f"Look for it under another name; only its owner can bring it back. {_KEPT}",
    )


def revision_gone(path: str) -> tuple[str, str]:
    """The history was rewritten since the download was accepted."""
    return (
        f"The state of the repository that {path} comes from is gone: its owner rewrote it.",
        f"Ask for the model again to take its newest state. {_KEPT}",
    )


def file_too_large(reason: str) -> tuple[str, str]:
    """FAT32 ends at 4 GiB."""
    return (
        f"The drive cannot hold a file of this size ({reason}); FAT32, as on many USB sticks, ends at 4 GB a file.",
        f"Choose a folder on another drive, or format this one as exFAT or NTFS. {_KEPT}",
    )


def missing(path: str) -> tuple[str, str]:
    """There is no such file."""
    return f"The server has no file {path}.", "Look whether there is a newer version."


def changed(path: str) -> tuple[str, str]:
    """The file is another one, again."""
    return f"{path} is being changed on the server while it is downloaded.", f"Try again later. {_KEPT}"


def damaged(path: str) -> tuple[str, str]:
    """Right length, wrong content, twice."""
    return (
        f"{path} was fetched twice and both times its content was not what its publisher states.",
        "Try again later; if it happens again, something between you and the server changes files.",
    )


def disk_too_small(needed: int, free: int, reserve: int) -> tuple[str, str]:
    """Known before anything is fetched."""
    return (
        f"The download needs {size(needed)} more on the disk, and {size(max(0, free - reserve))} can be used.",
        f"Free some room, or choose another disk; {size(reserve)} stay reserved.",
    )


def disk_full(needed: int, free: int) -> str:
    """While it is going on."""
    return (
        f"The disk is full ({size(free)} free, {size(needed)} still to come); free some room and it goes on by itself."
    )


def disk_failed(reason: str) -> tuple[str, str]:
    """The disk refuses, for another reason than being full."""
    return f"The files cannot be written or read: {reason}.", "Check the disk and the folder's permissions. " + _KEPT


def no_connection(url: str, what: str) -> tuple[str, str]:
    """The network failed as often as may be."""
    return f"The connection to {_host(url)} {what}.", _TRY_LATER


def server_failed(url: str, status: int) -> tuple[str, str]:
    """The server failed as often as may be."""
    return f"{_host(url)} answers with error {status} again and again.", f"Try again later. {_KEPT}"


def too_many_requests(url: str) -> tuple[str, str]:
    """The server wants to be left alone."""
    return f"{_host(url)} wants fewer requests from this address.", f"Try again in an hour. {_KEPT}"


def odd_answer(url: str, what: str) -> tuple[str, str]:
    """Something that no server of files says."""
    return f"{_host(url)} answers in a way that cannot be used: {what}.", f"Try again later. {_KEPT}"


def redirect_loop(url: str) -> tuple[str, str]:
    """Round and round."""
    return f"{_host(url)} sends the download round in a circle.", "Try again later."


def too_many_redirects(url: str) -> tuple[str, str]:
    """On and on."""
    return f"{_host(url)} passes the download on too many times.", "Try again later."


def insecure_redirect(url: str) -> tuple[str, str]:
    """From https to http."""
    return (
        f"{_host(url)} passes the download on to an address that is not encrypted; that is refused.",
        "Try again later, or from another network.",
    )


def unsafe_name(path: str) -> tuple[str, str]:
    """A name that would leave the folder."""
    return f"The file name {path[:200]!r} is not allowed: it could write outside the folder.", _REPORT_FILES


def long_name(path: str) -> tuple[str, str]:
    """A name that no drive holds."""
    return f"The file name \u201c{path[:60]}\u2026\u201d is longer than any drive can hold.", _REPORT_FILES


def clashing_names(first: str, second: str) -> tuple[str, str]:
    """Two files, one place."""
    return f"The files {first[:200]!r} and {second[:200]!r} would overwrite each other here.", _REPORT_FILES


def reserved_name(path: str) -> tuple[str, str]:
    """A name that the download itself uses."""
    return f"The file name {path[:200]!r} is one that the download itself needs.", _REPORT_FILES


def in_the_way(path: object) -> tuple[str, str]:
    """A file of the user's has a name that the download needs."""
    text = f"{path} was not written by Dewpoint, or was changed since, so the download does not replace it."
    return text, f"Move it to another place or delete it, then start the download again. {_KEPT}"


# -- what a file on the disk has -------------------------------------------------------------------------------------

FILE_ABSENT = "The file is missing."
FILE_CONTENT = "The file's content is not what it should be."


def file_size(found: int, expected: int) -> str:
    """Why a file is damaged."""
    return f"The file has {found:,} bytes, and it should have {expected:,}."


def file_unreadable(reason: str) -> str:
    """Why a file is damaged."""
    return f"The file cannot be read: {reason}."
