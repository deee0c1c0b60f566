"""Where chats stand in the list: pinned, archived, in folders, with tags, in the bin.

A change takes several chats at once, in one transaction. What it gives back are the chats as they were: `restore` puts
them there again, which is the one Undo of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlite_utils import Database

from app.chats.errors import ChatGoneError, StoreError
from app.chats.ids import new_id, now_ms
from app.chats.messages import Conversation, title_from_text
from app.chats.options import ChatOptions, SystemPrompt
from app.chats.reading import MessageReader
from app.chats.texts import FOLDER_CIRCLE, FOLDER_CIRCLE_HINT

Writing = Callable[[], AbstractContextManager[None]]
NAME_LENGTH = 60  # of a folder, a tag or a prompt
MOST_TAGS = 12  # of one chat


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the list.

    Attributes:
        id: Sortable text id.
        name: One line.
        parent_id: The folder that it lies in; None at the top, also where that folder is gone.
    """

    id: str
    name: str
    parent_id: str | None


class ChatOrder:
    """Changes of the list on one connection; every call is one transaction."""

    def __init__(self, db: Database, reader: MessageReader, writing: Writing) -> None:
        self._db, self._reader, self._writing = db, reader, writing

    # -- chats -------------------------------------------------------------------------------------------------------

    def pin(self, chats: Sequence[str], pinned: bool = True) -> tuple[Conversation, ...]:
        """Keep chats at the top of the list, or no longer."""
        return self._set(chats, "pinned", int(pinned))

    def archive(self, chats: Sequence[str], archived: bool = True) -> tuple[Conversation, ...]:
        """Take chats out of the list without deleting them, or bring them back."""
        return self._set(chats, "archived", int(archived))

    def delete(self, chats: Sequence[str]) -> tuple[Conversation, ...]:
        """Put chats into the bin."""
        return self._set(chats, "deleted_at", now_ms())

    def undelete(self, chats: Sequence[str]) -> tuple[Conversation, ...]:
        """Take chats out of the bin."""
        return self._set(chats, "deleted_at", None)

    def put_in(self, chats: Sequence[str], folder: str | None) -> tuple[Conversation, ...]:
        """Put chats into a folder; None takes them out of any."""
        with self._writing():
            if folder is not None:
                self._folder(folder)
            return self._set(chats, "folder_id", folder)

    def tag(self, chats: Sequence[str], names: Iterable[str]) -> tuple[Conversation, ...]:
        """Give chats these tags and no others; names are made one line, empty and double ones are left out."""
        lines = dict.fromkeys(line for name in names if (line := title_from_text(name, NAME_LENGTH)))
        with self._writing():
            before = tuple(self._reader.conversation(chat) for chat in chats)
            for chat in chats:
                self._set_tags(chat, list(lines)[:MOST_TAGS])
            return before

    def restore(self, before: Sequence[Conversation]) -> None:
        """Put chats back where they stood: pinned, archived, folder, tags, bin; those gone for good stay so."""
        with self._writing():
            folders = {folder.id for folder in self.folders()}
            for chat in before:
                place = chat.folder_id if chat.folder_id in folders else None
                changed = self._db.execute(
                    "UPDATE conversation SET pinned = ?, archived = ?, folder_id = ?, deleted_at = ? WHERE id = ?",
                    [int(chat.pinned), int(chat.archived), place, chat.deleted_at, chat.id],
                )
                if changed.rowcount:
                    self._set_tags(chat.id, chat.tags)

    def tags(self) -> tuple[str, ...]:
        """The tags of all chats that are not in the bin, in alphabetical order."""
        sql = """SELECT DISTINCT name FROM tag JOIN conversation c ON c.id = conversation_id
                 WHERE c.deleted_at IS NULL"""
        return tuple(sorted((str(row[0]) for row in self._db.execute(sql)), key=str.casefold))

    def set_options(self, chat: str, options: ChatOptions) -> Conversation:
        """What is chosen for this chat alone."""
        with self._writing():
            sql = "UPDATE conversation SET options_json = ? WHERE id = ?"
            self._db.execute(sql, [options.as_json(), chat])
            return self._reader.conversation(chat)

    def _set(self, chats: Sequence[str], column: str, value: int | str | None) -> tuple[Conversation, ...]:
        with self._writing():
            before = tuple(self._reader.conversation(chat) for chat in chats)
            sql = f"UPDATE conversation SET {column} = ? WHERE id = ?"
            self._db.conn.executemany(sql, [(value, chat) for chat in chats])
            return before

    def _set_tags(self, chat: str, names: Sequence[str]) -> None:
        self._db.execute("DELETE FROM tag WHERE conversation_id = ?", [chat])
        sql = "INSERT INTO tag (conversation_id, name) VALUES (?, ?)"
        self._db.conn.executemany(sql, [(chat, name) for name in names])

    # -- folders -----------------------------------------------------------------------------------------------------

    def folders(self) -> tuple[Folder, ...]:
        """All folders, each behind the one that it lies in, in their order."""
        rows = self._db.execute("SELECT id, name, parent_id FROM folder ORDER BY position, seq").fetchall()
        known = {row[0] for row in rows}
        below: dict[str | None, list[Folder]] = {}
        for row in rows:
            folder = Folder(row[0], row[1], row[2] if row[2] in known else None)
            below.setdefault(folder.parent_id, []).append(folder)
        ordered: list[Folder] = []
        waiting = list(reversed(below.pop(None, [])))
        while waiting:
            folder = waiting.pop()
            ordered.append(folder)
            waiting += reversed(below.pop(folder.id, []))
        rest = [each for group in below.values() for each in group]  # in a circle, which only damage makes
        return (*ordered, *(Folder(each.id, each.name, None) for each in rest))

    def add_folder(self, name: str, parent: str | None = None) -> Folder:
        """A new folder, behind its siblings; a name of which nothing can be seen becomes "Folder"."""
        new, line = new_id(), title_from_text(name, NAME_LENGTH) or "Folder"
        with self._writing():
            if parent is not None:
                self._folder(parent)
            self._db.execute(
                """INSERT INTO folder (id, name, parent_id, position)
                   VALUES (?, ?, ?, (SELECT COALESCE(MAX(position), 0) + 1 FROM folder))""",
                [new, line, parent],
            )
        return Folder(new, line, parent)

    def rename_folder(self, folder: str, name: str) -> None:
        """Another name; one of which nothing can be seen changes nothing."""
        line = title_from_text(name, NAME_LENGTH)
        if line:
            with self._writing():
                self._db.execute("UPDATE folder SET name = ? WHERE id = ?", [line, folder])

    def move_folder(self, folder: str, parent: str | None) -> None:
        """Put a folder into another one, or to the top.

        Raises:
            StoreError: It would lie in itself.
        """
        with self._writing():
            known = {each.id: each for each in self.folders()}
            at = parent
            while at is not None:
                if at == folder:
                    raise StoreError(FOLDER_CIRCLE, FOLDER_CIRCLE_HINT)
                at = known[at].parent_id if at in known else None
            self._db.execute("UPDATE folder SET parent_id = ? WHERE id = ?", [parent, folder])

    def remove_folder(self, folder: str) -> None:
        """Remove a folder; what lies in it moves up to where it lay."""
        with self._writing():
            parent = self._folder(folder).parent_id
            self._db.execute("UPDATE conversation SET folder_id = ? WHERE folder_id = ?", [parent, folder])
            self._db.execute("UPDATE folder SET parent_id = ? WHERE parent_id = ?", [parent, folder])
            self._db.execute("DELETE FROM folder WHERE id = ?", [folder])

    def _folder(self, folder: str) -> Folder:
        row = self._db.execute("SELECT id, name, parent_id FROM folder WHERE id = ?", [folder]).fetchone()
        if row is None:
            raise ChatGoneError
        return Folder(*row)

    # -- the library of system prompts -------------------------------------------------------------------------------

    def prompts(self) -> tuple[SystemPrompt, ...]:
        """All of them, in their order."""
        rows = self._db.execute("SELECT id, name, body FROM prompt ORDER BY position, seq")
        return tuple(SystemPrompt(*row) for row in rows)

    def keep_prompt(self, name: str, body: str) -> SystemPrompt:
        """Put a prompt into the library; one of the same name is replaced."""
        line = title_from_text(name, NAME_LENGTH) or title_from_text(body, NAME_LENGTH)
        with self._writing():
            known = next((each for each in self.prompts() if each.name == line), None)
            if known is not None:
                sql = "UPDATE prompt SET body = ?, updated_at = ? WHERE id = ?"
                self._db.execute(sql, [body, now_ms(), known.id])
                return SystemPrompt(known.id, line, body)
            new = new_id()
            self._db.execute(
                """INSERT INTO prompt (id, updated_at, position, name, body)
                   VALUES (?, ?, (SELECT COALESCE(MAX(position), 0) + 1 FROM prompt), ?, ?)""",
                [new, now_ms(), line, body],
            )
            return SystemPrompt(new, line, body)

    def remove_prompt(self, prompt: str) -> None:
        """Take a prompt out of the library; chats that use it keep its text."""
        with self._writing():
            self._db.execute("DELETE FROM prompt WHERE id = ?", [prompt])
