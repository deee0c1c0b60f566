"""Builders of events and of a filled history, for the tests of the store."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from app.chats.connections import connect
from app.chats.history import HistoryStore
from app.chats.messages import Message, RecoveryReport
from app.chats.migrations import migration_names
from inference.events import BlockCommitted, Failed, Finished
from inference.params import SamplerParams

OLD_BODIES = ("What is  \u05d0\u05d1 \U0001f468\u200d\U0001f469?\n", "A **table**\n\n|a|\n|-|\n|1|")
WORDS = [
    "noise",
    "canvas",
    "token",
    "settle",
    "melt",
    "step",
    "draft",
    "seed",
    "warm",
    "cold",
    "river",
    "stone",
    "cloud",
]


def block(number: int = 0, answer: str = "Some text. ", **changes: Any) -> BlockCommitted:
    """A committed block of four positions."""
    values: dict[str, Any] = {
        "block": number,
        "token_ids": (5, 6, 262143, 1),
        "answer": answer,
        "thinking": "",
        "steps": 14,
        "max_steps": 48,
        "settled": True,
        "entropy": (0.0, 0.25, 1.5, 2.0),
        "settled_step": (1, 4, 9, 14),
        "seconds": 0.5,
    }
    return BlockCommitted(**{**values, **changes})


def finished(answer: str = "Some text. ", **changes: Any) -> Finished:
    """The end of an answer of one block."""
    values: dict[str, Any] = {
        "reason": "end_of_text",
        "answer": answer,
        "thinking": "",
        "seed": 7,
        "steps_per_block": (14,),
        "max_steps": 48,
        "answer_tokens": 20,
        "tokens_per_step": 1.5,
        "time_to_first_draft": 0.1,
        "time_to_first_block": None,
        "wall_seconds": 3.1,
        "decode_seconds": 2.0,
        "wall_tokens_per_second": 82.0,
        "decode_tokens_per_second": 100.0,
    }
    return Finished(**{**values, **changes})


FAILED = Failed("The engine process ended.", "Try again.", known=True, engine_lost=True)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    """As SQLite raises it."""
    error = sqlite3.OperationalError("as SQLite has it")
    error.sqlite_errorcode = code
    return error


def begin(store: HistoryStore, user: Message, seed: int | None = 7) -> Message:
    """An answer to `user` that is being written."""
    return store.begin_answer(
        user.conversation_id, user.id, seed=seed, params=SamplerParams(), model="Starter", backend="fake"
    )


def fill(store: HistoryStore, chats: int, turns: int, seed: int = 1) -> dict[str, str]:
    """Write chats of some turns, a few with texts that are longer than a page; gives the bodies by message id."""
    rng = random.Random(seed)
    bodies: dict[str, str] = {}
    for chat in range(chats):
        conversation = store.create_conversation().id
        for turn in range(turns):
            length = 1500 if rng.random() < 0.1 else rng.randint(3, 40)
            text = f"{chat}.{turn} " + " ".join(rng.choices(WORDS, k=length))
            user = store.add_user_message(conversation, text)
            answer = begin(store, user)
            store.commit_block(answer.id, block(answer=f"Re {text}"))
            store.finish_answer(answer.id, finished(f"Re {text}"))
            bodies[user.id], bodies[answer.id] = text, f"Re {text}"
    store._checkpointer.rest()  # who looks at the file from outside finds it at rest
    return bodies


def bodies_in(store: HistoryStore) -> dict[str, str]:
    """All bodies that a user can come to: the chats of the list, with every branch that the arrows lead to."""
    found: dict[str, str] = {}
    for chat in store.list_conversations():
        waiting = list(store.messages(chat.id))
        while waiting:
            message = waiting.pop()
            if message.id not in found:
                found[message.id] = message.body
                store.blocks(message.id)
                store.show_branch(message.id)
                waiting += [*store.messages(chat.id), *store.siblings(message.id)]
        if chat.head_message_id is not None:
            store.show_branch(chat.head_message_id)
    return found


def sql(path: Path, statement: str, *before: str) -> list[tuple[Any, ...]]:
    """Run one statement on the file from outside, after those of `before`."""
    with closing(connect(path)) as connection:
        for first in before:
            connection.execute(first)
        return connection.execute(statement).fetchall()


def open_damaged(path: Path, data: bytes) -> tuple[RecoveryReport | None, dict[str, str]]:
    """Open the file with these bytes, use it, open it again; gives the report and the bodies found at first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with HistoryStore.open(path) as store:
        report, found = store.recovery, bodies_in(store)
        added = store.add_user_message(None, "goes on")
    if report is not None:
        assert report.kept_as is not None
        assert report.kept_as.read_bytes() == data
        assert report.messages == len(found)
        assert report.user_text
    with HistoryStore.open(path) as store:
        assert store.recovery is None
        assert added.id in bodies_in(store)
    return report, found


def make_schema_of(db: sqlite3.Connection, version: int) -> None:
    """The tables as the version with so many migrations made them, with its marks."""
    schema = (Path(__file__).parent / "golden" / f"schema_{version}.sql").read_text("utf-8")
    for statement in schema.rstrip("\n").split("\n\n"):
        db.execute(statement)
    columns = "id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT"
    db.execute(f"CREATE TABLE _sqlite_migrations ({columns})")
    names = [("dewpoint", name, "2026-11-01 00:00:00+00:00") for name in migration_names()[:version]]
    db.executemany("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)", names)
    db.execute("INSERT INTO app_meta VALUES ('schema_version', ?)", (str(version),))
    db.execute(f"PRAGMA user_version = {version}")


def write_old_history(path: Path, version: int) -> None:
    """A file as the version with so many migrations wrote it: one chat, a question and its answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        make_schema_of(db, version)
        columns = "id, title, title_source, head_message_id, created_at, updated_at"
        db.execute(f"INSERT INTO conversation ({columns}) VALUES ('c1', 'Old', 'user', 'm2', 1, 2)")
        columns = "id, conversation_id, parent_id, sibling_no, role, state, created_at, updated_at, body, thinking"
        rows = [
            ("m1", "c1", None, 0, "user", "done", 1, 1, OLD_BODIES[0], ""),
            ("m2", "c1", "m1", 0, "assistant", "done", 2, 2, OLD_BODIES[1], "So."),
        ]
        db.executemany(f"INSERT INTO message ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.commit()


def take_back_to(path: Path, version: int) -> None:
    """Write a closed history of today as the version with so many migrations would have: what it knew of is kept."""
    old = path.with_name("old.sqlite3")
    with closing(sqlite3.connect(old)) as db:
        make_schema_of(db, version)
        db.execute("ATTACH ? AS today", (str(path),))
        kept = "name NOT LIKE 'sqlite%' AND name NOT IN ('_sqlite_migrations', 'app_meta')"
        for (table,) in db.execute(f"SELECT name FROM main.sqlite_schema WHERE type = 'table' AND {kept}").fetchall():
            names = ", ".join(column[1] for column in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT OR REPLACE INTO main.{table} ({names}) SELECT {names} FROM today.{table}")
        db.commit()
    old.replace(path)
