"""Labels and sentences of the dialogs around the models window."""

from __future__ import annotations

from pathlib import Path

from app.engines.texts import size

CANCEL = "Cancel"
CLOSE = "Close"

# -- adding ----------------------------------------------------------------------------------------------------------

NAME_TITLE = "Add a model by its name"
NAME_TEXT = "Name of a DiffusionGemma model on huggingface.co, or the address of its page."
NAME_LABEL = "Repository"
NAME_EXAMPLE = "owner/name"
NAME_NOTE = "Next you see its licence, its size and whether it runs here. Nothing is downloaded before you accept."
ASK = "Look it up"
ADAPTER_TITLE = "Merge an adapter"
ADAPTER_TEXT = (
    "This folder holds an adapter (LoRA), which changes a model and is none itself. Dewpoint merges both into a new "
    "model; neither of them is changed."
)
ADAPTER_BASE = "Base model"
ADAPTER_NAME = "Name of the new model"
ADAPTER_NO_BASE = "No model that it could be merged into is on this computer."
MERGE = "Merge"
CHOOSE_BASE = "Choose a model"
GET_BASE = "Download its base \u2026"


def adapter_names(base: str) -> str:
    """What the adapter says itself."""
    return f"It was made for {base}." if base else "It does not say which model it was made for."


def base_missing(base: str) -> str:
    """The model that it names is not there."""
    return f"{base} is not on this computer."


def base_is(base: str) -> str:
    """The chosen model is another one."""
    return f"It names {base}. Another base fits only if it has the same layers."


# -- the licence -----------------------------------------------------------------------------------------------------

LICENCE = "Licence"
ACCEPT = "I accept the licence"
DOWNLOAD = "Download"


def licence_head(repo: str, licence: str) -> str:
    """Which one, of what."""
    return f"{repo} \u00b7 licence: {licence}" if licence else repo


def download_line(missing: int, free: int, time: str) -> str:
    """What the download takes."""
    head = f"{size(missing)} to download" if missing else "Everything is there already; it is only checked"
    return ", ".join(part for part in (head, time) if part) + f". {size(free)} free on the drive."


def goes_to(folder: Path) -> str:
    """Where it will lie."""
    return f"It goes to {folder}"


# -- removal ---------------------------------------------------------------------------------------------------------

REMOVE = "Remove"
REMOVE_FROM_LIST = "Remove from list"
OWN_FOLDER = "It is your own folder: no file of yours in it is deleted. The model only leaves the list."
GONE_FOLDER = "Its folder is not there, so nothing is deleted. The model leaves the list."
SHOWN_FILES = 4


def remove_title(title: str) -> str:
    """The question."""
    return f"Remove {title}?"


def own_files(count: int, bytes_: int, folder: object) -> str:
    """What goes."""
    return (
        f"{_files(count)} that Dewpoint wrote, {size(bytes_)}, {'is' if count == 1 else 'are'} deleted from {folder}."
    )


def graphs_go(count: int, bytes_: int) -> str:
    """In the user's own folder: what we put there."""
    return f"{_files(count)} that Dewpoint made beside the weights ({size(bytes_)}) {'goes' if count == 1 else 'go'}."


def kept_files(kept: tuple[Path, ...]) -> str:
    """What stays."""
    names = ", ".join(file.name for file in kept[:SHOWN_FILES])
    more = f" and {len(kept) - SHOWN_FILES} more" if len(kept) > SHOWN_FILES else ""
    verb = "stays, because Dewpoint did not write it" if len(kept) == 1 else "stay, because Dewpoint did not write them"
    return f"{_files(len(kept))} {verb}: {names}{more}."


def with_engines(count: int, bytes_: int) -> str:
    """The check box."""
    return f"Its engines, too ({'1 set' if count == 1 else f'{count} sets'}, {size(bytes_)})"


def comes_free(bytes_: int) -> str:
    """The sum."""
    return f"{size(bytes_)} come free."


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


# -- leftovers -------------------------------------------------------------------------------------------------------

LEFTOVERS_TEXT = "These folders lie in the models folder and belong to no model of the list."
NO_LEFTOVERS = "Nothing lies about any more."


def leftover_detail(path: Path, bytes_: int) -> str:
    """One of them."""
    return f"{size(bytes_)} \u00b7 {path}"


def delete_leftover(name: str) -> str:
    """Before it goes."""
    return f"Delete {name}?"


def delete_detail(text: str, bytes_: int) -> str:
    """What that means."""
    return f"{text} {size(bytes_)} come free. Files that Dewpoint did not write stay."


# -- access token ----------------------------------------------------------------------------------------------------

TOKEN_TITLE = "Access token"
TOKEN_TEXT = (
    "Some models are given only to accounts that accepted their terms. A token for reading, made on the Hub's page, "
    "says whose account it is. It is kept in this system's keyring, goes to the Hub alone and never into a file or log."
)
TOKEN_LABEL = "Token"
TOKEN_STORED = "A token is stored."
TOKEN_NONE = "No token is stored; public models need none."
TOKEN_SAVE = "Save"
TOKEN_FORGET = "Forget"
TOKEN_SAVED = "Saved in this system's keyring."
TOKEN_SESSION = "This system has no keyring, so the token holds until Dewpoint ends."
TOKEN_FORGOTTEN = "Forgotten."

# -- network ---------------------------------------------------------------------------------------------------------

NETWORK_TEXT = (
    "Dewpoint opens a connection for these reasons only, each after a click of yours. Nothing else is ever asked: no "
    "telemetry, no account, and no update check that you have not switched on. A test of the program holds this list."
)
NETWORK_CHATS = "Your chats, your files and your engines never leave this computer."
WHEN, WHO, SENT = "When", "Who is asked", "What is sent"
STAY_OFFLINE = "Stay offline"
STAY_OFFLINE_TEXT = "Dewpoint opens no connection at all, whatever you click; a download that runs is paused."

# -- first run -------------------------------------------------------------------------------------------------------

SHOW_MODELS = "Show models"
NOT_NOW = "Not now"
HIDE = "Hide"


def found(card: str) -> str:
    """What this computer has."""
    return f"Found: {card}"
