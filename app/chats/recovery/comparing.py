"""What two histories hold, and what each of them has that the other one lacks: counted, for a look before they change.

One is the file itself (`main`), the other one is attached to its connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = "SELECT id FROM {here}.conversation WHERE deleted_at IS NULL"
_BY_ID = {  # whatever has the same id is the same, also in the bin: with the table that it stands in
    "chats": ("conversation", _SHOWN),
    "messages": ("message", f"SELECT id FROM {{here}}.message WHERE conversation_id IN ({_SHOWN})"),
    "binned": ("conversation", "SELECT id FROM {here}.conversation WHERE deleted_at > 0"),
    "waiting": ("queued", f"SELECT id FROM {{here}}.queued WHERE conversation_id IN ({_SHOWN})"),
}
_BY_TEXT = {  # what says something else is another one
    "unsent": "SELECT slot, body FROM {here}.unsent WHERE TRIM(body, char(9, 10, 13, 32)) <> ''",
    "folders": "SELECT id, name FROM {here}.folder",
    "prompts": "SELECT id, name, body FROM {here}.prompt",
}
_TABLES = """SELECT COUNT(*) FROM {here}.file_table t
    WHERE (questions_json <> '[]' OR EXISTS (SELECT 1 FROM {here}.file_row WHERE table_id = t.id))"""
_OTHER_TABLES = f"""{_TABLES} AND (
    NOT EXISTS (SELECT 1 FROM {{there}}.file_table
        WHERE id = t.id AND title = t.title AND questions_json = t.questions_json)
    OR EXISTS (SELECT 1 FROM {{here}}.file_row f WHERE table_id = t.id
        AND NOT EXISTS (SELECT 1 FROM {{there}}.file_row WHERE id = f.id AND cells_json = f.cells_json)))"""


@dataclass(frozen=True, slots=True)
class Held:
    """What a history holds, or what of it another one lacks; a text or table that is another one there is lacking, too.

    Attributes:
        chats: Chats, those in the bin left out.
        messages: Messages of these chats, in all branches.
        binned: Chats in the bin.
        waiting: Messages that wait for an answer's end.
        unsent: Texts that were typed and not sent, also as an edit of a message.
        folders: Folders of chats.
        prompts: Prompts of the library.
        tables: Tables over files, empty ones left out.
    """

    chats: int = 0
    messages: int = 0
    binned: int = 0
    waiting: int = 0
    unsent: int = 0
    folders: int = 0
    prompts: int = 0
    tables: int = 0


def held_by(connection: sqlite3.Connection, here: str) -> Held:
    """What the database of this name holds."""
    rows = {name: sql for name, (_, sql) in _BY_ID.items()} | _BY_TEXT
    counts = {name: _count(connection, f"SELECT COUNT(*) FROM ({sql})", here) for name, sql in rows.items()}
    return Held(**counts, tables=_count(connection, _TABLES, here))


def lacked_by(connection: sqlite3.Connection, there: str, here: str, staying: Sequence[str] = ()) -> Held:
    """What the database `here` holds that `there` does not.

    Args:
        connection: Has both.
        there: One of them.
        here: The other one.
        staying: Slots (as `unsent` has them) whose texts are kept whatever becomes of the chats.
    """
    counts = {}
    for name, (table, sql) in _BY_ID.items():
        lacking = f"SELECT COUNT(*) FROM ({sql}) WHERE id NOT IN (SELECT id FROM {{there}}.{table})"
        counts[name] = _count(connection, lacking, here, there)
    for name, sql in _BY_TEXT.items():
        slots = tuple(staying) if name == "unsent" else ()
        mine = f"{sql} AND slot NOT IN ({', '.join('?' * len(slots))})" if slots else sql
        lacking = f"SELECT COUNT(*) FROM ({mine} EXCEPT {sql.replace('{here}', '{there}')})"
        counts[name] = _count(connection, lacking, here, there, slots)
    return Held(**counts, tables=_count(connection, _OTHER_TABLES, here, there))


def _count(connection: sqlite3.Connection, sql: str, here: str, there: str = "", values: Sequence[str] = ()) -> int:
    return int(connection.execute(sql.format(here=here, there=there), list(values)).fetchone()[0])
