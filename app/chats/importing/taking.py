"""Takes chats that lie ready into the history: all, or none.

What is there already, by its id, stays as it is; a chat that has grown since gets the messages that it lacks. So an
import that is done twice adds nothing the second time.

All of it is written piece by piece, hidden (`INCOMING`), so that others can write in between: new chats as they are,
what chats that are there lack as additions to them (`app.chats.incoming`). The last, short transaction agrees to it.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from app.base.files import open_regular
from app.chats.exporting.portable import JSON_SUFFIX
from app.chats.ids import new_id
from app.chats.importing.building import Fields, fields_of, leaves, list_of, made_id, text_of
from app.chats.incoming import ADDITION, note_of_addition
from app.chats.lock.sealed import MARK, UnsealedStream
from app.chats.migrations import INCOMING, JOINING
from app.chats.recovery.rows import fit_row

_TABLES = (
    "conversation",
    "message",
    "generation",
    "block",
    "unsent",
    "tag",
    "queued",
    "origin",
    "attachment",
    "folder",
)
_LONGEST_LINE = 256 << 20  # of a chat that lies ready
_LARGEST = 2**63 - 1
_CHAT, _MESSAGE = 0, 1


@dataclass(slots=True)
class Added:
    """What an import adds, or would add.

    Attributes:
        conversations: Chats that were not there.
        messages: Messages that were not there.
        branches: Ways through chats that were not there.
        assets: Files of messages that were not there.
    """

    conversations: int = 0
    messages: int = 0
    branches: int = 0
    assets: int = 0

    def plain(self) -> Fields:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def chats_in(ready: Path) -> Iterator[Fields]:
    """The chats that lie ready.

    Raises:
        OSError: They cannot be read.
    """
    with open_regular(ready) as found:
        sealed = found.peek(len(MARK)).startswith(MARK)
        stream = io.BufferedReader(UnsealedStream(found, ready.name)) if sealed else found
        while line := stream.readline(_LONGEST_LINE):
            yield json.loads(line)


def count_added(db: Database, ready: Path) -> Added:
    """What taking them in would add; nothing is changed."""
    added = Added()
    seen: dict[str, set[str]] = {}
    for chat in chats_in(ready):
        if in_bin(db, chat["id"]):
            continue
        known = {str(row[0]) for row in db.execute("SELECT id FROM message WHERE conversation_id = ?", [chat["id"]])}
        there = _is_there(db, chat["id"]) or chat["id"] in seen
        known |= seen.setdefault(chat["id"], set())
        fresh = [each for each in chat["messages"] if each["id"] not in known]
        seen[chat["id"]].update(each["id"] for each in fresh)
        added.messages += len(fresh)
        added.assets += sum(len(list_of(each.get("attachments"))) for each in fresh)
        if not there:
            added.conversations += 1
            added.branches += leaves(chat["messages"])
        elif fresh:
            old = [{"id": key, "parent_id": parent} for key, parent in _links(db, chat["id"])]
            added.branches += max(0, leaves(old + fresh) - leaves(old))
    return added


def _is_there(db: Database, chat_id: str) -> bool:
    return db.execute("SELECT 1 FROM conversation WHERE id = ?", [chat_id]).fetchone() is not None


def in_bin(db: Database, chat_id: str) -> bool:
    """Whether a chat was deleted, and can still be brought back."""
    sql = "SELECT 1 FROM conversation WHERE id = ? AND deleted_at > 0"
    return db.execute(sql, [chat_id]).fetchone() is not None


def _links(db: Database, chat_id: str) -> list[tuple[str, str | None]]:
    rows = db.execute("SELECT id, parent_id FROM message WHERE conversation_id = ?", [chat_id])
    return [(str(row[0]), row[1]) for row in rows]


@dataclass(slots=True)
class _Addition:
    """A hidden chat that holds what another one lacks: its id, and what its origin says."""

    id: str
    below: dict[str, str | None]
    head: str | None = None


class ChatTaker:
    """Writes chats within transactions of the caller's.

    Attributes:
        added: What was written so far.
        binned: Titles of chats that are in the bin, and stay there as they are.
        until: When (`time.monotonic`) the writing of a hidden chat shall be interrupted.
    """

    def __init__(self, db: Database) -> None:
        """Look at what is there, in the history that is open."""
        self.added = Added()
        self.binned: list[str] = []
        self.until = 0.0
        self._folders: dict[str, list[str]] = {}  # of chats that are hidden
        self._deleted: dict[str, int] = {}  # when, of those that are in the bin of the import
        self._additions: dict[str, _Addition] = {}  # by the chat that they belong to
        self._db = db
        self._columns = {
            table: {row[1]: (row[2], bool(row[3])) for row in db.execute(f"PRAGMA table_info({table})")}
            for table in _TABLES
        }
        used = db.execute("SELECT updated_at, used_no FROM conversation ORDER BY updated_at, used_no").fetchall()
        self._times = [int(row[0]) for row in used]
        self._numbers: list[int] = []
        for row in used:
            self._numbers.append(max(int(row[1]), self._numbers[-1] if self._numbers else 0))

    def take(self, chat: Fields) -> Iterator[bool]:
        """Write one chat, or what it has more than the one that is there; hidden.

        Yields True where the transaction may end, and another one go on, if `until` is past.

        Raises:
            sqlite3.Error: It cannot be written.
        """
        if in_bin(self._db, chat["id"]):
            self.binned.append(text_of(chat.get("title")))
            return
        there, place = _is_there(self._db, chat["id"]), chat["id"]
        if not there:
            self._insert_chat(chat)
        old = self._links(chat["id"])
        ids = self._ids(chat, old)
        fresh = [each for each in chat["messages"] if ids[each["id"]] not in old]
        if fresh and self._is_shown(chat["id"]):
            place = self._add_to(chat, ids, old, fresh)
        below = self._additions[chat["id"]].below if place != chat["id"] else {}
        known, missing = set(old), set[str]()
        for message in fresh:
            parent = ids.get(message.get("parent_id", ""))
            key = ids[message["id"]]
            self._insert_message(place, message, key, None if key in below else parent, there)
            known.add(key)
            missing = (missing | ({parent} if parent else set())) - known
            if not missing and time.monotonic() > self.until:
                self._set_head(place, key)  # a chat that holds messages has one, also after a kill
                yield True
        self.added.messages += len(fresh)
        before = [{"id": key, "parent_id": parent} for key, parent in old.items()]
        after = before + [{"id": ids[each["id"]], "parent_id": ids.get(each.get("parent_id", ""))} for each in fresh]
        self.added.branches += max(0, leaves(after) - leaves(before))
        if place != chat["id"]:
            self._set_head(place, ids[fresh[-1]["id"]])
        elif fresh or not there:
            self._show(chat, ids, old, there)

    def _is_shown(self, chat_id: str) -> bool:
        """Whether a chat is there for the user, and not in the bin."""
        sql = "SELECT 1 FROM conversation WHERE id = ? AND deleted_at IS NULL"
        return self._db.execute(sql, [chat_id]).fetchone() is not None

    def _add_to(self, chat: Fields, ids: dict[str, str], old: dict[str, str | None], fresh: list[Fields]) -> str:
        """The addition that takes what a chat lacks; nothing in it leads to the chat until it is joined."""
        addition = self._additions.get(chat["id"])
        if addition is None:
            addition = self._additions[chat["id"]] = _Addition(new_id(), {})
            row = self._row("conversation", {"created_at": chat.get("created_at")}, id=addition.id, title="")
            self._insert("conversation", {**row, "deleted_at": INCOMING, "used_no": 0, "head_message_id": None})
            sql = """INSERT INTO origin (kind, item_id, conversation_id, source, source_id, extra_json)
                     VALUES (?, ?, ?, '', ?, '{}')"""
            self._db.execute(sql, [ADDITION, addition.id, addition.id, chat["id"]])
        inside = {ids[each["id"]] for each in fresh} | set(dict(_links(self._db, addition.id)))
        parents = {ids[each["id"]]: ids.get(each.get("parent_id", "")) for each in fresh}
        addition.below |= {key: parent for key, parent in parents.items() if parent not in inside}
        head = ids.get(text_of(chat.get("head_message_id")))
        addition.head = head if head is not None and head not in old else addition.head
        sql = "UPDATE origin SET extra_json = ? WHERE item_id = ?"
        self._db.execute(sql, [note_of_addition(addition.below, addition.head), addition.id])
        return addition.id

    @property
    def grown(self) -> frozenset[str]:
        """Ids of chats that were there, and get what they lack."""
        return frozenset(self._additions)

    def reveal(self) -> None:
        """Show all new chats, in their folders, and agree to the additions."""
        for addition in self._additions.values():
            self._db.execute("UPDATE conversation SET deleted_at = ? WHERE id = ?", [JOINING, addition.id])
        for chat, names in self._folders.items():
            sql = "UPDATE conversation SET folder_id = ? WHERE id = ?"
            self._db.execute(sql, [self._folder(names), chat])
        for chat, deleted in self._deleted.items():
            self._db.execute("UPDATE conversation SET deleted_at = ? WHERE id = ?", [deleted, chat])
        self._db.execute("UPDATE conversation SET deleted_at = NULL WHERE deleted_at = ?", [INCOMING])

    def _links(self, chat_id: str) -> dict[str, str | None]:
        """Ids of the messages of a chat, those of its addition among them, and of their parents."""
        found = dict(_links(self._db, chat_id))
        if (addition := self._additions.get(chat_id)) is not None:
            found |= dict(_links(self._db, addition.id)) | addition.below
        return found

    def _ids(self, chat: Fields, old: dict[str, str | None]) -> dict[str, str]:
        """The ids that messages get: their own, but where a message of another chat has it."""
        ids = {}
        for message in chat["messages"]:
            key = message["id"]
            row = self._db.execute("SELECT conversation_id FROM message WHERE id = ?", [key]).fetchone()
            ids[key] = key if row is None or key in old else made_id(0, chat["id"], key)
        return ids

    def _insert_chat(self, chat: Fields) -> None:
        row = self._row("conversation", chat, seq=None, used_no=0, head_message_id=None)
        if isinstance(deleted := row.get("deleted_at"), int) and deleted > 0:
            self._deleted[chat["id"]] = deleted
        if names := [text_of(name) for name in list_of(chat.get("folder"))]:
            self._folders[chat["id"]] = names
        row |= {"folder_id": None, "deleted_at": INCOMING}
        row["used_no"] = self._place(row["updated_at"])
        self._insert("conversation", row)
        self.added.conversations += 1
        for name in list_of(chat.get("tags")):
            self._add("tag", {"conversation_id": chat["id"], "name": text_of(name)})
        for queued in list_of(chat.get("queued")):
            self._add("queued", {**fields_of(queued), "conversation_id": chat["id"]})
        if text_of(chat.get("unsent")):
            self._add("unsent", {"slot": chat["id"], "updated_at": row["updated_at"], "body": chat["unsent"]})
        self._insert_origin(_CHAT, chat["id"], chat["id"], chat)

    def _place(self, updated_at: int) -> int:
        """Behind which chats it stands in the list: nobody used it here, so its time says it."""
        at = bisect_right(self._times, updated_at)
        return self._numbers[at - 1] if at else 0

    def _folder(self, names: list[str]) -> str | None:
        parent: str | None = None
        for name in names:
            row = self._db.execute("SELECT id FROM folder WHERE name = ? AND parent_id IS ?", [name, parent]).fetchone()
            if row is None:
                made = new_id()
                position = self._db.execute("SELECT COALESCE(MAX(position) + 1, 0) FROM folder").fetchone()[0]
                self._add("folder", {"id": made, "name": name, "parent_id": parent, "position": position})
                parent = made
            else:
                parent = str(row[0])
        return parent

    def _insert_message(self, chat_id: str, message: Fields, key: str, parent: str | None, merged: bool) -> None:
        """Write one, and what belongs to it."""
        row = self._row("message", message, id=key, conversation_id=chat_id, parent_id=parent)
        if merged:
            sql = "SELECT MAX(sibling_no) FROM message WHERE conversation_id = ? AND parent_id IS ?"
            last = self._db.execute(sql, [chat_id, parent]).fetchone()[0]
            row["sibling_no"] = 0 if last is None else int(last) + 1
        self._insert("message", row)
        if isinstance(message.get("generation"), dict):
            self._add("generation", {**message["generation"], "message_id": row["id"]})
        for block in list_of(message.get("blocks")):
            self._add("block", {**fields_of(block), "message_id": row["id"]})
        for position, attachment in enumerate(list_of(message.get("attachments"))):
            self._insert_file({**fields_of(attachment), "message_id": row["id"], "position": position})
        self._insert_origin(_MESSAGE, row["id"], chat_id, message)

    def _insert_file(self, attachment: Fields) -> None:
        self._add("attachment", attachment)
        self.added.assets += 1

    def _insert_origin(self, kind: int, item_id: str, chat_id: str, item: Fields) -> None:
        origin = fields_of(item.get("origin"))
        if origin:
            source, source_id = text_of(origin.get("source")), text_of(origin.get("source_id"))
            self._db.execute(
                """INSERT OR IGNORE INTO origin (kind, item_id, conversation_id, source, source_id, extra_json)
                   VALUES (?, ?, ?, ?, ?, ?)""",
                [kind, item_id, chat_id, source, source_id, json.dumps(origin.get("extra", {}))],
            )

    def _show(self, chat: Fields, ids: dict[str, str], old: dict[str, str | None], there: bool) -> None:
        """Show the branch that the import shows, unless another one is shown here that it does not go on with."""
        head = ids.get(text_of(chat.get("head_message_id")))
        if head is None and not there and ids:
            head = ids[chat["messages"][-1]["id"]]
        if head is None:
            return
        sql = "SELECT head_message_id FROM conversation WHERE id = ?"
        shown = self._db.execute(sql, [chat["id"]]).fetchone()[0] if there else None
        parents = self._links(chat["id"])
        at: str | None = head
        while at is not None and at != shown:
            at = parents.get(at)
        if shown is None or (head not in old and at == shown):
            self._set_head(chat["id"], head)

    def _set_head(self, chat_id: str, message_id: str) -> None:
        self._db.execute("UPDATE conversation SET head_message_id = ? WHERE id = ?", [message_id, chat_id])

    def _row(self, table: str, item: Fields, **values: Any) -> Fields:
        """The row of a table that an object of an export stands for."""
        columns = self._columns[table]
        row: Fields = {}
        for name, value in item.items():
            if name in columns:
                row[name] = _stored(value)
            elif name + JSON_SUFFIX in columns:
                row[name + JSON_SUFFIX] = json.dumps(value)
        fitted = fit_row(table, {**row, **values}, columns)
        if fitted is None:
            return {**row, **values}
        return fitted

    def _add(self, table: str, item: Fields) -> None:
        """The row that an object stands for, unless one like it is there, or it makes no sense."""
        self._insert(table, self._row(table, item))

    def _insert(self, table: str, row: Fields) -> None:
        row = {name: value for name, value in row.items() if name != "seq" and name in self._columns[table]}
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self._db.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", list(row.values()))


def _stored(value: Any) -> Any:
    """A value as SQLite takes it."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return None
    return _bytes_of(value) if isinstance(value, dict) else value


def _bytes_of(value: Fields) -> bytes | None:
    try:
        return base64.b64decode(text_of(value.get("base64")))
    except (binascii.Error, ValueError):
        return None
