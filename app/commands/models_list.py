"""`models list`, `models show` and `models plan`: what there is, and what this computer would do with it."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from app.base import texts as base_texts
from app.base.units import size
from app.commands.console import say, say_object, visible
from app.commands.models_choice import chosen_model, new_services
from app.library import texts
from app.library.catalogue import entries
from app.library.fit import fit_of
from app.library.hub import typed_name
from app.library.overview import card_and_machine, library_status
from app.library.values import ModelStatus
from app.network.client import Network
from app.updates.source import shown_address
from trt_engines.planning.shape import PUBLISHED


def add_list(commands: Any) -> None:
    """The command's own arguments."""
    listing = commands.add_parser("list", help="show every model: on this disk, on its way, and those to download")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    listing.set_defaults(command=list_models)


def add_show(commands: Any) -> None:
    """The command's own arguments."""
    show = commands.add_parser("show", help="show all that is known of one model")
    show.add_argument("model", metavar="MODEL", help="its name in `list`, repository, title or folder")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(command=show_model)


def add_plan(commands: Any) -> None:
    """The command's own arguments."""
    plan = commands.add_parser("plan", help="say which models of the list would run here, or on another card")
    plan.add_argument("--gpu", metavar="NAME", help='a card by name, "RTX 4070"; the one of this computer if left out')
    plan.add_argument("--json", action="store_true", help="print one JSON array")
    plan.set_defaults(command=plan_models)


def add_network(commands: Any) -> None:
    """The command's own arguments."""
    network = commands.add_parser("network", help="show what this program asks the network, and when")
    network.set_defaults(command=show_network)


def list_models(options: argparse.Namespace) -> int:
    """Print what there is."""
    services = new_services()
    found = library_status(services)
    if options.json:
        say_object(dataclasses.asdict(found), indent=1)
        return 0
    machine = found.machine
    card = texts.card_line(machine.card, machine.vram) if machine.card else machine.why_no_card
    say(texts.machine_line(card, machine.ram, machine.free_disk, visible(machine.models)))
    for model in found.models:
        say(f"\n{_name(model)}\n  {texts.state_line(model.state.value, model.done, model.size)}")
        say(f"  {visible(model.title)}\n  {model.fit.text}")
        if model.problem is not None:
            say(f"  {visible(model.problem.text)} {model.problem.hint}".rstrip())
        if model.note:
            say(f"  {model.note}")
    say(f"\n{found.advice.text}")
    for leftover in found.leftovers:
        say(texts.leftover_line(visible(leftover.text), leftover.size, visible(leftover.path)))
    return 0


def show_model(options: argparse.Namespace) -> int:
    """Print one model.

    Raises:
        KnownAppError: There is none of this name.
    """
    model = chosen_model(new_services(), options.model)
    if options.json:
        say_object(dataclasses.asdict(model), indent=1)
        return 0
    facts = {
        "name": _name(model),
        "title": model.title,
        "state": texts.state_line(model.state.value, model.done, model.size),
        "fit": f"{model.fit.text} {model.fit.hint}".strip(),
        "repository": model.repo,
        "revision": model.revision,
        "licence": model.licence,
        "folder": str(model.folder or ""),
        "engines": texts.engines_line(model.engines, model.fit.engine_bytes, model.fit.build_seconds),
        "good for": model.entry.good_for if model.entry is not None else "",
        "problem": f"{model.problem.text} {model.problem.hint}".strip() if model.problem is not None else "",
        "note": model.note,
    }
    say("\n".join(f"{key + ':':12} {visible(value)}" for key, value in facts.items() if value))
    return 0


def plan_models(options: argparse.Namespace) -> int:
    """Print the verdict on every model of the list; 1 if none would run.

    Raises:
        KnownAppError: There is no card of that name.
    """
    services = new_services()
    card, machine = card_and_machine(services)
    if options.gpu is not None:
        card = services.engines.card(options.gpu)[0]
    fits = {
        entry: fit_of(PUBLISHED, entry.layout, card, machine, entry.bytes) for entry in entries(services.paths.base)
    }
    if options.json:
        rows = [{"id": entry.id, "repo": entry.repo, **dataclasses.asdict(fit)} for entry, fit in fits.items()]
        say_object(rows, indent=1)
    else:
        for entry, fit in fits.items():
            say(f"{entry.title} ({size(entry.bytes)})\n  {fit.text} {fit.hint}".rstrip())
            if fit.engine_bytes:
                say(f"  {texts.engines_line(0, fit.engine_bytes, fit.build_seconds)}")
        say(base_texts.ESTIMATE)
    return 0 if any(fit.runs for fit in fits.values()) else 1


def show_network(options: argparse.Namespace) -> int:
    """Print every reason for which a connection is opened."""
    for use in Network().uses(shown_address()):
        say(f"{use.name}\n  when:  {use.when}\n  who:   {use.host}\n  sends: {use.sends}\n")
    say(texts.NOTHING_ELSE)
    return 0


def _name(model: ModelStatus) -> str:
    if model.kind == "folder":
        return visible(model.folder)
    return visible(typed_name(model.repo, model.title) or model.id.removeprefix("catalogue:"))
