"""`chats export` and `chats backup`: chats to files of the user's."""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from app.base.errors import KnownAppError
from app.base.files import named_target
from app.base.paths import named_path
from app.base.units import size
from app.chats.backup import copy_history, make_backup
from app.chats.errors import translated
from app.chats.exporting import texts
from app.chats.exporting.writing import ChatExportError, ExportFormat, export_chats, refuse_history
from app.chats.key_file import keep_key_beside
from app.commands.chats_place import backups_folder, opened_chats
from app.commands.console import say, say_object


def add_export(commands: Any) -> None:
    """The command's own arguments."""
    export = commands.add_parser("export", help="write chats to files: JSON, Markdown, HTML or PDF")
    export.add_argument("chats", metavar="CHAT", nargs="*", help="ids, beginnings of them, or titles")
    export.add_argument("--all", action="store_true", help="all chats")
    kinds = [kind.value for kind in ExportFormat]
    export.add_argument("--format", choices=kinds, default="json", help="json holds everything, and can be imported")
    export.add_argument("--out", metavar="PATH", required=True, help="the file; a folder for a file for each chat")
    export.add_argument("--json", action="store_true", help="print one JSON object")
    export.set_defaults(command=export_command)


def add_backup(commands: Any) -> None:
    """The command's own arguments."""
    backup = commands.add_parser("backup", help="make a backup of all chats now")
    backup.add_argument(
        "--out", metavar="FILE", help="where to; into the folder of the backups if left out, which keeps seven made so"
    )
    backup.add_argument("--json", action="store_true", help="print one JSON object")
    backup.set_defaults(command=backup_command)


def export_command(options: argparse.Namespace) -> int:
    """Write the chats that are named, or all.

    Raises:
        KnownAppError: None is named, one is not there, or a file cannot be written.
    """
    if bool(options.chats) == options.all:
        raise KnownAppError(texts.NAME_CHATS)
    with opened_chats(newer=True) as found:
        chats = found.conversations() if options.all else found.chosen(options.chats)
        with closing(export_chats(found, chats, ExportFormat(options.format), named_path(options.out))) as steps:
            for step in steps:
                last = step
    if options.json:
        facts = {"path": last.path, "format": last.format.value, "chats": last.chats}
        say_object(facts | ({"newer": True} if found.newer else {}), indent=1)
    else:
        say(texts.exported(last.chats, last.path))
        if found.newer:
            say(texts.OF_NEWER)
    return 0


def backup_command(options: argparse.Namespace) -> int:
    """Copy the history as it is now.

    Raises:
        KnownAppError: There are no chats yet, or the copy cannot be written.
    """
    with opened_chats() as found, translated(found.path, (texts.BACKUP_FULL, texts.BACKUP_FULL_HINT)):
        if found.db is None:
            raise KnownAppError(texts.NO_CHATS)
        if options.out is None:
            path = make_backup(found.db.conn, backups_folder(), "hand", datetime.now())
        else:
            path = named_path(options.out)
            refuse_history(found.path, path)
            target = _free_to_write(path)
            with tempfile.TemporaryDirectory(prefix=".dewpoint-", dir=target.parent) as folder:
                part = Path(folder) / target.name
                copy_history(found.db.conn, part, as_it_is=True)
                os.replace(part, target)
            keep_key_beside(found.path, target)
    count = path.stat().st_size
    if options.json:
        say_object({"path": path, "size": count}, indent=1)
    else:
        say(texts.backed_up(path, size(count)))
    return 0


def _free_to_write(path: Path) -> Path:
    """The file that a name means.

    Raises:
        ChatExportError: It is no regular file.
    """
    try:
        return named_target(path)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise ChatExportError(texts.cannot_write(path, reason), texts.CANNOT_WRITE_HINT) from exc
