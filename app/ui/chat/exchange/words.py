"""What only the dialogs of exports and imports say."""

from __future__ import annotations

from app.base.texts import name_of
from app.chats.exporting.writing import ExportFormat

EXPORT = "Export"
EXPORT_MENU = "Export \u2026"
EXPORT_ALL = "Export all chats"
FORMAT = "Format"
CHOOSE_PLACE = "Choose the file \u2026"
FORMATS = {
    ExportFormat.JSON: ("JSON", "Everything: every branch, settings, files. Dewpoint imports it again without loss."),
    ExportFormat.MARKDOWN: ("Markdown", "The text that is shown, for notes and editors."),
    ExportFormat.HTML: ("Web page", "One file that any browser shows, offline, with formulas and coloured code."),
    ExportFormat.PDF: ("PDF", "To print, or to send."),
}
NEWER = "Dewpoint"
NEWER_TITLE = "These chats are of a newer version"
NEWER_EXPORT = (
    "Until then the chats can be exported, as far as this version knows them; the file is only read and stays as it is."
)
QUIT = "Quit"
EXPORTING = "Exporting \u2026"

IMPORT_TITLE = "Import chats"
IMPORT_TEXT = (
    "Chats of ChatGPT, Claude, Open WebUI, LM Studio and Jan, and Dewpoint\u2019s own JSON: a zip file as it was "
    "downloaded, a JSON file, or a folder. You see first what would be added, and nothing leaves this computer."
)
CHOOSE_FILE = "Choose a file \u2026"
CHOOSE_FOLDER = "Choose a folder \u2026"
FILES = "Exports (*.zip *.json *.jsonl);;All files (*)"
TAKE = "Import"
STOP = "Stop"
TAKING = "Importing \u2026"
NOTHING_NEW = "Everything in it is here already: there is nothing to import."
REST_IS_HERE = "Everything that could be taken over is here already: there is nothing more to import."
NO_CHATS = "It holds no chats."
REPORT = "What could not be taken over"


def export_some(count: int) -> str:
    """The dialog of chats that were chosen."""
    return "Export a chat" if count == 1 else f"Export {count:,} chats"


def reading(name: str, count: int) -> str:
    """While a file is read."""
    found = f": {count:,} {'chat' if count == 1 else 'chats'} found" if count else ""
    return f"Reading {name_of(name)}{found} \u2026"
