"""What two subjects or more say, and what is said before any subject has a say: errors, folders, log, settings.

In every `texts` a constant is a sentence that is always the same, a function one with a number or a name in it. An
error has a sentence (what happened) and a `_HINT` (what to do).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.base.graphemes import shortened
from trt_engines.streams import escaped

_SHOWN = 4  # names in a sentence
_LONGEST_NUMBER = 40  # characters of what was given in the place of one
APP_NAME = "Dewpoint"
TAGLINE = "Text condenses out of noise."
COMMANDS = {
    "bench": "measure how fast a model answers on this computer",
    "chats": "list, search, export, import, back up, restore and check your chats",
    "doctor": "check what Dewpoint needs on this computer",
    "engines": "plan, build, test and remove engines for the graphics card",
    "gpu": "install or remove TensorRT for RTX",
    "models": "find, download, verify, add and remove models",
    "serve": "answer programs, in the way of OpenAI, Anthropic and Ollama",
    "update": "ask whether there is a newer Dewpoint",
}
CORE_COMMANDS = {  # of the inference core; `dewpoint infill` is `python -m inference infill`
    "generate": "answer one prompt, in a form if you like",
    "infill": "fill the blanks of a text",
    "rewrite": "write a part of an answer anew",
    "decide": "which of some labels answers a question",
    "find": "the words of a text that answer a question",
}
_COMMANDS_TITLE = "commands, without a window (COMMAND --help says more):"
_BASE_DIR_EVERYWHERE = "--base-dir DIR works with every command, before and after it."
_PASSWORD_EVERYWHERE = (
    "The password of locked chats is asked for at a terminal, or taken from the variable DEWPOINT_CHATS_PASSWORD."
)
BASE_DIR_MISSING = "--base-dir needs a folder behind it."

# -- errors that can happen anywhere ---------------------------------------------------------------------------------

BUG = "Something went wrong inside Dewpoint."
BUG_HINT = "This is a bug of ours. Copy the report below and send it to us; your chats are saved."
BUG_AGAIN = "Something went wrong inside Dewpoint again; its report is the one that you have seen."
SHOW_REPORT = "Show the report"
CRASHED = "Dewpoint crashed when it ran last."
CRASHED_HINT = "Your chats are saved. This is a bug of ours, or of a driver: copy the report below and send it to us."
OUT_OF_MEMORY = "This computer has run out of memory."
OUT_OF_MEMORY_HINT = "Close other programs, or open a smaller model, and try again."
DISK_FULL = "The disk is full."
DISK_FULL_HINT = "Free some space, then try again. What is on the screen is not lost."
FILE_TROUBLE_HINT = "Check the data folder, its rights and its disk."


CURRENT_FOLDER_GONE = "The current folder does not exist any more."
CURRENT_FOLDER_GONE_HINT = "Change to another folder, and try again."


def file_trouble(reason: str) -> str:
    """The system refused a file, where no better sentence is known."""
    return f"A file or folder cannot be read or written ({reason})."


# -- the data folder and the log -------------------------------------------------------------------------------------

NO_HOME = "This user has no home folder, so there is no place for the data folder."
NO_HOME_HINT = "Name a folder with --base-dir or the environment variable DEWPOINT_HOME, or set HOME."
FOLDER_NOT_USABLE_HINT = "Make the folder writable, or name another one with --base-dir or DEWPOINT_HOME."


def folder_not_usable(folder: Path, reason: str) -> str:
    """The data folder cannot be made or written."""
    return f"Dewpoint cannot write its data folder {folder} ({reason})."


def log_not_writable(place: Path, reason: str) -> str:
    """The log file cannot be written; the program goes on without it."""
    return f"Dewpoint goes on without a log file, because {place} cannot be written ({reason})."


NO_SCREEN = "Dewpoint cannot open a window, because there is no screen that it could use."
NO_SCREEN_HINT = "Start it in a desktop session; `python -m app COMMAND` needs no screen."

# -- a second start --------------------------------------------------------------------------------------------------

WINDOW_OPEN = "A window of Dewpoint is open on this data folder."
WINDOW_OPEN_HINT = "Close it first, or name another folder with --base-dir."
WINDOW_HANGS = "Dewpoint is open already, and its window does not answer."
WINDOW_HANGS_HINT = (
    "Wait a moment and start it again. If that does not help, end the one that hangs, which may also run on another "
    "computer that uses the same data folder."
)

# -- settings --------------------------------------------------------------------------------------------------------

SETTINGS_NOT_SAVED_HINT = "They hold until you quit. Check that the data folder is writable and the disk is not full."


def settings_damaged(kept_as: str) -> str:
    """The settings file was no JSON; it was set aside."""
    return (
        "The settings could not be read, so Dewpoint stays offline until you switch that off in the settings. What "
        f"could be read holds, all else has its default; the old file was kept as {kept_as}."
    )


def settings_unreadable(reason: str) -> str:
    """The settings file could not be opened."""
    return (
        f"The settings could not be opened ({reason}), so Dewpoint started with its defaults and stays offline until "
        "you switch that off in the settings."
    )


def settings_odd(titles: Sequence[str]) -> str:
    """Some values are not allowed: written by hand, by another version, or by a failing disk."""
    if len(titles) == 1:
        return f"The setting {titles[0]} has a value that is not allowed, so it has its default."
    more = f" and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else ""
    shown = ", ".join(titles[:_SHOWN])
    return f"The settings {shown}{more} have values that are not allowed, so they have their defaults."


OFFLINE_ODD = (
    "The settings do not say clearly whether Dewpoint may use the network, so it stays offline until you switch that "
    "off in the settings."
)
SETTINGS_ARE_DAMAGED = "they are damaged"
SETTINGS_LEFT = "The file was left as it is."


def settings_not_used(path: Path, reason: str) -> str:
    """A command cannot read the settings."""
    place = escaped(str(path), kept="")
    return f"The settings in {place} cannot be read ({reason}), so this command stays offline."


def settings_not_saved(reason: str) -> str:
    """Writing the settings failed."""
    return f"The settings could not be saved ({reason})."


SHARE_HINT = "Choose another file or folder."
NO_SETTINGS_HINT = "Choose a file that Dewpoint exported, or its settings.json."


def share_not_written(path: Path, reason: str) -> str:
    """The file for another computer cannot be written."""
    return f"The settings cannot be written to {name_of(path)} ({reason})."


def share_not_read(path: Path, reason: str) -> str:
    """The file that was chosen cannot be read."""
    return f"{name_of(path)} cannot be read ({reason}), so no setting was changed."


def no_settings(path: Path) -> str:
    """The file that was chosen is something else."""
    return f"{name_of(path)} holds no settings of Dewpoint, so nothing was changed."


# -- what several commands say ---------------------------------------------------------------------------------------

ESTIMATE = "Estimates by arithmetic from sizes and bandwidths; these engines have not run on a GPU yet."
REMOVE_QUESTION = "Remove it? [y/N] "
NOT_REMOVED = "Nothing was removed; add --yes to remove it."


NO_NAME = "The name of a file or folder is empty."


def number_outside(name: str, least: str, most: str, given: str) -> str:
    """An argument that is no number, or none that makes sense."""
    return f"{name} must be a number within {least} and {most}, not {shortened(given, _LONGEST_NUMBER)!r}."


def whole_number_outside(name: str, least: str, most: str, given: str) -> str:
    """The same for what is counted."""
    return f"{name} must be a whole number within {least} and {most}, not {shortened(given, _LONGEST_NUMBER)!r}."


def no_command(name: str, known: Sequence[str]) -> str:
    """The first argument is none."""
    return f"There is no command {name!r}; known are: {', '.join(known)}."


def commands_help() -> str:
    """Under the options of the window: what there is besides it."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{what}" for name, what in (COMMANDS | CORE_COMMANDS).items()]
    return "\n".join([_COMMANDS_TITLE, *lines, "", _BASE_DIR_EVERYWHERE, _PASSWORD_EVERYWHERE])


def name_of(path: object) -> str:
    """A file's name as it can stand in a sentence: a line break in it is shown as an escape."""
    return escaped(str(path), kept="")


def left_in(folder: object, names: Sequence[str], asked: bool) -> str:
    """What is not ours and stays where it is: before the question, or after something was removed."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = ", ".join(map(name_of, names[:_SHOWN])) + more
    return f"In {name_of(folder)} {'stays' if asked else 'is left'} what Dewpoint did not put there: {shown}."
