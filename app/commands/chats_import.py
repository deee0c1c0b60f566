"""`chats import`: chats of other programs, and our own, into this history."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from typing import Any

from app.base.errors import StoppedError
from app.base.paths import AppPaths, named_path
from app.chats.importing import texts
from app.chats.importing.importer import Imported, import_chats
from app.chats.messages import RecoveryReport
from app.chats.opening import recoveries_told
from app.commands.chats_place import backups_folder, history_file
from app.commands.console import new_reporter, say, say_object, visible
from trt_engines.ctrl_c import ends_at_ctrl_c
from trt_engines.streams import INTERRUPTED


def add_import(commands: Any) -> None:
    """The command's own arguments."""
    take = commands.add_parser("import", help="take chats in: our JSON, ChatGPT, Claude, Open WebUI, LM Studio, Jan")
    take.add_argument("file", metavar="FILE", help="a zip, a JSON file, or a folder")
    take.add_argument("--dry-run", action="store_true", help="say what would be added, and change nothing")
    take.add_argument("--json", action="store_true", help="print one JSON object")
    take.set_defaults(command=import_command)


def import_command(options: argparse.Namespace) -> int:
    """Import a file, or say what that would add.

    Raises:
        KnownAppError: It cannot be read, holds no chats, or the history cannot be written; nothing was changed.
    """
    AppPaths.resolve().ensure()
    report = new_reporter(False, wipes=True)
    result: Imported | None = None
    recovered: list[RecoveryReport] = []
    path, history, backups = named_path(options.file), history_file(), backups_folder()
    try:
        with (
            ends_at_ctrl_c() as cancel,
            recoveries_told(recovered.append),
            closing(import_chats(path, history, backups, options.dry_run, cancel.is_set)) as steps,
        ):
            for step in steps:
                if isinstance(step, Imported):
                    result = step
                elif not options.json:
                    report.progress("read", {}, texts.chats_so_far(step), "read")
    except StoppedError:
        report.end_line()
        sys.stderr.write(texts.STOPPED + "\n")
        return INTERRUPTED
    report.end_line()
    assert result is not None
    if options.json:
        say_object(_facts(result) | ({"recovered": recovered[-1].plain()} if recovered else {}), indent=1)
    else:
        say("\n".join(visible(line) for line in report_lines(result)))
    return 0


def _facts(result: Imported) -> dict[str, Any]:
    found = result.found
    return {
        **result.added.plain(),
        "skipped": found.skipped,
        "skipped_unnamed": found.unnamed,
        "source": found.source,
        "found": {
            "conversations": found.conversations,
            "messages": found.messages,
            "branches": found.branches,
            "assets": found.assets,
        },
        "done": result.done,
    }


def report_lines(result: Imported) -> list[str]:
    """The report, line by line."""
    found, added = result.found, result.added
    lines = [
        texts.found_line(found.source, texts.counts(found.conversations, found.messages, found.branches, found.assets)),
        texts.added_line(texts.counts(added.conversations, added.messages, added.branches, added.assets), result.done),
    ]
    if found.skipped:
        lines.append(texts.skipped_head(len(found.skipped) + found.unnamed))
        lines += [texts.skipped_line(each["what"], each["why"]) for each in found.skipped]
    return lines
