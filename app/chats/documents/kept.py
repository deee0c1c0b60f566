"""Files that belong to messages: attached to what is typed, then to the message that it becomes.

A file lies beside the history under its hash as soon as it is attached (`app.chats.files`). Until its message is sent
it waits (`app_meta`), with a *sign*: a text that the message holds if the file is still meant. So who takes the text of
a file out of the message box takes the file out, too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlite_utils import Database

from app.base.files import parse_json
from app.chats.files import files_folder, remove
from app.chats.messages import MessageFile
from app.chats.migrations import NEW_SLOT
from app.chats.order import Writing
from inference.text.surrogates import storable

_KEY = "waiting_files"
SIGN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file that was attached and not sent.

    Attributes:
        slot: Whose message box its text was put into (as `unsent` has it).
        sign: A text that its message holds.
    """

    slot: str
    sign: str
    name: str
    media_type: str
    size: int
    digest: str


class KeptFiles:
    """Files of messages, on one connection."""

    def __init__(self, db: Database, history: Path, writing: Writing) -> None:
        self._db, self._folder, self._writing = db, files_folder(history), writing

    @property
    def folder(self) -> Path:
        """Where they lie, each under its hash."""
        return self._folder

    def attach(self, conversation_id: str | None, file: MessageFile, sign: str) -> None:
        """Its text is in a chat's message box, or was sent meanwhile; None as the chat is the new one."""
        slot, sign = conversation_id or NEW_SLOT, storable(sign)[:SIGN_CHARACTERS]
        fresh = WaitingFile(slot, sign, storable(file.name), file.media_type, file.size, file.digest)
        with self._writing():
            if (sent := self._sent_with(conversation_id, fresh)) is not None:
                self._insert(sent, fresh)
                return
            waiting = [each for each in waiting_files(self._db) if (each.slot, each.digest) != (slot, file.digest)]
            _keep(self._db, [*waiting, fresh])

    def bind(self, message_id: str, conversation_id: str, text: str, new: bool, direct: bool) -> set[str]:
        """A message is sent, in a transaction of the caller's: the files that are meant become its own.

        When the message box is sent, files of it for which nothing stands any more, in what is left in the box or in a
        queued message, are given up.

        Args:
            message_id: The message.
            conversation_id: Its chat.
            text: What it says.
            new: Whether the chat is made for it.
            direct: Whether it comes from the message box.

        Returns:
            The hashes of files that nobody names any more.
        """
        slot, rest, gone = NEW_SLOT if new else conversation_id, [], set[str]()
        left = [str(row[0]) for row in self._db.execute("SELECT body FROM unsent WHERE slot = ?", [slot])]
        sql = "SELECT body FROM queued WHERE conversation_id = ?"
        left += [str(row[0]) for row in self._db.execute(sql, [conversation_id])]
        waiting = waiting_files(self._db)
        if not waiting:
            return gone
        for each in waiting:
            if each.slot == slot and each.sign in text:
                self._insert(message_id, each)
            elif each.slot != slot:
                rest.append(each)
            elif not direct or any(each.sign in body for body in left):
                rest.append(WaitingFile(**{**asdict(each), "slot": conversation_id}))
            else:
                gone.add(each.digest)
        _keep(self._db, rest)
        return self._unnamed(gone)

    def copy(self, old: str, new: str) -> None:
        """A message is another version of one: it has the same files, in a transaction of the caller's."""
        self._db.execute(
            """INSERT INTO attachment (size, position, message_id, digest, media_type, name)
               SELECT size, position, ?, digest, media_type, name FROM attachment WHERE message_id = ?""",
            [new, old],
        )

    def drop_lost(self) -> set[str]:
        """Give up files that waited in chats that are gone, within a transaction; gives what `bind` gives."""
        waiting = waiting_files(self._db)
        known = {str(row[0]) for row in self._db.execute("SELECT id FROM conversation")} if waiting else set()
        rest = [each for each in waiting if each.slot == NEW_SLOT or each.slot in known]
        if len(rest) == len(waiting):
            return set()
        _keep(self._db, rest)
        return self._unnamed({each.digest for each in waiting} - {each.digest for each in rest})

    def remove(self, digests: Iterable[str]) -> None:
        """Delete files that nobody names any more."""
        remove(self._folder, digests)

    def _sent_with(self, conversation_id: str | None, file: WaitingFile) -> str | None:
        """The newest message of the user's that holds its text, if the message box does so no longer."""
        sql = "SELECT 1 FROM unsent WHERE slot = ? AND instr(body, ?)"
        if conversation_id is None or self._db.execute(sql, [file.slot, file.sign]).fetchone() is not None:
            return None
        sql = "SELECT id, body FROM message WHERE conversation_id = ? AND role = 'user' ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(sql, [conversation_id]).fetchone()
        return str(row[0]) if row is not None and file.sign in str(row[1]) else None

    def _insert(self, message_id: str, file: WaitingFile) -> None:
        self._db.execute(
            """INSERT INTO attachment (size, position, message_id, digest, media_type, name)
               SELECT ?, COUNT(*), ?, ?, ?, ? FROM attachment WHERE message_id = ?""",
            [file.size, message_id, file.digest, file.media_type, file.name, message_id],
        )

    def _unnamed(self, digests: set[str]) -> set[str]:
        still = {each.digest for each in waiting_files(self._db)}
        sql = "SELECT COUNT(*) FROM attachment WHERE digest = ?"
        return {each for each in digests - still if self._db.execute(sql, [each]).fetchone() == (0,)}


def waiting_files(db: Database) -> list[WaitingFile]:
    """All files that wait; what cannot be read is none."""
    row = db.execute("SELECT value FROM app_meta WHERE key = ?", [_KEY]).fetchone()
    found: list[WaitingFile] = []
    with contextlib.suppress(ValueError, TypeError):
        for each in parse_json(str(row[0])) if row else ():
            found.append(WaitingFile(**each))
    return found


def _keep(db: Database, waiting: list[WaitingFile]) -> None:
    packed = json.dumps([asdict(each) for each in waiting])
    db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_KEY, packed])
