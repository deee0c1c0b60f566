"""A chat as plain values, complete: what the JSON export holds, and what an import takes (docs/import-export.md).

It is made from the columns of the tables, whatever they are: a column that a later version adds is in the file, too,
under its own name. Columns named "..._json" hold JSON, which stands in the file as what it means; bytes become
{"base64": "..."}. `app.chats.importing` turns all of it back.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

from app.chats.files import pieces_of, place_of

FORMAT = "dewpoint-chats"
VERSION = 1
JSON_SUFFIX = "_json"
Portable: TypeAlias = dict[str, Any]
# What says where a row stands in this file alone, or is told by where it stands in the export.
_LEFT_OUT = frozenset({"seq", "conversation_id", "message_id", "used_no", "slot"})


def portable_chat(connection: sqlite3.Connection, conversation_id: str, files: Path) -> Portable | None:
    """All that is stored of a chat, with its files, which lie in `files`; None if there is none of this id."""
    found = _rows(connection, "conversation", "id", conversation_id)
    if not found:
        return None
    chat = found[0]
    unsent = connection.execute("SELECT body FROM unsent WHERE slot = ?", [conversation_id]).fetchone()
    if unsent is not None:
        chat["unsent"] = str(unsent[0])
    if folder := _folder(connection, chat.pop("folder_id", None)):
        chat["folder"] = folder
    tags = connection.execute("SELECT name FROM tag WHERE conversation_id = ? ORDER BY name", [conversation_id])
    if names := [str(name) for (name,) in tags]:
        chat["tags"] = names
    if queued := _rows(connection, "queued", "conversation_id", conversation_id):
        chat["queued"] = queued
    messages = _rows(connection, "message", "conversation_id", conversation_id)
    generations = _below(connection, "generation", conversation_id)
    blocks = _below(connection, "block", conversation_id)
    for message in messages:
        if (made := generations.get(message["id"])) is not None:
            message["generation"] = made[0]
        if message["id"] in blocks:
            message["blocks"] = blocks[message["id"]]
    origins = _origins(connection, conversation_id)
    if conversation_id in origins:
        chat["origin"] = origins[conversation_id]
    attachments = _below(connection, "attachment", conversation_id)
    for message in messages:
        if message["id"] in origins:
            message["origin"] = origins[message["id"]]
        if message["id"] in attachments:
            message["attachments"] = [_with_data(each, files) for each in attachments[message["id"]]]
    chat["messages"] = messages
    return chat


def _origins(connection: sqlite3.Connection, conversation_id: str) -> dict[str, Portable]:
    """Where the chat and its messages come from, by their ids."""
    sql = "SELECT item_id, source, source_id, extra_json FROM origin WHERE conversation_id = ?"
    rows = connection.execute(sql, [conversation_id])
    return {str(row[0]): _plain(("source", "source_id", "extra_json"), row[1:]) for row in rows}


def _with_data(attachment: Portable, files: Path) -> Portable:
    """A file of a message with its bytes; without them if it is gone from the disk."""
    attachment.pop("position", None)
    with contextlib.suppress(OSError, ValueError):
        data = b"".join(pieces_of(place_of(files, attachment["digest"])))
        attachment["data"] = {"base64": base64.b64encode(data).decode("ascii")}
    return attachment


def _folder(connection: sqlite3.Connection, folder_id: str | None) -> list[str]:
    """The names of the folders that a chat lies in, the outermost first."""
    names: list[str] = []
    seen: set[str] = set()
    while folder_id is not None and folder_id not in seen:
        seen.add(folder_id)
        row = connection.execute("SELECT name, parent_id FROM folder WHERE id = ?", [folder_id]).fetchone()
        if row is None:
            break
        names.insert(0, str(row[0]))
        folder_id = row[1]
    return names


def _rows(connection: sqlite3.Connection, table: str, key: str, value: str, order: str = "seq") -> list[Portable]:
    cursor = connection.execute(f"SELECT * FROM {table} WHERE {key} = ? ORDER BY {order}", [value])
    names = [column[0] for column in cursor.description]
    return [_plain(names, row) for row in cursor]


def _below(connection: sqlite3.Connection, table: str, conversation_id: str) -> dict[str, list[Portable]]:
    """Rows of a table that belong to messages, by the message."""
    cursor = connection.execute(
        f"""SELECT t.* FROM {table} t JOIN message m ON m.id = t.message_id
            WHERE m.conversation_id = ? ORDER BY t.seq""",
        [conversation_id],
    )
    names = [column[0] for column in cursor.description]
    at = names.index("message_id")
    found: dict[str, list[Portable]] = {}
    for row in cursor:
        found.setdefault(row[at], []).append(_plain(names, row))
    return found


def _plain(names: Iterable[str], row: Iterable[Any]) -> Portable:
    """A row without what is empty or stands elsewhere."""
    plain: Portable = {}
    for name, value in zip(names, row, strict=True):
        if name in _LEFT_OUT or value is None:
            continue
        if isinstance(value, bytes):
            plain[name] = {"base64": base64.b64encode(value).decode("ascii")}
        elif name.endswith(JSON_SUFFIX) and (meant := _meant(value)) is not None:
            plain[name.removesuffix(JSON_SUFFIX)] = meant
        else:
            plain[name] = value
    return plain


def _meant(text: str) -> Any:
    """What JSON means, if the same text can be made of it again; else None."""
    try:
        value = json.loads(text)
        return value if json.dumps(value) == text else None
    except (ValueError, RecursionError):
        return None
