"""What must be there after a program was killed, or its disk failed: all that it told before."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.base.paths import AppPaths
from app.chats.connections import connect
from app.chats.conversion import lock_history
from app.chats.files import place_of
from app.chats.history import HistoryStore
from app.chats.lock.keys import PASSWORD_VARIABLE
from app.library.overview import library_status
from app.library.services import LibraryServices
from app.library.values import ModelState
from tests.app.chats.support import bodies_in
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import STARTER
from tests.helpers.hub_behaviour import random_contents, repo_of
from tests.helpers.hub_server import Hub
from tests.helpers.waiting import wait_until
from tests.hostile.world import World, print_of

ROOT = Path(__file__).resolve().parents[2]
REPO = "owner/kills"
WHOLE = (ModelState.INSTALLED, ModelState.READY)
PASSWORD = "open sesame"
SEEN = 20  # characters of a text that is looked for on the disk
SMALL = ("config.json", "generation_config.json", "tokenizer_config.json", "chat_template.jinja", "tokenizer.json")


@dataclass
class Run:
    """One data folder whose program is killed again and again.

    Attributes:
        session: "models", or "chats" with the starter model alone.
        told: What the programs told, in order.
        locked: Whether the chats are locked with a password, which the environment says.
        mine: The user's own folders, and what lay in them at first.
    """

    root: Path
    hub: Hub
    other_drive: Path
    session: str = "models"
    told: list[list[Any]] = field(default_factory=list)
    kills: int = 0
    locked: bool = False

    def __post_init__(self) -> None:
        world = World(self.root / "world")
        self.base, self.errors = self.root / "data", self.root / "stderr.txt"
        self.errors.touch()
        mine = [world.model(self.root / "mine" / name) for name in ("one", "two")]
        adapter = write_adapter(self.root / "mine" / "adapter", factors(QUERY, 16, 16))
        drives = [self.root / "near", self.other_drive]
        for drive in drives:
            drive.mkdir(exist_ok=True)
        contents: dict[str, bytes | Path] = {name: (STARTER / name).read_bytes() for name in SMALL}
        shards = [(f"model-{number:05}-of-00006.safetensors", 900_000) for number in range(6)]
        self.hub.add(repo_of(REPO, contents | random_contents(5, shards)))
        self.hub.behaviour.rate = 6_000_000
        self.places = {
            "mine": list(map(str, mine)),
            "adapter": str(adapter),
            "base": str(mine[0]),
            "drives": list(map(str, drives)),
            "repo": REPO,
            "root": str(self.root),
        }
        self.mine = print_of(self.root / "mine")

    def use(self, session: str) -> None:
        """Do something else from the next program on."""
        self.session = self.places["session"] = session

    def lock(self) -> None:
        """From here on the chats are locked."""
        paths = AppPaths(self.base).ensure()
        lock_history(paths.data_file, paths.backups, PASSWORD)
        self.locked = True

    @contextmanager
    def program(self, seed: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """The program at work; what it tells is taken down. In the end it is killed, and all its children are gone."""
        env = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "HF_ENDPOINT": self.hub.url,
            "HOME": str(self.root / "home"),
            "DEWPOINT_GPU": "",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            **({PASSWORD_VARIABLE: PASSWORD} if self.locked else {}),
            **environment,
        }
        for name in ("HF_HUB_OFFLINE", "DEWPOINT_HOME"):
            env.pop(name, None)
        command = [sys.executable, "-m", "tests.hostile.busy", str(self.base), str(seed), json.dumps(self.places)]
        with self.errors.open("a") as errors:
            process = subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=errors)
        reader = threading.Thread(target=self._listen, args=(process,))
        reader.start()
        try:
            yield process
        finally:
            try:
                children = psutil.Process(process.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                children = []
            process.kill()
            process.wait()
            reader.join()
            assert process.stdout is not None
            process.stdout.close()
            wait_until(lambda: not any(_lives(child) for child in children), "the end of the model process")

    def wait_for(self, *words: str, count: int = 1) -> None:
        """So many lines that begin with these words were told since the last program began."""

        def told() -> bool:
            return sum(line[: len(words)] == list(words) for line in self.told[self.since :]) >= count

        with suppress(pytest.fail.Exception):
            wait_until(told)
        if not told():
            pytest.fail(f"never told: {' '.join(words)}; the last lines were {str(self.told[-8:])[:3000]}")

    def begin(self) -> None:
        """A program is about to start."""
        self.since = len(self.told)

    def troubles(self) -> list[str]:
        """What was lost, or is not as it should be."""
        found = [line[1] for line in self.told if line[0] == "bug"]
        found += self._of_the_store()
        found += self._of_the_models() if self.session == "models" else self._of_the_chats()
        now = print_of(self.root / "mine")
        found += [f"the user's own {path} was changed" for path in self.mine if now.get(path) != self.mine[path]]
        return found

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with suppress(ValueError):  # the kill came in the middle of it
                self.told.append(json.loads(line))

    def _opened(self) -> sqlite3.Connection:
        """By SQLite alone, where it can."""
        file = self.base / "chats.sqlite3"
        return connect(file, "rw") if self.locked else sqlite3.connect(file)

    def _of_the_store(self) -> list[str]:
        file = self.base / "chats.sqlite3"
        with closing(self._opened()) as db:
            state = db.execute("PRAGMA integrity_check").fetchall()
        found = [] if state == [("ok",)] else [f"the database is damaged: {state[:3]}"]
        with HistoryStore.open(file, self.base / "backups") as store:
            if store.recovery is not None:
                found.append(f"it had to be recovered: {store.recovery.user_text}")
            bodies = bodies_in(store)
        if self.locked:
            found += self._readable()
        for line in self.told:
            if line[0] == "message" and bodies.get(line[1]) != line[2]:
                found.append(f"message {line[1]} is lost: {line[2][:60]!r}, found {str(bodies.get(line[1]))[:60]!r}")
            if line[0] == "block" and not bodies.get(line[1], "").startswith(line[2]):
                found.append(f"blocks of answer {line[1]} are lost: {len(line[2])} characters told")
        return found

    def _readable(self) -> list[str]:
        """Texts that lie on the disk as they are, though they are locked."""
        texts = {line[2][:SEEN] for line in self.told if line[0] in ("message", "typed", "block")}
        wanted = [text.encode() for text in texts if len(text) == SEEN]
        files = [path for path in self.base.rglob("*") if path.is_file()]
        return [f"{text!r} can be read in {path}" for path in files for text in wanted if text in path.read_bytes()]

    def _of_the_chats(self) -> list[str]:
        """Typed text, imports and files."""
        typed: dict[str, str] = {}
        imports: dict[str, tuple[int, ...]] = {}
        for kind, *words in self.told:
            if kind == "typing":
                typed.pop(words[0], None)
            elif kind == "typed":
                typed[words[0]] = words[1]
            elif kind == "importing":
                imports[words[0]] = (0, words[1])
            elif kind == "imported":
                imports[words[0]] = imports[words[0]][1:]
        found = []
        with HistoryStore.open(self.base / "chats.sqlite3", self.base / "backups") as store:
            for slot, text in typed.items():
                if store.unsent_text(slot or None) != text:
                    found.append(f"typed text is lost: {text!r}, found {store.unsent_text(slot or None)[:60]!r}")
            folder = store.kept.folder
        with closing(self._opened()) as db:
            sql = """SELECT COUNT(*) FROM origin JOIN conversation c ON c.id = item_id
                     WHERE deleted_at IS NULL AND source_id LIKE ? || '%'"""
            for key, wanted in imports.items():
                count = db.execute(sql, [key]).fetchone()[0]
                if count not in wanted:
                    found.append(f"{count} chats of an import are there, and not {wanted}")
            named = {str(row[0]) for row in db.execute("SELECT digest FROM attachment")}
            of = {str(row[0]) for row in db.execute("SELECT message_id || digest FROM attachment")}
        found += [
            f"the file {digest} of a message is gone" for digest in named if not place_of(folder, digest).exists()
        ]
        told = (line for line in self.told if line[0] == "attached")
        found += [
            f"a file of message {line[1]} is lost" for line in told if any(line[1] + each not in of for each in line[2])
        ]
        return found

    def _of_the_models(self) -> list[str]:
        services = LibraryServices.open(AppPaths(self.base))
        with closing(services.looks):
            status = library_status(services)
        found = []
        # A removal that was cut short leaves an incomplete or missing model, which is said, and can be removed.
        half_removed = {line[2] for line in self.told if line[:2] == ["begin", "remove"]}
        for model in status.models:
            if model.id in half_removed:
                continue
            if model.kind in ("download", "merged") and model.state not in (
                *WHOLE,
                ModelState.PAUSED,
                ModelState.QUEUED,
            ):
                found.append(f"{model.title} in {model.folder} is {model.state.value}: {model.problem}")
        kept = {model.id for model in status.models}
        begun = [number for number, line in enumerate(self.told) if line[:2] == ["begin", "remove"]]
        for number, line in enumerate(self.told):
            if line[0] == "models" and not any(at > number for at in begun):
                found += [f"model {each[0]} ({each[1]}) of the list is gone" for each in line[2] if each[0] not in kept]
        return found


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(process: subprocess.Popen[str]) -> None:
    """As the kernel's out-of-memory killer does."""
    process.send_signal(signal.SIGKILL)
    process.wait()
