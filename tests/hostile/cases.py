"""The hostile cases: each is a kind and a seed, and its name tells both, such as `template-17`.

`CASES` has a maker for each kind, and how many of them the long run plays; the same name always makes the same case.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile import adapters, answers, checkpoints, databases, listings, messages, repositories, templates
from tests.hostile.world import World

Maker = Callable[[random.Random, int, Path, World], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of case.

    Attributes:
        make: Writes what the case needs into a folder of its own; gives the order for the window.
        count: Cases of the long run.
        quick: Cases of the quick one.
    """

    make: Maker
    count: int
    quick: int = 4


KINDS = {
    "answer": Kind(answers.make, 640, 20),
    "message": Kind(messages.make, 160, 4),
    "config": Kind(checkpoints.make_config, 380, 6),
    "tokenizer": Kind(checkpoints.make_tokenizer, 90),
    "weights": Kind(checkpoints.make_weights, 150),
    "files": Kind(checkpoints.make_files, 110, 6),
    "template": Kind(templates.make, 260, 6),
    "adapter": Kind(adapters.make, 90),
    "listing": Kind(listings.make, 60),
    "repository": Kind(repositories.make, 120),
    "database": Kind(databases.make, 90),
}


def names(kind: str, quick: bool = False) -> tuple[str, ...]:
    """The cases of a kind; those of the quick run load no model."""
    first, count = (1, KINDS[kind].quick) if quick else (0, KINDS[kind].count)
    return tuple(f"{kind}-{seed}" for seed in range(first, first + count))


def make(name: str, folder: Path, world: World) -> dict[str, Any]:
    """Write what a case needs below `folder`; the order for the window."""
    kind, _, seed = name.rpartition("-")
    folder.mkdir(parents=True)
    chance = random.Random(zlib.crc32(name.encode()))
    return {"id": name, **KINDS[kind].make(chance, int(seed), folder, world)}


def in_order(quick: bool = False) -> Iterator[str]:
    """All of them."""
    for kind in KINDS:
        yield from names(kind, quick)
