"""What is said of the lock of the chats."""

from __future__ import annotations

from pathlib import Path

from app.base.texts import name_of

LOCKED = "The chats are locked with a password."
LOCKED_HINT = "Open Dewpoint and type it. Commands ask for it at a terminal, or take it from DEWPOINT_CHATS_PASSWORD."
HELP = "The password of locked chats is asked for at a terminal, or taken from the variable DEWPOINT_CHATS_PASSWORD."
WRONG_PASSWORD = "This is not the password of these chats."
WRONG_PASSWORD_HINT = "Nothing was changed. Capital letters and the layout of the keyboard matter."
KEY_DAMAGED_HINT = (
    "Without it nobody can read the chats. Put a copy of this file back, from a backup of the whole folder; nothing "
    "was changed."
)
KEY_COPY_HINT = "Start Dewpoint: it has a second copy of it, and puts that in its place."
KEY_NEWER_HINT = "Update Dewpoint to open these chats. Nothing was changed."
KEY_OF_OTHERS_HINT = "Put the right one back, from a backup of the whole folder; nothing was changed."
NO_CIPHER_HINT = "What is not locked needs nothing of it. A disk that is encrypted as a whole protects the chats, too."
ALREADY_LOCKED = "The chats are locked already."
NOT_LOCKED = "The chats are not locked."
NOTHING_CHANGED = "Nothing was changed."
EMPTY_PASSWORD = "A password has one character at least."
BACKUP_OF_ANOTHER = "This backup is locked with another password than these chats."
BACKUP_OF_ANOTHER_HINT = "Type the password that locked it."
DISK_FULL = "The disk has too little room to write all chats anew. Nothing was changed."
DISK_FULL_HINT = "Free as much space as the data folder takes, and try again."
IN_USE = "The chats are in use: a window, a command or an import has them open. Nothing was changed."
IN_USE_HINT = "Close what uses them, or wait for it, and try again."
CANNOT_REPLACE_HINT = "Make it writable or move it elsewhere, and try again. Nothing was changed."
SEALED_DAMAGED = "an encrypted file is damaged, or is not the one that belongs here"


def cannot_replace(path: Path) -> str:
    """A file would have to be written anew, and the system refuses."""
    return f"{name_of(path)} cannot be replaced."


def key_damaged(path: Path) -> str:
    """The key file cannot be made out."""
    return f"The key of the chats ({name_of(path)}) is damaged."


def key_of_others(path: Path) -> str:
    """The key file opens, and is another folder's."""
    return f"The key {name_of(path)} is not the key of these chats."


def key_newer(path: Path) -> str:
    """The key file is of another format."""
    return f"The key of the chats ({name_of(path)}) was made by a newer version of Dewpoint."


def key_gone(path: Path) -> str:
    """There is no key file where one is needed."""
    return f"The key of the chats ({name_of(path)}) is not there."


def no_cipher(package: str, platform: str, reason: str) -> str:
    """A package that encrypting needs is missing."""
    return f"The chats cannot be locked here: the package {package} is missing on this platform ({platform}: {reason})."


def prompt(key_file: Path) -> str:
    """At a terminal, before the password is typed."""
    return f"Password of the chats in {key_file.parent}: "
