"""The schema, as migrations that are never edited once released; a change is a new function below the last one.

The world they describe: a *conversation* holds *messages* that form a tree (a second answer to one question is a
sibling of the first, and `conversation.head_message_id` says which branch is shown). An answer has one *generation*
(with what it was made) and one *block* per committed canvas. `seq` is the row number for good, so that a search index
can be built on it. Large columns stand last, so that a damaged one leaves the rest of its row readable.

*Unsent* text was typed and not sent: one a chat, one for the chat that is not stored yet (`NEW_SLOT`), and one a
message that is being edited (`EDIT_SLOT`). The last
`generation.draft_length` characters of an answer's body come from a block that was not finished; the next block takes
their place. `conversation.used_no` grows with every use of a chat: clocks are set back, counters are not.

Beside the chats stand the *models* of this machine, the queue of their *downloads*, and what was *written*: which files
and folders in a model's folder this program made, by path below that folder ("" for the folder itself) and number on
the drive. Nothing else of a folder is ever deleted or replaced. A size of -1 means a file that still grows. A recovery
takes these rows as SQLite reads them. Folders stand with their whole path; `app_meta.data_folder` holds the names under
which the data folder was used (`app.library.home`).

A chat may be pinned, archived, lie in a *folder* (folders lie in folders) and have *tags*; `conversation.options_json`
holds what was chosen for it alone. *Prompts* are the library of system prompts. A *queued* message was sent while an
answer was being written, and waits for its turn. `search_waiting` lists what the search index (`app.chats.search`) does
not know yet: twice the row number of a message, or twice that of a chat and one, each with a random number.

A chat or message of another program has an *origin*: where it came from, and what of it has no place here. An
*attachment* is a file of a message, which lies beside the history under the hash of its content (`app.chats.files`).
A chat whose `deleted_at` is `INCOMING` is being imported: nobody sees it, in the bin either, until all of its import is
there; what a killed import left of such chats is removed. One with `JOINING` holds what another chat lacks, and is
about to go into that (`app.chats.incoming`).

A *file table* asks the same questions about each of its files; its *file rows* hold paths and answers, not the files.

`PRAGMA user_version` and `app_meta.schema_version` both hold the number of migrations: two witnesses of one fact.
Left for later: denoise traces (a table of its own, with a quota).
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

MIGRATION_SET = "dewpoint"
CHAT_TABLES = (
    "conversation", "message", "generation", "block", "unsent", "folder", "tag", "prompt", "queued", "origin",
    "attachment", "file_table", "file_row",
)  # fmt: skip
MODEL_TABLES = ("model", "download", "model_file", "written")
NEW_SLOT = "new"
EDIT_SLOT = "edit:"  # before the id of a message that is being edited
INCOMING = -1  # as `conversation.deleted_at`: of an import that is not through
JOINING = -2  # of one that is: what it holds belongs to another chat

migrations = Migrations(MIGRATION_SET)


@migrations()
def m001_chats(db: Database) -> None:
    """Chats, messages in a tree, generations, committed blocks."""
    db.execute("CREATE TABLE app_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    db.execute(
        """CREATE TABLE conversation (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            title_source TEXT NOT NULL CHECK (title_source IN ('default', 'first_message', 'user')),
            head_message_id TEXT,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            deleted_at INTEGER,
            title TEXT NOT NULL
        ) STRICT"""
    )
    # parent_id has no ON DELETE CASCADE: SQLite cascades by recursion, and a long chat would exceed its depth.
    db.execute(
        """CREATE TABLE message (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            parent_id TEXT REFERENCES message (id),
            sibling_no INTEGER NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
            state TEXT NOT NULL CHECK (state IN ('draft', 'streaming', 'done', 'stopped', 'error')),
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            error_json TEXT,
            body TEXT NOT NULL,
            thinking TEXT NOT NULL
        ) STRICT"""
    )
    db.execute("CREATE INDEX message_tree ON message (conversation_id, parent_id, sibling_no)")
    db.execute("CREATE INDEX message_parent ON message (parent_id)")
    _m001_answers(db)


def _m001_answers(db: Database) -> None:
    # The seed is text: it may be any whole number, also one beyond 64 bits.
    db.execute(
        """CREATE TABLE generation (
            seq INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE,
            seed TEXT,
            backend TEXT NOT NULL,
            model TEXT NOT NULL,
            params_json TEXT NOT NULL,
            reason TEXT,
            max_steps INTEGER,
            answer_tokens INTEGER,
            tokens_per_step REAL,
            time_to_first_draft REAL,
            time_to_first_block REAL,
            wall_seconds REAL,
            decode_seconds REAL,
            wall_tokens_per_second REAL,
            decode_tokens_per_second REAL
        ) STRICT"""
    )
    # token_ids: int32, settled_step: uint16, final_entropy: float32 (nats), one per canvas position, little endian.
    db.execute(
        """CREATE TABLE block (
            seq INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            ord INTEGER NOT NULL,
            steps INTEGER NOT NULL,
            max_steps INTEGER NOT NULL,
            settled INTEGER NOT NULL,
            seconds REAL NOT NULL,
            answer TEXT NOT NULL,
            thinking TEXT NOT NULL,
            token_ids BLOB NOT NULL,
            settled_step BLOB NOT NULL,
            final_entropy BLOB NOT NULL,
            UNIQUE (message_id, ord)
        ) STRICT"""
    )


@migrations()
def m002_models(db: Database) -> None:
    """Models the user has or fetches, and the queue of downloads; what a model's folder holds stands in the folder."""
    db.execute(
        """CREATE TABLE model (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL CHECK (kind IN ('download', 'folder', 'merged')),
            repo TEXT NOT NULL,
            folder TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,
            added_at INTEGER NOT NULL
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE download (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL UNIQUE REFERENCES model (id) ON DELETE CASCADE,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused')),
            updated_at INTEGER NOT NULL,
            error_json TEXT
        ) STRICT"""
    )


@migrations()
def m003_unsent(db: Database) -> None:
    """What is typed and not sent; how much of an answer is a draft; in which order chats were used."""
    db.execute(
        """CREATE TABLE unsent (
            seq INTEGER PRIMARY KEY,
            slot TEXT NOT NULL UNIQUE,
            updated_at INTEGER NOT NULL,
            body TEXT NOT NULL
        ) STRICT"""
    )
    db.execute("ALTER TABLE generation ADD COLUMN draft_length INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE conversation ADD COLUMN used_no INTEGER NOT NULL DEFAULT 0")
    db.execute(
        """UPDATE conversation SET used_no = ranked.number FROM (
               SELECT id, ROW_NUMBER() OVER (ORDER BY updated_at, id) AS number FROM conversation
           ) AS ranked WHERE ranked.id = conversation.id"""
    )
    db.execute("CREATE INDEX conversation_used ON conversation (used_no)")


@migrations()
def m004_ownership(db: Database) -> None:
    """What each model consists of, and which files and folders of this disk this program wrote."""
    for column in ("revision", "licence", "accepted"):
        db.execute(f"ALTER TABLE model ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    # 0: from a version that kept the list in the model's folder alone; it is taken over once.
    db.execute("ALTER TABLE model ADD COLUMN listed INTEGER NOT NULL DEFAULT 0")
    db.execute(
        """CREATE TABLE model_file (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL REFERENCES model (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            size INTEGER NOT NULL,
            digest_kind TEXT NOT NULL,
            digest TEXT NOT NULL,
            verified INTEGER NOT NULL,
            UNIQUE (model_id, path)
        ) STRICT"""
    )
    # Numbers of drives and files are 64 bits without a sign, which SQLite has not: they stand as text.
    db.execute(
        """CREATE TABLE written (
            seq INTEGER PRIMARY KEY,
            folder TEXT NOT NULL,
            path TEXT NOT NULL,
            is_folder INTEGER NOT NULL,
            device TEXT NOT NULL,
            inode TEXT NOT NULL,
            size INTEGER NOT NULL,
            changed_ns INTEGER NOT NULL,
            UNIQUE (folder, path)
        ) STRICT"""
    )


@migrations()
def m005_order(db: Database) -> None:
    """Where chats stand in the list, what was chosen for one chat, queued messages, and what is still to be indexed."""
    for column in ("pinned", "archived"):
        db.execute(f"ALTER TABLE conversation ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE conversation ADD COLUMN folder_id TEXT")
    db.execute("ALTER TABLE conversation ADD COLUMN options_json TEXT NOT NULL DEFAULT '{}'")
    # No two tables of chats begin with columns of the same types: a recovery tells rows apart by them.
    db.execute(
        """CREATE TABLE folder (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            parent_id TEXT,
            position INTEGER NOT NULL
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE tag (
            seq INTEGER PRIMARY KEY,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            UNIQUE (conversation_id, name)
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE prompt (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            updated_at INTEGER NOT NULL,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            body TEXT NOT NULL
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE queued (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            created_at INTEGER NOT NULL,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            body TEXT NOT NULL
        ) STRICT"""
    )
    _m005_search(db)


def _m005_search(db: Database) -> None:
    db.execute("CREATE TABLE search_waiting (key INTEGER PRIMARY KEY, note INTEGER NOT NULL) STRICT")
    for table, column, key in (("message", "body", "2 * {}.seq"), ("conversation", "title", "2 * {}.seq + 1")):
        for name, event, row in (
            ("new", "AFTER INSERT", "new"),
            ("changed", f"AFTER UPDATE OF {column}", "new"),
            ("gone", "AFTER DELETE", "old"),
        ):
            db.execute(
                f"""CREATE TRIGGER search_{table}_{name} {event} ON {table} BEGIN
                    INSERT OR REPLACE INTO search_waiting (key, note) VALUES ({key.format(row)}, random());
                END"""
            )


@migrations()
def m006_exchange(db: Database) -> None:
    """Messages of tools; where chats and messages came from; files that belong to messages."""
    # A CHECK may be changed in the schema itself (sqlite.org/lang_altertable.html, 7); a table that is made anew would
    # lose its triggers. The number makes every connection read the schema again.
    known, wanted = "role IN ('system', 'user', 'assistant')", "role IN ('system', 'user', 'assistant', 'tool')"
    number = int(db.execute("PRAGMA schema_version").fetchone()[0])
    db.execute("PRAGMA writable_schema = ON")
    sql = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'message'"
    db.execute(sql, [known, wanted])
    db.execute(f"PRAGMA schema_version = {number + 1}")
    db.execute("PRAGMA writable_schema = OFF")
    # kind: 0 a chat, 1 a message; item_id is its id.
    db.execute(
        """CREATE TABLE origin (
            seq INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            item_id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            source TEXT NOT NULL,
            source_id TEXT NOT NULL,
            extra_json TEXT NOT NULL
        ) STRICT"""
    )
    db.execute("CREATE INDEX origin_conversation ON origin (conversation_id)")
    db.execute(
        """CREATE TABLE attachment (
            seq INTEGER PRIMARY KEY,
            size INTEGER NOT NULL,
            position INTEGER NOT NULL,
            message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            digest TEXT NOT NULL,
            media_type TEXT NOT NULL,
            name TEXT NOT NULL,
            UNIQUE (message_id, position)
        ) STRICT"""
    )
    db.execute("CREATE INDEX attachment_digest ON attachment (digest)")


@migrations()
def m007_tables(db: Database) -> None:
    """Tables over files: their questions, their files, and what was answered about each."""
    db.execute(
        """CREATE TABLE file_table (
            seq INTEGER PRIMARY KEY,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            id TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,
            questions_json TEXT NOT NULL
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE file_row (
            seq INTEGER PRIMARY KEY,
            position INTEGER NOT NULL,
            table_id TEXT NOT NULL REFERENCES file_table (id) ON DELETE CASCADE,
            id TEXT NOT NULL UNIQUE,
            path TEXT NOT NULL,
            cells_json TEXT NOT NULL
        ) STRICT"""
    )
    db.execute("CREATE INDEX file_row_table ON file_row (table_id)")


def migration_names() -> tuple[str, ...]:
    """Names of all migrations, oldest first."""
    with Database(memory=True) as db:
        return tuple(migration.name for migration in migrations.pending(db))


SCHEMA_VERSION = len(migration_names())


def apply_migrations(db: Database, app_version: str) -> None:
    """Bring `db` to `SCHEMA_VERSION` in one transaction: all pending migrations and the version, or none."""
    with db.atomic():
        migrations.apply(db)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        for key, value in (("schema_version", str(SCHEMA_VERSION)), ("app_version", app_version)):
            db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [key, value])


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """The CREATE statements of this program's tables and indexes, by name."""
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT LIKE '\\_sqlite\\_%' ESCAPE '\\'"
    )
    return {str(name): str(sql) for name, sql in rows}
