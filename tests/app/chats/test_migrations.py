"""The schema of each version is pinned, and files of other versions are met with care."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

import app.chats.database as database
import app.chats.migrations as migrations
import app.chats.opening as opening
from app.chats.backup import backups_in
from app.chats.database import expected_schema
from app.chats.errors import NewerDatabaseError
from app.chats.history import HistoryStore
from tests.app.chats.support import OLD_BODIES, bodies_in, fill, sql, take_back_to, write_old_history

GOLDEN = Path(__file__).parent / "golden"


def test_the_schema_is_the_golden_one() -> None:
    """A released migration is never edited: add another one, and a golden file for it."""
    found = "\n\n".join(statement for _, statement in sorted(expected_schema().items())) + "\n"
    assert found == (GOLDEN / f"schema_{migrations.SCHEMA_VERSION}.sql").read_text("utf-8")


def test_both_witnesses_of_the_version_are_written(store: HistoryStore) -> None:
    assert sql(store.path, "PRAGMA user_version") == [(migrations.SCHEMA_VERSION,)]
    assert sql(store.path, "SELECT value FROM app_meta WHERE key = 'schema_version'") == [
        (str(migrations.SCHEMA_VERSION),)
    ]
    assert sql(store.path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize(
    "statement",
    ["PRAGMA user_version = 999", "UPDATE app_meta SET value = '9' WHERE key = 'schema_version'"],
)
def test_a_newer_file_is_refused_and_not_touched(store: HistoryStore, data_file: Path, statement: str) -> None:
    fill(store, 1, 1)
    store.close()
    sql(data_file, statement)
    before = {file.name: file.read_bytes() for file in data_file.parent.iterdir() if file.is_file()}
    with pytest.raises(NewerDatabaseError) as caught:
        HistoryStore.open(data_file)
    assert "newer version" in caught.value.user_text
    assert caught.value.hint
    assert {file.name: file.read_bytes() for file in data_file.parent.iterdir() if file.is_file()} == before


def test_a_newer_file_with_a_log_beside_it_is_refused_and_not_touched(data_file: Path) -> None:
    """The newer program crashed: its version stands in the log alone."""
    HistoryStore.open(data_file).close()
    with closing(sqlite3.connect(data_file, isolation_level=None)) as other:
        other.execute(f"PRAGMA user_version = {migrations.SCHEMA_VERSION + 1}")
        names = (data_file, data_file.with_name(data_file.name + "-wal"))
        before = [name.read_bytes() for name in names]
        copies = [name.with_name(f"copy{number}") for number, name in enumerate(names)]
        for copy, data in zip(copies, before, strict=True):
            copy.write_bytes(data)
    for copy, name in zip(copies, names, strict=True):
        copy.rename(name)
    with pytest.raises(NewerDatabaseError):
        HistoryStore.open(data_file)
    assert [name.read_bytes() for name in names] == before


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that knows one migration more."""
    more = migrations.Migrations(migrations.MIGRATION_SET)
    more._migrations = list(migrations.migrations._migrations)

    @more()
    def m999_next(db: Database) -> None:
        db.execute("ALTER TABLE conversation ADD COLUMN later INTEGER NOT NULL DEFAULT 0")

    names = (*migrations.migration_names(), "m999_next")
    monkeypatch.setattr(migrations, "migrations", more)
    monkeypatch.setattr(database, "migration_names", lambda: names)
    for module in (migrations, database, opening):
        monkeypatch.setattr(module, "SCHEMA_VERSION", len(names))
    database.expected_schema.cache_clear()


@pytest.mark.usefixtures("next_version")
def test_the_next_version_backs_up_and_migrates(tmp_path: Path) -> None:
    path = tmp_path / "chats.sqlite3"
    try:
        _old_history(path)
        with HistoryStore.open(path) as store:
            assert store.recovery is None
            assert len(bodies_in(store)) == 4
            store.add_user_message(None, "new")
        (backup,) = backups_in(tmp_path / "backups", "migration")
        assert sql(backup, "PRAGMA user_version") == [(len(migrations.migration_names()) - 1,)]
        with HistoryStore.open(path) as store:
            assert store.recovery is None
            assert len(bodies_in(store)) == 5
        assert len(backups_in(tmp_path / "backups")) == 1
    finally:
        database.expected_schema.cache_clear()


@pytest.mark.parametrize("version", range(1, migrations.SCHEMA_VERSION))
def test_a_file_of_every_version_is_taken_over_with_a_backup(data_file: Path, version: int) -> None:
    write_old_history(data_file, version)
    with HistoryStore.open(data_file, data_file.parent / "backups") as store:
        assert store.recovery is None
        (chat,) = store.list_conversations()
        assert (chat.title, chat.head_message_id) == ("Old", "m2")
        question, answer = store.messages(chat.id)
        assert (question.body, answer.body, answer.thinking) == (*OLD_BODIES, "So.")
        found = "\n\n".join(statement for _, statement in sorted(expected_schema().items())) + "\n"
        assert found == (GOLDEN / f"schema_{migrations.SCHEMA_VERSION}.sql").read_text("utf-8")
    assert len(list((data_file.parent / "backups").glob("*migration*"))) == 1
    with HistoryStore.open(data_file, data_file.parent / "backups") as store:
        assert store.recovery is None


@pytest.mark.parametrize("version", range(1, migrations.SCHEMA_VERSION))
def test_what_todays_program_wrote_can_be_taken_back_and_over_again(store: HistoryStore, version: int) -> None:
    """The upgrade of the packages is tried so: two builds of today's program, and a file as an older one wrote it."""
    fill(store, 2, 2)
    store.close()
    before = sql(store.path, "SELECT * FROM message ORDER BY seq")
    take_back_to(store.path, version)
    assert sql(store.path, "PRAGMA user_version") == [(version,)]
    with HistoryStore.open(store.path) as again:
        assert again.recovery is None
    assert sql(store.path, "SELECT * FROM message ORDER BY seq") == before
    assert sql(store.path, "PRAGMA user_version") == [(migrations.SCHEMA_VERSION,)]


def _old_history(path: Path) -> None:
    """A history as the version before `next_version` leaves it."""
    with HistoryStore.open(path) as store:
        fill(store, 1, 2)
        version = len(migrations.migration_names())
        store._db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm999_next'")
        store._db.execute("ALTER TABLE conversation DROP COLUMN later")
        store._db.execute(f"PRAGMA user_version = {version - 1}")
        store._db.execute(f"UPDATE app_meta SET value = '{version - 1}' WHERE key = 'schema_version'")
