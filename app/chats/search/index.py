"""The search index: a file of its own beside the history, derived from it, and made anew whenever in doubt.

It is no part of the history, so that its damage damages no chat, backups do not hold every text twice, and no answer
that is written waits for it. The history notes which texts changed (`search_waiting`, by triggers); `refresh` takes
them over, some at a time: index first, then the note goes, unless the text changed again meanwhile. Both files hold
the index's id and how many times that was done; where they disagree (the history came from a backup, the index was
deleted) everything is taken over anew.

Deleted texts are overwritten with zeros, and what the index still knows of them goes with the merge after it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.base.log import get_logger
from app.chats.backup import never
from app.chats.connections import connect, make_private
from app.chats.counted import CountedConnection
from app.chats.errors import primary_code
from app.chats.ids import new_id
from app.chats.search.query import Query, indexed, parsed, readable

FORMAT = 1  # of the index; another one is made anew
PART, PART_CHARACTERS = 400, 2_000_000  # texts that are taken over at a time
RANKED = 1_500  # of the matches, the newest, when there are more
TITLE_WEIGHT = 6.0
_LAST = 2**63 - 1
_NEWEST_TITLES = 12  # of those that hold a phrase that very many texts hold
_META = "search_index"
_ON, _OFF = "\ue000", "\ue001"  # around what was found; of the private use area
_TOKENS, _TOKENS_OF_SIGNS = 20, 48  # of a snippet
_BEFORE, _BEHIND = 30, 90  # characters of one around signs that are no words
_MADE_ANEW = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})

_log = get_logger("store")


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message, or the title of a chat, in which everything that was looked for stands.

    Attributes:
        conversation_id: The chat.
        title: Of the chat.
        archived: Whether the chat is archived.
        message_id: The message; None for the title.
        role: "user", "assistant", "system" or "tool"; "" for the title.
        snippet: The place in the message, shortened, or the title.
        marks: Where in the snippet the words are: first character and the one behind the last.
        created_at: Of the message or chat, milliseconds since 1970 UTC.
    """

    conversation_id: str
    title: str
    archived: bool
    message_id: str | None
    role: str
    snippet: str
    marks: tuple[tuple[int, int], ...]
    created_at: int


def index_path(history: Path) -> Path:
    """Where the index of the history at this path lies."""
    return history.with_name(f"{history.stem}-search{history.suffix}")


class SearchIndex:
    """The index and the history it is about, both open, in one thread; a context manager.

    Connections of its own are used to both: the history's own connection may belong to another thread, and is not kept
    from writing.
    """

    def __init__(self, history: Path) -> None:
        """Open both; the index is made if it is missing, and anew if it is damaged.

        Raises:
            sqlite3.Error: One of them cannot be opened or written.
            OSError: The same, from the file system.
        """
        self._path = index_path(history)
        self._history = connect(history, "rw")
        self._history.execute("PRAGMA trusted_schema = OFF")
        try:
            self._index = self._opened()
        except BaseException:
            self._history.close()
            raise

    def close(self) -> None:
        """Close both."""
        self._index.close()
        self._history.close()

    def __enter__(self) -> SearchIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- keeping it up to date ---------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many texts are still to be taken over."""
        return int(self._history.execute("SELECT COUNT(*) FROM search_waiting").fetchone()[0])

    def refresh(self, stopped: Callable[[], bool] = never) -> None:
        """Take over what changed in the history.

        Args:
            stopped: Asked after each part; the rest is taken over next time.
        """
        for _ in self.parts():
            if stopped():
                return

    def parts(self) -> Iterator[int]:
        """Take over what changed, a part at a time; gives how many texts still wait."""
        try:
            yield from self._parts()
        except sqlite3.DatabaseError as exc:
            if primary_code(exc) not in _MADE_ANEW:
                raise
            _log.info("the search index is made anew: %s", exc)
            self._index.close()
            self._index = self._made()
            yield from self._parts()

    def _parts(self) -> Iterator[int]:
        number = self._agreed()
        gone = False
        while True:
            rows = self._history.execute("SELECT key, note FROM search_waiting ORDER BY key LIMIT ?", [PART]).fetchall()
            if not rows:
                break
            taken, number = 0, number + 1
            with _written(self._index):
                characters = 0
                for key, _ in rows:
                    gone |= self._take_over(key, text := self._text(key))
                    taken, characters = taken + 1, characters + len(text or "")
                    if characters > PART_CHARACTERS:
                        break
                self._index.execute("UPDATE state SET number = ?", [number])
            with _written(self._history):
                self._history.executemany("DELETE FROM search_waiting WHERE key = ? AND note = ?", rows[:taken])
                self._note(number)
            yield self.waiting
        if gone:  # a deleted row leaves its words in the index until their lists are merged
            self._index.execute("INSERT INTO text (text) VALUES ('optimize')")

    def _take_over(self, key: int, text: str | None) -> bool:
        """Whether a text was there before, and is no more."""
        known = self._index.execute("DELETE FROM text WHERE rowid = ?", [key]).rowcount > 0
        if text:
            columns = "title" if key % 2 else "body"
            self._index.execute(f"INSERT INTO text (rowid, {columns}) VALUES (?, ?)", [key, indexed(text)])
        return known and text is None

    def _text(self, key: int) -> str | None:
        """The text of a note in `search_waiting`; None if it is gone."""
        sql = "SELECT title FROM conversation" if key % 2 else "SELECT body FROM message"
        row = self._history.execute(f"{sql} WHERE seq = ?", [key // 2]).fetchone()
        return None if row is None else str(row[0])

    def _agreed(self) -> int:
        """How many parts were taken over; everything is to be taken over if the two files disagree about it."""
        name, number = self._index.execute("SELECT id, number FROM state").fetchone()
        row = self._history.execute("SELECT value FROM app_meta WHERE key = ?", [_META]).fetchone()
        known = str(row[0]) if row else ""
        if known in (f"{name} {number}", f"{name} {number - 1}"):  # killed between the two files: the notes still stand
            return int(number)
        if number:
            self._index.close()
            self._index = self._made()
        with _written(self._history):
            self._history.execute(
                """INSERT OR REPLACE INTO search_waiting (key, note)
                   SELECT 2 * seq, random() FROM message UNION ALL SELECT 2 * seq + 1, random() FROM conversation"""
            )
            self._note(0)
        return 0

    def _note(self, number: int) -> None:
        name = self._index.execute("SELECT id FROM state").fetchone()[0]
        sql = "INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)"
        self._history.execute(sql, [_META, f"{name} {number}"])

    def _opened(self) -> CountedConnection:
        try:
            index = _connected(self._path)
            try:
                if index.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
                    index.execute("SELECT rowid FROM text WHERE text MATCH 'a' LIMIT 1").fetchone()
                    index.execute("SELECT id, number FROM state").fetchone()[1]
                    return index
            except BaseException:
                index.close()
                raise
            index.close()
        except TypeError:
            _log.info("the search index has no state")
        except sqlite3.DatabaseError as exc:
            if primary_code(exc) not in _MADE_ANEW:
                raise
            _log.info("the search index is made anew: %s", exc)
        return self._made()

    def _made(self) -> CountedConnection:
        """A new, empty index in the place of the old one."""
        for side in ("", "-journal"):
            self._path.with_name(self._path.name + side).unlink(missing_ok=True)
        make_private(self._path)
        index = _connected(self._path)
        try:
            with _written(index):
                index.execute(
                    """CREATE VIRTUAL TABLE text
                       USING fts5(title, body, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')"""
                )
                index.execute("CREATE TABLE state (id TEXT NOT NULL, number INTEGER NOT NULL) STRICT")
                index.execute("INSERT INTO state (id, number) VALUES (?, 0)", [new_id()])
                index.execute(f"PRAGMA user_version = {FORMAT}")
            return index
        except BaseException:
            index.close()
            raise

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(self, text: str, limit: int = 50) -> tuple[SearchHit, ...]:
        """The messages and titles in which all words of `text` stand, the best first; chats in the bin are left out.

        Where very many match, the newest of them are ranked, of those that are shown. A title that was made from
        messages is no hit beside one of them.
        """
        query = parsed(text)
        found = self._matches(query) if query.match else self._holding(text.strip()) if text.strip() else ()
        hits: list[tuple[SearchHit, str]] = []
        for key, snippet in found:
            if (hit := self._hit(key, snippet)) is not None:
                hits.append(hit)
                if len(hits) == limit:
                    break
        told = {hit.conversation_id for hit, _ in hits if hit.message_id is not None}
        return tuple(hit for hit, made in hits if hit.message_id or made == "user" or hit.conversation_id not in told)

    def _matches(self, query: Query) -> Iterator[tuple[int, str]]:
        """The newest matches, by rank: a list of very many costs what it holds, and nobody reads it.

        A rank asks for every place in the index where each run of words stands, which is most of what a search takes.
        Where there is only one run it tells no more than how often that stands in a text, and how long that is: of very
        many texts with it the newest titles come first, then the newest messages.
        """
        shown = self._only_shown()
        sql = f"SELECT rowid FROM text WHERE text MATCH ? {shown} ORDER BY rowid DESC LIMIT 1 OFFSET ?"
        row = self._index.execute(sql, [query.match, RANKED - 1]).fetchone()
        tokens = _TOKENS_OF_SIGNS if query.signs else _TOKENS
        select = f"SELECT rowid, snippet(text, -1, ?, ?, '\u2026', {tokens}) FROM text WHERE text MATCH ?"
        if row is not None and query.phrase:
            last = self._history.execute("SELECT COALESCE(MAX(seq), 0) FROM conversation").fetchone()[0]
            newest = f"{select} AND rowid <= ? {shown} ORDER BY rowid DESC LIMIT ?"  # titles have the low numbers
            for column, end, most in (("title", 2 * last + 1, _NEWEST_TITLES), ("body", _LAST, RANKED)):
                yield from self._index.execute(newest, [_ON, _OFF, f"{column} : ({query.match})", end, most])
            return
        ranked = f"AND rank MATCH 'bm25({TITLE_WEIGHT}, 1.0)' AND rowid >= ? ORDER BY rank"
        yield from self._index.execute(f"{select} {ranked}", [_ON, _OFF, query.match, row[0] if row else 0])

    def _only_shown(self) -> str:
        """The condition that leaves out the bin and imports that are not through, before matches are counted.

        The index does not know what is hidden, and each match that is looked up in the history costs some time: nothing
        is asked where nothing is hidden.
        """
        if self._history.execute("SELECT 1 FROM conversation WHERE deleted_at IS NOT NULL LIMIT 1").fetchone() is None:
            return ""
        self._index.create_function("shown", 1, self._is_shown)
        return "AND shown(rowid)"

    def _is_shown(self, key: int) -> bool:
        sql = "SELECT 1 FROM conversation WHERE seq = ? AND deleted_at IS NULL"
        if not key % 2:
            sql = """SELECT 1 FROM message m JOIN conversation c ON c.id = m.conversation_id
                     WHERE m.seq = ? AND c.deleted_at IS NULL"""
        return self._history.execute(sql, [key // 2]).fetchone() is not None

    def _holding(self, signs: str) -> Iterator[tuple[int, str]]:
        """Texts that hold signs which are no words, such as ++ or an emoji, the newest first."""
        wanted = indexed(signs)
        whole = "coalesce(title, '') || coalesce(body, '')"
        sql = f"SELECT rowid, {whole} FROM text WHERE instr({whole}, ?) ORDER BY rowid DESC"
        for key, text in self._index.execute(sql, [wanted]):
            at = text.index(wanted)
            start = max(0, at - _BEFORE)
            end = at + len(wanted)
            yield key, f"{text[start:at]}{_ON}{wanted}{_OFF}{text[end : end + _BEHIND]}"

    def _hit(self, key: int, snippet: str) -> tuple[SearchHit, str] | None:
        """What is told of a match, and who made the chat's title; None in the bin."""
        if key % 2:
            sql = """SELECT id, title, archived, NULL, '', created_at, title_source FROM conversation
                     WHERE seq = ? AND deleted_at IS NULL"""
        else:
            sql = """SELECT c.id, c.title, c.archived, m.id, m.role, m.created_at, c.title_source
                     FROM message m JOIN conversation c ON c.id = m.conversation_id
                     WHERE m.seq = ? AND c.deleted_at IS NULL"""
        row = self._history.execute(sql, [key // 2]).fetchone()
        if row is None:
            return None
        text, marks = _marked(readable(snippet))
        return SearchHit(row[0], row[1], bool(row[2]), row[3], row[4], text, marks, row[5]), str(row[6])


def _marked(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A snippet as one line without the marks of bold text and code, and its marked places."""
    plain, marks, start = "", [], 0
    for part in (
        " ".join(text.replace("**", "").replace("`", "").split())
        .replace(_ON, f"\0{_ON}")
        .replace(_OFF, f"\0{_OFF}")
        .split("\0")
    ):
        if part[:1] == _ON:
            start = len(plain)
        elif part[:1] == _OFF and len(plain) > start:
            marks.append((start, len(plain)))
        plain += part.lstrip(_ON + _OFF)
    return plain, tuple(marks)


def _connected(path: Path) -> CountedConnection:
    index = connect(path)
    try:
        # One file, which can be deleted at any time; no log of it needs memory that is shared.
        for pragma in ("journal_mode = TRUNCATE", "synchronous = NORMAL", "secure_delete = ON", "trusted_schema = OFF"):
            index.execute(f"PRAGMA {pragma}").fetchall()
        return index
    except BaseException:
        index.close()
        raise


@contextlib.contextmanager
def _written(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
