"""Labels and sentences of the settings dialog (those of each setting: `app.base.settings`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.base.units import size
from app.chats.backup import BackupFile
from app.chats.recovery.bringing_back import BackupPreview
from app.chats.recovery.comparing import Held

SETTINGS = "Settings"
DEFAULTS = "Restore defaults"
DEFAULTS_TITLE = "Restore the defaults?"
CLOSE = "Close"
SEARCH = "Search the settings"
SEARCH_CLEAR = "Show all settings again"
NOTHING_FOUND = "No setting says this. Try another word."
RESET_ONE = "Reset"
RESET_TITLE = "Back to the default?"
SHARE = "Settings as a file"
SHARE_TEXT = "To keep them, or to take them to another computer. Chats, models and the window's place are not in it."
EXPORT, IMPORT = "Export \u2026", "Import \u2026"
EXPORT_TITLE, IMPORT_TITLE = "Export the settings", "Import settings"
IMPORT_QUESTION = "Take over these settings?"
IMPORT_AGREE = "Take over"
NOTHING_CHANGES = "The file says what holds already, so nothing was changed."
FILES = "Settings (*.json)"


def reset_name(title: str) -> str:
    """The button's name for screen readers."""
    return f"{title}: back to the default"


def reset_tip(default: str) -> str:
    """What it would be."""
    return f"Back to {default}"


def reset_detail(title: str, default: str) -> str:
    """What happens."""
    return f"{title} goes back to: {default}."


def exported(name: str) -> str:
    """It is written."""
    return f"The settings are in {name}."


def imported(count: int) -> str:
    """They hold now."""
    return "One setting was changed." if count == 1 else f"{count} settings were changed."


def change(title: str, before: str, after: str) -> str:
    """One line of the question."""
    return f"{title}: {after} instead of {before}"


def import_detail(lines: Sequence[str]) -> str:
    """What would change."""
    return f"{'; '.join(lines)}."


def refused(titles: Sequence[str]) -> str:
    """Values of the file that are not allowed."""
    return f"Left as they are, since the file has values that are not allowed: {', '.join(titles)}."


def defaults_detail(titles: Sequence[str]) -> str:
    """What changes."""
    return f"These settings go back to how they were at first: {', '.join(titles)}. Chats and models stay as they are."


# -- backups ---------------------------------------------------------------------------------------------------------

BACKUPS = "Backups of the chats"
BACKUPS_TEXT = (
    "Once a day, before each change of the format and before one is brought back, Dewpoint copies all chats into the "
    "folder backups beside them. Seven daily ones are kept, and seven that were made by hand (chats backup)."
)
BRING_BACK_CHATS = "Bring chats back \u2026"
BRING_BACK_TITLE = "Bring the chats of a backup back"
BRING_BACK_TEXT = (
    "They take the place of all chats of now, and so do its tables over files, its texts that were not sent, its "
    "folders and its prompts. What is there now becomes a backup first, and Undo brings it back. Models and settings "
    "stay as they are."
)
BRING_BACK_AGREE = "Bring back"
OTHER_BACKUP = "Another file \u2026"
BACKUP_FILES = "Backups (*.sqlite3);;All files (*)"
NO_BACKUPS = "There is no backup yet: the first one is made soon after a start."
LOOKING_INTO_BACKUP = "Looking what is in it \u2026"
BRINGING_BACK = "The chats of the backup are being brought back. Until then nothing can be typed, sent or changed."
PUTTING_BACK = "Your chats are being put back \u2026 Until then nothing can be typed, sent or changed."
BRING_BACK_BUSY = "An answer is being written: chats can be brought back when it is finished."
TAKEN_BACK = "The chats are as they were before. What you wrote since is in the newest backup."
NOT_PUT_BACK = "Your chats were not put back yet."
UNDO = "Undo"
_KINDS = {
    "daily": "daily",
    "hand": "made by hand",
    "migration": "before a change of the format",
    "restore": "before chats were brought back",
}


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d, %H:%M") if moment is not None else "unknown day"


def _held(held: Held) -> str:
    told = []
    for count, one, several in (
        (held.chats, "chat", "chats"),
        (held.messages, "message", "messages"),
        (held.binned, "deleted chat", "deleted chats"),
        (held.waiting, "waiting message", "waiting messages"),
        (held.unsent, "text that was not sent", "texts that were not sent"),
        (held.folders, "folder", "folders"),
        (held.prompts, "prompt of the library", "prompts of the library"),
        (held.tables, "table over files", "tables over files"),
    ):
        if count:
            told.append(f"{count:,} {one if count == 1 else several}")
    return " and ".join([", ".join(told[:-1]), *told[-1:]] if len(told) > 1 else told)


def _size(count: int) -> str:
    return size(count) if count >= 1_000_000 else "less than 1 MB"


def backups_now(backups: Sequence[BackupFile]) -> str:
    """How many there are."""
    if not backups:
        return NO_BACKUPS
    total = _size(sum(each.size for each in backups))
    count = "one backup" if len(backups) == 1 else f"{len(backups)} backups"
    return f"There {'is' if len(backups) == 1 else 'are'} {count} ({total}); the newest is of {_day(backups[0].made)}."


def backup_line(backup: BackupFile) -> str:
    """One of the list: with the seconds, so that no two are alike."""
    made = f"{_day(backup.made)}{backup.made.strftime(':%S') if backup.made is not None else ''}"
    return f"{made}  \u00b7  {_KINDS[backup.kind]}  \u00b7  {_size(backup.size)}"


def backup_preview(found: BackupPreview) -> str:
    """What is in it, and what would change."""
    held = _held(found.held) or "no chats"
    newest = datetime.fromtimestamp(found.newest / 1000) if found.newest is not None else None
    lines = [f"In it: {held}{f', the newest message of {_day(newest)}' if newest is not None else ''}."]
    lost, back = _held(found.lost), _held(found.back)
    lines.append(f"Would be gone: {lost} of now, not in the backup." if lost else "Nothing of now would be gone.")
    lines.append(f"Would come back: {back}." if back else "Nothing that is gone now would come back.")
    return "\n".join(lines)


def brought_back(found: BackupPreview) -> str:
    """It is done."""
    return f"The chats of the backup are back: {_held(found.held) or 'none'}."


# -- the local server --------------------------------------------------------------------------------------------------

SERVER = "Local server"
SERVER_TEXT = (
    "Other programs on this computer (editors, agents, scripts) can ask the model that answers here, in the way of "
    "OpenAI, Anthropic and Ollama. What they send stays here and is not kept. Your own questions come first."
)
OPEN_SERVER = "Local server \u2026"
SERVER_SWITCH = "Answer other programs"
SERVER_OFF = "The server is off."
SERVER_STARTING = "The server is starting."
SERVER_IS_ON = "The server is on."
SERVER_ADDRESS = "Address"
SERVER_KEY = "Key"
SERVER_PORT = "Port"
COPY_ADDRESS = "address"
COPY_KEY = "key"
NEW_KEY = "New key"
KEY_LATER = "made when the server is switched on"
ADDRESS_LATER = "none while it is off"
SERVER_EVERYWHERE = "Answer other computers, too"
SERVER_EVERYWHERE_TEXT = "Off, only this computer reaches the server."
SERVER_EVERYWHERE_TITLE = "Let other computers ask?"
SERVER_EVERYWHERE_DETAIL = (
    "Whoever reaches this computer over a network and has the key can then ask the model. What is sent is not "
    "encrypted: others in the same network can read it, and the key. Do this in a network that you trust."
)
LET_IN = "Let them ask"
NO_REQUESTS = "No program is asking anything."
STOP_REQUEST = "Stop"


def request_line(label: str, place: int, blocks: int, seconds: int) -> str:
    """One request of a program."""
    written = f"{blocks} block{'' if blocks == 1 else 's'}" if not place else f"waits, place {place}"
    return f"{label} \u00b7 {written} \u00b7 {seconds} s"


# -- the lock --------------------------------------------------------------------------------------------------------

LOCK = "Lock"
LOCK_TEXT = (
    "A password encrypts chats, files in them, recordings and backups. Dewpoint asks for it at each start, before "
    "any chat is read. What you export is not encrypted."
)
LOCK_OFF, LOCK_ON = "The chats are not locked.", "The chats are locked with a password."
SET_LOCK = "Lock the chats with a password \u2026"
CHANGE_LOCK = "Change the password \u2026"
REMOVE_LOCK = "Remove the lock \u2026"
SET_LOCK_TITLE = "Lock the chats with a password"
SET_LOCK_TEXT = (
    "A password that is forgotten cannot be recovered by anybody, not by us either: the chats are lost with it, and "
    "their backups, too. Write it down, and keep that somewhere safe."
)
SET_LOCK_MORE = (
    "Dewpoint closes its window, encrypts everything, and opens again. That needs as much free disk as chats take now, "
    "and overwrites the plain files as well as the drive allows."
)
CHANGE_LOCK_TITLE = "Change the password"
CHANGE_LOCK_TEXT = (
    "The old password opens backups that you took elsewhere before; in the data folder only the new one does."
)
REMOVE_LOCK_TITLE = "Remove the lock"
REMOVE_LOCK_TEXT = (
    "Dewpoint closes its window, writes chats, files, recordings and backups as plain files, and opens again. Whoever "
    "can read your files can read them then."
)
ASK_PASSWORD_TITLE = "The chats are locked"
ASK_PASSWORD_TEXT = "Type the password to open them."
PASSWORD, OLD_PASSWORD = "Password", "Password of now"
NEW_PASSWORD, SAME_PASSWORD = "New password", "New password again"
LOCK_AGREE, CHANGE_AGREE, REMOVE_AGREE, OPEN_AGREE = "Lock", "Change", "Remove the lock", "Open"
PASSWORDS_DIFFER = "The two new passwords are not the same."
PASSWORD_CHANGED = "The password is changed."
LOCK_BUSY = "An answer is being written: do this when it is finished."
LOCKING_NOW = "The chats are being locked. Please leave the computer on; a kill or a power cut loses nothing."
UNLOCKING_NOW = "The lock is being removed. Please leave the computer on; a kill or a power cut loses nothing."
LOCKED_NOW = "The chats are locked. Dewpoint asks for the password at each start."
UNLOCKED_NOW = "The chats are not locked any more."
LOCK_GOES_ON = "It could not be finished; the next start goes on with it, and nothing is lost."


def still_so(locked: bool) -> str:
    """Before why the lock could not be set or removed."""
    return f"Nothing was changed: the chats are {'still' if locked else 'not'} locked."


QUIT = "Quit"


def backup_of_another(name: str) -> str:
    """Before the password of a backup is asked for."""
    return f"{name} is locked with another password than these chats. Type the one that locked it."
