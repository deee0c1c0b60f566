"""What is said of updates, in the window and on the command line."""

from __future__ import annotations

import shlex
from pathlib import Path

from app.base.texts import APP_NAME

GIT_UPDATES = "This copy of Dewpoint was not installed from a release, so there is nobody to ask for updates."
GIT_UPDATES_HINT = "Update it where you got it from: in a checkout, git pull."
NOBODY = "Nobody: this copy was not installed from a release"
BAD_FILE_HINT = "Install Dewpoint again."
BAD_ADDRESS_HINT = "It must begin with https://."
NEWER_FORMAT = "The newest release describes itself in a way that this version cannot read."
NEWER_FORMAT_HINT = "Download it by hand from the page of the releases."
UNREADABLE = "What was answered is not the description of a release (a log-in page of this network, perhaps)."
LATER_HINT = "Try again in some minutes."
NO_RELEASE = "There is no published release yet."
NO_RELEASE_HINT = "Look again another time."
WRONG_HASH = "The file that was fetched is not the one that the release names, so it is not used."
WRONG_HASH_HINT = "Download it again. If it happens again, a proxy on the way changes files."
GONE = "The file that was fetched is not there any more."
GONE_HINT = "Download it again."
NOT_STARTED_HINT = "Start it by hand."
TO_PAGE = "Open the release's page"
CHATS_STAY = "Chats, models and settings stay as they are; your chats are backed up before a new format changes them."


def bad_address(where: str) -> str:
    """An environment variable or a file of ours."""
    return f"{where} holds no address of releases that can be used."


def asked(releases: str) -> str:
    """Who is asked."""
    return f"{releases}, and the storage that it names for the package"


def newest(version: str) -> str:
    """Nothing to do."""
    return f"{APP_NAME} {version} is the newest version."


def newer(version: str, date: str, mine: str) -> str:
    """There is something."""
    return f"{APP_NAME} {version} of {date} is there; you have {mine}."


def no_package(version: str) -> str:
    """The release has nothing for this kind of installation, or this is none."""
    return f"There is no package of {version} for this kind of installation."


def not_read(file: Path, reason: str) -> str:
    """Another program holds it, or the disk fails."""
    return f"{file} cannot be read: {reason}."


def not_made(folder: Path, reason: str) -> tuple[str, str]:
    """The data folder cannot be written."""
    return f"{folder} cannot be made: {reason}.", "Make the data folder writable, and try again."


def not_put(folder: Path, reason: str) -> str:
    """The AppImage cannot go where the old one lies."""
    return f"The new AppImage could not be put into {folder}: {reason}."


def not_put_hint(file: Path) -> str:
    """Where it is all the same."""
    return f"It is kept as {file}; move it by hand, and make it executable."


def not_started(file: Path, reason: str) -> str:
    """The setup did not start."""
    return f"{file} could not be started: {reason}."


def install_command(kind: str, file: Path) -> str:
    """What installs a package, to be typed or copied; "" where it is started or was put in place."""
    match kind:
        case "deb":
            return f"sudo apt install {shlex.quote(str(file))}"
        case "rpm":
            return f"sudo dnf install {shlex.quote(str(file))}"
    return ""


def what_to_do(kind: str, file: Path) -> str:
    """How a package that was fetched and checked is installed."""
    match kind:
        case "windows":
            return "The setup is here and checked. It replaces the program when Dewpoint is closed."
        case "appimage":
            return f"The new version is {file}. Start it from now on; the old file can be deleted."
    return "The package is here and checked. Installing it needs an administrator; Dewpoint itself never asks for that:"
