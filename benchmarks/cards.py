"""What the planner expects of the published model on cards of 8 to 32 GB, on Linux and Windows: estimates alone.

    python benchmarks/cards.py

For a context of 8,192 tokens and a computer with 32 GB. `docs/cards.md` holds the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference.engines.planning import RAM_SHARE
from trt_engines.planning.hardware import GIB, Machine, find_card
from trt_engines.planning.margins import planned_share, spills
from trt_engines.planning.planner import Plan, best_plan
from trt_engines.planning.shape import PUBLISHED

CARDS = ("RTX 4060", "RTX 4070", "RTX 4060 Ti", "RTX 4090", "RTX 5090")
RAM, DISK, CONTEXT = 32 * GIB, 500 * GIB, 8192


def row(name: str, platform: str) -> str:
    """One line of the table."""
    card = find_card(name)
    if card is None:
        raise ValueError(f"{name} is not in the planner's table")
    usable = dataclasses.replace(card, memory=int(card.memory * planned_share(platform)))
    plan = best_plan(PUBLISHED, usable, Machine(int(RAM * RAM_SHARE), DISK, spills(platform)), CONTEXT)
    system = "Windows" if spills(platform) else "Linux"
    head = f"| {card.memory // GIB} GB | {name} | {system}"
    if not isinstance(plan, Plan):
        return f"{head} | {plan.reason} | | | | |"
    return (
        f"{head} | {plan.precision.name}, {plan.resident} of {plan.segments} segments stay | "
        f"{plan.gpu_bytes / GIB:.1f} GiB | {(card.memory - plan.gpu_bytes) / GIB:.1f} GiB | "
        f"{plan.pinned_bytes / GIB:.1f} GiB | "
        f"{plan.step_seconds * 1000:.0f} ms, {plan.tokens_per_second:.0f} tokens/s |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(
        arguments
    )
    print("| card | as | system | plan | on the card | margin | streamed from RAM | step, speed |")
    print("|---|---|---|---|---|---|---|---|")
    for name in CARDS:
        for platform in ("linux", "win32"):
            print(row(name, platform))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
