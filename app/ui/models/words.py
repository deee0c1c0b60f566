"""Labels and sentences of the models window (those that the command line says, too, are in `app.library.texts`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.base.texts import name_of
from app.base.units import duration, memory, percent, size
from app.library.values import Computer, Fit, ModelState

TITLE = "Models"
LOOKING = "Looking at this computer and its models \u2026"
HERE = "On this computer"
TO_DOWNLOAD = "To download"
BUTTONS = {
    "download": "Download \u2026",
    "again": "Download again \u2026",
    "pause": "Pause",
    "resume": "Resume",
    "repair": "Repair",
    "verify": "Verify",
    "use": "Use",
    "build": "Build engines \u2026",
    "engines": "Engines \u2026",
    "stop": "Stop",
    "remove": "Remove \u2026",
    "forget": "Remove from list \u2026",
    "details": "Details",
    "verify_again": "Verify again",
    "move": "Move to another drive \u2026",
    "folder": "Show folder",
    "page": "Open its page in the browser",
}
HIDE_DETAILS = "Hide details"
MORE = "More"
PAUSING = "Pausing \u2026"
STOPPING = "Stopping \u2026"
_STATES = {
    ModelState.AVAILABLE: "Not downloaded",
    ModelState.QUEUED: "Waits for another download",
    ModelState.DOWNLOADING: "Downloading",
    ModelState.PAUSED: "Paused",
    ModelState.VERIFYING: "Verifying",
    ModelState.BUILDING: "Building engines",
    ModelState.ELSEWHERE: "Another Dewpoint downloads it",
    ModelState.INSTALLED: "Installed",
    ModelState.READY: "Ready",
    ModelState.DAMAGED: "Damaged",
    ModelState.MISSING: "Not there",
}
_NO_ENGINES_YET = "Installed, no engines yet"
MOVING = "Moving"
MERGING = "Merging an adapter"
THE_MODEL = "The model"
IN_USE = "In use"
SUITS = "Suits this computer"
FITS = {
    "resident": "fits",
    "streamed": "runs, streamed",
    "processor": "runs on the processor",
    "no": "does not run here",
    "unknown": "not known yet",
}

# -- why a button is grey --------------------------------------------------------------------------------------------

OFFLINE_WHY = "Dewpoint stays offline. Switch that off in the settings to ask the Hub."
ASKING_WHY = "A question is being answered; wait for the answer, or cancel it."
STOP_ASKING = "Cancel what is being asked"
ONE_AT_A_TIME = "Another model is being verified, moved or merged. One at a time."
IN_USE_WHY = "This model is in use. Use another one first."
BUILDING_WHY = "Engines are being built from this model. Stop the build first."
DOWNLOADING_WHY = "It is being downloaded. Pause that first."
WORKING_WHY = "Stop what is being done with this model first."
LOADING_WHY = "A model is being loaded. Wait until it is ready."

# -- window ----------------------------------------------------------------------------------------------------------

ADD = "Add"
ADD_NAME = "By repository name \u2026"
ADD_FOLDER = "A folder on this computer \u2026"
OPEN_FOLDER = "Open model folder"
CHOOSE_FOLDER = "Choose a model folder, or an adapter folder"
CHOOSE_TARGET = "Choose the folder into which the model goes"
REFRESH = "Refresh list"
REFRESHED = "The list has the newest sizes."
TOKEN = "Access token \u2026"
NETWORK = "Network use \u2026"
OFFLINE_LINE = "Dewpoint stays offline: nothing is downloaded or asked. Models of this computer work as ever."
LEFTOVERS = "Leftovers"
TAKE_BACK = "Take back"
DELETE = "Delete"
SHOW = "Show \u2026"


def state_words(state: ModelState, fit: Fit) -> str:
    """The state of a model, for a glance."""
    if state == ModelState.INSTALLED and needs_engines(fit):
        return _NO_ENGINES_YET
    return _STATES[state]


def needs_engines(fit: Fit) -> bool:
    """Whether it answers fast only with engines."""
    return fit.verdict in ("resident", "streamed")


def asking(host: str) -> str:
    """A question to the Hub is on its way."""
    return f"Asking {host} \u2026"


def looking_into(folder: object) -> str:
    """A folder that may become a model of the list is looked at."""
    return f"Looking into {name_of(folder)} \u2026"


def machine_head(machine: Computer) -> str:
    """The card, for a headline."""
    return f"{machine.card}, {memory(machine.vram)}" if machine.card else "No graphics card in use"


def machine_line(machine: Computer, advice: str) -> str:
    """What is around the card; and why none counts, unless the advice says so."""
    facts = f"{memory(machine.ram)} of memory \u00b7 {size(machine.free_disk)} free in {machine.models}"
    return facts if machine.card or machine.why_no_card in advice else f"{machine.why_no_card} {facts}"


def origin(kind: str, publisher: str, repo: str, folder: object) -> str:
    """Where a model comes from."""
    match kind:
        case "starter":
            return "Comes with Dewpoint"
        case "folder":
            return f"Your own folder \u00b7 {folder}"
        case "merged":
            return "Merged on this computer from a model and an adapter"
    return " \u00b7 ".join(part for part in (publisher, repo) if part)


def to_download(count: int, exact: bool) -> str:
    """The size of a download."""
    return f"{size(count)} to download" if exact else f"about {size(count)} to download"


def to_fetch(count: int) -> str:
    """What is missing of one."""
    return f"{size(count)} still to download"


def on_disk(count: int) -> str:
    """The size of a model that is here."""
    return f"{size(count)} on the disk"


def engines_on_disk(count: int) -> str:
    """Engines that are built."""
    return f"{size(count)} of engines"


def engines_later(count: int) -> str:
    """Engines that would be built."""
    return f"engines take {size(count)} more"


def sentence(parts: Iterable[str]) -> str:
    """ModelFacts in one line."""
    text = " \u00b7 ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def free(count: int) -> str:
    """The drive."""
    return f"{size(count)} free"


def so_far(done: int, total: int) -> str:
    """How much of a download is there."""
    return f"{size(done)} of {size(total)}" if done else f"{size(total)} to download"


def left(seconds: float) -> str:
    """How long it will take."""
    return f"about {duration(seconds)} left"


# -- header and notices ----------------------------------------------------------------------------------------------

DOWNLOAD_PAUSED = "Download paused"
USE_IT = "Use it"
BUILD = "Build engines \u2026"
VERIFY_STOPPED = "The check was stopped."
MOVE_STOPPED = "The move was stopped; the model is where it was."
MERGE_STOPPED = "The merge was stopped; nothing of it is left."
MERGED = "The merged model is in the list."


def download_link(fraction: float, seconds_left: float | None) -> str:
    """In the header, while a download runs and the window is closed."""
    rest = f" \u00b7 {duration(seconds_left)}" if seconds_left is not None else ""
    return f"Downloading {percent(fraction)}{rest}"


def work_link(task: str, fraction: float) -> str:
    """The same for a check, a move or a merge."""
    return f"{ {'verify': 'Verifying', 'move': 'Moving', 'merge': 'Merging'}[task] } {percent(fraction)}"


def installed(title: str) -> str:
    """A download is through."""
    return f"{title} is installed."


def freed(count: int) -> str:
    """Something was removed."""
    return f"Removed; {size(count)} came free." if count else "Removed from the list; no file was deleted."


def all_right(title: str) -> str:
    """A check found nothing."""
    return f"Every file of {title} is right."


def damaged(title: str, files: tuple[str, ...]) -> str:
    """A check found something."""
    names = ", ".join(files[:3]) + (" \u2026" if len(files) > 3 else "")
    count = "1 file" if len(files) == 1 else f"{len(files):,} files"
    return f"{count} of {title} {'is' if len(files) == 1 else 'are'} missing or damaged: {names}"


def moved(title: str) -> str:
    """A move is through."""
    return f"{title} has moved."


def leftovers(count: int, bytes_: int) -> str:
    """What lies about."""
    return f"{count} {'leftover' if count == 1 else 'leftovers'}, {size(bytes_)}"


# -- adding a model --------------------------------------------------------------------------------------------------

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


# -- before a download -----------------------------------------------------------------------------------------------

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


# -- before a removal ------------------------------------------------------------------------------------------------

REMOVE = "Remove"
REMOVE_FROM_LIST = "Remove from list"
OWN_FOLDER = "It is your own folder: no file of yours in it is deleted. The model only leaves the list."
GONE_FOLDER = "Its folder is not there, so nothing is deleted. The model leaves the list."
_SHOWN_FILES = 4
SHOW_FILES = "Show the files"
HIDE_FILES = "Hide the files"
GOES = "To be deleted:"
STAYS = "To be kept:"


def remove_title(title: str) -> str:
    """The question."""
    return f"Remove {title}?"


def own_files(count: int, bytes_: int, folder: object) -> str:
    """What goes."""
    return f"{_files(count)} that Dewpoint wrote, {size(bytes_)}, will be deleted from {name_of(folder)}."


def more_files(count: int) -> tuple[str, ...]:
    """The end of a list that is too long."""
    return (f"    and {count} more",) if count > 0 else ()


def kept_files(kept: tuple[Path, ...]) -> str:
    """What stays."""
    names = ", ".join(name_of(file.name) for file in kept[:_SHOWN_FILES])
    more = f" and {len(kept) - _SHOWN_FILES} more" if len(kept) > _SHOWN_FILES else ""
    one = len(kept) == 1
    verb = "stays, because Dewpoint did not write it" if one else "stay, because Dewpoint did not write them"
    return f"{_files(len(kept))} {verb}, or {'it was' if one else 'they were'} changed since: {names}{more}."


def with_engines(count: int, bytes_: int) -> str:
    """The check box."""
    return f"Its engines, too ({'1 set' if count == 1 else f'{count} sets'}, {size(bytes_)})"


def comes_free(bytes_: int) -> str:
    """The sum."""
    return f"{size(bytes_)} come free."


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


# -- leftovers -------------------------------------------------------------------------------------------------------

LEFTOVERS_TEXT = "These folders were left by earlier work, or hold a model that is not in the list."
NO_LEFTOVERS = "Nothing lies about any more."


def leftover_detail(path: Path, bytes_: int) -> str:
    """One of them."""
    return f"{size(bytes_)} \u00b7 {path}"


def delete_leftover(name: str) -> str:
    """Before it goes."""
    return f"Delete {name}?"


def delete_detail(text: str, bytes_: int, files: tuple[Path, ...], kept: tuple[Path, ...]) -> str:
    """What that means."""
    names = ", ".join(file.name for file in files[:_SHOWN_FILES])
    more = f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else ""
    goes = f"{_files(len(files))} that Dewpoint wrote: {names}{more}." if files else "An empty folder."
    return " ".join(filter(None, (text, goes, f"{size(bytes_)} come free.", kept_files(kept) if kept else "")))


# -- the access token ------------------------------------------------------------------------------------------------

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
# -- on the page of a new chat ---------------------------------------------------------------------------------------

SHOW_MODELS = "See models"
CHECK_COMPUTER = "Check this computer"
NOT_NOW = "Not now"
HIDE = "Hide"


def found(card: str) -> str:
    """What this computer has."""
    return f"Found: {card}"


# -- adding a server -------------------------------------------------------------------------------------------------

SERVER_TITLE = "Add a server"
SERVER_TEXT = (
    "A server that answers in OpenAI's way, such as vLLM, can answer in this window in place of a model of this "
    "computer. What you ask is sent there: the whole chat, with its attachments."
)
SERVER_ADDRESS = "Address"
SERVER_EXAMPLE = "http://192.168.1.20:8000/v1"
SERVER_KEY = "Key"
SERVER_KEY_EXAMPLE = "The stored one, or none"
SERVER_MODEL = "Model"
SERVER_LOOK = "Look at its models"
SERVER_USE = "Use"
SERVER_FORGET = "Forget"
SERVER_FORGOTTEN = "Address and key are forgotten."
SERVER_KEY_SESSION = (
    "It answers now. This system has no keyring, so the key holds until Dewpoint ends or another model is chosen."
)
SERVER_OFFLINE = "Dewpoint is set to stay offline, so it asks nobody: switch that off in the settings first."


def readable(host: str) -> str:
    """A warning beside an address without encryption on another machine."""
    return (
        f"{host} is asked without encryption: whoever listens on the network between can read your chats and the key."
    )


def looking(host: str) -> str:
    """It is being asked."""
    return f"Asking {host} \u2026"


def server_found(count: int, left_out: int, host: str) -> str:
    """It answered; some of what it names may be left out."""
    told = f"{host} has {'1 model' if count == 1 else f'{count:,} models'}"
    if not left_out:
        return f"{told}."
    return (
        f"{told} that can be chosen. {left_out:,} more {'is' if left_out == 1 else 'are'} left out: "
        "names that cannot be shown, or that are too many."
    )
