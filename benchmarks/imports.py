"""Imports: a large export in little memory, and thousands of damaged ones; a JSON object, and status 1 over a limit.

python benchmarks/imports.py large [--megabytes 1000]   a zip of ChatGPT's, conversations and pictures in zips
python benchmarks/imports.py fuzz [--cases 10000]       odd values and bytes: chats or a sentence, never half of them
python benchmarks/imports.py beside [--chats 1500]      how long typed text waits for its place while chats are taken in
python benchmarks/imports.py growing [--chats 1500]     the same where all chats are there, and have grown by a half
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import psutil
from hypothesis import HealthCheck, given, settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.chats.database import examine  # noqa: E402
from app.chats.history import HistoryStore  # noqa: E402
from app.chats.importing import importer  # noqa: E402
from app.chats.importing.importer import Imported, ReadyImport, import_chats  # noqa: E402
from app.chats.importing.reading import read_apart  # noqa: E402
from tests.app.chats.importing.exports import node, text  # noqa: E402
from tests.app.chats.importing.mangling import import_anything, mangled  # noqa: E402

MOST_MEMORY = 400e6
MOST_WAIT_MS = 500
WORDS = [f"word{number}" for number in range(5_000)]
SHARD = 100


class MemoryWatch:
    """The most memory of its own that this process and those below it take together, looked at ten times a second."""

    def __init__(self) -> None:
        self.peak, self.peak_below = 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        here = psutil.Process()
        while not self._stop.wait(0.1):
            with contextlib.suppress(psutil.Error):
                below = [each.memory_full_info().uss for each in here.children(recursive=True)]
                self.peak_below = max(self.peak_below, sum(below))
                self.peak = max(self.peak, here.memory_full_info().uss + sum(below))


def conversation(number: int, rng: random.Random) -> dict[str, Any]:
    """A conversation of 40 messages, with a second answer, and a picture."""
    picture = {"content_type": "image_asset_pointer", "asset_pointer": f"sediment://file_{number:08x}"}
    nodes = [node("0", "root", "user", text("Look", picture, kind="multimodal_text"))]
    for at in range(1, 40):
        words = " ".join(rng.choices(WORDS, k=120))
        parent = str(at - 1) if at % 20 else str(at - 2)
        nodes.append(node(str(at), parent, "assistant" if at % 2 else "user", text(words)))
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    mapping |= {each["id"]: each for each in nodes}
    for each in nodes:
        mapping[each["parent"]]["children"].append(each["id"])
    return {"conversation_id": f"c-{number}", "title": f"Conversation {number}", "create_time": 1.7e9 + number,
            "update_time": 1.7e9 + number, "mapping": mapping, "current_node": "39"}  # fmt: skip


def write_large(path: Path, megabytes: int) -> dict[str, int]:
    """A zip of two zips: half of it conversations in shards, half pictures, stored as they are."""
    rng = random.Random(1)
    first, second = path.with_name("a.zip"), path.with_name("b.zip")
    chats = 0
    with zipfile.ZipFile(first, "w", zipfile.ZIP_STORED) as made:
        written = 0
        while written < megabytes * 500_000:
            shard = json.dumps([conversation(chats + at, rng) for at in range(SHARD)]).encode()
            made.writestr(f"conversations-{chats // SHARD:03}.json", shard)
            chats, written = chats + SHARD, written + len(shard)
    size = megabytes * 500_000 // chats
    with zipfile.ZipFile(second, "w", zipfile.ZIP_STORED) as made:
        for number in range(chats):
            made.writestr(f"file_{number:08x}.dat", rng.randbytes(size))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as made:
        made.write(first, "Conversations__1-part-000.zip")
        made.write(second, "Files__1.zip")
    first.unlink()
    second.unlink()
    return {"conversations": chats, "messages": 40 * chats, "assets": chats}


def large(megabytes: int) -> int:
    """Import a large export."""
    with tempfile.TemporaryDirectory(prefix="imports-") as name:
        path = Path(name) / "export.zip"
        wanted = write_large(path, megabytes)
        base = Path(name) / "data"
        begun, result, read = time.monotonic(), None, 0.0
        with MemoryWatch() as watch:
            for step in import_chats(path, base / "chats.sqlite3", base / "backups"):
                read = time.monotonic() - begun if not isinstance(step, Imported) else read
                result = step
        assert isinstance(result, Imported)
        added = result.added.plain()
        right = all(added[key] == count for key, count in wanted.items()) and not result.found.skipped
        seconds = time.monotonic() - begun
        facts = {
            "zip_megabytes": round(path.stat().st_size / 1e6),
            **added,
            "seconds": round(seconds, 1),
            "seconds_reading": round(read, 1),
            "peak_megabytes": round(watch.peak / 1e6),
            "peak_megabytes_of_the_reader": round(watch.peak_below / 1e6),
            "right": right,
        }
        print(json.dumps(facts, indent=1))
        return 0 if right and watch.peak < MOST_MEMORY else 1


def without_its_end(chat: dict[str, Any]) -> dict[str, Any]:
    """A conversation as it was before its last half."""
    mapping = {key: dict(each) for key, each in chat["mapping"].items() if key == "root" or int(key) < 20}
    for each in mapping.values():
        each["children"] = [key for key in each["children"] if key in mapping]
    return {**chat, "mapping": mapping, "current_node": "19"}


def beside(chats: int, growing: bool = False) -> int:
    """Keep what is typed ten times a second while chats of 40 messages each, or the last half of each, are taken in."""
    importer.worked_apart = lambda work, stopped: read_apart(work.given)  # type: ignore[assignment]
    rng, waits, done = random.Random(1), [], threading.Event()
    with tempfile.TemporaryDirectory(prefix="imports-") as name:
        path, history = Path(name) / "export.json", Path(name) / "data" / "chats.sqlite3"
        made = [conversation(number, rng) for number in range(chats)]
        if growing:
            path.write_text(json.dumps([without_its_end(each) for each in made]))
            list(import_chats(path, history, history.parent / "backups"))
        path.write_text(json.dumps(made))
        with HistoryStore.open(history) as store, ReadyImport(history, history.parent / "backups") as ready:
            list(ready.read(path))
            begun, taking = time.monotonic(), threading.Thread(target=lambda: (ready.take(), done.set()))
            taking.start()
            while not done.wait(0.1):
                asked = time.monotonic()
                store.keep_unsent(None, f"typed {asked}")
                waits.append((time.monotonic() - asked) * 1000)
            taking.join()
            seconds = time.monotonic() - begun
            shown = store.list_conversations()
            right = len(shown) == chats and len(store.find_in_chat(shown[0].id, "o")) == 40
    waits.sort()
    facts = {
        "messages": (20 if growing else 40) * chats,
        "seconds": round(seconds, 1),
        "writes_beside": len(waits),
        "median_ms": round(waits[len(waits) // 2], 1),
        "ms_at_95_percent": round(waits[len(waits) * 95 // 100], 1),
        "most_ms": round(waits[-1], 1),
        "right": right,
    }
    print(json.dumps(facts, indent=1))
    return 0 if right and waits[-1] < MOST_WAIT_MS else 1


def fuzz(cases: int) -> int:
    """Import thousands of damaged exports into one history."""
    importer.worked_apart = lambda work, stopped: read_apart(work.given)  # type: ignore[assignment]
    counts = {"chats": 0, "sentences": 0}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imports-") as name:

        @settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(mangled())
        def run(data: bytes) -> None:
            counts["chats" if import_anything(data, Path(name)) else "sentences"] += 1

        run()
        sound = examine(Path(name) / "data" / "chats.sqlite3", whole=True).reason == ""
    print(
        json.dumps(
            {"cases": sum(counts.values()), **counts, "sound": sound, "seconds": round(time.monotonic() - begun)}
        )
    )
    return 0 if sound else 1


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("large", "fuzz", "beside", "growing"))
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--chats", type=int, default=1_500)
    options = parser.parse_args()
    if options.what in ("beside", "growing"):
        return beside(options.chats, options.what == "growing")
    return large(options.megabytes) if options.what == "large" else fuzz(options.cases)


if __name__ == "__main__":
    sys.exit(main())
