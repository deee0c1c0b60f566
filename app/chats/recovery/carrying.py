"""What is typed in the window while all chats are replaced: it stays in its box, or goes to the new chat's."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from app.chats.ids import now_ms
from app.chats.migrations import EDIT_SLOT, NEW_SLOT

Typed = list[tuple[str, str]]  # slots and texts


def typed_in(connection: sqlite3.Connection, slots: Sequence[str]) -> Typed:
    """What is kept of these slots (as `unsent` has them), within a transaction."""
    found: Typed = []
    for slot in dict.fromkeys(slots):
        row = connection.execute("SELECT body FROM main.unsent WHERE slot = ?", [slot]).fetchone()
        if row is not None:
            found.append((slot, str(row[0])))
    return found


def carry(connection: sqlite3.Connection, typed: Typed) -> None:
    """Put texts to the chats that took the place of all, within that transaction.

    A text that already stands in some box is left out, one whose chat or message is gone goes to the new chat.
    """
    for slot, text in typed:
        if connection.execute("SELECT 1 FROM main.unsent WHERE instr(body, ?)", [text]).fetchone() is not None:
            continue
        to = slot if slot == NEW_SLOT or _is_there(connection, slot) else NEW_SLOT
        there = connection.execute("SELECT body FROM main.unsent WHERE slot = ?", [to]).fetchone()
        connection.execute(
            """INSERT INTO main.unsent (slot, updated_at, body) VALUES (?, ?, ?)
               ON CONFLICT (slot) DO UPDATE SET updated_at = excluded.updated_at, body = excluded.body""",
            [to, now_ms(), together(str(there[0]) if there is not None else "", text)],
        )


def together(there: str, text: str) -> str:
    """Both texts as paragraphs, or the one that holds the other."""
    if there.strip() in text:
        return text
    return there if text.strip() in there else "\n\n".join((there.rstrip("\n"), text))


def _is_there(connection: sqlite3.Connection, slot: str) -> bool:
    if slot.startswith(EDIT_SLOT):
        found = connection.execute("SELECT 1 FROM main.message WHERE id = ?", [slot.removeprefix(EDIT_SLOT)])
    else:
        found = connection.execute("SELECT 1 FROM main.conversation WHERE id = ? AND deleted_at IS NULL", [slot])
    return found.fetchone() is not None
