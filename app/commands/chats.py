"""`python -m app chats COMMAND`: the chats on this disk, without a window, and beside one."""

from __future__ import annotations

from collections.abc import Sequence

from app.chats.lock.texts import HELP
from app.commands.chats_export import add_backup, add_export
from app.commands.chats_import import add_import
from app.commands.chats_list import add_check, add_list, add_search, add_show
from app.commands.chats_restore import add_restore
from trt_engines.arguments import TextParser


def main(arguments: Sequence[str]) -> int:
    """Run `chats` with its own arguments; returns the exit status.

    Raises:
        AppError: What went wrong, in one sentence.
    """
    parser = TextParser(
        prog="dewpoint chats", description="Chats: list, show, export, import, back up, check.", epilog=HELP
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_list, add_show, add_search, add_export, add_import, add_backup, add_restore, add_check):
        add(commands)
    options = parser.parse_args(arguments)
    return int(options.command(options))
