"""`engines list` and `engines prune`: what lies on the disk, and what of it can never be used here again."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

from app.base import units
from app.base.texts import left_in
from app.commands.console import agreed, say, say_object
from app.commands.engines_choice import new_service
from app.engines import texts
from app.engines.sets import ListedSet


def add_list(commands: Any) -> None:
    """The command's own arguments."""
    listing = commands.add_parser("list", help="show every engine set on this disk, and its state")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(command=list_engines)


def add_prune(commands: Any) -> None:
    """The command's own arguments."""
    prune = commands.add_parser("prune", help="remove engines that can never be used on this machine as it is now")
    prune.add_argument("--yes", action="store_true", help="remove them without asking")
    prune.add_argument("--json", action="store_true", help="print one JSON object; asks nothing")
    prune.set_defaults(command=prune_engines)


def list_engines(options: argparse.Namespace) -> int:
    """Print all sets."""
    sets = new_service().sets()
    if options.json:
        say_object([_facts(each) for each in sets], indent=1)
    else:
        say("\n".join(line for each in sets for line in _lines(each)) or texts.NO_SETS)
    return 0


def prune_engines(options: argparse.Namespace) -> int:
    """Say what can go and how much comes free; remove it after a yes.

    Raises:
        EngineError: A file cannot be deleted.
    """
    service = new_service()
    useless = [each for each in service.sets() if each.useless]
    size = sum(each.size for each in useless)
    if options.json:
        freed = service.prune(useless) if options.yes else 0
        removed = [_facts(each) for each in useless]
        say_object({"removed": options.yes, "sets": removed, "size": size, "freed": freed}, indent=1)
        return 0
    if not useless:
        say(texts.NOTHING_TO_PRUNE)
        return 0
    say(texts.prune_summary(len(useless), size))
    say("\n".join(line for each in useless for line in _lines(each)))
    if options.yes or agreed(texts.REMOVE_QUESTION, seen=sys.stdout.isatty()):
        say(texts.pruned(len(useless), service.prune(useless)))
    else:
        say(texts.NOT_ASKED)
    return 0


def _lines(each: ListedSet) -> list[str]:
    what = (each.model or each.folder.name, each.precision, each.card, units.size(each.size), units.moment(each.built))
    reasons = f": {'; '.join(each.reasons)}" if each.reasons else ""
    left = [f"  {left_in(each.folder, each.others, asked=True)}"] if each.others else []
    return [" \u00b7 ".join(word for word in what if word), f"  {texts.STATES[each.state]}{reasons}", *left]


def _facts(each: ListedSet) -> dict[str, Any]:
    return {**dataclasses.asdict(each), "folder": str(each.folder), "reasons": list(each.reasons)}
