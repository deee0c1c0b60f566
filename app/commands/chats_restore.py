"""`chats restore`: a backup in the place of the chats, which are kept under another name."""

from __future__ import annotations

import argparse
from typing import Any

from app.base.paths import AppPaths, named_path
from app.chats.connections import data_key_for
from app.chats.exporting import texts
from app.chats.exporting.snapshot import snapshot
from app.chats.importing.importer import remove_leftovers
from app.chats.recovery.restoring import check_backup, restore_backup
from app.commands.chats_place import history_file
from app.commands.console import agreed, say, say_object


def add_restore(commands: Any) -> None:
    """The command's own arguments."""
    restore = commands.add_parser("restore", help="put a backup in the place of all chats; those are kept beside it")
    restore.add_argument("file", metavar="FILE", help="a backup: one of the folder backups, or of `chats backup`")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    restore.add_argument("--json", action="store_true", help="print one JSON object")
    restore.set_defaults(command=restore_command)


def restore_command(options: argparse.Namespace) -> int:
    """Say what the backup holds, ask, and put it in place; exit status 1 if the answer was no.

    Raises:
        StoreError: The backup cannot be used, or a window has the chats open; nothing was changed.
    """
    backup, history = named_path(options.file), history_file()
    data_key_for(history)  # of locked chats: a backup that was taken before a new password has the same data key
    check_backup(backup, history)
    with snapshot(backup) as found:
        chats, messages = found.totals()
    if not options.json:
        say(texts.backup_holds(backup, chats, messages))
    if not options.yes and not agreed(texts.RESTORE_QUESTION, seen=not options.json):
        if options.json:
            say_object({"restored": False, "chats": chats, "messages": messages}, indent=1)
        else:
            say(texts.NOT_RESTORED)
        return 1
    AppPaths.resolve().ensure()
    kept = restore_backup(backup, history)
    remove_leftovers(history)  # of what was replaced: chats as plain text
    if options.json:
        facts = {"restored": True, "chats": chats, "messages": messages, "kept_as": kept}
        say_object(facts, indent=1)
    else:
        say(texts.restored(kept))
    return 0
