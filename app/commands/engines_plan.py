"""`python -m app engines plan`: what a card would do with a model, before anything is downloaded or built."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from app.base import texts as base_texts
from app.base.files import free_bytes
from app.base.paths import AppPaths
from app.commands.arguments import MOST_GIB, MOST_TOKENS, folder, number, whole
from app.commands.console import say, say_object
from app.engines import texts
from inference.engines.planning import DEFAULT_CONTEXT, model_shape
from inference.look.client import Looks
from inference.look.questions import ReadConfig
from trt_engines.errors import EngineError
from trt_engines.planning.hardware import CARDS, GIB, Gpu, Machine, find_card
from trt_engines.planning.planner import Plan, Refusal, best_plan, longest_context, plans
from trt_engines.planning.probe import detected_gpus
from trt_engines.planning.shape import PUBLISHED, ModelShape

PUBLISHED_NAME = "DiffusionGemma 26B-A4B"
CONTEXTS = tuple(4096 * 2**power for power in range(7))


def add_plan(commands: Any) -> None:
    """The command's own arguments."""
    plan = commands.add_parser("plan", help="whether and how fast a model would run on a card", description=__doc__)
    plan.add_argument("--model", metavar="DIR", type=folder, help=f"model folder; {PUBLISHED_NAME} if left out")
    plan.add_argument("--gpu", metavar="NAME", help='a card by name, "RTX 4070"; the one of this computer if left out')
    plan.add_argument(
        "--vram", metavar="GIB", type=number("--vram", 0, MOST_GIB), help="memory of the card that is free"
    )
    plan.add_argument(
        "--ram",
        metavar="GIB",
        type=number("--ram", 0, MOST_GIB),
        help="memory of the machine that is free; as now if left out",
    )
    plan.add_argument("--disk", metavar="GIB", type=number("--disk", 0, MOST_GIB), help="free disk; as now if left out")
    plan.add_argument(
        "--context",
        metavar="TOKENS",
        type=whole("--context", 1, MOST_TOKENS),
        default=DEFAULT_CONTEXT,
        help="default %(default)s",
    )
    plan.add_argument("--json", action="store_true", help="print one JSON object")
    plan.set_defaults(command=show_plan)


def show_plan(options: argparse.Namespace) -> int:
    """Print what a card would do with a model.

    Raises:
        EngineError: There is no card, or none of that name.
        InferenceError: The model folder cannot be read.
    """
    name, shape = _model(options.model)
    gpu, machine = _gpu(options.gpu, options.vram), _machine(options.ram, options.disk)
    if not 1 <= options.context <= shape.max_context:
        raise EngineError(texts.context_outside(shape.max_context, options.context))
    chosen = best_plan(shape, gpu, machine, options.context)
    found = plans(shape, gpu, machine, options.context)
    if options.json:
        facts = {"model": name, "gpu": dataclasses.asdict(gpu), "machine": dataclasses.asdict(machine)}
        longest = _longest(shape, gpu, machine)
        plans_found = {"best": _facts(chosen), "all": [_facts(plan) for plan in found], "longest_context": longest}
        say_object({**facts, **plans_found, "note": base_texts.ESTIMATE}, indent=1)
    else:
        lines = _lines(name, gpu, machine, options.context, chosen, found)
        longest = _longest(shape, gpu, machine)
        if longest is not None:
            lines.append(texts.longest_context(longest))
        say("\n".join(lines))
    return 0 if isinstance(chosen, Plan) else 1


def _model(named: Path | None) -> tuple[str, ModelShape]:
    if named is None:
        return PUBLISHED_NAME, PUBLISHED
    path = Path(os.path.abspath(named))
    with closing(Looks()) as looks:
        return path.name, model_shape(looks.ask(ReadConfig(path)))


def _gpu(name: str | None, vram: float | None) -> Gpu:
    if name is None:
        first = detected_gpus()[0]
        gpu = dataclasses.replace(first.gpu, memory=first.free)
    else:
        card = find_card(name)
        if card is None:
            raise EngineError(*texts.unknown_card(name, [card.name for card in CARDS]))
        gpu = card
    return gpu if vram is None else dataclasses.replace(gpu, memory=int(vram * GIB))


def _machine(ram: float | None, disk: float | None) -> Machine:
    free_ram = psutil.virtual_memory().available if ram is None else int(ram * GIB)
    return Machine(free_ram, free_bytes(AppPaths.resolve().base) if disk is None else int(disk * GIB))


def _longest(shape: ModelShape, gpu: Gpu, machine: Machine) -> int | None:
    return longest_context(shape, gpu, machine, tuple(each for each in CONTEXTS if each <= shape.max_context))


def _facts(plan: Plan | Refusal) -> dict[str, Any]:
    facts = dataclasses.asdict(plan)
    facts["runs"] = isinstance(plan, Plan)
    return facts


def _lines(
    name: str, gpu: Gpu, machine: Machine, context: int, chosen: Plan | Refusal, found: Sequence[Plan | Refusal]
) -> list[str]:
    head = texts.plan_head(name, gpu.name, gpu.sm, gpu.memory, machine.ram, context)
    lines = [head, ""]
    lines += [f"{'*' if plan == chosen else ' '} {_line(plan)}" for plan in found] or [f"  {_line(chosen)}"]
    if isinstance(chosen, Plan):
        lines += ["", texts.PLAN_MARK, base_texts.ESTIMATE]
    return lines


def _line(plan: Plan | Refusal) -> str:
    return texts.refused_line(plan.reason, plan.hint) if isinstance(plan, Refusal) else texts.plan_line(plan)
