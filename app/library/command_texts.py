"""What only the `models` commands say."""

from __future__ import annotations

from app.engines.texts import duration, size
from app.library.texts import amount

NO_SUCH_MODEL_HINT = "`models list` shows all names; a model of the Hub is named owner/name."
NOT_HERE_HINT = "Download or import it first."
STARTER_IS_HERE = "The starter model comes with the program; there is nothing to download."
DOWNLOADED_ELSEWHERE = "Another Dewpoint is downloading this model at this moment."
DOWNLOADED_ELSEWHERE_HINT = "Wait for it, or pause it there."
STOPPED_DOWNLOAD = "TransferStopped. What is fetched is kept; the same command goes on."
NOT_ACCEPTED = (
    "Nothing was downloaded, because the licence was not accepted (--accept-licence says that you have read it)."
)
ACCEPT_QUESTION = "Accept the licence and download? [y/N, r to read it] "
ALL_RIGHT = "Every file is there and right."
REMOVE_QUESTION = "Remove it? [y/N] "
NOT_REMOVED = "Nothing was removed; add --yes to remove it."
TOKEN_QUESTION = "Access token (it is not shown): "
TOKEN_KEPT = "The token is in the system's keyring."
TOKEN_REMOVED = "The token is forgotten."
NO_TOKEN = "There was no token to keep."
NO_KEYRING_HINT = "Start a keyring service (GNOME Keyring, KWallet), or enter the token in the window for one session."


def no_such_model(name: str) -> str:
    """Nothing of that name."""
    return f"There is no model {name!r}."


def not_here(title: str) -> str:
    """A model of the list that was never downloaded."""
    return f"{title} is not on this computer."


def wrong_limit(limit: float) -> str:
    """A limit that is none."""
    return f"The limit must be within 0 (none) and 10000 MB/s, not {limit:g}."


def machine_line(card: str, ram: float, free: float, folder: object) -> str:
    """What the verdicts are about."""
    return f"{card}\n{ram / 2**30:.0f} GiB of memory; {size(free)} free in {folder}"


def checking(path: str) -> str:
    """A file is hashed."""
    return f"checking {path}"


def state_line(state: str, done: float, total: float) -> str:
    """ "paused, 3.1 of 18.9 GB"."""
    if state in ("queued", "paused", "elsewhere"):
        return f"{state}, {amount(done, total)}"
    return f"{state}, {size(total)}"


def leftover_line(text: str, count: float, path: object) -> str:
    """Something that lies about."""
    return f"Left over: {text} {size(count)} in {path}"


def engines_line(there: float, planned: float, seconds: float) -> str:
    """What engines take on the disk."""
    if there:
        return f"{size(there)} on the disk"
    return f"{size(planned)} after a build of about {duration(seconds)}" if planned else ""


def download_line(repo: str, revision: str, files: int, missing: float, free: float) -> str:
    """What a download is."""
    return f"{repo} at {revision[:12]}: {files} files, {size(missing)} to fetch; {size(free)} free"
