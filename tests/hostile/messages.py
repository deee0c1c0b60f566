"""Texts that a user pastes from somewhere."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tests.hostile.answers import text_of
from tests.hostile.world import World

CONTROL = ("<|turn>", "<turn|>", "<|channel>", "<channel|>", "<bos>", "<eos>", "<|image|>", "<pad>", "<unk>")


def make(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """One message; every third one holds the model's own control tokens."""
    text = text_of(chance, seed, world)[: chance.choice([300, 5_000, 60_000, 400_000])]
    if seed % 3 == 0:
        text = "".join(f"{part}{chance.choice(CONTROL)}" for part in text[:2000].split(" "))
    (folder / "text").write_bytes(("x" + text).encode("utf-8", "surrogatepass"))
    return {"do": "message", "file": str(folder / "text")}
