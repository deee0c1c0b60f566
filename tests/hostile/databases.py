"""Data folders that strangers, other programs or a bad disk left: damaged and odd databases, huge texts, settings."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from app.chats.history import HistoryStore
from app.library.records import LibraryStore
from tests.app.chats.support import fill
from tests.hostile.answers import text_of
from tests.hostile.checkpoints import VALUES, raw_file
from tests.hostile.world import World

_golden: dict[Path, Path] = {}
_making = threading.Lock()
ODD = (
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "0",
    "NULL",
    "''",
    "'x'",
    "1e999",
    "x'ff00'",
    "'\u202e'",
    "'<img src=''/dev/zero''>'",
    "char(0)",
    "zeroblob(2000)",
)


def golden(world: World) -> Path:
    """A data folder as the program leaves it: some chats, a folder in the list of models."""
    with _making:
        if world.root not in _golden:
            base = world.root / "golden"
            (base / "backups").mkdir(parents=True)
            with HistoryStore.open(base / "chats.sqlite3", base / "backups") as store:
                fill(store, 3, 4)
            LibraryStore(base / "chats.sqlite3", base / "backups").add("folder", world.base, "Mine")
            _golden[world.root] = base
        return _golden[world.root]


def make(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """The data folder of a seed."""
    base = world.starts / f"database-{seed}-{chance.randrange(10**6)}"
    shutil.copytree(golden(world), base)
    file = base / "chats.sqlite3"
    match seed % 5:
        case 0:
            _damage(chance, file)
        case 1 | 2:
            _odd_rows(chance, file, world)
        case 3:
            _huge(chance, seed, file, world)
        case _:
            _odd_settings(chance, base, world)
    return {"do": "start", "base": str(base)}


def _damage(chance: random.Random, file: Path) -> None:
    data = bytearray(file.read_bytes())
    match chance.randrange(8):
        case 0:
            for _ in range(chance.choice([1, 20, 400])):
                data[chance.randrange(len(data))] = chance.randrange(256)
        case 1:
            del data[chance.randrange(len(data)) :]
        case 2:
            at = chance.randrange(1 + len(data) // 4096) * 4096
            data[at : at + 4096] = bytes(4096)
        case 3:
            data[: chance.choice([16, 100, 4096])] = chance.randbytes(100)
        case 4:
            data[:] = chance.choice([b"", b"x", b"SQLite format 3\x00", b"\x00" * 100_000, chance.randbytes(50_000)])
        case 5:
            one, other = (chance.randrange(len(data) // 4096) * 4096 for _ in range(2))
            data[one : one + 4096], data[other : other + 4096] = data[other : other + 4096], data[one : one + 4096]
        case 6:
            file.with_name(file.name + "-wal").write_bytes(chance.randbytes(chance.choice([10, 32, 50_000])))
        case _:
            file.with_name(file.name + "-journal").write_bytes(chance.randbytes(5_000))
            data[18:20] = b"\x01\x01"
    file.write_bytes(data)


def _odd_rows(chance: random.Random, file: Path, world: World) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        tables = [
            row[0]
            for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        ]
        for _ in range(chance.randint(1, 6)):
            table = chance.choice(tables)
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            if not columns:
                continue
            statement = chance.choice(
                [
                    f"UPDATE {table} SET {chance.choice(columns)} = {chance.choice(ODD)}",
                    f"UPDATE {table} SET {chance.choice(columns)} = {chance.choice(ODD)} WHERE rowid = 3",
                    f"DELETE FROM {table} WHERE rowid % 2",
                    f"DELETE FROM {table}",
                    "UPDATE message SET parent_id = id",
                    "UPDATE message SET parent_id = (SELECT id FROM message ORDER BY random() LIMIT 1)",
                    "UPDATE conversation SET head_message_id = 'nobody'",
                    "UPDATE message SET role = 'system'",
                    f"PRAGMA user_version = {chance.choice([0, 1, 2, 99, -1])}",
                    f"UPDATE model SET folder = '{chance.choice(_places(world))}'",
                    "CREATE TRIGGER odd AFTER INSERT ON message BEGIN SELECT RAISE(ABORT, 'no'); END",
                    "CREATE TABLE IF NOT EXISTS odd (a); DROP TABLE odd",
                    "DROP INDEX IF EXISTS message_parent",
                    "ALTER TABLE message RENAME COLUMN body TO corpse",
                    "CREATE VIEW odd AS WITH RECURSIVE a(b) AS (SELECT 1 UNION ALL SELECT b FROM a) SELECT * FROM a",
                    "CREATE TRIGGER slow AFTER INSERT ON message BEGIN DELETE FROM conversation; END",
                ]
            )
            try:
                db.execute(statement)
            except sqlite3.Error:
                continue  # the file's own rules refuse it


def _places(world: World) -> tuple[str, ...]:
    """Where a model's folder may be said to lie."""
    return "/dev/zero", str(world.outside), "x" * 5_000, "", "..", "/proc/self/fd", str(world.outside / "pipe")


def _huge(chance: random.Random, seed: int, file: Path, world: World) -> None:
    text = text_of(chance, seed, world).encode("utf-8", "replace").decode()
    if seed % 10 == 3:
        text = chance.choice(["a", "a ", "\u6f22", "a\n", "| a ", "**a "]) * chance.choice([1_000_000, 2_500_000])
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        role = chance.choice(["user", "assistant", "assistant"])
        db.execute(
            "UPDATE message SET body = ? WHERE role = ? AND rowid > (SELECT MAX(rowid) - 4 FROM message)",
            (text, role),
        )
        if chance.random() < 0.4:
            db.execute("UPDATE conversation SET title = ?", (text[:200_000],))
        if chance.random() < 0.3:
            db.execute(
                "UPDATE message SET error_json = ?",
                (
                    json.dumps(
                        {"user_text": text[:50_000], "hint": "<img src='/dev/zero'>", "known": True, "detail": text}
                    ),
                ),
            )
        last = db.execute("SELECT id FROM conversation ORDER BY used_no DESC LIMIT 1").fetchone()[0]
    (file.parent / "settings.json").write_text(json.dumps({"last_chat": last}))


def _odd_settings(chance: random.Random, base: Path, world: World) -> None:
    place = chance.choice(
        [
            "/dev/zero",
            str(world.outside / "pipe"),
            "a" * 5_000,
            "/" + "a" * 300 + "/b",
            "\x00",
            "..",
            str(world.outside),
            "/proc/self/mem",
            "\ud800",
            "/root/x",
            "~",
            "file:///x",
            "/proc/self/fd/0",
            "",
        ]
    )
    content: Any = {"model_folder": place, "last_chat": chance.choice(["", "nobody", "x" * 100_000, "\x00"])}
    for name in chance.sample(
        [
            "appearance",
            "text_scale",
            "drafts",
            "pace",
            "preset",
            "answer_length",
            "seed",
            "offline",
            "speed_limit",
            "window_geometry",
            "first_advice",
        ],
        4,
    ):
        content[name] = "@hostile@"
    text = json.dumps(content)
    while "@hostile@" in text:
        text = text.replace('"@hostile@"', chance.choice(VALUES), 1)
    (base / "settings.json").write_text(text, errors="surrogatepass")
    if chance.random() < 0.25:
        (base / "settings.json").write_bytes(raw_file(chance, b"{}"))
    if chance.random() < 0.2:
        shutil.rmtree(base / "backups")
        (base / "backups").write_text("in the way")
    if chance.random() < 0.2:
        (base / "models").mkdir()
        (base / "models" / "x.moving").symlink_to(world.linked, target_is_directory=True)
        (base / "models" / "odd").mkdir()
        (base / "models" / "odd" / "dewpoint-model.json").write_bytes(raw_file(chance, b"{}"))
