"""Drafts of whole answers, step by step: of the starter model as it was recorded, and hard ones that are made up."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

from inference.events import DraftUpdated

# Made by `python benchmarks/canvas_frames.py --record FILE`: budgets of entropy so small that it takes many steps;
# with `--ordinary` answers as they are, in a few steps.
_FOLDER = Path(__file__).parents[1] / "app/ui/chat/recorded"
PLACES = 256
_TEXT = (
    "Dew forms when the ground loses its warmth to a clear night sky and the air just above it cools until it can no "
    "longer hold all of its water. The drops begin on the tips of grass, where a little dust or a fine hair gives the "
    "vapour something to gather on, and they grow slowly while the rest of the garden is still dark.\n\nA gardener in "
    "the valley once wrote down the hour at which the first drops could be seen. She did so for eleven years, in a "
    "small green notebook, and she found that the hour moved with the seasons but even more with the wind. On windy "
    "nights there was none at all. On still nights in September the whole meadow was grey by midnight.\n\nNobody had "
    "asked her to do this. When she was asked why, she said that she liked to know what happens while everybody sleeps."
)


@dataclass(frozen=True)
class RecordedAnswer:
    """One answer: its prompt, the text of each block, and all drafts in order."""

    prompt: str
    blocks: tuple[str, ...]
    drafts: tuple[DraftUpdated, ...]


def recorded_answers() -> list[RecordedAnswer]:
    """Answers of the starter model, of one block and of two, in as many steps as it can take."""
    return _read("starter.json.gz")


def ordinary_answers() -> list[RecordedAnswer]:
    """Answers of the starter model as it gives them, those in which much changes before they settle."""
    return _read("ordinary.json.gz")


def _read(name: str) -> list[RecordedAnswer]:
    found = json.loads(gzip.decompress((_FOLDER / name).read_bytes()))
    return [RecordedAnswer(each["prompt"], tuple(each["answers"]), _drafts(each["drafts"])) for each in found]


def hard_answer(seed: int, spread: float, steps: int = 24) -> RecordedAnswer:
    """An answer whose words settle in no order (within `spread` steps of each other), exchange and melt on the way."""
    chance = random.Random(seed)
    target = re.findall(r"\n\n| ?\w{1,6}|[^\w\s]", _TEXT)
    words = [*dict.fromkeys(target), " considerable", " xq", " \u05d0\u05d1", "\n", " 12"]
    settles = [1 + (steps - spread) * at / len(target) + chance.uniform(0, spread) for at in range(len(target))]
    melts = {at: when + chance.uniform(1, 4) for at, when in enumerate(settles) if chance.random() < 0.04}
    drafts = []
    for step in range(1, steps + 1):
        places = [_place(chance, step, at, target, settles, melts, words) for at in range(PLACES)]
        drafts.append(_draft(0, step, [piece for piece, _ in places], [nats for _, nats in places]))
    drafts.append(_draft(0, steps + 1, target + [""] * (PLACES - len(target)), [0.01] * PLACES))
    return RecordedAnswer("made up", (_TEXT,), tuple(drafts))


def _place(
    chance: random.Random, step: int, at: int, target: list[str], settles: list[float], melts: dict[int, float],
    words: list[str],
) -> tuple[str, float]:  # fmt: skip
    if at >= len(target):
        return ("", 0.0) if step > 3 else (chance.choice(words), chance.uniform(1, 6))
    if at in melts and melts[at] <= step < melts[at] + 1.5:
        return chance.choice(words), chance.uniform(0.3, 2)
    if step >= settles[at]:
        return target[at], chance.uniform(0, 0.1)
    if step >= settles[at] - 2:
        return target[at] if chance.random() < 0.8 else chance.choice(words), chance.uniform(0.15, 1.5)
    return chance.choice(words), chance.uniform(1.5, 6)


def _drafts(found: list[dict[str, object]]) -> tuple[DraftUpdated, ...]:
    steps: dict[object, int] = {}
    drafts = []
    for each in found:
        block = each["block"]
        steps[block] = steps.get(block, 0) + 1
        drafts.append(_draft(block, steps[block], each["pieces"], each["entropy"]))  # type: ignore[arg-type]
    return tuple(drafts)


def _draft(block: int, step: int, pieces: list[str], entropy: list[float]) -> DraftUpdated:
    accepted = tuple(nats < 0.1 for nats in entropy)
    return DraftUpdated(block, step, 48, tuple(range(len(pieces))), tuple(pieces), tuple(entropy), accepted)
