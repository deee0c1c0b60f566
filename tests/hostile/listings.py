"""Folders that bring a list of files of their own, as if Dewpoint had downloaded them: nothing of it is deleted."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

from tests.hostile.checkpoints import raw_file, spoiled
from tests.hostile.world import World

MANIFEST = "dewpoint-model.json"
PATHS = (
    "../../../outside/secret.txt",
    "letter.txt",
    "links/secret.txt",
    "links/keep/letter.txt",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a\\..\\b",
    "C:\\x",
    "CON",
    "model.safetensors",
    "dewpoint-model.json",
    "./letter.txt",
    "a//b",
    "letter.txt\x00",
    "\ud800",
    "x" * 5_000,
    "keep/deep/letter.txt",
    "letter.txt.part",
    "letter.txt.",
    "LETTER.TXT",
    "letter.txt::$DATA",
    "link.txt",
    "~/x",
    "keep",
)


def make(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """A whole model of the user's with documents beside it, and a list that claims them; it is added and removed."""
    model = world.model(folder / "model")
    (model / "letter.txt").write_text("mine")
    (model / "letter.txt.part").write_text("mine")
    (model / "keep" / "deep").mkdir(parents=True)
    (model / "keep" / "deep" / "letter.txt").write_text("mine")
    (model / "links").symlink_to(world.linked, target_is_directory=True)
    (model / "link.txt").symlink_to(world.linked / "secret.txt")
    whole = {path.name: path.read_bytes() for path in model.iterdir() if path.is_file() and not path.is_symlink()}
    files = [_entry(name, data) for name, data in whole.items()]
    for path in chance.sample(PATHS, 5):
        files.append(
            _entry(path, b"mine") | chance.choice([{}, {"size": -1}, {"size": 10**400}, {"digest": "x"}, {"kind": "x"}])
        )
    content: dict[str, Any] = {
        "version": 1,
        "display_name": chance.choice(["Mine", "<b>x</b>", "a" * 9_999, "\u202e"]),
        "repo": chance.choice(["", "owner/x", "a" * 999]),
        "revision": "0" * 40,
        "licence": "",
        "accepted": "2026-01-01T00:00:00+00:00",
        "files": files if seed % 3 else files[:-5],
    }
    if seed % 4 == 3:
        (model / MANIFEST).write_text(spoiled(chance, content, 1), errors="surrogatepass")
    elif seed % 8 == 6:
        (model / MANIFEST).write_bytes(raw_file(chance, json.dumps(content).encode()))
    else:
        (model / MANIFEST).write_text(json.dumps(content), errors="surrogatepass")
    return {"do": "folder", "folder": str(model)}


def _entry(path: str, data: bytes) -> dict[str, Any]:
    return {
        "path": path,
        "size": len(data),
        "kind": "sha256",
        "digest": hashlib.sha256(data).hexdigest(),
        "verified": True,
    }
