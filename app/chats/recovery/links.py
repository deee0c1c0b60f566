"""Mending the links of a history that was put together from parts: after it every message is reachable in some chat."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from app.chats import texts
from app.chats.messages import title_from_text
from app.chats.migrations import NEW_SLOT


@dataclass(slots=True)
class _Node:
    """The links of one message."""

    id: str
    parent: str | None
    number: int
    created: int


def count_lost(db: Database) -> int:
    """How many chats and messages are named by others and are not there (before the links are mended)."""
    named = """
        SELECT 'message', parent_id FROM message UNION SELECT 'message', message_id FROM generation
        UNION SELECT 'message', message_id FROM block UNION SELECT 'message', head_message_id FROM conversation
        UNION SELECT 'chat', conversation_id FROM message
        EXCEPT SELECT 'message', id FROM message EXCEPT SELECT 'chat', id FROM conversation"""
    found = db.execute(f"WITH lost (kind, id) AS ({named}) SELECT COUNT(*) FROM lost WHERE id IS NOT NULL")
    return int(found.fetchone()[0]) + _unreadable(db)


def _unreadable(db: Database) -> int:
    found = db.execute("SELECT COUNT(*) FROM message WHERE body = ?", [texts.UNREADABLE_MESSAGE])
    return int(found.fetchone()[0])


def mend_links(db: Database) -> None:
    """Make all references valid.

    1. Generations and blocks without a message go, tags without a chat, files without a table, and unsent text that was
       sent since.
    2. A chat that only its messages, its unsent text or a queued message know comes back, titled by the first of them.
    3. A message whose parent is lost follows the one before it in time; circles are cut.
    4. Siblings are numbered anew.
    5. A chat whose shown branch is lost shows its newest message.
    6. A chat of which nobody knows when it was used stands where its time says.
    """
    for table in ("generation", "block", "attachment"):  # 1
        db.execute(f"DELETE FROM {table} WHERE message_id NOT IN (SELECT id FROM message)")
    db.execute("DELETE FROM file_row WHERE table_id NOT IN (SELECT id FROM file_table)")
    db.execute(
        """DELETE FROM unsent WHERE EXISTS (
               SELECT 1 FROM message m WHERE m.role = 'user' AND m.body = TRIM(unsent.body, char(10))
               AND (m.conversation_id = unsent.slot OR unsent.slot = ? AND m.parent_id IS NULL))""",
        [NEW_SLOT],
    )
    _bring_back_chats(db)  # 2
    for table in ("tag", "origin"):
        db.execute(f"DELETE FROM {table} WHERE conversation_id NOT IN (SELECT id FROM conversation)")
    for (conversation,) in db.execute("SELECT id FROM conversation").fetchall():
        rows = db.execute(
            """SELECT id, parent_id, sibling_no, created_at FROM message
               WHERE conversation_id = ? ORDER BY created_at, id""",
            [conversation],
        ).fetchall()
        nodes = {row[0]: _Node(*row) for row in rows}
        _mend_parents(nodes)  # 3
        _number_siblings(nodes)  # 4
        for node in nodes.values():
            sql = "UPDATE message SET parent_id = ?, sibling_no = ? WHERE id = ?"
            db.execute(sql, [node.parent, node.number, node.id])
        last = next(reversed(nodes), None)
        db.execute(  # 5
            """UPDATE conversation SET head_message_id = :last WHERE id = :chat AND NOT EXISTS (
                   SELECT 1 FROM message m WHERE m.id = head_message_id AND m.conversation_id = :chat)""",
            {"last": last, "chat": conversation},
        )
    db.execute(  # 6
        """UPDATE conversation SET used_no = COALESCE((
               SELECT MAX(o.used_no) FROM conversation o WHERE o.updated_at <= conversation.updated_at), 0)
           WHERE used_no = 0"""
    )


def _bring_back_chats(db: Database) -> None:
    sql = """SELECT conversation_id, MIN(created_at), MAX(created_at) FROM message
             WHERE conversation_id NOT IN (SELECT id FROM conversation) GROUP BY conversation_id"""
    for conversation, first, last in db.execute(sql).fetchall():
        body = db.execute(
            """SELECT body FROM message WHERE conversation_id = ? AND role = 'user'
               ORDER BY created_at, id LIMIT 1""",
            [conversation],
        ).fetchone()
        title = title_from_text(body[0] if body else "") or texts.RECOVERED_CHAT_TITLE
        db.execute(
            """INSERT INTO conversation (id, title_source, created_at, updated_at, title)
               VALUES (?, 'first_message', ?, ?, ?)""",
            [conversation, first, last, title],
        )
    sql = """SELECT slot, updated_at, body FROM unsent WHERE slot <> ? AND slot NOT LIKE 'edit:%'
             AND slot NOT IN (SELECT id FROM conversation)
             UNION ALL SELECT conversation_id, created_at, body FROM queued
             WHERE conversation_id NOT IN (SELECT id FROM conversation)"""
    for slot, at, body in db.execute(sql, [NEW_SLOT]).fetchall():
        db.execute(
            """INSERT OR IGNORE INTO conversation (id, title_source, created_at, updated_at, title)
               VALUES (?, 'default', ?, ?, ?)""",
            [slot, at, at, title_from_text(body) or texts.RECOVERED_CHAT_TITLE],
        )


def _mend_parents(nodes: dict[str, _Node]) -> None:
    before: str | None = None
    for node in nodes.values():
        if node.parent is not None and node.parent not in nodes:
            node.parent = before
        before = node.id
    safe: set[str] = set()
    for node in nodes.values():
        trail: dict[str, None] = {}
        at: str | None = node.id
        while at is not None and at not in safe:
            if at in trail:
                nodes[at].parent = None
                break
            trail[at] = None
            at = nodes[at].parent
        safe.update(trail)


def _number_siblings(nodes: dict[str, _Node]) -> None:
    families: dict[str | None, list[_Node]] = {}
    for node in nodes.values():
        families.setdefault(node.parent, []).append(node)
    for family in families.values():
        for number, node in enumerate(sorted(family, key=lambda child: (child.number, child.created, child.id))):
            node.number = number
